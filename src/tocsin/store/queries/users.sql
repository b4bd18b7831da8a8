-- name: count
-- How many users are there?
SELECT count(*) FROM users;

-- name: list
-- Every user, by email.
SELECT id, email, name, role, password_hash IS NOT NULL, code_secret IS NOT NULL, language, timezone, is_disabled,
    created_at, seen_at
FROM users
ORDER BY email;

-- name: find
-- The user with this id.
SELECT id, email, name, role, password_hash IS NOT NULL, code_secret IS NOT NULL, language, timezone, is_disabled,
    created_at, seen_at
FROM users
WHERE id = %(id)s::uuid;

-- name: find_secrets
-- What the user with this email or id proves who it is with.
SELECT id, password_hash, code_secret, code_step, is_disabled
FROM users
WHERE email = %(email)s::text OR id = %(id)s::uuid;

-- name: lock
-- Be the only one to make, change or disable users until the transaction ends: somebody must stay an owner.
SELECT pg_advisory_xact_lock(%(lock)s::integer, 0);

-- name: insert
-- A new user, without a password.
INSERT INTO users (id, email, name, role, created_at)
VALUES (%(id)s::uuid, %(email)s::text, %(name)s::text, %(role)s::text, %(created_at)s::timestamptz);

-- name: update
-- A user's name, role, language and time zone, and whether it may log in.
UPDATE users
SET name = %(name)s::text, role = %(role)s::text, language = %(language)s::text, timezone = %(timezone)s::text,
    is_disabled = %(is_disabled)s::boolean
WHERE id = %(id)s::uuid;

-- name: set_password
-- Prove who you are with this from now on.
UPDATE users SET password_hash = %(password_hash)s::text WHERE id = %(id)s::uuid;

-- name: set_codes
-- Ask for one-time codes of this secret from now on, or for none.
UPDATE users SET code_secret = %(code_secret)s::text, code_step = 0 WHERE id = %(id)s::uuid;

-- name: take_step
-- Take the code of a step, unless that or a later one was taken before.
UPDATE users
SET code_step = %(step)s::bigint
WHERE id = %(id)s::uuid AND code_step < %(step)s::bigint
RETURNING code_step;

-- name: mark_seen
-- When a user was last there.
UPDATE users SET seen_at = %(at)s::timestamptz WHERE id = %(id)s::uuid;

-- name: delete
-- A user that is no more.
DELETE FROM users WHERE id = %(id)s::uuid;

-- name: insert_link
-- A link that works once; older ones of the same user are void.
WITH void AS (DELETE FROM user_links WHERE user_id = %(user_id)s::uuid)
INSERT INTO user_links (token, user_id, expires_at)
VALUES (%(token)s::bytea, %(user_id)s::uuid, %(expires_at)s::timestamptz);

-- name: find_link
-- Whose is this link, if it still works?
SELECT user_id FROM user_links WHERE token = %(token)s::bytea AND expires_at > %(now)s::timestamptz;

-- name: delete_link
-- A link that was used, and those that have run out.
DELETE FROM user_links WHERE token = %(token)s::bytea OR expires_at < %(now)s::timestamptz;

-- name: delete_links
-- Every link to an account, that for the first owner with null.
DELETE FROM user_links WHERE user_id IS NOT DISTINCT FROM %(user_id)s::uuid;
