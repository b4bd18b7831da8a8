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
SELECT combination, profile_id
FROM (
    SELECT combination, profile_id, row_number() OVER (PARTITION BY combination) AS place
    FROM (
        SELECT sought.combination, identities.profile_id
        FROM unnest(%(combinations)s::integer[], %(values)s::text[]) AS sought (combination, value)
        JOIN identities
            ON identities.value = sought.value COLLATE "C"
            AND identities.database_id = %(database_id)s
            AND identities.kind = ANY(%(kinds)s::smallint[])
        GROUP BY sought.combination, identities.profile_id
        HAVING count(DISTINCT sought.value) = (
            SELECT count(DISTINCT needed.value)
            FROM unnest(%(combinations)s::integer[], %(values)s::text[]) AS needed (combination, value)
            WHERE needed.combination = sought.combination
        )
    ) AS owners
) AS numbered
WHERE place <= 2;

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
