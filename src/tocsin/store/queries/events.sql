-- name: add_totals
-- Count events of each type for each trigger.
INSERT INTO event_totals (trigger_id, type, total)
SELECT * FROM unnest(%(trigger_ids)s::integer[], %(types)s::text[], %(totals)s::bigint[])
ON CONFLICT (trigger_id, type) DO UPDATE SET total = event_totals.total + EXCLUDED.total;

-- name: list_totals
-- Every total, for metrics.
SELECT trigger_id, type, total FROM event_totals ORDER BY trigger_id, type;

-- name: find_addressee
-- To whom and where did a message go? Its last event has its id; after a merge in the bucket of another profile.
SELECT database_id, profile_id, data->>'address'
FROM events
WHERE bucket = ANY(%(buckets)s::smallint[]) AND id = %(message_id)s::bytea
LIMIT 1;

-- name: move
-- Give the history of profiles to another; the ids of its events, which others know, stay as they are.
WITH moved AS (
    DELETE FROM events
    USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS merged (bucket, id)
    WHERE events.bucket = merged.bucket AND events.profile_id = merged.id
    RETURNING events.*
)
INSERT INTO events (bucket, id, at, type, database_id, profile_id, message_id, launch_id, trigger_id, data)
SELECT %(new_bucket)s::smallint, id, at, type, database_id, %(new_profile_id)s::bytea, message_id, launch_id,
    trigger_id, data
FROM moved;

-- name: delete
-- Forget the history of profiles.
DELETE FROM events
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
WHERE events.bucket = gone.bucket AND events.profile_id = gone.id;
