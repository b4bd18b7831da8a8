-- How providers of SMS call messages in what they report later, a partition a month as events have. Asked by that name,
-- hence no bucket.
CREATE TABLE provider_ids (
    provider_id text COLLATE "C" NOT NULL,
    sender_id integer NOT NULL,
    message_id bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (provider_id, sender_id, at)
) PARTITION BY RANGE (at);
