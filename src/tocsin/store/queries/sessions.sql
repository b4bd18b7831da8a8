-- name: insert
-- A browser that has just logged in.
INSERT INTO sessions (token, user_id, is_half, created_at, seen_at, ip, user_agent)
VALUES (%(token)s::bytea, %(user_id)s::uuid, %(is_half)s::boolean, %(now)s::timestamptz, %(now)s::timestamptz,
    %(ip)s::text, %(user_agent)s::text);

-- name: find
-- Whose session is this, if neither it nor its user was away for too long?
SELECT user_id, is_half, seen_at
FROM sessions
WHERE token = %(token)s::bytea AND created_at > %(created_after)s::timestamptz
    AND seen_at > %(seen_after)s::timestamptz;

-- name: list_of_user
-- Where a user is logged in, the latest first.
SELECT token, created_at, seen_at, ip, user_agent
FROM sessions
WHERE user_id = %(user_id)s::uuid AND NOT is_half
ORDER BY seen_at DESC
LIMIT 50;

-- name: mark_seen
-- When a session was last used.
UPDATE sessions SET seen_at = %(at)s::timestamptz WHERE token = %(token)s::bytea;

-- name: delete
-- A session that is over.
DELETE FROM sessions WHERE token = %(token)s::bytea;

-- name: delete_others
-- Every session of a user but one.
DELETE FROM sessions WHERE user_id = %(user_id)s::uuid AND token <> %(kept)s::bytea;

-- name: delete_old
-- Sessions that nobody can use any more.
DELETE FROM sessions WHERE created_at < %(created_before)s::timestamptz OR seen_at < %(seen_before)s::timestamptz;

-- name: count_failures
-- How often each subject has failed since a time.
SELECT subject, count(*)
FROM login_failures
WHERE subject = ANY(%(subjects)s::text[]) AND at > %(since)s::timestamptz
GROUP BY subject;

-- name: insert_failures
-- A failure counts against each of its subjects.
INSERT INTO login_failures (subject, at) SELECT subject, %(at)s::timestamptz FROM unnest(%(subjects)s::text[]) AS subject;

-- name: delete_old_failures
-- Failures that count no more.
DELETE FROM login_failures WHERE at < %(before)s::timestamptz;
