-- name: note
-- A worker lives.
INSERT INTO workers (id, seen_at) VALUES (%(id)s, %(seen_at)s)
ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at;

-- name: count
-- How many live.
SELECT count(*) FROM workers WHERE seen_at > %(after)s;

-- name: delete_silent
-- Forget those that have said nothing for a while; whom somebody else is about to forget is left to them.
DELETE FROM workers
WHERE id IN (SELECT id FROM workers WHERE seen_at <= %(until)s FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: delete
-- Forget one that ends.
DELETE FROM workers WHERE id = %(id)s;
