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
