-- name: insert
-- One launch; its messages follow in the same transaction.
INSERT INTO launches (bucket, id, trigger_id, workflow_id, content, custom_data, attachments, created_at, source, size,
    skipped, is_addressed)
VALUES (
    %(bucket)s, %(id)s, %(trigger_id)s, %(workflow_id)s,
    %(content)s::text::jsonb, %(custom_data)s::text::jsonb, %(attachments)s::text::jsonb, %(created_at)s,
    %(source)s, %(size)s, %(skipped)s, %(is_addressed)s
);

-- name: grow
-- More of a launch has begun.
UPDATE launches
SET size = size + %(size)s, skipped = skipped + %(skipped)s
WHERE bucket = %(bucket)s AND id = %(id)s;

-- name: get
-- Launches by id.
SELECT launches.id, launches.trigger_id, launches.content::text, launches.custom_data::text, launches.attachments::text,
    launches.workflow_id, launches.source, launches.state, launches.is_addressed
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN launches ON launches.bucket = sought.bucket AND launches.id = sought.id;

-- name: describe
-- Launches by id, as they are listed.
SELECT launches.id, launches.trigger_id, launches.workflow_id, launches.created_at, launches.source, launches.state,
    launches.size, launches.skipped, launches.is_unsettled
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN launches ON launches.bucket = sought.bucket AND launches.id = sought.id
ORDER BY launches.id DESC;

-- name: list_ids
-- A page of launches, the newest first, perhaps of one trigger or workflow.
SELECT id
FROM launches
WHERE id < %(before)s
    AND (%(trigger_id)s::integer IS NULL OR trigger_id = %(trigger_id)s)
    AND (%(workflow_id)s::integer IS NULL OR workflow_id = %(workflow_id)s)
ORDER BY id DESC
LIMIT %(limit)s;

-- name: list_totals
-- How many events of each type launches have had.
SELECT launch_totals.launch_id, launch_totals.type, launch_totals.total
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN launch_totals ON launch_totals.bucket = sought.bucket AND launch_totals.launch_id = sought.id
ORDER BY launch_totals.type;

-- name: lock
-- A launch, so that nobody else changes it or sends of it again.
SELECT state FROM launches WHERE bucket = %(bucket)s AND id = %(id)s FOR UPDATE;

-- name: lock_paused
-- Which of these launches are paused? They stay so until the transaction ends.
SELECT launches.id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN launches ON launches.bucket = sought.bucket AND launches.id = sought.id
WHERE launches.state = 'paused'
ORDER BY launches.id
FOR SHARE OF launches;

-- name: change
-- What is wanted of a launch, and whether its messages are to be brought into line with it.
UPDATE launches
SET state = %(state)s, is_unsettled = %(is_unsettled)s
WHERE bucket = %(bucket)s AND id = %(id)s;

-- name: list_unsettled
-- Launches whose messages are to be brought into line.
SELECT id FROM launches WHERE is_unsettled LIMIT %(limit)s;

-- name: lock_unsettled
-- What is wanted of such a launch, if nobody else is at it.
SELECT state
FROM launches
WHERE bucket = %(bucket)s AND id = %(id)s AND is_unsettled
FOR UPDATE SKIP LOCKED;

-- name: delete_old
-- Launches of which nothing is left but totals, and these.
WITH old AS (
    DELETE FROM launches
    USING (
        SELECT bucket, id
        FROM launches AS candidate
        WHERE id < %(before)s
            AND NOT is_unsettled
            AND NOT EXISTS (SELECT FROM messages WHERE messages.launch_id = candidate.id)
            AND NOT EXISTS (SELECT FROM passages WHERE passages.launch_id = candidate.id)
        ORDER BY id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS chosen
    WHERE launches.bucket = chosen.bucket AND launches.id = chosen.id
    RETURNING launches.bucket, launches.id
), totals AS (
    DELETE FROM launch_totals
    USING old
    WHERE launch_totals.bucket = old.bucket AND launch_totals.launch_id = old.id
)
SELECT count(*) FROM old;
