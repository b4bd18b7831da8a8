-- name: list_totals
-- How many events of each type triggers have had.
SELECT trigger_id, type, total
FROM event_totals
WHERE trigger_id = ANY(%(trigger_ids)s::integer[])
ORDER BY trigger_id, type;

-- name: list_reasons_of_trigger
-- Why were the latest skips of a trigger?
SELECT latest.reason, count(*)
FROM unnest(%(types)s::text[]) AS sought (type)
CROSS JOIN LATERAL (
    SELECT COALESCE(data->>'reason', '') AS reason
    FROM events
    WHERE trigger_id = %(trigger_id)s AND type = sought.type
    ORDER BY at DESC
    LIMIT %(limit)s
) AS latest
GROUP BY latest.reason
ORDER BY count(*) DESC, latest.reason;

-- name: list_reasons_of_launch
-- Why were the latest skips of a launch?
SELECT latest.reason, count(*)
FROM unnest(%(types)s::text[]) AS sought (type)
CROSS JOIN LATERAL (
    SELECT COALESCE(data->>'reason', '') AS reason
    FROM events
    WHERE launch_id = %(launch_id)s AND type = sought.type
    ORDER BY at DESC
    LIMIT %(limit)s
) AS latest
GROUP BY latest.reason
ORDER BY count(*) DESC, latest.reason;
