-- name: find_messages
-- Whose are these messages, and when were they sent? By their last event, or while they wait.
SELECT id, profile_id, launch_id, trigger_id, database_id, COALESCE(data->>'address', '') AS address, at
FROM events
WHERE bucket = ANY(%(buckets)s::smallint[]) AND id = ANY(%(message_ids)s::bytea[])
UNION ALL
SELECT id, profile_id, launch_id, trigger_id, NULL, address, NULL
FROM messages
WHERE bucket = ANY(%(buckets)s::smallint[]) AND id = ANY(%(message_ids)s::bytea[]);

-- name: insert
-- Note what messages have met with, unless they have before; answers what is new.
INSERT INTO reactions (bucket, message_id, kind, at)
SELECT met.bucket, met.id, met.kind, %(at)s
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[], %(kinds)s::smallint[]) AS met (bucket, id, kind)
ON CONFLICT (bucket, message_id, kind) DO NOTHING
RETURNING message_id, kind;

-- name: note_followed
-- Note when links of messages were followed, the last time of each.
INSERT INTO reactions (bucket, message_id, kind, at)
SELECT * FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[], %(kinds)s::smallint[], %(instants)s::timestamptz[])
ON CONFLICT (bucket, message_id, kind) DO UPDATE SET at = EXCLUDED.at WHERE reactions.at < EXCLUDED.at;

-- name: list_scans
-- What is known of programs that go through these messages: that one has, and which links were followed when.
SELECT reactions.message_id, reactions.kind, reactions.at
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN reactions
    ON reactions.bucket = sought.bucket AND reactions.message_id = sought.id AND reactions.kind >= %(first)s::smallint;

-- name: delete_old
-- Forget what messages have met with that were made before a time.
DELETE FROM reactions
WHERE bucket = ANY(%(buckets)s::smallint[]) AND message_id < %(before)s::bytea;
