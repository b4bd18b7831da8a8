-- Lists of profiles, the newest first.

-- Answers: which profiles of a database are the newest? By the time alone, which a batch shares: that is cheap to add to.
CREATE INDEX profiles_by_age ON profiles (database_id, created_at);
