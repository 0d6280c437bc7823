-- Fine-tuning: jobs that are recorded before anything is paid, what became of them, models, and which one is in use.

ALTER TABLE fine_tuning_jobs
    ALTER COLUMN id TYPE bigint,
    ALTER COLUMN job_id TYPE text,
    ALTER COLUMN status TYPE text,
    ALTER COLUMN target_model TYPE text,
    ALTER COLUMN model_name TYPE text,
    ALTER COLUMN dataset_version TYPE text,
    ALTER COLUMN result_model_id TYPE text,
    ALTER COLUMN result_model_path TYPE text,
    ALTER COLUMN error_code TYPE text,
    ALTER COLUMN process_id TYPE text,
    ALTER COLUMN api_request_id TYPE text,
    ALTER COLUMN created_by TYPE text,
    ALTER COLUMN estimated_cost TYPE numeric(14, 6),
    ALTER COLUMN actual_cost TYPE numeric(14, 6),
    -- The original system's `status` has five words and follows `state`. legacy: a job of the original system.
    ADD COLUMN state text NOT NULL DEFAULT 'legacy'
        CHECK (state IN ('legacy', 'draft', 'validating', 'uploading', 'submitting', 'submit_unknown', 'queued', 'running',
                         'paused', 'unknown', 'cancelling', 'blocked', 'succeeded', 'failed', 'cancelled', 'expired')),
    ADD COLUMN provider text NOT NULL DEFAULT '',
    -- Everything that was chosen: method, settings, names. With dataset and base it is what spec_hash is of.
    ADD COLUMN spec jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN spec_hash text NOT NULL DEFAULT '',
    -- 0, and one more for each time somebody asked for the same again.
    ADD COLUMN repeat integer NOT NULL DEFAULT 0,
    -- A job may ask its provider several times for something paid; each time is a stage of its own.
    ADD COLUMN stage integer NOT NULL DEFAULT 0,
    ADD COLUMN phase text NOT NULL DEFAULT '',
    ADD COLUMN done_steps bigint NOT NULL DEFAULT 0,
    ADD COLUMN total_steps bigint,
    ADD COLUMN seconds_left double precision,
    -- What the provider is asked by: ids of files and of the job, positions in its lists of events.
    ADD COLUMN remote jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN remote_id text,
    -- The provider's own word for the state, as it came.
    ADD COLUMN provider_status text NOT NULL DEFAULT '',
    -- What a person asked for and the job has not done yet.
    ADD COLUMN wants text CHECK (wants IN ('cancel', 'stop', 'resume')),
    -- One owner at a time; every write names the token.
    ADD COLUMN owner text,
    ADD COLUMN token uuid,
    ADD COLUMN lease_until timestamptz,
    ADD COLUMN poll_at timestamptz NOT NULL DEFAULT now(),
    -- Polls in a row that failed, and searches for a submission that was not answered.
    ADD COLUMN faults integer NOT NULL DEFAULT 0,
    ADD COLUMN searches integer NOT NULL DEFAULT 0,
    -- The machine that alone can look after the job, for what runs on a machine; NULL: any.
    ADD COLUMN host text,
    ADD COLUMN submitted_at timestamptz,
    ADD COLUMN estimated_cost_high numeric(14, 6),
    ADD COLUMN tokens_estimated bigint,
    ADD COLUMN tokens_trained bigint,
    -- What to do about error_message, in one sentence.
    ADD COLUMN advice text NOT NULL DEFAULT '',
    ADD COLUMN archived_at timestamptz;
ALTER TABLE fine_tuning_jobs ADD CONSTRAINT owned_with_lease CHECK ((owner IS NULL) = (token IS NULL)
    AND (owner IS NULL) = (lease_until IS NULL));

-- The same version, base and settings are not trained twice by mistake. What ended without a model does not count.
CREATE UNIQUE INDEX fine_tuning_jobs_once ON fine_tuning_jobs (spec_hash, repeat)
    WHERE spec_hash <> '' AND state NOT IN ('failed', 'cancelled', 'expired', 'blocked', 'draft');
CREATE INDEX fine_tuning_jobs_due ON fine_tuning_jobs (poll_at)
    WHERE state IN ('validating', 'uploading', 'submitting', 'submit_unknown', 'queued', 'running', 'paused', 'unknown',
                    'cancelling');
CREATE INDEX fine_tuning_jobs_newest ON fine_tuning_jobs (created_at, id);

CREATE FUNCTION check_tuning_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'legacy' THEN
        NEW.status := CASE
            WHEN NEW.state IN ('draft', 'validating', 'uploading', 'submitting', 'submit_unknown', 'queued') THEN 'pending'
            WHEN NEW.state IN ('running', 'paused', 'unknown', 'cancelling') THEN 'running'
            WHEN NEW.state = 'succeeded' THEN 'completed'
            WHEN NEW.state = 'cancelled' THEN 'cancelled'
            ELSE 'failed' END;
    END IF;
    IF TG_OP = 'INSERT' THEN RETURN NEW; END IF;
    -- What is kept of a page is kept until this moves; who looks after the job, and when, is nothing to show. Whoever
    -- adds values or events moves it with them.
    IF (NEW.state, NEW.phase, NEW.done_steps, NEW.total_steps, NEW.remote, NEW.remote_id, NEW.provider_status, NEW.wants,
        NEW.searches, NEW.stage, NEW.error_message, NEW.actual_cost, NEW.archived_at)
       IS DISTINCT FROM
       (OLD.state, OLD.phase, OLD.done_steps, OLD.total_steps, OLD.remote, OLD.remote_id, OLD.provider_status, OLD.wants,
        OLD.searches, OLD.stage, OLD.error_message, OLD.actual_cost, OLD.archived_at) THEN
        NEW.updated_at := clock_timestamp();
    END IF;
    IF NEW.state <> OLD.state AND OLD.state IN ('succeeded', 'cancelled', 'expired', 'blocked', 'legacy') THEN
        RAISE EXCEPTION 'fine-tuning job % is %, which is final; it cannot become %', OLD.id, OLD.state, NEW.state;
    END IF;
    -- Only a person, or a provider that is certain that nothing was begun, sends what may have been sent already.
    IF OLD.state = 'submit_unknown' AND NEW.state IN ('validating', 'uploading', 'submitting')
       AND coalesce(current_setting('whetstone.resubmit', true), '') <> 'yes' THEN
        RAISE EXCEPTION 'fine-tuning job % may have been submitted already; it is not submitted again by itself', OLD.id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_step BEFORE INSERT OR UPDATE ON fine_tuning_jobs FOR EACH ROW EXECUTE FUNCTION check_tuning_step();

CREATE TABLE fine_tuning_events (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id  bigint NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind    text NOT NULL CHECK (kind IN ('state', 'message', 'warning', 'error', 'checkpoint', 'asked')),
    state   text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    actor   text NOT NULL DEFAULT '',
    data    jsonb,
    -- The provider's own id of the event, so that one that is read twice is kept once.
    source  text
);
CREATE INDEX fine_tuning_events_job ON fine_tuning_events (job_id, id);
CREATE UNIQUE INDEX fine_tuning_events_source ON fine_tuning_events (job_id, source) WHERE source IS NOT NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fine_tuning_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('what happened to a job stays on record');

-- Every transition is on record, whoever makes it, and the audit log names who and why.
CREATE FUNCTION note_tuning_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := coalesce(nullif(current_setting('whetstone.actor', true), ''),
                         CASE TG_OP WHEN 'INSERT' THEN nullif(NEW.created_by, '') END, 'tuning');
BEGIN
    IF NEW.state = 'legacy' THEN RETURN NULL; END IF;
    INSERT INTO fine_tuning_events (job_id, kind, state, message, actor)
    VALUES (NEW.id, 'state', NEW.state,
            CASE WHEN NEW.state IN ('failed', 'blocked', 'expired', 'submit_unknown')
                 THEN coalesce(NEW.error_message, '') ELSE '' END, who);
    INSERT INTO audit_log (actor, action, subject, subject_id, before, after, reason, row_count)
    VALUES (who, 'tuning', 'job', NEW.id::text,
            CASE TG_OP WHEN 'UPDATE' THEN jsonb_build_object('state', OLD.state) END,
            jsonb_strip_nulls(jsonb_build_object('state', NEW.state, 'error', CASE NEW.state WHEN 'failed' THEN NEW.error_message END)),
            coalesce(current_setting('whetstone.reason', true), ''), 1);
    RETURN NULL;
END $$;
CREATE TRIGGER note_new AFTER INSERT ON fine_tuning_jobs FOR EACH ROW EXECUTE FUNCTION note_tuning_step();
CREATE TRIGGER note_step AFTER UPDATE OF state ON fine_tuning_jobs FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION note_tuning_step();
CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON fine_tuning_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a job stays on record; archive it');

-- One series a name, whatever the provider.
CREATE TABLE fine_tuning_metrics (
    job_id bigint NOT NULL,
    name   text NOT NULL,
    step   bigint NOT NULL,
    value  double precision NOT NULL,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, name, step)
);

CREATE TABLE models (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (btrim(name) <> ''),
    -- profile: a tuned prompt. It is never called trained.
    kind          text NOT NULL CHECK (kind IN ('base', 'tuned', 'profile')),
    provider      text NOT NULL,
    base_model    text NOT NULL,
    -- What it is called by, as `provider:name`; '' while nothing serves it.
    call_name     text NOT NULL DEFAULT '',
    job_id        bigint UNIQUE REFERENCES fine_tuning_jobs (id),
    dataset_id    bigint,
    parameters    jsonb NOT NULL DEFAULT '{}',
    checkpoints   jsonb NOT NULL DEFAULT '[]',
    -- Files or ids that make it up, each with its sha256 where there is one.
    artefacts     jsonb NOT NULL DEFAULT '[]',
    -- For a profile: system prompt and examples. Fixed like every artefact.
    profile       jsonb,
    cost_usd      numeric(14, 6),
    notes         text NOT NULL DEFAULT '',
    -- none -> deploying -> ready | failed -> deleting -> deleted. Where answering needs nothing, it is ready at once.
    serving       text NOT NULL DEFAULT 'none'
        CHECK (serving IN ('none', 'deploying', 'ready', 'failed', 'deleting', 'deleted')),
    serving_remote jsonb NOT NULL DEFAULT '{}',
    serving_error text NOT NULL DEFAULT '',
    hourly_usd    numeric(14, 6),
    shutdown_date date,
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    text NOT NULL,
    archived_at   timestamptz
);
CREATE INDEX models_dataset ON models (dataset_id);

CREATE FUNCTION refuse_model_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.kind, OLD.provider, OLD.base_model, OLD.job_id, OLD.dataset_id, OLD.parameters, OLD.profile, OLD.created_at,
        OLD.created_by)
       IS DISTINCT FROM
       (NEW.kind, NEW.provider, NEW.base_model, NEW.job_id, NEW.dataset_id, NEW.parameters, NEW.profile, NEW.created_at,
        NEW.created_by) THEN
        RAISE EXCEPTION 'UPDATE on models is refused: what % was made of does not change', OLD.name;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER made_once BEFORE UPDATE ON models FOR EACH ROW EXECUTE FUNCTION refuse_model_change();
CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON models
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a model stays on record; archive it');

-- Which model plans and writes. The open row is the one in use; none: the built-in planner.
CREATE TABLE deployments (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id   bigint NOT NULL REFERENCES models (id),
    at         timestamptz NOT NULL DEFAULT now(),
    actor      text NOT NULL CHECK (actor <> ''),
    reason     text NOT NULL DEFAULT '',
    -- The deployment that a roll back brought back.
    restores   bigint REFERENCES deployments (id),
    -- What was set before, in the form of `provider:name`, so that the first can be rolled back too; '' none.
    replaced   text NOT NULL DEFAULT '',
    -- The deployment that was in use until this one; NULL: none was.
    follows    bigint REFERENCES deployments (id),
    ended_at   timestamptz,
    ended_by   text,
    end_reason text
);
CREATE UNIQUE INDEX deployments_open ON deployments ((true)) WHERE ended_at IS NULL;

-- A model's answers to the records of a split, and what they are worth.
CREATE TABLE evaluations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id    bigint NOT NULL REFERENCES models (id),
    dataset_id  bigint NOT NULL,
    split       text NOT NULL CHECK (split IN ('train', 'validation', 'test')),
    state       text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    row_total   integer NOT NULL,
    row_done    integer NOT NULL DEFAULT 0,
    metrics     jsonb NOT NULL DEFAULT '{}',
    tokens_in   bigint NOT NULL DEFAULT 0,
    tokens_out  bigint NOT NULL DEFAULT 0,
    cost_usd    numeric(14, 6),
    error       text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  text NOT NULL,
    finished_at timestamptz
);
CREATE INDEX evaluations_model ON evaluations (model_id, dataset_id, split, id);

CREATE TABLE evaluation_outputs (
    evaluation_id bigint NOT NULL REFERENCES evaluations (id),
    position      integer NOT NULL,
    output        text NOT NULL,
    expected      text NOT NULL,
    exact         boolean NOT NULL,
    similarity    double precision,
    tokens_out    integer,
    duration_ms   integer,
    error         text NOT NULL DEFAULT '',
    PRIMARY KEY (evaluation_id, position)
);

-- Preference pairs of a version: positions of two members that answer the same, the first one better.
CREATE TABLE dataset_pairs (
    dataset_id bigint NOT NULL,
    position   integer NOT NULL,
    split      smallint NOT NULL CHECK (split IN (0, 1, 2)),
    preferred  integer NOT NULL,
    other      integer NOT NULL CHECK (other <> preferred),
    PRIMARY KEY (dataset_id, position)
);
CREATE TRIGGER only_while_building AFTER INSERT ON dataset_pairs REFERENCING NEW TABLE AS new_members
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_frozen_members();
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON dataset_pairs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('a dataset version is frozen');
