-- Addresses that nothing is sent to; and which waiting messages count for sending policies.

-- value: an email address, a phone number, or @domain. list_id: 0 is for bounces and complaints. resource_id: the only
-- resource for which the row holds, 0 for all. source: file, api, bounce, complaint.
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

-- is_allowed: null where no sending policy counts; else whether the policy has let it go.
ALTER TABLE messages ADD COLUMN is_allowed boolean;

-- Answers: which messages to this profile count already?
CREATE INDEX messages_that_count ON messages (bucket, profile_id) WHERE is_allowed IS NOT NULL;
