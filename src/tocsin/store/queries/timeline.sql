-- name: list_of_profile
-- A page of what happened to a profile, events and steps, the newest first.
SELECT *
FROM (
    SELECT at, id AS key, false AS is_step, type, message_id, launch_id, trigger_id, 0 AS workflow_id, '' AS node,
        NULL AS target, data::text AS data
    FROM events
    WHERE bucket = %(bucket)s::smallint AND profile_id = %(profile_id)s::bytea
        AND at <= %(before_at)s AND (at, id) < (%(before_at)s, %(before_key)s::bytea)
        AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s::text[]))
    ORDER BY at DESC, id DESC
    LIMIT %(limit)s
) AS happened
UNION ALL
SELECT *
FROM (
    SELECT at, passage_id || int4send(number) AS key, true, reason, ''::bytea, ''::bytea, 0, workflow_id, node, target,
        '{}'
    FROM steps
    WHERE bucket = %(bucket)s::smallint AND profile_id = %(profile_id)s::bytea
        AND %(with_steps)s AND at <= %(before_at)s
        AND (at, passage_id || int4send(number)) < (%(before_at)s, %(before_key)s::bytea)
    ORDER BY at DESC, passage_id || int4send(number) DESC
    LIMIT %(limit)s
) AS taken
ORDER BY at DESC, key DESC
LIMIT %(limit)s;
