-- name: prefer_order
-- For the rest of the transaction read an index in its order until there is enough, in place of all that fits.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
    set_config('enable_seqscan', 'off', true);

-- name: lock_due
-- Due messages of a range of buckets, turn by turn and oldest first, that no other transaction has in hand.
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
LIMIT %(limit)s;

-- name: claim
-- Take messages that this transaction has locked, until the lease ends; nobody else can take them meanwhile.
UPDATE messages
SET due_at = %(leased_until)s, attempts = messages.attempts + 1
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS due (bucket, id)
WHERE messages.bucket = due.bucket AND messages.id = due.id
RETURNING messages.id, messages.launch_id, messages.profile_id, messages.trigger_id, messages.attempts,
    messages.address, messages.custom_data::text, messages.content::text, messages.first_due_at;

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
    messages.address, messages.custom_data::text, messages.content::text, messages.first_due_at;

-- name: get
-- Messages that wait, each with all that is known of it.
SELECT messages.id, messages.launch_id, messages.profile_id, messages.trigger_id, messages.attempts, messages.address,
    messages.custom_data::text, messages.content::text, messages.first_due_at
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN messages ON messages.bucket = sought.bucket AND messages.id = sought.id;

-- name: readdress
-- Messages that go to another address, from the one at which they still are.
UPDATE messages
SET address = moved.to_address, due_at = %(due_at)s
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[], %(from_addresses)s::text[], %(to_addresses)s::text[])
    AS moved (bucket, id, from_address, to_address)
WHERE messages.bucket = moved.bucket AND messages.id = moved.id AND messages.address = moved.from_address;

-- name: postpone
-- Messages to be tried again, each at its own time.
UPDATE messages
SET due_at = later.due_at
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[], %(due_at)s::timestamptz[]) AS later (bucket, id, due_at)
WHERE messages.bucket = later.bucket AND messages.id = later.id;

-- name: give_back
-- Messages that were not tried, each to be claimed again at its own time, with as many attempts as before.
UPDATE messages
SET due_at = later.due_at, attempts = later.attempts
FROM unnest(
    %(buckets)s::smallint[], %(ids)s::bytea[], %(due_at)s::timestamptz[], %(attempts)s::smallint[]
) AS later (bucket, id, due_at, attempts)
WHERE messages.bucket = later.bucket AND messages.id = later.id;

-- name: release
-- Some of what was set aside of a launch is due again.
WITH released AS (
    SELECT bucket, id
    FROM messages
    WHERE turn = ANY(%(turns)s::smallint[]) AND due_at = %(until)s AND launch_id = %(launch_id)s
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE messages
SET due_at = messages.first_due_at
FROM released
WHERE messages.bucket = released.bucket AND messages.id = released.id
RETURNING messages.id;

-- name: take_free
-- Some messages of a launch that no worker has, nor may have had when it died.
WITH free AS (
    SELECT bucket, id
    FROM messages
    WHERE bucket BETWEEN %(first_bucket)s AND %(last_bucket)s
        AND launch_id = %(launch_id)s
        AND (attempts = 0 OR due_at > %(leased_until)s)
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM messages
USING free
WHERE messages.bucket = free.bucket AND messages.id = free.id
RETURNING messages.id, messages.launch_id, messages.profile_id, messages.trigger_id, messages.attempts,
    messages.address, messages.custom_data::text, messages.content::text, messages.first_due_at;

-- name: count_of_launches
-- How many of each launch wait, and how many of them a worker may have.
SELECT launch_id, count(*), count(*) FILTER (WHERE attempts > 0 AND due_at > %(now)s AND due_at < %(until)s)
FROM messages
WHERE launch_id = ANY(%(ids)s::bytea[])
GROUP BY launch_id;

-- name: count
-- Of each trigger: how many wait, how many of them are due and not with a worker, and since when the oldest; of so many
-- messages at most.
SELECT trigger_id, count(*), count(*) FILTER (WHERE due_at <= %(now)s), min(due_at) FILTER (WHERE due_at <= %(now)s)
FROM (SELECT trigger_id, due_at FROM messages ORDER BY turn, due_at LIMIT %(limit)s) AS short
GROUP BY trigger_id;

-- name: estimate
-- The same of a share of the table's pages.
SELECT trigger_id, count(*), count(*) FILTER (WHERE due_at <= %(now)s), min(due_at) FILTER (WHERE due_at <= %(now)s)
FROM messages TABLESAMPLE SYSTEM (%(percent)s)
GROUP BY trigger_id;

-- name: count_pages
-- How large is the table?
SELECT pg_relation_size('messages') / current_setting('block_size')::integer;

-- name: list_oldest_due
-- Since when is the oldest due, of each trigger among those that are claimed next?
SELECT trigger_id, min(due_at)
FROM unnest(%(turns)s::smallint[]) AS turns (turn)
CROSS JOIN LATERAL (
    SELECT trigger_id, due_at
    FROM messages
    WHERE messages.turn = turns.turn AND due_at <= %(now)s
    ORDER BY due_at
    LIMIT %(limit)s
) AS oldest
GROUP BY trigger_id;

-- name: move
-- Give the messages of profiles to another, but those that a worker has or has had: it knows them by their ids.
WITH moved AS (
    DELETE FROM messages
    USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS merged (bucket, id)
    WHERE messages.bucket = merged.bucket AND messages.profile_id = merged.id AND messages.attempts = 0
    RETURNING messages.*
)
INSERT INTO messages (bucket, id, turn, due_at, first_due_at, launch_id, profile_id, trigger_id, address, custom_data,
    content, is_allowed)
SELECT %(new_bucket)s::smallint, set_byte(id, 11, %(new_bucket)s), turn, due_at, first_due_at, launch_id,
    %(new_profile_id)s::bytea, trigger_id, address, custom_data, content, is_allowed
FROM moved;

-- name: delete_of_profiles
-- Messages whose profiles are no more.
DELETE FROM messages
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
WHERE messages.bucket = gone.bucket AND messages.profile_id = gone.id;
