-- Lists of profiles, the newest first.

-- Answers: which profiles of a database are the newest?
CREATE INDEX profiles_by_age ON profiles (database_id, created_at, id);
