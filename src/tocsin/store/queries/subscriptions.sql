-- name: read_in_order
-- For the rest of the transaction walk along the key, whatever the planner thinks of how few rows there will be.
SELECT
    set_config('enable_seqscan', 'off', true),
    set_config('enable_bitmapscan', 'off', true),
    set_config('enable_sort', 'off', true);

-- name: list_after
-- A page of subscriptions of one resource in the order of their profiles' keys, from after a given one. Those of one
-- profile come by a hash of what identifies them, which stays when others come and go.
SELECT profiles.id, listed.mark, listed.subscription::text
FROM profiles
CROSS JOIN LATERAL (
    SELECT element.one, md5(jsonb_build_array(
        element.one -> 'channel', lower(element.one ->> 'email'), element.one -> 'phone',
        element.one -> 'provider', element.one -> 'subscription_id', element.one -> 'cc_data'
    )::text) COLLATE "C"
    FROM jsonb_array_elements(profiles.subscriptions) AS element (one)
    WHERE element.one @> %(members)s::jsonb
) AS listed (subscription, mark)
WHERE (profiles.bucket, profiles.id) >= (%(after_bucket)s::smallint, %(after_id)s::bytea)
    AND (profiles.bucket, profiles.id, listed.mark)
        > (%(after_bucket)s::smallint, %(after_id)s::bytea, %(after_mark)s::text)
    AND profiles.database_id = ANY(%(database_ids)s::integer[])
    AND profiles.subscriptions @> jsonb_build_array(%(members)s::jsonb)
ORDER BY profiles.bucket, profiles.id, listed.mark
LIMIT %(limit)s;

-- name: count
-- How many subscriptions there are of a kind.
SELECT count(*)
FROM profiles
CROSS JOIN LATERAL jsonb_array_elements(profiles.subscriptions) AS listed (subscription)
WHERE profiles.database_id = ANY(%(database_ids)s::integer[])
    AND profiles.subscriptions @> jsonb_build_array(%(members)s::jsonb)
    AND listed.subscription @> %(members)s::jsonb;

-- name: get_deleted
-- The subscriptions of profiles that were deleted and can be brought back.
SELECT profiles.id, profiles.deleted_subscriptions::text
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN profiles ON profiles.bucket = sought.bucket AND profiles.id = sought.id;

-- name: update_deleted
-- The same, as they are from now on.
UPDATE profiles
SET deleted_subscriptions = changed.deleted::jsonb, updated_at = now()
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[], %(deleted)s::text[]) AS changed (bucket, id, deleted)
WHERE profiles.bucket = changed.bucket AND profiles.id = changed.id;

-- name: update_status
-- Give every subscription that has these members another status, in a range of buckets.
UPDATE profiles
SET updated_at = now(),
    subscriptions = (
        SELECT jsonb_agg(
            CASE WHEN listed.one @> %(members)s::jsonb THEN listed.one || %(status)s::jsonb ELSE listed.one END
            ORDER BY listed.place
        )
        FROM jsonb_array_elements(profiles.subscriptions) WITH ORDINALITY AS listed (one, place)
    )
WHERE bucket BETWEEN %(first_bucket)s AND %(last_bucket)s
    AND database_id = ANY(%(database_ids)s::integer[])
    AND subscriptions @> jsonb_build_array(%(members)s::jsonb);
