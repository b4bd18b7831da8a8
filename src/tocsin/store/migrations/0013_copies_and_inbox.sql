-- What was sent, a partition a week. content: core/copies.py, compressed; dictionary_id: which row it needs to be read.
CREATE TABLE copies (
    bucket smallint NOT NULL,
    id bytea NOT NULL,
    at timestamptz NOT NULL,
    dictionary_id bytea,
    content bytea NOT NULL,
    PRIMARY KEY (bucket, id, at)
) PARTITION BY RANGE (at);
ALTER TABLE copies ALTER COLUMN content SET STORAGE EXTERNAL;

-- Mail that the development inbox took, the newest of it. recipients: all, joined by ", ".
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
