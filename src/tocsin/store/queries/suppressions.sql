-- name: list_matching
-- Which of these values are on which lists, as they are or as hashes? One value may be on several. Value by value, by the
-- index. Nothing is hashed unless there are such hashes at all, which is asked once.
WITH asked AS (SELECT value FROM unnest(%(values)s::text[]) AS value)
SELECT meant.value, found.list_id, found.resource_id, meant.written
FROM (
    SELECT value, value AS written FROM asked
    UNION ALL
    SELECT value, 'md5:' || md5(value)
    FROM asked
    WHERE NOT starts_with(value, '@')
        AND EXISTS (SELECT FROM suppressions WHERE suppressions.value >= 'md5:' AND suppressions.value < 'md5:g')
    UNION ALL
    SELECT value, 'sha256:' || encode(sha256(convert_to(value, 'UTF8')), 'hex')
    FROM asked
    WHERE NOT starts_with(value, '@')
        AND EXISTS (SELECT FROM suppressions WHERE suppressions.value >= 'sha256:' AND suppressions.value < 'sha256:g')
) AS meant (value, written)
CROSS JOIN LATERAL (
    SELECT suppressions.list_id, suppressions.resource_id
    FROM suppressions
    WHERE suppressions.value = meant.written
    LIMIT 1000
) AS found;

-- name: list_entries
-- Everything that is known of these values.
SELECT suppressions.value, suppressions.list_id, suppressions.source, suppressions.at, suppressions.reason,
    suppressions.message_id, suppressions.resource_id
FROM unnest(%(values)s::text[]) AS asked (value)
JOIN suppressions ON suppressions.value = asked.value
ORDER BY suppressions.value, suppressions.at, suppressions.list_id, suppressions.source, suppressions.resource_id;

-- name: list_of_list
-- A page of a list, in the order of its values, after one of them.
SELECT value, list_id, source, at, reason, message_id, resource_id
FROM suppressions
WHERE list_id = %(list_id)s AND value > %(after)s COLLATE "C"
ORDER BY value, source, resource_id
LIMIT %(limit)s;

-- name: upsert
-- Put values on lists, or note the newer reason where they are; answers whether each was new.
INSERT INTO suppressions (value, list_id, source, resource_id, at, reason, message_id)
SELECT * FROM unnest(
    %(values)s::text[], %(list_ids)s::integer[], %(sources)s::text[], %(resource_ids)s::integer[],
    %(at)s::timestamptz[], %(reasons)s::text[], %(message_ids)s::bytea[]
)
ON CONFLICT (value, list_id, source, resource_id)
    DO UPDATE SET at = EXCLUDED.at, reason = EXCLUDED.reason, message_id = EXCLUDED.message_id
RETURNING xmax = 0;

-- name: delete
-- Take values from a list, but what the file names; answers those that were on it.
DELETE FROM suppressions
USING unnest(%(values)s::text[]) AS lifted (value)
WHERE suppressions.value = lifted.value AND suppressions.list_id = %(list_id)s AND suppressions.source <> 'file'
RETURNING suppressions.value;

-- name: delete_not_in_file
-- Take from a list what the file does not name any more.
DELETE FROM suppressions
WHERE list_id = %(list_id)s AND source = 'file' AND value <> ALL(%(values)s::text[]);

-- name: insert_of_file
-- Put on a list what the file names.
INSERT INTO suppressions (value, list_id, source, at)
SELECT value, %(list_id)s, 'file', %(at)s FROM unnest(%(values)s::text[]) AS named (value)
ON CONFLICT DO NOTHING;

-- name: count
-- How many values are on each list?
SELECT list_id, count(DISTINCT value) FROM suppressions WHERE list_id = ANY(%(list_ids)s::integer[]) GROUP BY list_id;
