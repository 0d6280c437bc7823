-- An execution that failed by itself is no answer of anybody's judgement: until now its success, false, let it teach.
ALTER TABLE orchestrator_training_data DROP CONSTRAINT orchestrator_training_data_judgement_check;
-- 'failed': carried out here, and it failed. It teaches nothing until a person scores it, calls it a success or tags it
-- MANUAL_APPROVED.
ALTER TABLE orchestrator_training_data ADD CONSTRAINT orchestrator_training_data_judgement_check
    CHECK (judgement IN ('needed', 'approved', 'failed'));

UPDATE orchestrator_training_data t SET judgement = 'failed'
FROM executions e
WHERE e.execution_id = t.execution_id AND e.status = 'failed' AND t.judgement = 'needed';

-- Whether somebody said what it is worth, or brought it in: only such work teaches, or says what is usual.
CREATE FUNCTION is_judged(judgement text, quality_score double precision, success boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT judgement IS NULL OR judgement = 'approved' OR quality_score IS NOT NULL
           OR CASE judgement WHEN 'failed' THEN coalesce(success, false) ELSE success IS NOT NULL END
$$;

DROP INDEX examples_dashboard;
ALTER TABLE orchestrator_training_data
    DROP COLUMN is_trainable,
    ADD COLUMN is_trainable boolean NOT NULL GENERATED ALWAYS AS (
        is_judged(judgement, quality_score, success)
        AND btrim(user_request, E' \t\n\r\f\x0b') <> '' AND (teaches(execution_plan) OR teaches(execution_result))
    ) STORED;
CREATE INDEX examples_dashboard ON orchestrator_training_data (created_at, id)
    INCLUDE (quality_score, quality_bin, month, intent, success, tags, is_trainable, source_agent, source_model)
    WHERE withdrawn_at IS NULL;

CREATE OR REPLACE FUNCTION keep_judgement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE orchestrator_training_data
    SET judgement = CASE
        WHEN 'MANUAL_APPROVED' = ANY (NEW.tags) THEN 'approved'
        WHEN EXISTS (SELECT FROM executions WHERE execution_id = NEW.execution_id AND status = 'failed') THEN 'failed'
        ELSE 'needed' END
    WHERE id = NEW.id;
    RETURN NULL;
END $$;
-- Another program's role may tag an example, and need not know of executions.
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION keep_judgement() SECURITY DEFINER SET search_path TO %I, pg_temp', current_schema());
END $$;

-- What judging costs is read for the month's budget; most executions cost nothing.
CREATE INDEX executions_judged ON executions (finished_at) WHERE spent ? 'judging' AND cost_usd IS DISTINCT FROM 0;
