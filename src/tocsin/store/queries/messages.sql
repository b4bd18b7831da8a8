-- name: prefer_order
-- For the rest of the transaction read an index in its order until there is enough, in place of all that fits.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
    set_config('enable_seqscan', 'off', true);

-- name: claim
-- Take due messages of a range of buckets, turn by turn and oldest first, until the lease ends; nobody else can take
-- them meanwhile.
WITH due AS (
    SELECT found.bucket, found.id
    FROM unnest(%(turns)s::smallint[]) AS turns (turn)
    CROSS JOIN LATERAL (
        SELECT messages.bucket, messages.id
        FROM messages
        WHERE messages.turn = turns.turn
            AND messages.due_at <= %(now)s
            AND messages.bucket BETWEEN %(first_bucket)s AND %(last_bucket)s
            AND messages.trigger_id <> ALL(%(passed_over)s::integer[])
        ORDER BY messages.due_at
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS found
    LIMIT %(limit)s
)
UPDATE messages
SET due_at = %(leased_until)s, attempts = messages.attempts + 1
FROM due
WHERE messages.bucket = due.bucket AND messages.id = due.id
RETURNING messages.id, messages.launch_id, messages.profile_id, messages.trigger_id, messages.attempts,
    messages.address, messages.custom_data::text, messages.content::text;

-- name: delete
-- Messages whose outcome is recorded in the same transaction; those that were still there are answered.
DELETE FROM messages
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS finished (bucket, id)
WHERE messages.bucket = finished.bucket AND messages.id = finished.id
RETURNING messages.id;

-- name: take
-- Messages that a dead worker had sent; those that are still there are answered.
DELETE FROM messages
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS finished (bucket, id)
WHERE messages.bucket = finished.bucket AND messages.id = finished.id
RETURNING messages.id, messages.launch_id, messages.profile_id, messages.trigger_id, messages.attempts,
    messages.address, messages.custom_data::text, messages.content::text;

-- name: postpone
-- Messages to be tried again, each at its own time.
UPDATE messages
SET due_at = later.due_at
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[], %(due_at)s::timestamptz[]) AS later (bucket, id, due_at)
WHERE messages.bucket = later.bucket AND messages.id = later.id;

-- name: count
-- How many wait, and since when the oldest due one does.
SELECT count(*), min(due_at) FILTER (WHERE due_at <= %(now)s)
FROM messages;

-- name: count_due
-- How many of each trigger are due and not with a worker.
SELECT trigger_id, count(*)
FROM messages
WHERE due_at <= %(now)s
GROUP BY trigger_id;

-- name: move
-- Give the messages of profiles to another, but those that a worker has or has had: it knows them by their ids.
WITH moved AS (
    DELETE FROM messages
    USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS merged (bucket, id)
    WHERE messages.bucket = merged.bucket AND messages.profile_id = merged.id AND messages.attempts = 0
    RETURNING messages.*
)
INSERT INTO messages (bucket, id, turn, due_at, launch_id, profile_id, trigger_id, address, custom_data, content)
SELECT %(new_bucket)s::smallint, set_byte(id, 11, %(new_bucket)s), turn, due_at, launch_id, %(new_profile_id)s::bytea,
    trigger_id, address, custom_data, content
FROM moved;

-- name: delete_of_profiles
-- Messages whose profiles are no more.
DELETE FROM messages
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
WHERE messages.bucket = gone.bucket AND messages.profile_id = gone.id;
