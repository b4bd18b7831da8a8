-- name: add_totals
-- Count events of each type for each trigger and launch; of triggers by day too, and all by minute, channel and outcome.
-- What is by day or minute has a row for each connection, so that no two wait for each other.
WITH of_triggers AS (
    INSERT INTO event_totals (trigger_id, type, total)
    SELECT * FROM unnest(%(trigger_ids)s::integer[], %(types)s::text[], %(totals)s::bigint[])
    ON CONFLICT (trigger_id, type) DO UPDATE SET total = event_totals.total + EXCLUDED.total
), of_days AS (
    INSERT INTO trigger_days (trigger_id, day, connection, type, total)
    SELECT trigger_id, day, pg_backend_pid(), type, total
    FROM unnest(%(day_triggers)s::integer[], %(days)s::date[], %(day_types)s::text[], %(day_totals)s::bigint[])
        AS counted (trigger_id, day, type, total)
    ON CONFLICT (trigger_id, day, connection, type) DO UPDATE SET total = trigger_days.total + EXCLUDED.total
), of_minutes AS (
    INSERT INTO traffic (minute, connection, channel, outcome, total)
    SELECT minute, pg_backend_pid(), channel, outcome, total
    FROM unnest(%(minutes)s::timestamptz[], %(channels)s::text[], %(outcomes)s::text[], %(minute_totals)s::bigint[])
        AS counted (minute, channel, outcome, total)
    ON CONFLICT (minute, connection, channel, outcome) DO UPDATE SET total = traffic.total + EXCLUDED.total
)
INSERT INTO launch_totals (bucket, launch_id, type, total)
SELECT * FROM unnest(%(buckets)s::smallint[], %(launch_ids)s::bytea[], %(launch_types)s::text[],
    %(launch_totals)s::bigint[])
ON CONFLICT (bucket, launch_id, type) DO UPDATE SET total = launch_totals.total + EXCLUDED.total;

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

-- name: list_failed
-- Messages of a launch that did not arrive, each with its last failure: given up, cancelled or come back for now; nothing
-- else has happened to them since they were sent, but that a server's acceptance counted as delivery before they came back.
SELECT DISTINCT ON (failed.message_id) failed.message_id, failed.profile_id, failed.database_id, failed.trigger_id,
    failed.data::text
FROM events AS failed
WHERE failed.launch_id = %(launch_id)s
    AND failed.type IN ('undeliv', 'undeliv_sms', 'undeliv_push', 'sbounce', 'cancel')
    AND failed.message_id > %(after)s
    AND NOT EXISTS (
        SELECT FROM events AS other
        WHERE other.bucket = failed.bucket
            AND other.profile_id = failed.profile_id
            AND other.message_id = failed.message_id
            AND NOT (other.type = 'deliv' AND other.at < failed.at)
            AND other.type NOT IN (
                'undeliv', 'undeliv_sms', 'undeliv_push', 'sbounce', 'cancel', 'send', 'send_sms', 'send_push'
            )
    )
ORDER BY failed.message_id, failed.at DESC
LIMIT %(limit)s;
