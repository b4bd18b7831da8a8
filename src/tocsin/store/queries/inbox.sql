-- name: hurry
-- Do not wait for the disk when this transaction is committed.
SELECT set_config('synchronous_commit', 'off', true);

-- name: list
-- A page of mails, the newest first, from before a given one, whose recipients or subject have a text in them.
SELECT id, received_at, sender, recipients, subject, bytes
FROM inbox
WHERE id < %(before)s::bytea
    AND (%(pattern)s::text = '%%' OR recipients ILIKE %(pattern)s::text OR subject ILIKE %(pattern)s::text)
ORDER BY id DESC
LIMIT %(limit)s;

-- name: count
-- How many there are.
SELECT count(*) FROM inbox;

-- name: find
-- One mail, whole.
SELECT id, received_at, sender, recipients, subject, bytes, raw FROM inbox WHERE id = %(id)s::bytea;

-- name: delete_all
-- Empty the inbox.
DELETE FROM inbox RETURNING id;

-- name: delete_old
-- Keep the newest, so many and so many bytes of them.
DELETE FROM inbox
WHERE id <= (
    SELECT max(counted.id)
    FROM (
        SELECT id, row_number() OVER newest AS place, sum(bytes) OVER newest AS so_far
        FROM inbox
        WINDOW newest AS (ORDER BY id DESC)
    ) AS counted
    WHERE counted.place > %(most)s OR counted.so_far > %(most_bytes)s
)
RETURNING id;
