-- name: get_version
-- The version that the configuration has reached.
SELECT version FROM configuration_version;

-- name: lock
-- Be the only one to change anything until the transaction ends.
SELECT version FROM configuration_version FOR UPDATE;

-- name: next_version
-- Begin a change; changes wait for one another.
UPDATE configuration_version SET version = version + 1 RETURNING version;

-- name: list_changes
-- Objects changed since a version; a null spec says removed.
SELECT kind, key, spec::text FROM configuration WHERE version > %(version)s ORDER BY kind, key;

-- name: upsert
-- Objects as they are from this version on; a null spec removes.
INSERT INTO configuration (kind, key, spec, version)
SELECT kind, key, spec::jsonb, %(version)s
FROM unnest(%(kinds)s::text[], %(keys)s::text[], %(specs)s::text[]) AS changed (kind, key, spec)
ON CONFLICT (kind, key) DO UPDATE SET spec = EXCLUDED.spec, version = EXCLUDED.version;

-- name: add_history
-- What objects are from this version on, to be looked back at.
INSERT INTO configuration_history (kind, key, version, spec, at, author)
SELECT kind, key, %(version)s, spec::jsonb, %(at)s::timestamptz, %(author)s::text
FROM unnest(%(kinds)s::text[], %(keys)s::text[], %(specs)s::text[]) AS changed (kind, key, spec);

-- name: list_history
-- What an object was before a version, the latest first.
SELECT version, spec::text, at, author
FROM configuration_history
WHERE kind = %(kind)s::text AND key = %(key)s::text AND version < %(before)s::bigint
ORDER BY version DESC
LIMIT %(limit)s;

-- name: mark
-- These objects stand in a file, and no others do that were said to.
UPDATE configuration
SET managed_by = CASE WHEN (kind, key) IN (SELECT * FROM unnest(%(kinds)s::text[], %(keys)s::text[]))
    THEN %(file)s::text ELSE '' END
WHERE managed_by = %(file)s::text
    OR (kind, key) IN (SELECT * FROM unnest(%(kinds)s::text[], %(keys)s::text[]));

-- name: list_marks
-- Which objects stand in which files?
SELECT kind, key, managed_by FROM configuration WHERE managed_by <> '' AND spec IS NOT NULL;
