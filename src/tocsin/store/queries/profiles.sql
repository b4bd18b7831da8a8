-- name: prefer_indexes
-- For the rest of the transaction: thousands of rows by key are looked up, never the table read through.
SELECT
    set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('lock_timeout', '30s', true);

-- name: get
-- Profiles of one database by id; those that are not there are left out.
SELECT profiles.id, profiles.fields::text, profiles.subscriptions::text
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN profiles ON profiles.bucket = sought.bucket AND profiles.id = sought.id
WHERE profiles.database_id = %(database_id)s;

-- name: find
-- Which of these are profiles of a database?
SELECT profiles.id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN profiles ON profiles.bucket = sought.bucket AND profiles.id = sought.id
WHERE profiles.database_id = %(database_id)s;

-- name: get_anywhere
-- Profiles of any database by id, for messages that are about to be sent.
SELECT profiles.id, profiles.fields::text, profiles.subscriptions::text
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN profiles ON profiles.bucket = sought.bucket AND profiles.id = sought.id;

-- name: get_subscriptions_anywhere
-- The subscriptions of profiles of any database, those of a bucket together, for what needs no fields, which may be large.
SELECT found.id, found.subscriptions::text
FROM unnest(%(buckets)s::smallint[], %(firsts)s::integer[], %(lasts)s::integer[]) AS sought (bucket, first, last)
CROSS JOIN LATERAL (
    SELECT profiles.id, profiles.subscriptions
    FROM profiles
    WHERE profiles.bucket = sought.bucket AND profiles.id = ANY((%(ids)s::bytea[])[sought.first:sought.last])
) AS found;

-- name: update
-- Write whole documents; the caller merged them under the locks of their buckets.
UPDATE profiles
SET fields = changed.fields::jsonb, subscriptions = changed.subscriptions::jsonb, updated_at = now()
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[], %(fields)s::text[], %(subscriptions)s::text[])
    AS changed (bucket, id, fields, subscriptions)
WHERE profiles.bucket = changed.bucket AND profiles.id = changed.id;

-- name: plan_for_all
-- For the rest of the transaction cursors are planned as if every row will be read.
SELECT set_config('cursor_tuple_fraction', '1', true);

-- name: list_all
-- The profiles of a database in no order; the caller adds a condition, and reads them through a cursor.
SELECT profiles.id, profiles.fields::text, profiles.subscriptions::text
FROM profiles
WHERE profiles.database_id = %(database_id)s;

-- name: list_ids
-- The profiles of a database, in the order of their keys; the caller adds a condition.
SELECT profiles.id
FROM profiles
WHERE profiles.database_id = %(database_id)s
ORDER BY profiles.bucket, profiles.id
LIMIT %(limit)s;

-- name: list_among
-- Which of these are profiles of a database? The caller adds a condition.
SELECT profiles.id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN profiles ON profiles.bucket = sought.bucket AND profiles.id = sought.id
WHERE profiles.database_id = %(database_id)s
ORDER BY profiles.bucket, profiles.id;

-- name: delete
-- Profiles for good; their identities go in the same transaction.
DELETE FROM profiles
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
WHERE profiles.bucket = gone.bucket AND profiles.id = gone.id;

-- name: list_after
-- A page of a database's profiles in the order of their keys, from after a given one.
SELECT profiles.id, profiles.fields::text, profiles.subscriptions::text
FROM profiles
WHERE profiles.database_id = %(database_id)s
    AND (profiles.bucket, profiles.id) > (%(after_bucket)s::smallint, %(after_id)s::bytea)
ORDER BY profiles.bucket, profiles.id
LIMIT %(limit)s;

-- name: get_record
-- Everything that is stored of one profile of any database.
SELECT database_id, fields::text, subscriptions::text, deleted_subscriptions::text, created_at, updated_at
FROM profiles
WHERE bucket = %(bucket)s::smallint AND id = %(id)s::bytea;

-- name: list_newest
-- A page of a database's profiles, the newest first, from before a given one; the caller may add a condition.
SELECT profiles.id, profiles.fields::text, profiles.subscriptions::text, profiles.created_at
FROM profiles
WHERE profiles.database_id = %(database_id)s
    AND profiles.created_at <= %(before_at)s
    AND (profiles.created_at, profiles.id) < (%(before_at)s, %(before_id)s::bytea)
ORDER BY profiles.created_at DESC, profiles.id DESC
LIMIT %(limit)s;
