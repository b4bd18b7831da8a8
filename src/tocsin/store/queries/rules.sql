-- name: list_counted
-- What counts for sending policies of these profiles: messages sent since a moment; those in the queue that were let go,
-- and those that will be due until another. Not those of triggers that do not count. Profile by profile, by the index.
SELECT NULL::bytea AS id, asked.id AS profile_id, sent.at, sent.trigger_id, sent.type, sent.address, true AS is_allowed
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS asked (bucket, id)
CROSS JOIN LATERAL (
    SELECT events.at, events.trigger_id, events.type, events.data->>'address' AS address
    FROM events
    WHERE events.bucket = asked.bucket AND events.profile_id = asked.id AND events.at > %(since)s::timestamptz
        AND events.type = ANY(%(types)s::text[]) AND events.trigger_id <> ALL(%(exempt)s::integer[])
    LIMIT %(most)s
) AS sent
UNION ALL
SELECT queued.id, asked.id, queued.due_at, queued.trigger_id, NULL, queued.address, queued.is_allowed
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS asked (bucket, id)
CROSS JOIN LATERAL (
    SELECT messages.id, messages.due_at, messages.trigger_id, messages.address, messages.is_allowed
    FROM messages
    WHERE messages.bucket = asked.bucket AND messages.profile_id = asked.id AND messages.is_allowed IS NOT NULL
        AND (messages.is_allowed OR messages.due_at <= %(promised_until)s::timestamptz)
        AND messages.trigger_id <> ALL(%(exempt)s::integer[])
    LIMIT %(most)s
) AS queued;

-- name: allow
-- Messages that a sending policy has let go; whoever comes after counts them.
UPDATE messages
SET is_allowed = true
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS allowed (bucket, id)
WHERE messages.bucket = allowed.bucket AND messages.id = allowed.id;
