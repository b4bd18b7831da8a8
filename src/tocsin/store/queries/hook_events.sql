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

-- name: take
-- Hold a lane that this worker has for longer; its batch: the one that is under way, else the first of what waits, as many
-- rows as have no more than so many events. Rows stay in the queue until their batch is finished.
WITH held AS (
    SELECT hook_lanes.batch_id
    FROM hook_lanes
    WHERE hook_lanes.hook_id = %(hook_id)s AND hook_lanes.lane = %(lane)s AND hook_lanes.lease_id = %(lease_id)s
        AND NOT EXISTS (SELECT FROM hook_pauses WHERE hook_pauses.hook_id = %(hook_id)s)
    FOR UPDATE
), waiting AS (
    SELECT queued.*, sum(queued.total) OVER (ORDER BY queued.place, queued.event_id) AS up_to
    FROM held
    CROSS JOIN LATERAL (
        SELECT hook_events.place, hook_events.event_id, hook_events.at, hook_events.total
        FROM hook_events
        WHERE hook_events.bucket = (%(lane)s::integer * 16)::smallint AND hook_events.hook_id = %(hook_id)s
        ORDER BY hook_events.place, hook_events.event_id
        LIMIT %(limit)s
    ) AS queued
    WHERE held.batch_id IS NULL
), first AS (
    SELECT array_agg(place ORDER BY place, event_id) AS places, array_agg(event_id ORDER BY place, event_id) AS event_ids,
        sum(total) AS total, min(at) AS oldest_at
    FROM waiting
    WHERE up_to <= %(limit)s
), taken AS (
    UPDATE hook_lanes
    SET due_at = %(leased_until)s,
        batch_id = COALESCE(hook_lanes.batch_id, CASE WHEN first.total > 0 THEN %(batch_id)s::bytea END),
        places = COALESCE(first.places, hook_lanes.places),
        event_ids = COALESCE(first.event_ids, hook_lanes.event_ids),
        total = COALESCE(first.total, hook_lanes.total),
        oldest_at = COALESCE(first.oldest_at, hook_lanes.oldest_at)
    FROM held, first
    WHERE hook_lanes.hook_id = %(hook_id)s AND hook_lanes.lane = %(lane)s
    RETURNING hook_lanes.batch_id, hook_lanes.attempts, hook_lanes.places, hook_lanes.event_ids
)
SELECT taken.batch_id, taken.attempts, part.place, part.event_id, queued.event_ids, queued.times, queued.types,
    queued.is_replay
FROM taken
CROSS JOIN LATERAL unnest(taken.places, taken.event_ids) WITH ORDINALITY AS part (place, event_id, number)
LEFT JOIN LATERAL (
    SELECT hook_events.event_ids, hook_events.times, hook_events.types, hook_events.is_replay
    FROM hook_events
    WHERE hook_events.bucket = (%(lane)s::integer * 16)::smallint AND hook_events.hook_id = %(hook_id)s
        AND hook_events.place = part.place AND hook_events.event_id = part.event_id
    OFFSET 0
) AS queued ON true
WHERE taken.batch_id IS NOT NULL
ORDER BY part.number;

-- name: split
-- Cut the first row of a lane that this worker has, and that has no batch, into several, if it has more events than a batch
-- may have; is it cut?
WITH held AS (
    SELECT FROM hook_lanes
    WHERE hook_id = %(hook_id)s AND lane = %(lane)s AND lease_id = %(lease_id)s AND batch_id IS NULL
    FOR UPDATE
), large AS (
    DELETE FROM hook_events
    USING (
        SELECT hook_events.place, hook_events.event_id
        FROM hook_events
        WHERE hook_events.bucket = (%(lane)s::integer * 16)::smallint AND hook_events.hook_id = %(hook_id)s
        ORDER BY hook_events.place, hook_events.event_id
        LIMIT 1
    ) AS first
    WHERE hook_events.bucket = (%(lane)s::integer * 16)::smallint AND hook_events.hook_id = %(hook_id)s
        AND hook_events.place = first.place AND hook_events.event_id = first.event_id
        AND hook_events.total > %(limit)s AND EXISTS (SELECT FROM held)
    RETURNING hook_events.*
)
INSERT INTO hook_events (bucket, hook_id, place, event_id, at, total, is_replay, event_ids, times, types)
SELECT large.bucket, large.hook_id, large.place + part.first, substring(large.event_ids FROM 12 * part.first + 1 FOR 12),
    large.at, LEAST(%(limit)s, large.total - part.first), large.is_replay,
    substring(large.event_ids FROM 12 * part.first + 1 FOR 12 * %(limit)s),
    large.times[part.first + 1:part.first + %(limit)s], large.types[part.first + 1:part.first + %(limit)s]
FROM large
CROSS JOIN generate_series(0, large.total - 1, %(limit)s) AS part (first)
RETURNING place;

-- name: finish
-- A batch is delivered, if it still is the one of its lane, and its rows leave the queue; the lane stays with this worker.
WITH finished AS (
    UPDATE hook_lanes
    SET batch_id = NULL, places = '{}', event_ids = '{}', total = 0, oldest_at = NULL, attempts = 0, failing_since = NULL,
        failure = '', delivered_at = %(now)s
    WHERE hook_id = %(hook_id)s AND lane = %(lane)s AND batch_id = %(batch_id)s
    RETURNING lane
)
DELETE FROM hook_events
WHERE bucket = (%(lane)s::integer * 16)::smallint AND hook_id = %(hook_id)s
    AND place = ANY(%(places)s::bigint[]) AND event_id = ANY(%(event_ids)s::bytea[])
    AND EXISTS (SELECT FROM finished);

-- name: list_events
-- Events of a batch by id, those of a bucket together; those of merged profiles are in other buckets than their ids say.
-- The month says which partitions to look into, no more: with the very instants another index would seem better.
SELECT found.id, found.at, found.type, found.database_id, found.profile_id, found.message_id, found.launch_id,
    found.trigger_id, found.data::text
FROM unnest(%(buckets)s::smallint[], %(firsts)s::integer[], %(lasts)s::integer[]) AS sought (bucket, first, last)
CROSS JOIN LATERAL (
    SELECT events.*
    FROM events
    WHERE events.bucket = sought.bucket AND events.id = ANY((%(ids)s::bytea[])[sought.first:sought.last])
        AND events.at >= %(from_at)s
) AS found;

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

-- name: list_waiting
-- How many events wait for each hook beside the batches, and when the oldest of them happened.
SELECT hook_events.hook_id, sum(hook_events.total)::bigint, min(hook_events.at)
FROM hook_events
WHERE hook_events.bucket = ANY(%(buckets)s::smallint[]) AND NOT EXISTS (
    SELECT FROM hook_lanes
    WHERE hook_lanes.hook_id = hook_events.hook_id AND hook_lanes.lane = hook_events.bucket / 16
        AND hook_events.place = ANY(hook_lanes.places)
)
GROUP BY hook_events.hook_id;

-- name: delete_old
-- Forget what was queued before a time, in microseconds, but for batches, and everything of hooks that are no more; how many
-- events that were.
WITH forgotten AS (
    DELETE FROM hook_events
    WHERE bucket = ANY(%(buckets)s::smallint[]) AND (
        NOT hook_id = ANY(%(hook_ids)s::integer[])
        OR place < %(before)s AND NOT EXISTS (
            SELECT FROM hook_lanes
            WHERE hook_lanes.hook_id = hook_events.hook_id AND hook_lanes.lane = hook_events.bucket / 16
                AND hook_events.place = ANY(hook_lanes.places)
        )
    )
    RETURNING total
)
SELECT COALESCE(sum(total), 0)::bigint FROM forgotten;
