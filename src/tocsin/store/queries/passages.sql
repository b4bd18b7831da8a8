-- name: keep_graphs
-- No graph changes until the transaction ends; whoever brings profiles in may do so beside others.
SELECT pg_advisory_xact_lock_shared(%(kind)s::integer, 0);

-- name: lock_graphs
-- Nobody brings profiles in until the transaction ends.
SELECT pg_advisory_xact_lock(%(kind)s::integer, 0);

-- name: list_inside
-- Which of these profiles are in a workflow now?
SELECT passages.profile_id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN passages ON passages.bucket = sought.bucket AND passages.profile_id = sought.id
WHERE passages.workflow_id = %(workflow_id)s;

-- name: list_entered
-- Which of these profiles have ever entered a workflow?
SELECT workflow_entries.profile_id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS sought (bucket, id)
JOIN workflow_entries
    ON workflow_entries.bucket = sought.bucket
    AND workflow_entries.profile_id = sought.id
    AND workflow_entries.workflow_id = %(workflow_id)s;

-- name: insert_entries
-- Remember that profiles have entered; the first time stays.
INSERT INTO workflow_entries (bucket, profile_id, workflow_id, first_entered_at)
SELECT entered.bucket, entered.id, %(workflow_id)s, %(now)s
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS entered (bucket, id)
ON CONFLICT (bucket, profile_id, workflow_id) DO NOTHING;

-- name: delete_of_profiles
-- End the passages of profiles through a workflow.
DELETE FROM passages
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
WHERE passages.bucket = gone.bucket AND passages.profile_id = gone.id AND passages.workflow_id = %(workflow_id)s;

-- name: delete_of_workflow
-- End all passages through a workflow, or those at some of its nodes.
DELETE FROM passages
WHERE workflow_id = %(workflow_id)s AND (%(nodes)s::text[] IS NULL OR node = ANY(%(nodes)s::text[]));

-- name: delete_of_launch
-- Some passages that a launch began; what is being worked on looks at the launch by itself.
WITH chosen AS (
    SELECT bucket, id
    FROM passages
    WHERE bucket BETWEEN %(first_bucket)s AND %(last_bucket)s AND launch_id = %(launch_id)s
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM passages
USING chosen
WHERE passages.bucket = chosen.bucket AND passages.id = chosen.id
RETURNING passages.id;

-- name: count_of_launches
-- How many passages launches have begun that go on, by launch.
SELECT launch_id, count(*) FROM passages WHERE launch_id = ANY(%(launch_ids)s::bytea[]) GROUP BY launch_id;

-- name: revise
-- Nodes of a workflow have changed: those who are there look again at once, in the lane that the node has now.
UPDATE passages
SET lane = %(lane)s, due_at = %(now)s
WHERE workflow_id = %(workflow_id)s AND node = ANY(%(nodes)s::text[]);

-- name: lock_due
-- Due passages of workflows in their order, oldest first in each and so many of each, that nobody else has in hand.
SELECT found.bucket, found.id
FROM unnest(%(workflow_ids)s::integer[], %(rooms)s::integer[]) AS active (workflow_id, room)
CROSS JOIN LATERAL (
    SELECT passages.bucket, passages.id
    FROM passages
    WHERE passages.workflow_id = active.workflow_id
        AND passages.lane = %(lane)s
        AND passages.due_at <= %(now)s
        AND passages.bucket BETWEEN %(first_bucket)s AND %(last_bucket)s
    ORDER BY passages.due_at
    LIMIT active.room
    FOR UPDATE SKIP LOCKED
) AS found
LIMIT %(limit)s;

-- name: claim
-- Take passages that this transaction has locked, until the lease ends.
UPDATE passages
SET due_at = %(leased_until)s
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS due (bucket, id)
WHERE passages.bucket = due.bucket AND passages.id = due.id
RETURNING passages.id, passages.profile_id, passages.workflow_id, passages.launch_id, passages.node,
    passages.arrived_at, passages.due_at, passages.attempts, passages.steps, passages.awaits, passages.memory::text;

-- name: lock
-- Those of the claimed passages that are still there and still ours, locked until the transaction ends.
-- The planner must not go by due_at, whose statistics know nothing of leases; IS NOT DISTINCT FROM uses no index.
SELECT passages.id
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS claimed (bucket, id)
JOIN passages ON passages.bucket = claimed.bucket AND passages.id = claimed.id
WHERE passages.due_at IS NOT DISTINCT FROM %(leased_until)s
ORDER BY passages.bucket, passages.id
FOR UPDATE OF passages;

-- name: update
-- Where passages are from now on; the caller has locked them.
UPDATE passages
SET node = moved.node, arrived_at = moved.arrived_at, due_at = moved.due_at, lane = moved.lane,
    attempts = moved.attempts, steps = moved.steps, awaits = moved.awaits, memory = moved.memory::jsonb
FROM unnest(
    %(buckets)s::smallint[], %(ids)s::bytea[], %(nodes)s::text[], %(arrived_at)s::timestamptz[],
    %(due_at)s::timestamptz[], %(lanes)s::text[], %(attempts)s::smallint[], %(steps)s::integer[],
    %(awaits)s::bytea[], %(memories)s::text[]
) AS moved (bucket, id, node, arrived_at, due_at, lane, attempts, steps, awaits, memory)
WHERE passages.bucket = moved.bucket AND passages.id = moved.id;

-- name: keep
-- Go on with claimed passages for longer; those that are no longer ours stay as they are.
UPDATE passages
SET due_at = %(leased_until)s
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS claimed (bucket, id)
WHERE passages.bucket = claimed.bucket AND passages.id = claimed.id
    AND passages.due_at IS NOT DISTINCT FROM %(leased_before)s;

-- name: delete
-- Passages that have ended.
DELETE FROM passages
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS ended (bucket, id)
WHERE passages.bucket = ended.bucket AND passages.id = ended.id;

-- name: wake
-- Something has happened to these messages: whoever waits for it looks again. In the order in which all lock passages.
WITH waiting AS (
    SELECT passages.bucket, passages.id
    FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS happened (bucket, id)
    JOIN passages ON passages.bucket = happened.bucket AND passages.awaits = happened.id
    WHERE (passages.due_at <= %(now)s) IS FALSE
    ORDER BY passages.bucket, passages.id
    FOR UPDATE OF passages
)
UPDATE passages
SET due_at = %(now)s
FROM waiting
WHERE passages.bucket = waiting.bucket AND passages.id = waiting.id;

-- name: list_happened
-- What has happened to messages of profiles so far.
SELECT DISTINCT events.message_id, events.type
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[], %(message_ids)s::bytea[])
    AS sought (bucket, profile_id, message_id)
JOIN events
    ON events.bucket = sought.bucket
    AND events.profile_id = sought.profile_id
    AND events.message_id = sought.message_id
    AND events.data->'is_bot' IS NULL;

-- name: add_totals
-- Count how often each way was taken.
INSERT INTO step_totals (workflow_id, node, target, total)
SELECT * FROM unnest(%(workflow_ids)s::integer[], %(nodes)s::text[], %(targets)s::text[], %(totals)s::bigint[])
ON CONFLICT (workflow_id, node, target) DO UPDATE SET total = step_totals.total + EXCLUDED.total;

-- name: list_totals
-- How often each way of a workflow was taken.
SELECT node, target, total FROM step_totals WHERE workflow_id = %(workflow_id)s ORDER BY node, target;

-- name: count_by_node
-- How many passages are at each node of a workflow.
SELECT node, count(*) FROM passages WHERE workflow_id = %(workflow_id)s GROUP BY node ORDER BY node;

-- name: list_at_node
-- A page of those who are at a node, in the order in which they entered.
SELECT id, profile_id, workflow_id, launch_id, node, arrived_at, due_at, attempts, steps, awaits, memory::text
FROM passages
WHERE workflow_id = %(workflow_id)s AND node = %(node)s::text AND id > %(after)s::bytea
ORDER BY id
LIMIT %(limit)s;

-- name: count_by_workflow
-- How many passages are in each workflow.
SELECT workflow_id, count(*) FROM passages GROUP BY workflow_id;

-- name: sum_totals
-- How often passages left each node, and how often they ended at it, in all workflows.
SELECT workflow_id, node, sum(total)::bigint, coalesce(sum(total) FILTER (WHERE target = ''), 0)::bigint
FROM step_totals
GROUP BY workflow_id, node;

-- name: list_reasons
-- Why passages left a node and where to, of the profiles in some buckets; so many steps of any workflow are read.
SELECT target, reason, count(*)
FROM (
    SELECT workflow_id, node, target, reason
    FROM steps
    WHERE bucket BETWEEN 0 AND %(last_bucket)s
    LIMIT %(most_read)s
) AS read
WHERE workflow_id = %(workflow_id)s AND node = %(node)s::text
GROUP BY target, reason
ORDER BY count(*) DESC, target, reason
LIMIT %(limit)s;

-- name: measure_steps
-- How many bytes the history of steps has.
SELECT coalesce(sum(pg_relation_size(inhrelid)), 0)::bigint FROM pg_inherits WHERE inhparent = 'steps'::regclass;

-- name: list_steps
-- What happened to a profile in a workflow, in order.
SELECT passage_id, number, at, node, target, reason
FROM steps
WHERE bucket = %(bucket)s AND profile_id = %(profile_id)s AND workflow_id = %(workflow_id)s
ORDER BY at, passage_id, number;

-- name: list_of_profile
-- The passages of a profile through a workflow.
SELECT id, profile_id, workflow_id, launch_id, node, arrived_at, due_at, attempts, steps, awaits, memory::text
FROM passages
WHERE bucket = %(bucket)s AND profile_id = %(profile_id)s AND workflow_id = %(workflow_id)s
ORDER BY id;

-- name: list_everywhere
-- The passages of a profile through any workflow.
SELECT id, profile_id, workflow_id, launch_id, node, arrived_at, due_at, attempts, steps, awaits, memory::text
FROM passages
WHERE bucket = %(bucket)s AND profile_id = %(profile_id)s
ORDER BY arrived_at DESC, id
LIMIT %(limit)s;

-- name: delete_all_passages
-- Profiles that are no more are on no way.
DELETE FROM passages
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
WHERE passages.bucket = gone.bucket AND passages.profile_id = gone.id;

-- name: delete_all_entries
-- Nor have they ever been.
DELETE FROM workflow_entries
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
WHERE workflow_entries.bucket = gone.bucket AND workflow_entries.profile_id = gone.id;

-- name: delete_all_steps
-- Nor is it known what happened to them.
DELETE FROM steps
USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS gone (bucket, id)
WHERE steps.bucket = gone.bucket AND steps.profile_id = gone.id;

-- name: move_passages
-- Give the ways of profiles to another, but those through workflows that it is in itself.
WITH moved AS (
    DELETE FROM passages
    USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS merged (bucket, id)
    WHERE passages.bucket = merged.bucket AND passages.profile_id = merged.id
    RETURNING passages.*
)
INSERT INTO passages (bucket, id, profile_id, workflow_id, launch_id, node, arrived_at, due_at, lane, attempts, steps,
    awaits, memory)
SELECT DISTINCT ON (workflow_id) %(new_bucket)s::smallint, set_byte(id, 11, %(new_bucket)s), %(new_profile_id)s::bytea,
    workflow_id, launch_id, node, arrived_at, due_at, lane, attempts, steps, awaits, memory
FROM moved
WHERE NOT EXISTS (
    SELECT FROM passages AS own
    WHERE own.bucket = %(new_bucket)s::smallint
        AND own.profile_id = %(new_profile_id)s::bytea
        AND own.workflow_id = moved.workflow_id
)
ORDER BY workflow_id, id;

-- name: move_entries
-- What one of them has ever entered, the other has.
INSERT INTO workflow_entries (bucket, profile_id, workflow_id, first_entered_at)
SELECT %(new_bucket)s::smallint, %(new_profile_id)s::bytea, workflow_entries.workflow_id,
    min(workflow_entries.first_entered_at)
FROM unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS merged (bucket, id)
JOIN workflow_entries ON workflow_entries.bucket = merged.bucket AND workflow_entries.profile_id = merged.id
GROUP BY workflow_entries.workflow_id
ON CONFLICT (bucket, profile_id, workflow_id) DO NOTHING;

-- name: move_steps
-- Give the steps that profiles took to another.
WITH moved AS (
    DELETE FROM steps
    USING unnest(%(buckets)s::smallint[], %(ids)s::bytea[]) AS merged (bucket, id)
    WHERE steps.bucket = merged.bucket AND steps.profile_id = merged.id
    RETURNING steps.*
)
INSERT INTO steps (bucket, profile_id, passage_id, number, at, workflow_id, node, target, reason)
SELECT %(new_bucket)s::smallint, %(new_profile_id)s::bytea, set_byte(passage_id, 11, %(new_bucket)s), number, at,
    workflow_id, node, target, reason
FROM moved;
