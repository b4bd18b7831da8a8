-- Launches can be looked at, paused, resumed, cancelled and sent again; messages are retried up to an age.

-- state: what an operator wants of it. is_unsettled: its messages are still to be brought into line with that.
-- source: the call, or the kind of event. size: messages of a trigger, passages of a workflow. skipped: profiles.
ALTER TABLE launches ADD COLUMN state text NOT NULL DEFAULT 'running'
    CONSTRAINT launches_state_is_known CHECK (state IN ('running', 'paused', 'cancelled'));
ALTER TABLE launches ADD COLUMN is_unsettled boolean NOT NULL DEFAULT false;
ALTER TABLE launches ADD COLUMN source text NOT NULL DEFAULT '';
ALTER TABLE launches ADD COLUMN size integer NOT NULL DEFAULT 0;
ALTER TABLE launches ADD COLUMN skipped integer NOT NULL DEFAULT 0;

-- Answers: which launches are the newest, and which are old?
CREATE INDEX launches_by_id ON launches (id);

-- Answers: messages of which launches are to be brought into line?
CREATE INDEX launches_unsettled ON launches (id) WHERE is_unsettled;

-- Answers: which files are still named?
CREATE INDEX launches_with_attachments ON launches (id) WHERE attachments <> '[]';

-- From when the age of a message counts; for those that wait already, from now.
ALTER TABLE messages ADD COLUMN first_due_at timestamptz NOT NULL DEFAULT now();

-- Answers: which messages of a launch have failed?
CREATE INDEX events_failed ON events (launch_id, message_id)
    WHERE type IN ('undeliv', 'undeliv_sms', 'undeliv_push', 'sbounce', 'cancel');

-- How many events of each type a launch has had.
CREATE TABLE launch_totals (
    bucket smallint NOT NULL,
    launch_id bytea NOT NULL,
    type text NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (bucket, launch_id, type)
) WITH (fillfactor = 70);
