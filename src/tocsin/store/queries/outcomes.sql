-- name: add
-- Count outcomes of a worker by sender, what senders came to this minute, and, of the minute, what is tried again.
-- What is by minute has a row for each connection, so that no two wait for each other.
WITH of_senders AS (
    INSERT INTO sender_minutes (minute, connection, sender_id, sent, failed, failed_at, text)
    SELECT %(minute)s, pg_backend_pid(), *
    FROM unnest(%(minute_senders)s::integer[], %(sent)s::bigint[], %(failed)s::bigint[], %(failed_at)s::timestamptz[],
        %(texts)s::text[])
    ON CONFLICT (minute, connection, sender_id) DO UPDATE
    SET sent = sender_minutes.sent + EXCLUDED.sent,
        failed = sender_minutes.failed + EXCLUDED.failed,
        failed_at = COALESCE(EXCLUDED.failed_at, sender_minutes.failed_at),
        text = CASE WHEN EXCLUDED.failed > 0 THEN EXCLUDED.text ELSE sender_minutes.text END
), of_minute AS (
    INSERT INTO traffic (minute, connection, channel, outcome, total)
    SELECT %(minute)s, pg_backend_pid(), channel, 'deferred', total
    FROM unnest(%(channels)s::text[], %(deferred)s::bigint[]) AS counted (channel, total)
    ON CONFLICT (minute, connection, channel, outcome) DO UPDATE SET total = traffic.total + EXCLUDED.total
)
INSERT INTO outcome_totals (worker_id, sender_id, outcome, total)
SELECT %(worker_id)s::uuid, * FROM unnest(%(sender_ids)s::integer[], %(outcomes)s::text[], %(totals)s::bigint[])
ON CONFLICT (worker_id, sender_id, outcome) DO UPDATE SET total = outcome_totals.total + EXCLUDED.total;

-- name: fold
-- What workers that are gone have counted is added to that of all who went before.
WITH gone AS (
    DELETE FROM outcome_totals WHERE worker_id = ANY(%(worker_ids)s::uuid[]) RETURNING sender_id, outcome, total
)
INSERT INTO outcome_totals (worker_id, sender_id, outcome, total)
SELECT %(of_all)s::uuid, sender_id, outcome, sum(total) FROM gone GROUP BY sender_id, outcome ORDER BY sender_id, outcome
ON CONFLICT (worker_id, sender_id, outcome) DO UPDATE SET total = outcome_totals.total + EXCLUDED.total;

-- name: list_totals
-- Of all workers together.
SELECT sender_id, outcome, sum(total)::bigint FROM outcome_totals GROUP BY sender_id, outcome
ORDER BY sender_id, outcome;

-- name: list_recent
-- What senders came to since a minute, and what was said when one failed last.
SELECT sender_id, sum(sent)::bigint, sum(failed)::bigint, max(failed_at),
    COALESCE((array_agg(text ORDER BY failed_at DESC NULLS LAST) FILTER (WHERE failed > 0))[1], '')
FROM sender_minutes
WHERE minute >= %(after)s
GROUP BY sender_id
ORDER BY sender_id;

-- name: delete_old
-- Forget what senders came to before a time.
DELETE FROM sender_minutes WHERE minute < %(before)s;
