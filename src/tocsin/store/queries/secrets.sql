-- name: make_first
-- The first secret of a name, unless there is one: whoever else makes one at this moment gets the same.
INSERT INTO secrets (name, number, value)
VALUES (%(name)s::text, 1, %(value)s::bytea)
ON CONFLICT (name, number) DO NOTHING;

-- name: list
-- What has been signed with under a name, first what signs now: a new secret does after two minutes, when all know it.
SELECT value
FROM secrets
WHERE name = %(name)s::text
ORDER BY number > 1 AND made_at > now() - interval '2 minutes', number DESC;

-- name: rotate
-- A new secret that signs from now on.
INSERT INTO secrets (name, number, value)
SELECT %(name)s::text, COALESCE(max(number), 0) + 1, %(value)s::bytea FROM secrets WHERE name = %(name)s::text;

-- name: forget
-- Give up all secrets of a name but the latest.
DELETE FROM secrets
WHERE name = %(name)s::text AND number < (SELECT max(number) FROM secrets WHERE name = %(name)s::text);
