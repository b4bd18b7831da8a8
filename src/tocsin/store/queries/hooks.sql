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
                SELECT FROM hook_events
                WHERE hook_events.bucket = (hook_lanes.lane * 16)::smallint AND hook_events.hook_id = %(hook_id)s
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
-- Hold a lane that this worker has for longer.
UPDATE hook_lanes
SET due_at = %(leased_until)s
WHERE hook_id = %(hook_id)s AND lane = %(lane)s AND lease_id = %(lease_id)s
    AND NOT EXISTS (SELECT FROM hook_pauses WHERE hook_pauses.hook_id = %(hook_id)s)
RETURNING lane;

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
    SELECT hook_id, lane, total, places, event_ids
    FROM hook_lanes
    WHERE hook_id = %(hook_id)s AND failing_since IS NOT NULL AND batch_id IS NOT NULL
    FOR UPDATE
), forgotten AS (
    DELETE FROM hook_events
    USING failing
    WHERE hook_events.bucket = (failing.lane * 16)::smallint AND hook_events.hook_id = failing.hook_id
        AND hook_events.place = ANY(failing.places) AND hook_events.event_id = ANY(failing.event_ids)
), dropped AS (
    UPDATE hook_lanes
    SET batch_id = NULL, places = '{}', event_ids = '{}', total = 0, oldest_at = NULL
    FROM failing
    WHERE hook_lanes.hook_id = failing.hook_id AND hook_lanes.lane = failing.lane
)
SELECT COALESCE(sum(total), 0)::bigint FROM failing;

-- name: list_lanes
-- How the lanes of hooks are: how many events their batches have, since when they fail and why.
SELECT hook_id, total, failing_since, failure, delivered_at, oldest_at
FROM hook_lanes
ORDER BY hook_id, lane;

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

-- name: advance_replay
-- Where a replay goes on.
UPDATE hook_replays
SET next_bucket = %(next_bucket)s, after_at = %(after_at)s, after_id = %(after_id)s, total = total + %(added)s
WHERE hook_id = %(hook_id)s;

-- name: delete_replay
-- A replay is over.
DELETE FROM hook_replays WHERE hook_id = %(hook_id)s;

-- name: delete_others
-- Forget the lanes, pauses and replays of hooks that are no more.
WITH lanes AS (
    DELETE FROM hook_lanes WHERE NOT hook_id = ANY(%(hook_ids)s::integer[])
), pauses AS (
    DELETE FROM hook_pauses WHERE NOT hook_id = ANY(%(hook_ids)s::integer[])
)
DELETE FROM hook_replays WHERE NOT hook_id = ANY(%(hook_ids)s::integer[]);
