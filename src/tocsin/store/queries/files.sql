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
