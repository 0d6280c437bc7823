-- The command queue: work for agents, taken by any number of workers, each piece by one at a time.

CREATE TABLE commands (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent          text NOT NULL CHECK (agent <> ''),
    action         text NOT NULL CHECK (action <> ''),
    payload        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(payload) = 'object'),
    priority       integer NOT NULL DEFAULT 0,  -- higher first; first in, first out within one
    status         text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'paused', 'cancelled')),
    run            text,                        -- the execution it belongs to
    step           text,                        -- and the step of its plan
    dedupe_key     text,
    waits          integer NOT NULL DEFAULT 0 CHECK (waits >= 0),  -- commands it still waits for
    -- Attempts are numbered for ever: a retry by hand, a pause and a clean stop move attempt_base and max_attempts up.
    attempt        integer NOT NULL DEFAULT 0,
    attempt_base   integer NOT NULL DEFAULT 0,
    max_attempts   integer NOT NULL DEFAULT 4,  -- the first run and three retries
    not_before     timestamptz NOT NULL DEFAULT now(),
    worker         text,                        -- who has it, or had it last
    token          uuid,                        -- fresh with every claim; whoever writes back has to know it
    lease_until    timestamptz,
    stop_requested text CHECK (stop_requested IN ('pause', 'cancel')),
    outcome        text CHECK (outcome IN ('running', 'completed', 'failed', 'lost', 'paused', 'cancelled', 'handed_back')),
    result         jsonb,
    error          text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     text NOT NULL CHECK (created_by <> ''),
    started_at     timestamptz,                 -- the last attempt
    finished_at    timestamptz,
    CONSTRAINT running_has_a_lease CHECK ((status = 'running') = (lease_until IS NOT NULL)),
    CONSTRAINT running_has_an_owner CHECK (status <> 'running' OR (token IS NOT NULL AND worker IS NOT NULL)),
    CONSTRAINT only_running_is_asked_to_stop CHECK (stop_requested IS NULL OR status = 'running'),
    CONSTRAINT finished_has_a_time CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT waiting_never_runs CHECK (waits = 0 OR status NOT IN ('running', 'completed')),
    CONSTRAINT attempts_are_counted CHECK (
        0 <= attempt_base AND attempt_base <= attempt AND attempt <= max_attempts AND attempt_base < max_attempts
    )
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);  -- every row dies several times

CREATE INDEX commands_claim ON commands (priority DESC, id) WHERE status = 'pending' AND waits = 0;
CREATE INDEX commands_lease ON commands (lease_until) WHERE status = 'running';
CREATE UNIQUE INDEX commands_dedupe ON commands (dedupe_key) WHERE status IN ('pending', 'running', 'paused');
CREATE INDEX commands_status ON commands (status, id);
CREATE INDEX commands_run ON commands (run) WHERE run IS NOT NULL;
CREATE INDEX commands_created ON commands (created_at);
CREATE INDEX commands_finished ON commands (finished_at) WHERE finished_at IS NOT NULL;

-- `command_id` is not claimed before `waits_for` has completed.
CREATE TABLE command_waits (
    command_id bigint NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
    waits_for  bigint NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
    PRIMARY KEY (command_id, waits_for),
    CHECK (waits_for < command_id)  -- so there are no circles, and whoever locks in the order of ids never deadlocks
);
CREATE INDEX command_waits_for ON command_waits (waits_for);

CREATE TABLE command_attempts (
    command_id  bigint NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
    attempt     integer NOT NULL,
    worker      text NOT NULL,
    token       uuid NOT NULL,
    ready_at    timestamptz NOT NULL,  -- since when it could have been claimed
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    outcome     text NOT NULL DEFAULT 'running',
    error       text,
    PRIMARY KEY (command_id, attempt)
);
CREATE INDEX command_attempts_started ON command_attempts (started_at);

-- What a command has done; the next attempt does not do it again.
CREATE TABLE command_steps (
    command_id bigint NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
    step       text NOT NULL CHECK (step <> ''),
    output     jsonb,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (command_id, step)
);

-- What happened to each command. No foreign key: it outlives the command.
CREATE TABLE command_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command_id bigint NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    event      text NOT NULL,
    attempt    integer,
    worker     text,
    actor      text,
    detail     text
);
CREATE INDEX command_events_command ON command_events (command_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON command_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('what happened to a command stays on record');

CREATE TABLE workers (
    name       text PRIMARY KEY CHECK (name <> ''),
    host       text NOT NULL,
    pid        integer NOT NULL,
    threads    integer NOT NULL,
    agents     text[] NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    stopped_at timestamptz,
    running    integer NOT NULL DEFAULT 0
);

-- The name of a change, for the record. NULL: nothing worth a line.
CREATE FUNCTION command_event(before commands, after commands) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN before.status = after.status THEN
            CASE WHEN before.stop_requested IS NOT DISTINCT FROM after.stop_requested THEN NULL
                 WHEN after.stop_requested IS NULL THEN 'resumed'
                 ELSE after.stop_requested || '_requested' END
        WHEN after.status = 'running' THEN 'claimed'
        WHEN after.status = 'pending' THEN
            CASE before.status WHEN 'paused' THEN 'resumed'
                               WHEN 'running' THEN CASE after.outcome WHEN 'failed' THEN 'attempt_failed' ELSE after.outcome END
                               ELSE 'retried' END
        ELSE after.status
    END
$$;

CREATE FUNCTION note_command_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    happened text;
    who text := nullif(current_setting('whetstone.actor', true), '');
    why text := nullif(current_setting('whetstone.reason', true), '');
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO command_events (command_id, event, attempt, worker, actor, detail)
        VALUES (OLD.id, 'deleted', OLD.attempt, OLD.worker, who,
                format('%s %s, %s%s', OLD.agent, OLD.action, OLD.status, coalesce(': ' || why, '')));
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO command_events (command_id, event, actor, detail)
        VALUES (NEW.id, 'enqueued', NEW.created_by, NEW.agent || ' ' || NEW.action);
    ELSE
        IF OLD.status = 'completed' AND NEW.status <> 'completed' THEN
            RAISE EXCEPTION 'UPDATE of command % is refused: it has completed, and what is done is not done again', OLD.id;
        END IF;
        IF NEW.status = 'running' AND OLD.status <> 'running' THEN
            INSERT INTO command_attempts (command_id, attempt, worker, token, ready_at, started_at)
            VALUES (NEW.id, NEW.attempt, NEW.worker, NEW.token, greatest(OLD.not_before, OLD.created_at), NEW.started_at);
        ELSIF OLD.status = 'running' AND NEW.status <> 'running' THEN
            UPDATE command_attempts SET outcome = NEW.outcome, error = NEW.error, finished_at = now()
            WHERE command_id = NEW.id AND attempt = NEW.attempt;
        END IF;
        happened := command_event(OLD, NEW);
        IF happened IS NOT NULL THEN
            INSERT INTO command_events (command_id, event, attempt, worker, actor, detail)
            VALUES (NEW.id, happened, nullif(NEW.attempt, 0), NEW.worker, who,
                    CASE WHEN OLD.status = 'running' AND NEW.status <> 'running' THEN coalesce(NEW.error, why) ELSE why END);
        END IF;
        IF NEW.status = 'completed' AND OLD.status <> 'completed' THEN
            -- Locked in the order of ids: two that complete at once and share dependants wait for each other.
            PERFORM FROM commands c JOIN command_waits w ON w.command_id = c.id
            WHERE w.waits_for = NEW.id ORDER BY c.id FOR NO KEY UPDATE OF c;
            UPDATE commands c
            SET waits = waits - 1, not_before = CASE WHEN waits = 1 THEN greatest(not_before, now()) ELSE not_before END
            FROM command_waits w WHERE w.waits_for = NEW.id AND c.id = w.command_id;
        END IF;
        IF NEW.status = OLD.status AND NEW.waits = OLD.waits THEN
            RETURN NULL;
        END IF;
    END IF;
    IF NEW.status = 'pending' AND NEW.waits = 0 AND NEW.not_before <= now() THEN
        PERFORM pg_notify('whetstone_commands', TG_TABLE_SCHEMA);
    END IF;
    RETURN NULL;
END $$;
-- UPDATE OF: a heartbeat names none of these columns and pays nothing.
CREATE TRIGGER note_change AFTER INSERT OR DELETE OR UPDATE OF status, stop_requested, waits ON commands
    FOR EACH ROW EXECUTE FUNCTION note_command_change();
