-- name: add
-- Count outcomes of a worker.
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
