-- Small launches are sent before the rest of large ones.

-- Which of the messages that are due go first.
ALTER TABLE messages ADD COLUMN turn smallint NOT NULL DEFAULT 0;

-- Answers: which messages are due, those of the first turns first, and of a turn the oldest?
CREATE INDEX messages_due_by_turn ON messages (turn, due_at);
DROP INDEX messages_due_by_due_at;
