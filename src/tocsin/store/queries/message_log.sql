-- name: list_databases
-- In which databases has anything happened? From one to the next, without those between.
WITH RECURSIVE known (id) AS (
    SELECT min(database_id) FROM events
    UNION ALL
    SELECT (SELECT min(database_id) FROM events WHERE database_id > known.id) FROM known WHERE known.id IS NOT NULL
)
SELECT id FROM known WHERE id IS NOT NULL;

-- name: list_of_databases
-- A page of everything in some databases.
SELECT found.*
FROM unnest(%(databases)s::integer[]) AS place (database_id)
CROSS JOIN unnest(%(types)s::text[]) AS sought (type)
CROSS JOIN LATERAL (
    SELECT id, at, type, database_id, profile_id, message_id, launch_id, trigger_id,
        COALESCE(data->>'address', '') AS address, COALESCE((data->>'code')::integer, 0) AS code,
        COALESCE(data->>'text', data->>'rule', data->>'reason', '') AS text
    FROM events
    WHERE events.database_id = place.database_id AND events.type = sought.type
        AND at <= %(before_at)s AND (at, id) < (%(before_at)s, %(before_id)s)
        AND at >= %(from_at)s AND at < %(until)s
        AND (NOT %(only_ends)s OR id = message_id OR message_id = '')
    ORDER BY at DESC, id DESC
    LIMIT %(limit)s
) AS found
ORDER BY found.at DESC, found.id DESC
LIMIT %(limit)s;

-- name: list_of_triggers
-- A page of some triggers.
SELECT found.*
FROM unnest(%(wanted_triggers)s::bigint[]) AS place (trigger_id)
CROSS JOIN unnest(%(types)s::text[]) AS sought (type)
CROSS JOIN LATERAL (
    SELECT id, at, type, database_id, profile_id, message_id, launch_id, trigger_id,
        COALESCE(data->>'address', '') AS address, COALESCE((data->>'code')::integer, 0) AS code,
        COALESCE(data->>'text', data->>'rule', data->>'reason', '') AS text
    FROM events
    WHERE events.trigger_id = place.trigger_id AND events.type = sought.type
        AND at <= %(before_at)s AND (at, id) < (%(before_at)s, %(before_id)s)
        AND at >= %(from_at)s AND at < %(until)s
        AND (NOT %(only_ends)s OR id = message_id OR message_id = '')
        AND (%(database_id)s::integer IS NULL OR database_id = %(database_id)s)
    ORDER BY at DESC, id DESC
    LIMIT %(limit)s
) AS found
ORDER BY found.at DESC, found.id DESC
LIMIT %(limit)s;

-- name: list_of_launch
-- A page of a launch.
SELECT found.*
FROM unnest(%(types)s::text[]) AS sought (type)
CROSS JOIN LATERAL (
    SELECT id, at, type, database_id, profile_id, message_id, launch_id, trigger_id,
        COALESCE(data->>'address', '') AS address, COALESCE((data->>'code')::integer, 0) AS code,
        COALESCE(data->>'text', data->>'rule', data->>'reason', '') AS text
    FROM events
    WHERE events.launch_id = %(launch_id)s AND events.type = sought.type
        AND at <= %(before_at)s AND (at, id) < (%(before_at)s, %(before_id)s)
        AND at >= %(from_at)s AND at < %(until)s
        AND (NOT %(only_ends)s OR id = message_id OR message_id = '')
        AND (type <> ALL(%(narrowed_types)s::text[]) OR trigger_id = ANY(%(triggers)s::integer[]))
        AND (%(database_id)s::integer IS NULL OR database_id = %(database_id)s)
        AND (%(trigger_id)s::bigint IS NULL OR trigger_id = %(trigger_id)s)
    ORDER BY at DESC, id DESC
    LIMIT %(limit)s
) AS found
ORDER BY found.at DESC, found.id DESC
LIMIT %(limit)s;

-- name: list_of_addresses
-- A page of messages to an address, which has several spellings.
SELECT found.*
FROM unnest(%(addresses)s::text[]) AS spelling (address)
CROSS JOIN LATERAL (
    SELECT id, at, type, database_id, profile_id, message_id, launch_id, trigger_id,
        COALESCE(data->>'address', '') AS address, COALESCE((data->>'code')::integer, 0) AS code,
        COALESCE(data->>'text', data->>'rule', data->>'reason', '') AS text
    FROM events
    WHERE hashtext(lower(data->>'address')) = hashtext(spelling.address)
        AND lower(data->>'address') = spelling.address
        AND type = ANY(%(types)s::text[])
        AND (type <> ALL(%(narrowed_types)s::text[]) OR trigger_id = ANY(%(triggers)s::integer[]))
        AND at <= %(before_at)s AND (at, id) < (%(before_at)s, %(before_id)s)
        AND at >= %(from_at)s AND at < %(until)s
        AND (NOT %(only_ends)s OR id = message_id OR message_id = '')
        AND (%(database_id)s::integer IS NULL OR database_id = %(database_id)s)
        AND (%(trigger_id)s::bigint IS NULL OR trigger_id = %(trigger_id)s)
        AND (%(launch_id)s::bytea IS NULL OR launch_id = %(launch_id)s)
    ORDER BY at DESC, id DESC
    LIMIT %(limit)s
) AS found
ORDER BY found.at DESC, found.id DESC
LIMIT %(limit)s;

-- name: list_of_profiles
-- A page of some profiles: all, or what was for such an address, or for none since it was skipped.
SELECT found.*
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS owner (bucket, id)
CROSS JOIN LATERAL (
    SELECT id, at, type, database_id, profile_id, message_id, launch_id, trigger_id,
        COALESCE(data->>'address', '') AS address, COALESCE((data->>'code')::integer, 0) AS code,
        COALESCE(data->>'text', data->>'rule', data->>'reason', '') AS text
    FROM events
    WHERE bucket = owner.bucket AND profile_id = owner.id
        AND type = ANY(%(types)s::text[])
        AND (type <> ALL(%(narrowed_types)s::text[]) OR trigger_id = ANY(%(triggers)s::integer[]))
        AND at <= %(before_at)s AND (at, id) < (%(before_at)s, %(before_id)s)
        AND at >= %(from_at)s AND at < %(until)s
        AND (NOT %(only_ends)s OR id = message_id OR message_id = '')
        AND (%(database_id)s::integer IS NULL OR database_id = %(database_id)s)
        AND (%(trigger_id)s::bigint IS NULL OR trigger_id = %(trigger_id)s)
        AND (%(launch_id)s::bytea IS NULL OR launch_id = %(launch_id)s)
        AND (
            %(any_address)s
            OR %(with_skips)s AND data->'address' IS NULL
            OR lower(data->>'address') = ANY(%(spellings)s::text[])
            OR starts_with(lower(data->>'address'), %(beginning)s::text)
        )
    ORDER BY at DESC, id DESC
    LIMIT %(limit)s
) AS found
ORDER BY found.at DESC, found.id DESC
LIMIT %(limit)s;

-- name: list_progress
-- What has happened to these messages? A profile's history is read from when the oldest of them was made.
SELECT found.message_id, array_agg(DISTINCT found.type)
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[], %(since)s::timestamptz[]) AS owner (bucket, id, since)
CROSS JOIN LATERAL (
    SELECT message_id, type
    FROM events
    WHERE bucket = owner.bucket AND profile_id = owner.id AND at >= owner.since
        AND message_id = ANY(%(message_ids)s::bytea[])
        AND type = ANY(%(types)s::text[])
) AS found
GROUP BY found.message_id;

-- name: list_waiting
-- The newest messages of the queue in some buckets, by their ids, in which their time comes first.
SELECT found.*
FROM unnest(%(buckets)s::smallint[]) AS place (bucket)
CROSS JOIN LATERAL (
    SELECT id, due_at, first_due_at, attempts, profile_id, launch_id, trigger_id, address
    FROM messages
    WHERE bucket = place.bucket AND id < %(before)s AND id >= %(from_id)s AND id < %(until_id)s
        AND (%(profile_ids)s::bytea[] IS NULL OR profile_id = ANY(%(profile_ids)s::bytea[]))
        AND (%(addresses)s::text[] IS NULL OR lower(address) = ANY(%(addresses)s::text[]))
        AND (%(beginning)s::text IS NULL OR starts_with(lower(address), %(beginning)s))
        AND (%(triggers)s::bigint[] IS NULL OR trigger_id = ANY(%(triggers)s::bigint[]))
        AND (%(launch_id)s::bytea IS NULL OR launch_id = %(launch_id)s)
    ORDER BY id DESC
    LIMIT %(limit)s
) AS found
ORDER BY found.id DESC
LIMIT %(limit)s;

-- name: list_waiting_of
-- The newest messages of some triggers or a launch in the queue, which is read through.
SELECT id, due_at, first_due_at, attempts, profile_id, launch_id, trigger_id, address
FROM messages
WHERE id < %(before)s AND id >= %(from_id)s AND id < %(until_id)s
    AND (%(triggers)s::bigint[] IS NULL OR trigger_id = ANY(%(triggers)s::bigint[]))
    AND (%(launch_id)s::bytea IS NULL OR launch_id = %(launch_id)s)
ORDER BY id DESC
LIMIT %(limit)s;
