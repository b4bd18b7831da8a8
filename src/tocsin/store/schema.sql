-- The whole schema of today. Migrations from empty must end here (tests/store/test_migrate.py).
-- Tables that grow with profiles begin their key with `bucket`, the last byte of the id, so that they can be
-- spread over hosts (design.md, section 2). No foreign key and no unique constraint crosses buckets.

-- Which migrations have been applied.
CREATE TABLE schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- Everything configured, a document each: databases, resources, senders, templates, triggers, tokens.
-- A removed object keeps its row with a null spec, so that readers of an older version learn of it.
-- managed_by: the file that was applied last with this object in it; empty: no file has it.
CREATE TABLE configuration (
    kind text NOT NULL,
    key text NOT NULL,
    spec jsonb,
    version bigint NOT NULL,
    managed_by text NOT NULL DEFAULT '',
    PRIMARY KEY (kind, key)
);

-- Every state that a configured object had, so that two can be compared; a null spec: it was removed.
CREATE TABLE configuration_history (
    kind text NOT NULL,
    key text NOT NULL,
    version bigint NOT NULL,
    spec jsonb,
    at timestamptz NOT NULL,
    author text NOT NULL,
    PRIMARY KEY (kind, key, version)
);

-- One row: the version that the configuration has reached. Compared at every call, hence a table of its own.
CREATE TABLE configuration_version (
    is_only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT configuration_version_is_one_row CHECK (is_only_row),
    version bigint NOT NULL
);
INSERT INTO configuration_version (version) VALUES (0);

-- Customers. `fields` holds standard and custom fields by name, `subscriptions` a list (core/subscriptions.py).
-- `deleted_subscriptions` can be brought back; apart from the others, so that nothing takes them for such.
CREATE TABLE profiles (
    bucket smallint NOT NULL,
    id bytea NOT NULL,
    database_id integer NOT NULL,
    fields jsonb NOT NULL,
    subscriptions jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_subscriptions jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (bucket, id),
    CONSTRAINT profiles_bucket_is_last_byte_of_id CHECK (bucket = get_byte(id, 11))
) WITH (fillfactor = 85);

-- Answers: which profiles of a database are the newest? By the time alone, which a batch shares: that is cheap to add to.
CREATE INDEX profiles_by_age ON profiles (database_id, created_at);

-- Which profile an address or key belongs to. Keyed by the value, since that is how it is asked.
-- kind: 1 email of the profile, 2 phone of the profile, 3 email of a subscription, 4 phone of a subscription,
-- 5 custom field (value: "name.text"), 6 push subscription ("provider.id"), 7 custom field or messenger address of a
-- subscription ("name.text", "channel.address"). resource_id: 0 unless of a subscription.
CREATE TABLE identities (
    value text COLLATE "C" NOT NULL,
    database_id integer NOT NULL,
    resource_id integer NOT NULL,
    kind smallint NOT NULL,
    profile_id bytea NOT NULL,
    PRIMARY KEY (value, database_id, kind, resource_id, profile_id)
);

-- A call that started a trigger or a workflow; what is common to its messages stands here once.
-- state: what an operator wants of it. is_unsettled: its messages are still to be brought into line with that.
-- source: the call, or the kind of event. size: messages of a trigger, passages of a workflow. skipped: profiles.
-- is_addressed: the call names the address, so that nothing of it goes to another device.
CREATE TABLE launches (
    bucket smallint NOT NULL,
    id bytea NOT NULL,
    trigger_id integer,
    content jsonb NOT NULL,
    custom_data jsonb NOT NULL,
    attachments jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    workflow_id integer,
    state text NOT NULL DEFAULT 'running',
    is_unsettled boolean NOT NULL DEFAULT false,
    source text NOT NULL DEFAULT '',
    size integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    is_addressed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (bucket, id),
    CONSTRAINT launches_bucket_is_last_byte_of_id CHECK (bucket = get_byte(id, 11)),
    CONSTRAINT launches_state_is_known CHECK (state IN ('running', 'paused', 'cancelled'))
);

-- Answers: which launches are the newest, and which are old?
CREATE INDEX launches_by_id ON launches (id);

-- Answers: messages of which launches are to be brought into line?
CREATE INDEX launches_unsettled ON launches (id) WHERE is_unsettled;

-- Answers: which files are still named?
CREATE INDEX launches_with_attachments ON launches (id) WHERE attachments <> '[]';

-- The queue: one narrow row per message until its outcome is recorded, then deleted.
-- A claimed message is one whose due_at was moved to the end of its lease. content: what a workflow has gathered for it,
-- over that of the launch. turn: which of those due go first (core/messages.py).
-- first_due_at: from when its age counts. is_allowed: null where no sending policy counts; else whether the policy has
-- let it go.
CREATE TABLE messages (
    bucket smallint NOT NULL,
    id bytea NOT NULL,
    due_at timestamptz NOT NULL,
    launch_id bytea NOT NULL,
    profile_id bytea NOT NULL,
    trigger_id integer NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    address text NOT NULL,
    custom_data jsonb,
    content jsonb,
    turn smallint NOT NULL DEFAULT 0,
    first_due_at timestamptz NOT NULL DEFAULT now(),
    is_allowed boolean,
    PRIMARY KEY (bucket, id),
    CONSTRAINT messages_bucket_is_last_byte_of_id CHECK (bucket = get_byte(id, 11)),
    CONSTRAINT messages_share_the_bucket_of_their_profile CHECK (bucket = get_byte(profile_id, 11))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- Answers: which messages are due, those of the first turns first, and of a turn the oldest?
CREATE INDEX messages_due_by_turn ON messages (turn, due_at);

-- Answers: which messages to this profile count already?
CREATE INDEX messages_that_count ON messages (bucket, profile_id) WHERE is_allowed IS NOT NULL;

-- Addresses that nothing is sent to. Keyed by the value, since that is how it is asked.
-- value: an email address, a phone number, @domain, or the hash of an address. list_id: 0 is for bounces and complaints.
-- resource_id: the only resource for which the row holds, 0 for all. source: file, api, bounce, complaint.
CREATE TABLE suppressions (
    value text COLLATE "C" NOT NULL,
    list_id integer NOT NULL,
    source text NOT NULL,
    resource_id integer NOT NULL DEFAULT 0,
    at timestamptz NOT NULL,
    reason text NOT NULL DEFAULT '',
    message_id bytea,
    PRIMARY KEY (value, list_id, source, resource_id)
);

-- Answers: what is on this list, in order, and how much?
CREATE INDEX suppressions_of_a_list ON suppressions (list_id, value);

-- What happened, append-only, a partition a month. type: send, undeliv (docs/glossary.md). message_id, launch_id: empty,
-- trigger_id: 0, where there is none.
CREATE TABLE events (
    bucket smallint NOT NULL,
    id bytea NOT NULL,
    at timestamptz NOT NULL,
    type text NOT NULL,
    database_id integer NOT NULL,
    profile_id bytea NOT NULL,
    message_id bytea NOT NULL,
    launch_id bytea NOT NULL,
    trigger_id integer NOT NULL,
    data jsonb NOT NULL,
    PRIMARY KEY (bucket, id, at)
) PARTITION BY RANGE (at);

-- Answers: what happened to this profile, latest last?
CREATE INDEX events_of_a_profile ON events (bucket, profile_id, at);

-- Answers: which messages of a launch have failed?
CREATE INDEX events_failed ON events (launch_id, message_id)
    WHERE type IN ('undeliv', 'undeliv_sms', 'undeliv_push', 'sbounce', 'cancel');

-- Answers: the latest events of a type in a database? The indexes of the log end with the time alone, which a batch
-- shares, so PostgreSQL keeps it once for many rows.
CREATE INDEX events_by_database ON events (database_id, type, at);

-- Answers: the latest events of a type that a trigger has had?
CREATE INDEX events_of_a_trigger ON events (trigger_id, type, at);

-- Answers: the latest events of a type that a launch has had?
CREATE INDEX events_of_a_launch ON events (launch_id, type, at);

-- Answers: what happened to messages to this address, latest last?
CREATE INDEX events_of_an_address ON events (hashtext(lower(data->>'address')), at);

-- How providers of SMS call messages in what they report later, a partition a month as events have. Asked by that name,
-- hence no bucket.
CREATE TABLE provider_ids (
    provider_id text COLLATE "C" NOT NULL,
    sender_id integer NOT NULL,
    message_id bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (provider_id, sender_id, at)
) PARTITION BY RANGE (at);

-- What was sent, a partition a week: a row for each message, under its id and in its bucket, and one for each dictionary that
-- several share. content: core/copies.py, compressed; dictionary_id: which row of the same `at` it needs to be read.
CREATE TABLE copies (
    bucket smallint NOT NULL,
    id bytea NOT NULL,
    at timestamptz NOT NULL,
    dictionary_id bytea,
    content bytea NOT NULL,
    PRIMARY KEY (bucket, id, at)
) PARTITION BY RANGE (at);
ALTER TABLE copies ALTER COLUMN content SET STORAGE EXTERNAL;

-- How many events of each type a trigger has had; kept beside the events so that nobody counts them.
CREATE TABLE event_totals (
    trigger_id integer NOT NULL,
    type text NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (trigger_id, type)
);

-- How many messages came to what in a minute, or, of old ones, in an hour. A row for each connection, so that no two wait
-- for each other; added up under connection 0 later. channel: empty where the event does not say it.
CREATE TABLE traffic (
    minute timestamptz NOT NULL,
    connection integer NOT NULL,
    channel text NOT NULL,
    outcome text NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (minute, connection, channel, outcome)
) WITH (fillfactor = 70);

-- How many events of each type a trigger has had on a day, UTC; connection as in traffic.
CREATE TABLE trigger_days (
    trigger_id integer NOT NULL,
    day date NOT NULL,
    connection integer NOT NULL,
    type text NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (trigger_id, day, connection, type)
) WITH (fillfactor = 70);

-- What attempts by a sender came to in a minute, and what was said when one failed last; connection as in traffic.
CREATE TABLE sender_minutes (
    minute timestamptz NOT NULL,
    connection integer NOT NULL,
    sender_id integer NOT NULL,
    sent bigint NOT NULL,
    failed bigint NOT NULL,
    failed_at timestamptz,
    text text NOT NULL DEFAULT '',
    PRIMARY KEY (minute, connection, sender_id)
) WITH (fillfactor = 70);

-- Worker processes; seen_at: when each last said that it lives.
CREATE TABLE workers (
    id uuid PRIMARY KEY,
    seen_at timestamptz NOT NULL
);

-- How often messages of each sender have come to which outcome (core/outcomes.py). A row for each worker, so that no two
-- wait for each other; those of workers that are gone are added up under the id that is all zeros.
CREATE TABLE outcome_totals (
    worker_id uuid NOT NULL,
    sender_id integer NOT NULL,
    outcome text NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (worker_id, sender_id, outcome)
) WITH (fillfactor = 70);

-- How many events of each type a launch has had.
CREATE TABLE launch_totals (
    bucket smallint NOT NULL,
    launch_id bytea NOT NULL,
    type text NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (bucket, launch_id, type)
) WITH (fillfactor = 70);

-- What messages have met with: a row for the first open, the first click, the first report of a device that has it, for
-- how long it was looked at, and for being gone through by a program. kind: 1 opened, 2 clicked, 5 delivered, 6 read,
-- 7 skimmed, 8 glanced; gone through: 3 many links, 4 a hidden one; from 16 on the number of a link, followed in the
-- first minute. Forgotten with the events, by the time in message_id.
CREATE TABLE reactions (
    bucket smallint NOT NULL,
    message_id bytea NOT NULL,
    kind smallint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (bucket, message_id, kind)
);

-- Where the short links in SMS lead. code: a keyed hash of 57 bits (core/short_links.py). number, links: which link of its
-- message, and of how many. Forgotten with the events, by the time in message_id.
CREATE TABLE short_links (
    bucket smallint NOT NULL,
    code bigint NOT NULL,
    message_id bytea NOT NULL,
    number smallint NOT NULL,
    links smallint NOT NULL,
    url text NOT NULL,
    PRIMARY KEY (bucket, code),
    CONSTRAINT short_links_bucket_is_last_byte_of_message_id CHECK (bucket = get_byte(message_id, 11))
);

-- Answers: which links are of this message, and which are old?
CREATE INDEX short_links_of_a_message ON short_links (bucket, message_id);

-- How many confirmation mails an address, known by its hash, was sent on a day.
CREATE TABLE confirmations (
    address bytea NOT NULL,
    day date NOT NULL,
    total integer NOT NULL,
    PRIMARY KEY (address, day)
);

-- What this installation signs with, made at first use; of a name the highest number signs, the others are still good.
CREATE TABLE secrets (
    name text NOT NULL,
    number integer NOT NULL,
    value bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, number)
);

-- What hooks have still to be told: a row for what was recorded together for a lane of a hook. bucket: the first of the
-- sixteen of the lane. place: in which order (microseconds of the database's clock). event_id: the first of event_ids, of
-- which each has 12 bytes. at: when the first of them happened. times: when each did, in microseconds since 1970, by which
-- it is found. types: in case it is gone with its profile.
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

-- A sixteenth of the buckets of a hook: one batch of it is under way, so the order of what happened to a profile is kept.
-- The batch stays as it is until it is delivered: places and event_ids are the keys of its rows, total counts its events.
-- While a worker has it, due_at is the end of the lease. lease_id: of the worker that had it last.
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
    places bigint[] NOT NULL DEFAULT '{}',
    total integer NOT NULL DEFAULT 0,
    oldest_at timestamptz,
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

-- Answers: who is at this node, and how many are at each?
CREATE INDEX passages_at_a_node ON passages (workflow_id, node, id);

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

-- Asynchronous calls.
CREATE TYPE task_status AS ENUM (
    'queued',      -- accepted -> processing, failed
    'processing',  -- a worker has applied at least one chunk or is at it -> completed, failed
    'completed',   -- the result is there
    'failed'       -- given up; the result holds the error
);

-- `done` items of `total` are applied; both move in the transaction that applied them.
CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    status task_status NOT NULL DEFAULT 'queued',
    total integer NOT NULL,
    done integer NOT NULL DEFAULT 0,
    attempts smallint NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    request bytea,
    result bytea,
    CONSTRAINT tasks_done_within_total CHECK (done BETWEEN 0 AND total),
    CONSTRAINT tasks_result_once_finished CHECK ((finished_at IS NULL) = (status IN ('queued', 'processing')))
);
ALTER TABLE tasks ALTER COLUMN request SET STORAGE EXTERNAL;
ALTER TABLE tasks ALTER COLUMN result SET STORAGE EXTERNAL;

-- Answers: which unfinished tasks are due?
CREATE INDEX tasks_due_by_due_at ON tasks (due_at) WHERE finished_at IS NULL;

-- Answers: which tasks are the newest?
CREATE INDEX tasks_by_created_at ON tasks (created_at);

-- What each applied chunk of an unfinished task answered; moved into the task's result at its end.
CREATE TABLE task_chunks (
    task_id uuid NOT NULL,
    first_item integer NOT NULL,
    outcome bytea NOT NULL,
    PRIMARY KEY (task_id, first_item)
);

-- Files that a task has made, whole; a file's id is that of its task, and they are deleted together.
CREATE TABLE downloads (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    content_type text NOT NULL,
    bytes bigint NOT NULL,
    created_at timestamptz NOT NULL
);

-- What is in the files, those in the making too: pieces numbered from 0.
CREATE TABLE download_chunks (
    file_id uuid NOT NULL,
    number integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (file_id, number)
);

-- First answers by idempotency key, so that a repeat gets the same one. key and fingerprint are SHA-256.
CREATE TABLE requests (
    key bytea PRIMARY KEY,
    fingerprint bytea NOT NULL,
    answer bytea NOT NULL,
    content_type text NOT NULL,
    answered_at timestamptz NOT NULL
);
ALTER TABLE requests ALTER COLUMN answer SET STORAGE EXTERNAL;

-- Answers: which answers are old enough to forget?
CREATE INDEX requests_by_answered_at ON requests (answered_at);

-- Files of calls: uploaded, or attached as data URIs.
CREATE TABLE files (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    content_type text NOT NULL,
    data bytea NOT NULL,
    created_at timestamptz NOT NULL
);
ALTER TABLE files ALTER COLUMN data SET STORAGE EXTERNAL;

-- Who may look at the console and change things there. email: lower case. password_hash: argon2id; null until the first
-- link is used. code_secret: of one-time codes (RFC 6238), base32; code_step: of the last one that was taken.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text,
    code_secret text,
    code_step bigint NOT NULL DEFAULT 0,
    language text,
    timezone text,
    is_disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    seen_at timestamptz,
    CONSTRAINT users_role_is_known CHECK (role IN ('owner', 'editor', 'support', 'viewer'))
);

-- Links that work once, known by the SHA-256 of their text. user_id: who chooses a password by it; null: the first owner.
CREATE TABLE user_links (
    token bytea PRIMARY KEY,
    user_id uuid,
    expires_at timestamptz NOT NULL
);

-- Browsers that are logged in, known by the SHA-256 of their cookie. is_half: the one-time code is still to come.
CREATE TABLE sessions (
    token bytea PRIMARY KEY,
    user_id uuid NOT NULL,
    is_half boolean NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ip text NOT NULL,
    user_agent text NOT NULL
);

-- Answers: where is this user logged in?
CREATE INDEX sessions_of_a_user ON sessions (user_id);

-- Wrong passwords and codes of the last minutes. subject: what is slowed down by them, an address, an account or both.
CREATE TABLE login_failures (
    subject text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL
);

-- Answers: how often lately?
CREATE INDEX login_failures_of_a_subject ON login_failures (subject, at);

-- Who changed what, append-only; the id begins with the microsecond, so it orders. author_kind: user, token, command. section, key: of what is
-- configured, or of something else that was changed. details: names of members, never a secret.
CREATE TABLE audits (
    id bytea PRIMARY KEY,
    at timestamptz NOT NULL,
    author_kind text NOT NULL,
    author text NOT NULL,
    ip text NOT NULL,
    action text NOT NULL,
    section text NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    details jsonb NOT NULL
);

-- Answers: who changed this object, latest last?
CREATE INDEX audits_of_an_object ON audits (section, key, id);

-- Mail that the development inbox took, the newest of it. id: in the order of arrival. recipients: all, joined by ", ".
CREATE TABLE inbox (
    id bytea PRIMARY KEY,
    received_at timestamptz NOT NULL,
    sender text NOT NULL,
    recipients text NOT NULL,
    subject text NOT NULL,
    bytes integer NOT NULL,
    raw bytea NOT NULL
);
ALTER TABLE inbox ALTER COLUMN raw SET STORAGE EXTERNAL;
