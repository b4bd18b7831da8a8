-- Profiles on their way through workflows, and what became of them there.

-- Of a launch: the trigger or the workflow that it started; neither is both.
ALTER TABLE launches ALTER COLUMN trigger_id DROP NOT NULL;
ALTER TABLE launches ADD COLUMN workflow_id integer;

-- What a workflow has gathered for one message, over the content of its launch.
ALTER TABLE messages ADD COLUMN content jsonb;

-- One profile at one node of one workflow, until it leaves. A claimed one has its due_at at the end of the lease.
-- lane: which kind of work its node is. awaits: the message whose events it waits for. memory: core/workflows/passages.
CREATE TABLE passages (
    bucket smallint NOT NULL,
    id bytea NOT NULL,
    profile_id bytea NOT NULL,
    workflow_id integer NOT NULL,
    launch_id bytea NOT NULL,
    node text NOT NULL,
    arrived_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    lane text NOT NULL DEFAULT 'steps',
    attempts smallint NOT NULL DEFAULT 0,
    steps integer NOT NULL DEFAULT 0,
    awaits bytea,
    memory jsonb NOT NULL,
    PRIMARY KEY (bucket, id),
    CONSTRAINT passages_lane_is_known CHECK (lane IN ('steps', 'requests', 'updates')),
    CONSTRAINT passages_share_the_bucket_of_their_profile CHECK (bucket = get_byte(profile_id, 11))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- Answers: which passages of a workflow are due for a kind of work, oldest first?
CREATE INDEX passages_due_by_due_at ON passages (workflow_id, lane, due_at);

-- Answers: is this profile in this workflow?
CREATE INDEX passages_of_a_profile ON passages (bucket, profile_id, workflow_id);

-- Answers: who waits for events of this message?
CREATE INDEX passages_awaiting_a_message ON passages (bucket, awaits) WHERE awaits IS NOT NULL;

-- Which profiles have ever entered which workflow.
CREATE TABLE workflow_entries (
    bucket smallint NOT NULL,
    profile_id bytea NOT NULL,
    workflow_id integer NOT NULL,
    first_entered_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, profile_id, workflow_id)
);

-- What happened to a passage at a node and why, append-only, a partition a month. number: counted from 1 in its passage.
CREATE TABLE steps (
    bucket smallint NOT NULL,
    profile_id bytea NOT NULL,
    passage_id bytea NOT NULL,
    number integer NOT NULL,
    at timestamptz NOT NULL,
    workflow_id integer NOT NULL,
    node text NOT NULL,
    target text,
    reason text NOT NULL,
    PRIMARY KEY (bucket, profile_id, passage_id, number, at)
) PARTITION BY RANGE (at);

-- How often each way from node to node was taken; target is empty where the passage ended.
CREATE TABLE step_totals (
    workflow_id integer NOT NULL,
    node text NOT NULL,
    target text NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (workflow_id, node, target)
);
