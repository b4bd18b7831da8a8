-- name: admit
-- One more confirmation mail for each of these addresses that has not had as many today as it may; answers those.
INSERT INTO confirmations (address, day, total)
SELECT address, %(day)s::date, 1
FROM unnest(%(addresses)s::bytea[]) AS address
ON CONFLICT (address, day) DO UPDATE SET total = confirmations.total + 1
WHERE confirmations.total < %(most)s
RETURNING address;

-- name: delete_old
-- Forget how many there were on days gone by.
DELETE FROM confirmations WHERE day < %(day)s::date;
