-- name: add_totals
-- Count events of each type for each trigger.
INSERT INTO event_totals (trigger_id, type, total)
SELECT * FROM unnest(%(trigger_ids)s::integer[], %(types)s::text[], %(totals)s::bigint[])
ON CONFLICT (trigger_id, type) DO UPDATE SET total = event_totals.total + EXCLUDED.total;

-- name: list_totals
-- Every total, for metrics.
SELECT trigger_id, type, total FROM event_totals ORDER BY trigger_id, type;

-- name: list_partitions
-- The partitions there are.
SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events'::regclass ORDER BY 1;
