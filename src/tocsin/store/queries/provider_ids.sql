-- name: insert
-- How a provider calls messages, once each: one that uses a name again means the latest.
INSERT INTO provider_ids (provider_id, sender_id, message_id, at)
SELECT * FROM unnest(
    %(provider_ids)s::text[], %(sender_ids)s::integer[], %(message_ids)s::bytea[], %(at)s::timestamptz[]
)
ON CONFLICT DO NOTHING;

-- name: find
-- Which messages does a provider mean?
SELECT DISTINCT ON (provider_id) provider_id, message_id
FROM provider_ids
WHERE provider_id = ANY(%(provider_ids)s::text[]) AND sender_id = %(sender_id)s
ORDER BY provider_id, at DESC;
