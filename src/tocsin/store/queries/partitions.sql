-- name: list
-- The partitions of a table.
SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %(table)s::text::regclass ORDER BY 1;
