-- name: find
-- Whose is a message, where does it go, and how does it wait? In the queue, or by its last event, which has its id; after
-- a merge that is in the bucket of another profile.
SELECT launch_id, profile_id, trigger_id, address, NULL::integer AS database_id, due_at, attempts
FROM messages
WHERE bucket = ANY(%(buckets)s::smallint[]) AND id = %(message_id)s::bytea
UNION ALL
SELECT launch_id, profile_id, trigger_id, COALESCE(data->>'address', ''), database_id, NULL, NULL
FROM events
WHERE bucket = ANY(%(buckets)s::smallint[]) AND id = %(message_id)s::bytea
LIMIT 1;

-- name: find_all
-- Whose are these messages, where do they go, and how do they wait? Of each what `find` says of one.
SELECT messages.id, launch_id, profile_id, trigger_id, address, NULL::integer AS database_id, due_at, attempts
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN messages ON messages.bucket = sought.bucket AND messages.id = sought.id
UNION ALL
SELECT events.id, launch_id, profile_id, trigger_id, COALESCE(data->>'address', ''), database_id, NULL, NULL
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN events ON events.bucket = sought.bucket AND events.id = sought.id;

-- name: list_of_message
-- What happened to a message of a profile, in order.
SELECT id, at, type, database_id, message_id, launch_id, trigger_id, data::text
FROM events
WHERE bucket = %(bucket)s::smallint AND profile_id = %(profile_id)s::bytea AND message_id = %(message_id)s::bytea
ORDER BY at, id;

-- name: find_queued
-- The newest message of a trigger that waits for a profile.
SELECT id
FROM messages
WHERE bucket = %(bucket)s::smallint AND profile_id = %(profile_id)s::bytea AND trigger_id = %(trigger_id)s
ORDER BY id DESC
LIMIT 1;

-- name: find_latest
-- The latest that happened to a profile by a trigger.
SELECT id, at, type, database_id, message_id, launch_id, trigger_id, data::text
FROM events
WHERE bucket = %(bucket)s::smallint AND profile_id = %(profile_id)s::bytea AND trigger_id = %(trigger_id)s
ORDER BY at DESC, id DESC
LIMIT 1;

-- name: find_latest_of_workflow
-- The latest that kept a profile out of a workflow.
SELECT id, at, type, database_id, message_id, launch_id, trigger_id, data::text
FROM events
WHERE bucket = %(bucket)s::smallint AND profile_id = %(profile_id)s::bytea AND trigger_id = 0
    AND data->>'workflow_id' = %(workflow_id)s::text
ORDER BY at DESC, id DESC
LIMIT 1;

-- name: find_place
-- When was this event of a profile?
SELECT at
FROM events
WHERE bucket = %(bucket)s::smallint AND id = %(event_id)s::bytea AND profile_id = %(profile_id)s::bytea;

-- name: list_of_profile
-- A page of what happened to a profile in a span of time, in order, from after a given event.
SELECT id, at, type, database_id, message_id, launch_id, trigger_id, data::text
FROM events
WHERE bucket = %(bucket)s::smallint AND profile_id = %(profile_id)s::bytea
    AND at >= GREATEST(%(after_at)s::timestamptz, %(from_at)s::timestamptz)
    AND at < %(until)s::timestamptz
    AND (at, id) > (%(after_at)s::timestamptz, %(after_id)s::bytea)
ORDER BY at, id
LIMIT %(limit)s;
