-- name: insert
-- Files of a call.
INSERT INTO files (id, name, content_type, data, created_at)
VALUES (%(id)s, %(name)s, %(content_type)s, %(data)s, %(created_at)s);

-- name: describe
-- Files by id, without their data.
SELECT id, name, content_type, octet_length(data) FROM files WHERE id = ANY(%(ids)s::uuid[]);

-- name: get
-- Files by id.
SELECT id, name, content_type, data FROM files WHERE id = ANY(%(ids)s::uuid[]);

-- name: lock
-- Files that a call names, lest they be forgotten before its launch is there.
SELECT FROM files WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR KEY SHARE;

-- name: delete_old
-- Files stored long ago that no launch names. What unfinished tasks name is in their requests: while there are any, none.
DELETE FROM files
USING (
    SELECT old.id
    FROM files AS old
    WHERE old.created_at < %(before)s
        AND NOT EXISTS (SELECT FROM tasks WHERE kind = 'triggers.start' AND finished_at IS NULL)
        AND old.id NOT IN (
            SELECT (attachment->>'file')::uuid
            FROM launches
            CROSS JOIN LATERAL jsonb_array_elements(launches.attachments) AS attachment
            WHERE launches.attachments <> '[]'
        )
    ORDER BY old.id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) AS unnamed
WHERE files.id = unnamed.id
RETURNING files.id;
