-- Who may look at the console and change things there. email: lower case. password_hash: argon2id; null until the first
-- link is used. code_secret: of one-time codes (RFC 6238), base32; code_step: of the last one that was taken.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text,
    code_secret text,
    code_step bigint NOT NULL DEFAULT 0,
    language text,
    timezone text,
    is_disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    seen_at timestamptz,
    CONSTRAINT users_role_is_known CHECK (role IN ('owner', 'editor', 'support', 'viewer'))
);

-- Links that work once, known by the SHA-256 of their text. user_id: who chooses a password by it; null: the first owner.
CREATE TABLE user_links (
    token bytea PRIMARY KEY,
    user_id uuid,
    expires_at timestamptz NOT NULL
);

-- Browsers that are logged in, known by the SHA-256 of their cookie. is_half: the one-time code is still to come.
CREATE TABLE sessions (
    token bytea PRIMARY KEY,
    user_id uuid NOT NULL,
    is_half boolean NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ip text NOT NULL,
    user_agent text NOT NULL
);

-- Answers: where is this user logged in?
CREATE INDEX sessions_of_a_user ON sessions (user_id);

-- Wrong passwords and codes of the last minutes. subject: what is slowed down by them, an address, an account or both.
CREATE TABLE login_failures (
    subject text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL
);

-- Answers: how often lately?
CREATE INDEX login_failures_of_a_subject ON login_failures (subject, at);

-- Who changed what, append-only; the id begins with the microsecond, so it orders. author_kind: user, token, command. section, key: of what is
-- configured, or of something else that was changed. details: names of members, never a secret.
CREATE TABLE audits (
    id bytea PRIMARY KEY,
    at timestamptz NOT NULL,
    author_kind text NOT NULL,
    author text NOT NULL,
    ip text NOT NULL,
    action text NOT NULL,
    section text NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    details jsonb NOT NULL
);

-- Answers: who changed this object, latest last?
CREATE INDEX audits_of_an_object ON audits (section, key, id);

-- Every state that a configured object had, so that two can be compared; a null spec: it was removed.
CREATE TABLE configuration_history (
    kind text NOT NULL,
    key text NOT NULL,
    version bigint NOT NULL,
    spec jsonb,
    at timestamptz NOT NULL,
    author text NOT NULL,
    PRIMARY KEY (kind, key, version)
);
INSERT INTO configuration_history (kind, key, version, spec, at, author)
SELECT kind, key, version, spec, now(), '' FROM configuration;

-- managed_by: the file that was applied last with this object in it; empty: no file has it.
ALTER TABLE configuration ADD COLUMN managed_by text NOT NULL DEFAULT '';
