-- name: claim
-- Be the first with this key, or wait for the first to end. A row: we are first. An answer that is too old is forgotten.
INSERT INTO requests (key, fingerprint, answer, content_type, answered_at)
VALUES (%(key)s, %(fingerprint)s, '', '', %(now)s)
ON CONFLICT (key) DO UPDATE
SET fingerprint = EXCLUDED.fingerprint, answer = '', content_type = '', answered_at = EXCLUDED.answered_at
WHERE requests.answered_at < %(forgotten_before)s
RETURNING key;

-- name: get
-- The first answer to this key.
SELECT fingerprint, answer, content_type FROM requests WHERE key = %(key)s;

-- name: record_answer
-- Keep the answer, in the transaction that did what it says.
UPDATE requests SET answer = %(answer)s, content_type = %(content_type)s WHERE key = %(key)s;

-- name: delete_old
-- Answers that no repeat will ask for.
DELETE FROM requests WHERE answered_at < %(before)s;
