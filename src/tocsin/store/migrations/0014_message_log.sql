-- The log of messages, which finds events by what they are of; and counts by minute, by day and of senders for charts.

-- Answers: the latest events of a type in a database? The indexes of the log end with the time alone, which a batch
-- shares, so PostgreSQL keeps it once for many rows.
CREATE INDEX events_by_database ON events (database_id, type, at);

-- Answers: the latest events of a type that a trigger has had?
CREATE INDEX events_of_a_trigger ON events (trigger_id, type, at);

-- Answers: the latest events of a type that a launch has had?
CREATE INDEX events_of_a_launch ON events (launch_id, type, at);

-- Answers: what happened to messages to this address, latest last?
CREATE INDEX events_of_an_address ON events (hashtext(lower(data->>'address')), at);

-- Answers: which tasks are the newest?
CREATE INDEX tasks_by_created_at ON tasks (created_at);

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
