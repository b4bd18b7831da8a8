-- name: list_wanted
-- Which hooks are there, and what time is it for the order of their queues, in microseconds?
SELECT spec::text, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
FROM configuration
WHERE kind = 'hooks' AND spec IS NOT NULL;

-- name: list_resources
-- Which triggers are for a resource?
SELECT key::integer, (spec->>'resource')::integer
FROM configuration
WHERE kind = 'triggers' AND spec->>'resource' IS NOT NULL;

-- name: add_lanes
-- A row for each lane of a hook; those that are there stay.
INSERT INTO hook_lanes (hook_id, lane)
SELECT hook_ids.hook_id, lanes.lane
FROM unnest(%(hook_ids)s::integer[]) AS hook_ids (hook_id), generate_series(0, 15) AS lanes (lane)
ON CONFLICT (hook_id, lane) DO NOTHING;

-- name: claim
-- Take lanes of a hook that have something to deliver and are due; nobody else has them until the lease ends.
WITH due AS (
    SELECT hook_lanes.hook_id, hook_lanes.lane
    FROM hook_lanes
    WHERE hook_lanes.hook_id = %(hook_id)s
        AND hook_lanes.due_at <= %(now)s
        AND NOT hook_lanes.lane = ANY(%(passed_over)s::smallint[])
        AND NOT EXISTS (SELECT FROM hook_pauses WHERE hook_pauses.hook_id = %(hook_id)s)
        AND (
            hook_lanes.batch_id IS NOT NULL
            OR EXISTS (
                SELECT
                FROM generate_series(hook_lanes.lane * 16, hook_lanes.lane * 16 + 15) AS buckets (bucket)
                CROSS JOIN LATERAL (
                    SELECT
                    FROM hook_events
                    WHERE hook_events.bucket = buckets.bucket::smallint AND hook_events.hook_id = %(hook_id)s
                    LIMIT 1
                ) AS first
            )
        )
    ORDER BY hook_lanes.due_at
    LIMIT %(limit)s
    FOR UPDATE OF hook_lanes SKIP LOCKED
)
UPDATE hook_lanes
SET due_at = %(leased_until)s, lease_id = %(lease_id)s
FROM due
WHERE hook_lanes.hook_id = due.hook_id AND hook_lanes.lane = due.lane
RETURNING hook_lanes.lane;

-- name: hold
-- Lock a lane that this worker has, and hold it for longer.
UPDATE hook_lanes
SET due_at = %(leased_until)s
WHERE hook_id = %(hook_id)s AND lane = %(lane)s AND lease_id = %(lease_id)s
    AND NOT EXISTS (SELECT FROM hook_pauses WHERE hook_pauses.hook_id = %(hook_id)s)
RETURNING batch_id, attempts, event_ids, ats, types, replays;

-- name: list_first
-- The first of what waits in the buckets of a locked lane; of a bucket in order.
SELECT queued.*
FROM generate_series(%(lane)s::integer * 16, %(lane)s::integer * 16 + 15) AS buckets (bucket)
CROSS JOIN LATERAL (
    SELECT hook_events.bucket, hook_events.place, hook_events.event_id, hook_events.at, hook_events.type,
        hook_events.is_replay
    FROM hook_events
    WHERE hook_events.bucket = buckets.bucket::smallint AND hook_events.hook_id = %(hook_id)s
    ORDER BY hook_events.place, hook_events.event_id
    LIMIT %(limit_of_bucket)s
) AS queued
ORDER BY queued.place, queued.event_id
LIMIT %(limit)s;

-- name: take
-- Put the first of what waits into the batch of their lane, which is locked.
WITH taken AS (
    DELETE FROM hook_events
    USING unnest(%(buckets)s::smallint[], %(places)s::bigint[], %(event_ids)s::bytea[]) AS first (bucket, place, event_id)
    WHERE hook_events.bucket = first.bucket AND hook_events.hook_id = %(hook_id)s
        AND hook_events.place = first.place AND hook_events.event_id = first.event_id
)
UPDATE hook_lanes
SET batch_id = %(batch_id)s, event_ids = %(event_ids)s::bytea[], ats = %(ats)s::timestamptz[],
    types = %(types)s::text[], replays = %(replays)s::boolean[]
WHERE hook_lanes.hook_id = %(hook_id)s AND hook_lanes.lane = %(lane)s
RETURNING hook_lanes.batch_id, hook_lanes.attempts, hook_lanes.event_ids, hook_lanes.ats, hook_lanes.types,
    hook_lanes.replays;

-- name: finish
-- A batch is delivered, if it still is the one of its lane; the lane stays with this worker.
UPDATE hook_lanes
SET batch_id = NULL, event_ids = '{}', ats = '{}', types = '{}', replays = '{}', attempts = 0, failing_since = NULL,
    failure = '', delivered_at = %(now)s
WHERE hook_id = %(hook_id)s AND lane = %(lane)s AND batch_id = %(batch_id)s;

-- name: postpone
-- A batch is to be tried again, if it still is the one of its lane; since when has that lane been failing?
UPDATE hook_lanes
SET due_at = %(due_at)s, attempts = attempts + %(tried)s, failing_since = COALESCE(failing_since, %(now)s),
    failure = %(failure)s
WHERE hook_id = %(hook_id)s AND lane = %(lane)s AND batch_id = %(batch_id)s
RETURNING failing_since;

-- name: release
-- A lane has nothing more to deliver, or is left for others.
UPDATE hook_lanes
SET due_at = %(now)s, lease_id = NULL
WHERE hook_id = %(hook_id)s AND lane = %(lane)s AND lease_id = %(lease_id)s;

-- name: pause
-- Tell a hook nothing until somebody resumes it; was it not paused yet?
INSERT INTO hook_pauses (hook_id, paused_at, reason)
VALUES (%(hook_id)s, %(now)s, %(reason)s)
ON CONFLICT (hook_id) DO NOTHING
RETURNING hook_id;

-- name: resume
-- Go on with a hook, at once and as if nothing had failed.
WITH resumed AS (
    DELETE FROM hook_pauses WHERE hook_id = %(hook_id)s
)
UPDATE hook_lanes
SET due_at = LEAST(due_at, %(now)s), attempts = 0, failing_since = NULL, failure = ''
WHERE hook_id = %(hook_id)s AND failing_since IS NOT NULL;

-- name: drop_failing
-- Forget the batches of a hook that fail, and count their events.
WITH failing AS (
    SELECT hook_id, lane, cardinality(event_ids) AS total
    FROM hook_lanes
    WHERE hook_id = %(hook_id)s AND failing_since IS NOT NULL AND batch_id IS NOT NULL
    FOR UPDATE
), dropped AS (
    UPDATE hook_lanes
    SET batch_id = NULL, event_ids = '{}', ats = '{}', types = '{}', replays = '{}'
    FROM failing
    WHERE hook_lanes.hook_id = failing.hook_id AND hook_lanes.lane = failing.lane
)
SELECT COALESCE(sum(total), 0)::bigint FROM failing;

-- name: list_events
-- The events of a lane's batch by id and time; those of merged profiles are in other buckets than their ids say.
SELECT events.id, events.at, events.type, events.database_id, events.profile_id, events.message_id, events.launch_id,
    events.trigger_id, events.data::text
FROM hook_lanes
CROSS JOIN unnest(hook_lanes.event_ids, hook_lanes.ats) AS sought (id, at)
JOIN events ON events.bucket = get_byte(sought.id, 11) AND events.id = sought.id AND events.at = sought.at
WHERE hook_lanes.hook_id = %(hook_id)s AND hook_lanes.lane = %(lane)s;

-- name: list_moved_events
-- Events by id and time, in whatever bucket.
SELECT events.id, events.at, events.type, events.database_id, events.profile_id, events.message_id, events.launch_id,
    events.trigger_id, events.data::text
FROM events
WHERE events.bucket = ANY(%(buckets)s::smallint[]) AND events.id = ANY(%(ids)s::bytea[])
    AND events.at = ANY(%(ats)s::timestamptz[]);

-- name: list_common
-- What launches have in common: the workflow that they started, and the data of their calls.
SELECT launches.id, launches.workflow_id, launches.custom_data::text
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN launches ON launches.bucket = sought.bucket AND launches.id = sought.id;

-- name: list_items
-- What calls said of the items of messages, and their addresses: in the queue, or with the event that has the message's id.
SELECT messages.id, messages.custom_data::text, messages.address
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN messages ON messages.bucket = sought.bucket AND messages.id = sought.id
UNION ALL
SELECT events.id, (events.data->'custom_data')::text, COALESCE(events.data->>'address', '')
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN events ON events.bucket = sought.bucket AND events.id = sought.id;

-- name: list_lanes
-- How the lanes of hooks are: how many events their batches have, since when they fail and why.
SELECT hook_id, cardinality(event_ids), failing_since, failure, delivered_at, ats[1]
FROM hook_lanes
ORDER BY hook_id, lane;

-- name: list_waiting
-- How many events wait for each of these hooks beside the batches, and when the first to go of a bucket happened.
SELECT hook_events.hook_id, count(*), min(hook_events.at)
FROM hook_events
WHERE hook_events.bucket = ANY(%(buckets)s::smallint[])
GROUP BY hook_events.hook_id;

-- name: list_pauses
-- Which hooks are paused, since when and why?
SELECT hook_id, paused_at, reason FROM hook_pauses;

-- name: list_replays
-- Which hooks are being told old events again, and how far is that?
SELECT hook_id, from_at, until, next_bucket, total FROM hook_replays;

-- name: insert_replay
-- Begin to tell a hook old events again, unless it is being told some; is that begun?
INSERT INTO hook_replays (hook_id, from_at, until, after_at)
VALUES (%(hook_id)s, %(from_at)s, %(until)s, %(from_at)s)
ON CONFLICT (hook_id) DO NOTHING
RETURNING hook_id;

-- name: find_event
-- When was an event?
SELECT at
FROM events
WHERE bucket = ANY(%(buckets)s::smallint[]) AND id = %(id)s
ORDER BY at
LIMIT 1;

-- name: claim_replay
-- One of the replays that nobody is at.
SELECT hook_id, from_at, until, next_bucket, after_at, after_id
FROM hook_replays
ORDER BY hook_id
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: list_page
-- Events of a bucket in order, from after one; all that a replay may want.
SELECT id, at, type, database_id, profile_id, message_id, launch_id, trigger_id, data::text
FROM events
WHERE bucket = %(bucket)s::smallint
    AND at >= %(after_at)s
    AND at < %(until)s
    AND type = ANY(%(types)s::text[])
    AND (at, id) > (%(after_at)s, %(after_id)s)
ORDER BY at, id
LIMIT %(limit)s;

-- name: advance_replay
-- Where a replay goes on.
UPDATE hook_replays
SET next_bucket = %(next_bucket)s, after_at = %(after_at)s, after_id = %(after_id)s, total = total + %(added)s
WHERE hook_id = %(hook_id)s;

-- name: delete_replay
-- A replay is over.
DELETE FROM hook_replays WHERE hook_id = %(hook_id)s;

-- name: delete_old
-- Forget what was queued before a time, in microseconds, and everything of hooks that are no more.
DELETE FROM hook_events
WHERE bucket = ANY(%(buckets)s::smallint[])
    AND (place < %(before)s OR NOT hook_id = ANY(%(hook_ids)s::integer[]));

-- name: delete_others
-- Forget the lanes, pauses and replays of hooks that are no more.
WITH lanes AS (
    DELETE FROM hook_lanes WHERE NOT hook_id = ANY(%(hook_ids)s::integer[])
), pauses AS (
    DELETE FROM hook_pauses WHERE NOT hook_id = ANY(%(hook_ids)s::integer[])
)
DELETE FROM hook_replays WHERE NOT hook_id = ANY(%(hook_ids)s::integer[]);
