-- Workers that live, and how messages end by sender, so that any process can tell of all.

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
