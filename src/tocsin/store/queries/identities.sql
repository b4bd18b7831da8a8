-- name: find
-- Which profiles own these values? At most two for each, since more says no more than "ambiguous".
-- resource_id narrows subscriptions to those of one resource; values of the profile itself always count.
SELECT sought.value, owner.profile_id
FROM unnest(%(values)s::text[]) AS sought (value)
CROSS JOIN LATERAL (
    SELECT DISTINCT identities.profile_id
    FROM identities
    WHERE identities.value = sought.value COLLATE "C"
        AND identities.database_id = %(database_id)s
        AND identities.kind = ANY(%(kinds)s::smallint[])
        AND (%(resource_id)s::integer IS NULL OR identities.resource_id IN (0, %(resource_id)s::integer))
    LIMIT 2
) AS owner;

-- name: find_owners_of_all
-- Which profiles own every value of a combination? Combinations are numbered; at most two profiles for each.
-- Values are those of fields, hence of no resource. The owners of the rarest value (counted up to 100) are asked for the
-- others, so that one which half of all profiles have costs no more than any other.
SELECT needed.combination, owner.profile_id
FROM (
    SELECT sought.combination, array_agg(sought.value ORDER BY few.owners) AS values
    FROM unnest(%(combinations)s::integer[], %(values)s::text[]) AS sought (combination, value)
    CROSS JOIN LATERAL (
        SELECT count(*) AS owners
        FROM (
            SELECT FROM identities
            WHERE identities.value = sought.value COLLATE "C"
                AND identities.database_id = %(database_id)s
                AND identities.kind = %(kind)s
                AND identities.resource_id = 0
            LIMIT 100
        ) AS owned
    ) AS few
    GROUP BY sought.combination
) AS needed
CROSS JOIN LATERAL (
    SELECT identities.profile_id
    FROM identities
    WHERE identities.value = needed.values[1] COLLATE "C"
        AND identities.database_id = %(database_id)s
        AND identities.kind = %(kind)s
        AND identities.resource_id = 0
        AND NOT EXISTS (
            SELECT FROM unnest(needed.values[2:]) AS other (value)
            WHERE NOT EXISTS (
                SELECT FROM identities AS held
                WHERE held.value = other.value COLLATE "C"
                    AND held.database_id = %(database_id)s
                    AND held.kind = %(kind)s
                    AND held.resource_id = 0
                    AND held.profile_id = identities.profile_id
            )
        )
    LIMIT 2
) AS owner;

-- name: delete
-- Forget identities that their profiles no longer have.
DELETE FROM identities
USING unnest(
    %(values)s::text[], %(kinds)s::smallint[], %(resource_ids)s::integer[], %(profile_ids)s::bytea[]
) AS gone (value, kind, resource_id, profile_id)
WHERE identities.value = gone.value COLLATE "C"
    AND identities.database_id = %(database_id)s
    AND identities.kind = gone.kind
    AND identities.resource_id = gone.resource_id
    AND identities.profile_id = gone.profile_id;

-- name: delete_fields
-- Forget every value of some custom fields; prefixes end with the dot that ends a field's name.
DELETE FROM identities
USING unnest(%(prefixes)s::text[]) AS field (prefix)
WHERE identities.database_id = %(database_id)s
    AND identities.kind = %(kind)s
    AND starts_with(identities.value, field.prefix);

-- name: count_shared
-- How many values of a custom field belong to several profiles? The prefix ends with the dot that ends its name.
SELECT count(*)
FROM (
    SELECT identities.value
    FROM identities
    WHERE identities.database_id = %(database_id)s
        AND identities.kind = %(kind)s
        AND starts_with(identities.value, %(prefix)s)
    GROUP BY identities.value
    HAVING count(DISTINCT identities.profile_id) > 1
) AS shared;

-- name: list_owners
-- Who has one of these values, in any database and at any resource?
SELECT DISTINCT database_id, profile_id, value
FROM identities
WHERE value = ANY(%(values)s::text[]) AND kind = %(kind)s
LIMIT 10000;

-- name: list_addressees
-- Who has one of these addresses, in any database and at any resource?
SELECT DISTINCT profile_id
FROM identities
WHERE value = ANY(%(values)s::text[]) AND kind = ANY(%(kinds)s::smallint[])
LIMIT %(limit)s;

-- name: list_addressees_by_prefix
-- Who has an address that begins so? From so many addresses.
SELECT DISTINCT profile_id
FROM (
    SELECT profile_id
    FROM identities
    WHERE value >= %(beginning)s COLLATE "C"
        AND value < %(end)s COLLATE "C"
        AND kind = ANY(%(kinds)s::smallint[])
    ORDER BY value
    LIMIT %(limit)s
) AS first;

-- name: list_newest_owners
-- Who has so many of these values, each of its kind? The newest profiles first, from before a given one.
SELECT identities.database_id, identities.profile_id
FROM unnest(%(values)s::text[], %(kinds)s::smallint[]) AS sought (value, kind)
JOIN identities ON identities.value = sought.value COLLATE "C" AND identities.kind = sought.kind
WHERE (%(database_id)s::integer IS NULL OR identities.database_id = %(database_id)s::integer)
    AND (%(resource_id)s::integer IS NULL OR identities.resource_id IN (0, %(resource_id)s::integer))
    AND identities.profile_id < %(before)s::bytea
GROUP BY identities.database_id, identities.profile_id
HAVING count(DISTINCT identities.value) >= %(at_least)s
ORDER BY identities.profile_id DESC
LIMIT %(limit)s;
