-- name: insert
-- One launch; its messages follow in the same transaction.
INSERT INTO launches (bucket, id, trigger_id, workflow_id, content, custom_data, attachments, created_at)
VALUES (
    %(bucket)s, %(id)s, %(trigger_id)s, %(workflow_id)s,
    %(content)s::text::jsonb, %(custom_data)s::text::jsonb, %(attachments)s::text::jsonb, %(created_at)s
);

-- name: get
-- Launches by id.
SELECT launches.id, launches.trigger_id, launches.content::text, launches.custom_data::text, launches.attachments::text,
    launches.workflow_id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN launches ON launches.bucket = sought.bucket AND launches.id = sought.id;
