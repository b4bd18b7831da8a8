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
