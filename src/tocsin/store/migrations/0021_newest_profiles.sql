-- Lists of profiles, the newest first.

-- Answers: which profiles of a database are the newest? Ids begin with the time.
CREATE INDEX profiles_by_age ON profiles (database_id, id);
