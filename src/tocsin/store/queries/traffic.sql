-- name: list_counts
-- By minute or hour, channel and outcome, of all connections together.
SELECT minute, channel, outcome, sum(total)::bigint
FROM traffic
WHERE minute >= %(from_at)s AND minute < %(until)s
GROUP BY minute, channel, outcome
ORDER BY minute, channel, outcome;

-- name: list_days
-- By trigger, day and type, of all connections together.
SELECT trigger_id, day, type, sum(total)::bigint
FROM trigger_days
WHERE trigger_id = ANY(%(trigger_ids)s::integer[]) AND day >= %(from_day)s AND day < %(until)s
GROUP BY trigger_id, day, type
ORDER BY trigger_id, day, type;

-- name: fold_connections
-- Add up the minutes before a time that connections have counted; whoever else does so leaves these alone.
WITH old AS (
    DELETE FROM traffic
    WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM traffic WHERE minute < %(before)s AND connection <> 0 FOR UPDATE SKIP LOCKED
    ))
    RETURNING minute, channel, outcome, total
)
INSERT INTO traffic (minute, connection, channel, outcome, total)
SELECT minute, 0, channel, outcome, sum(total) FROM old GROUP BY minute, channel, outcome ORDER BY 1, 3, 4
ON CONFLICT (minute, connection, channel, outcome) DO UPDATE SET total = traffic.total + EXCLUDED.total;

-- name: fold_minutes
-- Make hours of the minutes before a time, which is a whole hour.
WITH old AS (
    DELETE FROM traffic
    WHERE ctid = ANY(ARRAY(
        SELECT ctid
        FROM traffic
        WHERE minute < %(before)s AND minute <> date_trunc('hour', minute, 'UTC')
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING minute, channel, outcome, total
)
INSERT INTO traffic (minute, connection, channel, outcome, total)
SELECT date_trunc('hour', minute, 'UTC'), 0, channel, outcome, sum(total) FROM old GROUP BY 1, 3, 4 ORDER BY 1, 3, 4
ON CONFLICT (minute, connection, channel, outcome) DO UPDATE SET total = traffic.total + EXCLUDED.total;

-- name: fold_days
-- Add up the days before one that connections have counted.
WITH old AS (
    DELETE FROM trigger_days
    WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM trigger_days WHERE day < %(before)s AND connection <> 0 FOR UPDATE SKIP LOCKED
    ))
    RETURNING trigger_id, day, type, total
)
INSERT INTO trigger_days (trigger_id, day, connection, type, total)
SELECT trigger_id, day, 0, type, sum(total) FROM old GROUP BY trigger_id, day, type ORDER BY 1, 2, 4
ON CONFLICT (trigger_id, day, connection, type) DO UPDATE SET total = trigger_days.total + EXCLUDED.total;

-- name: delete_old
-- Forget hours and days before a time.
WITH days AS (
    DELETE FROM trigger_days WHERE day < %(before)s::date
)
DELETE FROM traffic WHERE minute < %(before)s;
