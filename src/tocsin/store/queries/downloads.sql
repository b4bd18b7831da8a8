-- name: insert
-- A file that is whole; its pieces are there.
INSERT INTO downloads (id, name, content_type, bytes, created_at)
VALUES (%(id)s, %(name)s, %(content_type)s, %(bytes)s, %(created_at)s);

-- name: insert_chunk
-- A piece of a file in the making. Of two that write the same one, only one finds its task unchanged.
INSERT INTO download_chunks (file_id, number, data)
VALUES (%(file_id)s, %(number)s, %(data)s)
ON CONFLICT DO NOTHING;

-- name: find
-- A file that is whole, without its pieces.
SELECT id, name, content_type, bytes, created_at FROM downloads WHERE id = %(id)s;

-- name: get_chunk
-- A piece of a file.
SELECT data FROM download_chunks WHERE file_id = %(file_id)s AND number = %(number)s;

-- name: delete_chunks
-- The pieces of files, those in the making too.
DELETE FROM download_chunks WHERE file_id = ANY(%(ids)s::uuid[]);

-- name: delete
-- The files themselves.
DELETE FROM downloads WHERE id = ANY(%(ids)s::uuid[]);
