-- The orchestrator: a request becomes a plan, an approved plan becomes commands, and every run an example.

CREATE TABLE executions (
    execution_id    text PRIMARY KEY,
    request         text NOT NULL CHECK (btrim(request, E' \t\n\r\f\v') <> ''),
    -- What was asked for by name, or what the planner found.
    intent          text NOT NULL DEFAULT '',
    constraints     text NOT NULL DEFAULT '',
    platforms       text[] NOT NULL DEFAULT '{}',
    audience        text NOT NULL DEFAULT '',
    status          text NOT NULL DEFAULT 'planning'
        CHECK (status IN ('planning', 'pending_approval', 'approved', 'executing', 'completed', 'failed', 'rejected',
                          'cancelled')),
    -- What the planner knew, as of created_at.
    context         jsonb,
    plan            jsonb,
    -- 'built-in', or the model that planned; the note says why it was not the model that should have.
    plan_source     text NOT NULL DEFAULT '',
    plan_note       text NOT NULL DEFAULT '',
    -- The model that was set when the plan was made; '' without one.
    planner_model   text NOT NULL DEFAULT '',
    score_parts     jsonb,
    score           double precision CHECK (score BETWEEN 0 AND 1),
    success         boolean,
    -- A score by hand, with who, when, why, and what it replaced.
    override        jsonb,
    result          jsonb,
    error           text,
    created_by      text NOT NULL CHECK (created_by <> ''),
    created_at      timestamptz NOT NULL DEFAULT now(),
    planned_at      timestamptz,
    decided_at      timestamptz,
    decided_by      text,
    decision_reason text NOT NULL DEFAULT '',
    started_at      timestamptz,
    finished_at     timestamptz,
    tokens_in       bigint NOT NULL DEFAULT 0,
    tokens_out      bigint NOT NULL DEFAULT 0,
    -- NULL: a model was used whose price is not known.
    cost_usd        numeric(14, 6) DEFAULT 0,
    -- Tokens and cost of planning, steps and judging, each by itself; the three columns above are their sums.
    spent           jsonb NOT NULL DEFAULT '{}',
    -- Planning and executing, without the time a plan waited for a person.
    duration_ms     bigint,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    -- Whether the same was asked for a moment ago.
    request_key     uuid NOT NULL GENERATED ALWAYS AS (request_group(request)) STORED
);
CREATE INDEX executions_newest ON executions (created_at, execution_id);
CREATE INDEX executions_status ON executions (status, created_at, execution_id);
CREATE INDEX executions_request ON executions (request_key, created_at);

-- What a workspace is set to. One row a setting that was changed; the others have their defaults.
CREATE TABLE workspace_settings (
    key   text PRIMARY KEY CHECK (key <> ''),
    value jsonb NOT NULL,
    actor text NOT NULL,
    at    timestamptz NOT NULL DEFAULT now()
);

-- The states and the ways between them. Rejected, cancelled and completed are final.
CREATE FUNCTION check_execution_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('planning', 'pending_approval'), ('planning', 'approved'), ('planning', 'failed'), ('planning', 'cancelled'),
        ('pending_approval', 'approved'), ('pending_approval', 'rejected'), ('pending_approval', 'cancelled'),
        ('approved', 'executing'), ('approved', 'failed'), ('approved', 'cancelled'),
        ('executing', 'completed'), ('executing', 'failed'), ('executing', 'cancelled'),
        ('failed', 'planning'), ('failed', 'executing')
    ) THEN
        RAISE EXCEPTION 'execution % cannot go from % to %', OLD.execution_id, OLD.status, NEW.status;
    END IF;
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER check_step BEFORE UPDATE ON executions FOR EACH ROW EXECUTE FUNCTION check_execution_step();

-- Every step is on record, whoever takes it: a page, a worker, or a trigger of the queue.
CREATE FUNCTION audit_execution() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_log (actor, action, subject, subject_id, before, after, reason, row_count)
    VALUES (coalesce(nullif(current_setting('whetstone.actor', true), ''),
                     CASE TG_OP WHEN 'INSERT' THEN NEW.created_by ELSE 'orchestrator' END),
            'execution', 'execution', NEW.execution_id,
            CASE TG_OP WHEN 'UPDATE' THEN jsonb_build_object('status', OLD.status) END,
            jsonb_strip_nulls(jsonb_build_object(
                'status', NEW.status, 'error', CASE NEW.status WHEN 'failed' THEN NEW.error END)),
            coalesce(current_setting('whetstone.reason', true), ''), 1);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_new AFTER INSERT ON executions FOR EACH ROW EXECUTE FUNCTION audit_execution();
CREATE TRIGGER audit_step AFTER UPDATE OF status ON executions FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION audit_execution();

CREATE FUNCTION refuse_execution_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on executions is refused: they are cancelled or rejected, never deleted', TG_OP;
END $$;
CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON executions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_execution_delete();

-- An execution that stopped is looked at once more by the command 'close': it keeps what was done and completes the
-- example. One is open at a time; whatever ends after it began asks for another.
CREATE FUNCTION close_execution(its_id text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO commands (agent, action, payload, run, dedupe_key, created_by)
    VALUES ('orchestrator', 'close', jsonb_build_object('execution_id', its_id), its_id,
            'orchestrator/close/' || its_id, 'orchestrator')
    ON CONFLICT DO NOTHING
$$;

-- Whether no step can go on by itself, because all that is left waits for one that failed.
CREATE FUNCTION execution_is_stuck(its_id text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM commands WHERE run = its_id AND agent <> 'orchestrator'
                   AND status IN ('failed', 'cancelled'))
       AND NOT EXISTS (SELECT FROM commands WHERE run = its_id AND agent <> 'orchestrator'
                       AND (status IN ('running', 'paused') OR status = 'pending' AND waits = 0))
$$;

-- The execution follows its commands. Locks go from command to execution, never back: whoever takes both takes the
-- commands first.
CREATE FUNCTION follow_command() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    its  executions;
    what text := CASE WHEN NEW.agent = 'orchestrator' THEN NEW.action ELSE 'step' END;
    told text := CASE NEW.status WHEN 'cancelled' THEN 'was cancelled in the queue' ELSE coalesce(NEW.error, 'failed') END;
    was_over boolean := OLD.status IN ('failed', 'cancelled');
BEGIN
    IF what = 'close' THEN RETURN NULL; END IF;
    SELECT * INTO its FROM executions WHERE execution_id = NEW.run FOR UPDATE;
    IF NOT FOUND THEN RETURN NULL; END IF;
    IF what = 'step' THEN told := format('Step %s (%s/%s): %s', NEW.step, NEW.agent, NEW.action, told); END IF;

    IF what = 'plan' THEN
        IF NEW.status = 'failed' AND its.status = 'planning' THEN
            UPDATE executions SET status = 'failed', finished_at = now(), error = 'No plan could be made: ' || told
            WHERE execution_id = its.execution_id;
        ELSIF NEW.status = 'cancelled' AND its.status = 'planning' THEN
            UPDATE executions SET status = 'cancelled', finished_at = now() WHERE execution_id = its.execution_id;
        ELSIF NEW.status = 'pending' AND was_over AND its.status = 'failed' AND its.plan IS NULL THEN
            UPDATE executions SET status = 'planning', finished_at = NULL, error = NULL
            WHERE execution_id = its.execution_id;
        END IF;
    ELSIF NEW.status IN ('failed', 'cancelled') AND its.status IN ('approved', 'executing') THEN
        UPDATE executions SET status = 'failed', finished_at = now(),
                              error = CASE what WHEN 'score' THEN 'The result could not be scored: ' || told ELSE told END
        WHERE execution_id = its.execution_id;
        PERFORM close_execution(its.execution_id);
    ELSIF NEW.status = 'pending' AND was_over AND its.status = 'failed' AND its.plan IS NOT NULL THEN
        UPDATE executions SET status = 'executing', finished_at = NULL, error = NULL
        WHERE execution_id = its.execution_id;
    ELSIF what = 'step' AND NEW.status = 'running' AND its.status = 'approved' THEN
        UPDATE executions SET status = 'executing', started_at = coalesce(started_at, now())
        WHERE execution_id = its.execution_id;
    ELSIF what = 'step' AND NEW.status IN ('completed', 'failed', 'cancelled') THEN
        IF its.status = 'executing' AND execution_is_stuck(its.execution_id) THEN
            -- One failed step was tried again and another was not.
            UPDATE executions SET status = 'failed', finished_at = now(), error = coalesce(
                (SELECT format('Step %s (%s/%s): %s', c.step, c.agent, c.action, coalesce(c.error, c.status))
                 FROM commands c WHERE c.run = its.execution_id AND c.agent <> 'orchestrator'
                 AND c.status IN ('failed', 'cancelled') ORDER BY c.id LIMIT 1), told)
            WHERE execution_id = its.execution_id;
            PERFORM close_execution(its.execution_id);
        ELSIF its.status IN ('failed', 'cancelled') THEN
            PERFORM close_execution(its.execution_id);
        END IF;
    END IF;
    RETURN NULL;
END $$;
-- The name is the last of the alphabet among this table's triggers: those that wait for the command were let go before.
CREATE TRIGGER with_its_execution AFTER UPDATE OF status ON commands FOR EACH ROW
    WHEN (NEW.run IS NOT NULL AND NEW.status IS DISTINCT FROM OLD.status) EXECUTE FUNCTION follow_command();

-- A command that is deleted before it ran would leave its execution waiting for ever.
CREATE FUNCTION follow_deleted_command() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE executions SET status = 'failed', finished_at = now(),
        error = CASE WHEN OLD.agent = 'orchestrator' THEN format('Its command to %s was deleted from the queue.', OLD.action)
                ELSE format('Step %s (%s/%s) was deleted from the queue.', OLD.step, OLD.agent, OLD.action) END
    WHERE execution_id = OLD.run AND status IN ('planning', 'approved', 'executing');
    IF FOUND THEN PERFORM close_execution(OLD.run); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER with_its_execution_gone AFTER DELETE ON commands FOR EACH ROW
    WHEN (OLD.run IS NOT NULL AND OLD.status IN ('pending', 'paused')
          AND NOT (OLD.agent = 'orchestrator' AND OLD.action = 'close'))
    EXECUTE FUNCTION follow_deleted_command();
