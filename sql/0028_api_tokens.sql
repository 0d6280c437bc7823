-- Who may use the API without being a person at this machine. Only the table of the company's own workspace is read: a
-- token says itself which workspaces it is for.
CREATE TABLE api_tokens (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What the audit log calls whoever uses it.
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    -- SHA-256 of the secret, which is nowhere.
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    role         text NOT NULL CHECK (role IN ('viewer', 'analyst', 'approver', 'admin')),
    -- NULL: all of them.
    workspaces   text[] CHECK (cardinality(workspaces) > 0),
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    revoked_by   text,
    CONSTRAINT api_tokens_revoked CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
-- A name is free again once its token was revoked: the same agent with a new secret.
CREATE UNIQUE INDEX api_tokens_name ON api_tokens (lower(name)) WHERE revoked_at IS NULL;
