-- name: find
-- What was kept of a message, or a dictionary, since it was made.
SELECT at, dictionary_id, content
FROM copies
WHERE bucket = %(bucket)s::smallint AND id = %(id)s::bytea AND at >= %(since)s::timestamptz
LIMIT 1;

-- name: list_ids_of_profiles
-- Messages that these profiles have been sent.
SELECT events.id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN events ON events.bucket = sought.bucket AND events.profile_id = sought.id
WHERE events.type IN ('send', 'send_sms', 'send_push');

-- name: delete
-- Forget what was sent.
DELETE FROM copies
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
WHERE copies.bucket = gone.bucket AND copies.id = gone.id;
