-- Answers to requests that carried an Idempotency-Key, so that the same request sent again gets the same answer and
-- nothing is made twice. A row without an answer is a request that is being worked on, or whose process was killed.
CREATE TABLE idempotency_keys (
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    -- Who asked: two people may choose the same key.
    actor text NOT NULL,
    -- SHA-256 of method, address and body.
    fingerprint bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    status integer,
    answer bytea,
    PRIMARY KEY (actor, key),
    CONSTRAINT idempotency_answered CHECK ((status IS NULL) = (answer IS NULL))
);
CREATE INDEX idempotency_keys_at ON idempotency_keys (at);
