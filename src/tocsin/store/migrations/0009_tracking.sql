-- What links in messages are signed with, what of messages was opened or clicked, how often addresses were asked to confirm.
CREATE TABLE secrets (
    name text NOT NULL,
    number integer NOT NULL,
    value bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, number)
);
CREATE TABLE reactions (
    bucket smallint NOT NULL,
    message_id bytea NOT NULL,
    kind smallint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (bucket, message_id, kind)
);
CREATE TABLE confirmations (
    address bytea NOT NULL,
    day date NOT NULL,
    total integer NOT NULL,
    PRIMARY KEY (address, day)
);
