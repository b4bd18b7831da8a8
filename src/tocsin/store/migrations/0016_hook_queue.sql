-- A row for what was recorded together for a lane of a hook, in the place of one for each event. What waits is taken over,
-- and so are the batches under way, under their ids.
ALTER TABLE hook_events RENAME TO hook_events_before;
ALTER INDEX hook_events_pkey RENAME TO hook_events_before_pkey;

CREATE TABLE hook_events (
    bucket smallint NOT NULL,
    hook_id integer NOT NULL,
    place bigint NOT NULL,
    event_id bytea NOT NULL,
    at timestamptz NOT NULL,
    total integer NOT NULL,
    is_replay boolean NOT NULL DEFAULT false,
    event_ids bytea NOT NULL,
    times bigint[] NOT NULL,
    types text[] NOT NULL,
    PRIMARY KEY (bucket, hook_id, place, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

INSERT INTO hook_events (bucket, hook_id, place, event_id, at, total, is_replay, event_ids, times, types)
SELECT bucket / 16 * 16, hook_id, place, event_id, at, 1, is_replay, event_id,
    ARRAY[(extract(epoch FROM at) * 1000000)::bigint], ARRAY[type]
FROM hook_events_before;

-- Each event of a batch under way becomes a row of its own, before all that waits.
INSERT INTO hook_events (bucket, hook_id, place, event_id, at, total, is_replay, event_ids, times, types)
SELECT hook_lanes.lane * 16, hook_lanes.hook_id, part.number, part.id, part.at, 1, part.is_replay, part.id,
    ARRAY[(extract(epoch FROM part.at) * 1000000)::bigint], ARRAY[part.type]
FROM hook_lanes
CROSS JOIN unnest(hook_lanes.event_ids, hook_lanes.ats, hook_lanes.types, hook_lanes.replays)
    WITH ORDINALITY AS part (id, at, type, is_replay, number);

DROP TABLE hook_events_before;

ALTER TABLE hook_lanes
    ADD COLUMN places bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN total integer NOT NULL DEFAULT 0,
    ADD COLUMN oldest_at timestamptz;

UPDATE hook_lanes
SET places = ARRAY(SELECT generate_series(1::bigint, cardinality(event_ids))), total = cardinality(event_ids), oldest_at = ats[1]
WHERE batch_id IS NOT NULL;

ALTER TABLE hook_lanes DROP COLUMN ats, DROP COLUMN types, DROP COLUMN replays;
