-- name: insert
-- Keep where short links lead, unless it is kept already; answers what is new.
INSERT INTO short_links (bucket, code, message_id, number, links, url)
SELECT * FROM unnest(
    %(buckets)s::smallint[], %(codes)s::bigint[], %(message_ids)s::bytea[], %(numbers)s::smallint[],
    %(links)s::smallint[], %(urls)s::text[]
)
ON CONFLICT (bucket, code) DO NOTHING
RETURNING bucket, code;

-- name: list_taken
-- Which of these places has a link of another message, or to another URL?
SELECT short_links.bucket, short_links.code
FROM unnest(%(buckets)s::smallint[], %(codes)s::bigint[], %(message_ids)s::bytea[], %(urls)s::text[])
    AS made (bucket, code, message_id, url)
JOIN short_links ON short_links.bucket = made.bucket AND short_links.code = made.code
WHERE short_links.message_id <> made.message_id OR short_links.url <> made.url;

-- name: find
-- Where does this link lead, and whose is it?
SELECT message_id, number, links, url
FROM short_links
WHERE bucket = %(bucket)s::smallint AND code = %(code)s::bigint;

-- name: list_of_message
-- Where do the links of a message lead?
SELECT code, url
FROM short_links
WHERE bucket = %(bucket)s::smallint AND message_id = %(message_id)s::bytea;

-- name: list_messages
-- Which messages did profiles get, or wait for?
SELECT events.message_id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
JOIN events ON events.bucket = gone.bucket AND events.profile_id = gone.id
WHERE events.message_id <> ''
UNION
SELECT messages.id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
JOIN messages ON messages.bucket = gone.bucket AND messages.profile_id = gone.id;

-- name: delete
-- Forget where the links of messages led.
DELETE FROM short_links
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, message_id)
WHERE short_links.bucket = gone.bucket AND short_links.message_id = gone.message_id;

-- name: delete_old
-- Forget where the links of messages led that were made before a time.
DELETE FROM short_links
WHERE bucket = ANY(%(buckets)s::smallint[]) AND message_id < %(before)s::bytea;
