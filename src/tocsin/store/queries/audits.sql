-- name: insert
-- What somebody did, a row for each object.
INSERT INTO audits (id, at, author_kind, author, ip, action, section, key, name, details)
SELECT id, %(at)s::timestamptz, %(author_kind)s::text, %(author)s::text, %(ip)s::text, action, section, key, name,
    details::jsonb
FROM unnest(%(ids)s::bytea[], %(actions)s::text[], %(sections)s::text[], %(keys)s::text[], %(names)s::text[],
    %(details)s::text[]) AS done (id, action, section, key, name, details);

-- name: list
-- A page of what was done, the latest first, from before a given one; of one author or section where they are given.
SELECT id, at, author_kind, author, ip, action, section, key, name, details::text
FROM audits
WHERE id < %(before)s::bytea
    AND (%(author)s::text = '' OR author = %(author)s::text)
    AND (%(section)s::text = '' OR section = %(section)s::text)
ORDER BY id DESC
LIMIT %(limit)s;

-- name: list_of_object
-- What was done to an object, the latest first.
SELECT id, at, author_kind, author, ip, action, section, key, name, details::text
FROM audits
WHERE section = %(section)s::text AND key = %(key)s::text
ORDER BY id DESC
LIMIT %(limit)s;

-- name: count
-- How often did somebody do something from an id on?
SELECT count(*)
FROM audits
WHERE id >= %(first)s::bytea AND author = %(author)s::text AND action = %(action)s::text;
