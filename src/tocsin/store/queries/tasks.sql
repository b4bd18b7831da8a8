-- name: insert
-- An accepted call; it is durable when the transaction ends.
INSERT INTO tasks (id, kind, total, due_at, created_at, request)
VALUES (%(id)s, %(kind)s, %(total)s, %(created_at)s, %(created_at)s, %(request)s);

-- name: claim
-- Take the oldest due task until the lease ends.
WITH due AS (
    SELECT id
    FROM tasks
    WHERE finished_at IS NULL AND due_at <= %(now)s
    ORDER BY due_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE tasks
SET due_at = %(leased_until)s, attempts = tasks.attempts + 1, status = 'processing'
FROM due
WHERE tasks.id = due.id
RETURNING tasks.id, tasks.kind, tasks.total, tasks.done, tasks.attempts, tasks.request;

-- name: record_chunk
-- Items up to `done` are applied, in this very transaction. No row: somebody else went on with the task meanwhile.
UPDATE tasks
SET done = %(done)s, due_at = %(leased_until)s, attempts = 1
WHERE id = %(id)s AND done = %(done_before)s AND finished_at IS NULL
RETURNING id;

-- name: insert_chunk
-- What a chunk answered.
INSERT INTO task_chunks (task_id, first_item, outcome) VALUES (%(task_id)s, %(first_item)s, %(outcome)s);

-- name: list_chunks
-- What the chunks answered, in the order of the items.
SELECT outcome FROM task_chunks WHERE task_id = %(task_id)s ORDER BY first_item;

-- name: find_last_chunk
-- What the last chunk answered.
SELECT outcome FROM task_chunks WHERE task_id = %(task_id)s ORDER BY first_item DESC LIMIT 1;

-- name: finish
-- The end of a task; the request is no longer needed. No row: it had ended before.
UPDATE tasks
SET status = %(status)s::task_status, finished_at = %(now)s, result = %(result)s, request = NULL
WHERE id = %(id)s AND finished_at IS NULL
RETURNING id;

-- name: delete_chunks
-- They are in the task's result now.
DELETE FROM task_chunks WHERE task_id = %(task_id)s;

-- name: postpone
-- Try again later.
UPDATE tasks SET due_at = %(due_at)s WHERE id = %(id)s AND finished_at IS NULL;

-- name: get
-- How far a task is.
SELECT status::text, total, done, result FROM tasks WHERE id = %(id)s;

-- name: list_unfinished
-- What goes on or waits to, the oldest first.
SELECT id, kind, status::text, total, done, attempts, created_at, finished_at, NULL::bytea
FROM tasks
WHERE finished_at IS NULL
ORDER BY created_at, id
LIMIT %(limit)s;

-- name: list_finished
-- What was accepted last and has ended.
SELECT id, kind, status::text, total, done, attempts, created_at, finished_at,
    CASE WHEN status = 'failed' THEN result END
FROM tasks
WHERE finished_at IS NOT NULL
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s;

-- name: count
-- Unfinished tasks by status.
SELECT status::text, count(*) FROM tasks WHERE finished_at IS NULL GROUP BY status;

-- name: delete_finished
-- Tasks that ended long ago.
DELETE FROM tasks WHERE finished_at < %(before)s RETURNING id;
