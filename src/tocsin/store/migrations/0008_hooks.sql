-- What hooks have still to be told, a narrow row each; `place` says in which order (microseconds of the database's clock).
-- at: when the event happened, by which it is found; type: in case it is gone with its profile.
CREATE TABLE hook_events (
    bucket smallint NOT NULL,
    hook_id integer NOT NULL,
    place bigint NOT NULL,
    event_id bytea NOT NULL,
    at timestamptz NOT NULL,
    type text NOT NULL,
    is_replay boolean NOT NULL DEFAULT false,
    PRIMARY KEY (bucket, hook_id, place, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- A sixteenth of the buckets of a hook: one batch of it is under way, so the order of what happened to a profile is kept.
-- The batch stays as it is until it is delivered. While a worker has it, due_at is the end of the lease.
-- lease_id: of the worker that had it last.
CREATE TABLE hook_lanes (
    hook_id integer NOT NULL,
    lane smallint NOT NULL,
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    attempts integer NOT NULL DEFAULT 0,
    lease_id bytea,
    failing_since timestamptz,
    failure text NOT NULL DEFAULT '',
    delivered_at timestamptz,
    batch_id bytea,
    event_ids bytea[] NOT NULL DEFAULT '{}',
    ats timestamptz[] NOT NULL DEFAULT '{}',
    types text[] NOT NULL DEFAULT '{}',
    replays boolean[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (hook_id, lane)
) WITH (fillfactor = 50);

-- Hooks that are told nothing until somebody resumes them, and why.
CREATE TABLE hook_pauses (
    hook_id integer PRIMARY KEY,
    paused_at timestamptz NOT NULL,
    reason text NOT NULL
);

-- Old events on their way to a hook again, bucket after bucket; after_at and after_id: how far it is.
CREATE TABLE hook_replays (
    hook_id integer PRIMARY KEY,
    from_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    next_bucket smallint NOT NULL DEFAULT 0,
    after_at timestamptz NOT NULL,
    after_id bytea NOT NULL DEFAULT '',
    total bigint NOT NULL DEFAULT 0
);
