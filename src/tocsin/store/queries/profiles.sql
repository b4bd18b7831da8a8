-- name: prefer_indexes
-- For the rest of the transaction: thousands of rows by key are looked up, never the table read through.
SELECT
    set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('lock_timeout', '30s', true);

-- name: limit_time
-- How long each further statement of the transaction may take; 0 for as long as it needs.
SELECT set_config('statement_timeout', %(limit)s::text, true);

-- name: get
-- Profiles of one database by id; those that are not there are left out.
SELECT profiles.id, profiles.fields::text, profiles.subscriptions::text
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN profiles ON profiles.bucket = sought.bucket AND profiles.id = sought.id
WHERE profiles.database_id = %(database_id)s;

-- name: get_anywhere
-- Profiles of any database by id, for messages that are about to be sent.
SELECT profiles.id, profiles.fields::text, profiles.subscriptions::text
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN profiles ON profiles.bucket = sought.bucket AND profiles.id = sought.id;

-- name: update
-- Write whole documents; the caller merged them under the locks of their buckets.
UPDATE profiles
SET fields = changed.fields::jsonb, subscriptions = changed.subscriptions::jsonb, updated_at = now()
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[], %(fields)s::text[], %(subscriptions)s::text[])
    AS changed (bucket, id, fields, subscriptions)
WHERE profiles.bucket = changed.bucket AND profiles.id = changed.id;

-- name: list_after
-- A page of a database's profiles in the order of their keys, from after a given one.
SELECT profiles.id, profiles.fields::text, profiles.subscriptions::text
FROM profiles
WHERE profiles.database_id = %(database_id)s
    AND (profiles.bucket, profiles.id) > (%(after_bucket)s::smallint, %(after_id)s::bytea)
ORDER BY profiles.bucket, profiles.id
LIMIT %(limit)s;
