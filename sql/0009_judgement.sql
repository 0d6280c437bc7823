-- What the orchestrator carried out has no score until a person or a judge gives one. How well it is made by rules is its
-- form, kept beside the score and never as one.
ALTER TABLE executions
    -- 0 to 1: the weighted mean of the parts in score_parts but the judge's.
    ADD COLUMN form      double precision CHECK (form BETWEEN 0 AND 1),
    -- The model that judged, or the person; '' while nobody did.
    ADD COLUMN scored_by text NOT NULL DEFAULT '';

-- NULL: brought in as it is. 'needed': carried out here, and nobody has judged it yet; it teaches nothing until then.
-- 'approved': let in by MANUAL_APPROVED.
ALTER TABLE orchestrator_training_data
    ADD COLUMN judgement text CHECK (judgement IN ('needed', 'approved'));

DROP INDEX examples_dashboard;
ALTER TABLE orchestrator_training_data
    DROP COLUMN is_trainable,
    ADD COLUMN is_trainable boolean NOT NULL GENERATED ALWAYS AS (
        (judgement IS DISTINCT FROM 'needed' OR quality_score IS NOT NULL OR success IS NOT NULL)
        AND btrim(user_request, E' \t\n\r\f\x0b') <> '' AND (teaches(execution_plan) OR teaches(execution_result))
    ) STORED;
CREATE INDEX examples_dashboard ON orchestrator_training_data (created_at, id)
    INCLUDE (quality_score, quality_bin, month, intent, success, tags, is_trainable, source_agent, source_model)
    WHERE withdrawn_at IS NULL;

-- A tag decides by a trigger, not in the expression above: it would be computed for every bulk tag, over all texts.
CREATE FUNCTION keep_judgement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE orchestrator_training_data
    SET judgement = CASE WHEN 'MANUAL_APPROVED' = ANY (NEW.tags) THEN 'approved' ELSE 'needed' END
    WHERE id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_judgement AFTER UPDATE OF tags ON orchestrator_training_data FOR EACH ROW
    WHEN (NEW.judgement IS NOT NULL
          AND (NEW.judgement = 'approved') IS DISTINCT FROM ('MANUAL_APPROVED' = ANY (NEW.tags)))
    EXECUTE FUNCTION keep_judgement();

-- Until now the form stood as the score. What no person and no judge scored loses score and success that came from it.
UPDATE orchestrator_training_data t
SET judgement = CASE WHEN 'MANUAL_APPROVED' = ANY (t.tags) THEN 'approved' ELSE 'needed' END,
    quality_score = CASE WHEN t.quality_score = e.score AND e.override IS NULL THEN NULL ELSE t.quality_score END,
    success = CASE WHEN t.quality_score = e.score AND e.override IS NULL AND e.status = 'completed' THEN NULL
                   ELSE t.success END
FROM executions e
WHERE e.execution_id = t.execution_id AND t.source_agent = 'orchestrator';

INSERT INTO audit_log (actor, action, subject, after, reason, row_count)
SELECT 'migration', 'score', 'execution', jsonb_build_object('executions', count(*)),
       'a score by rules is the form of a result, not its score', count(*)
FROM executions WHERE score IS NOT NULL AND override IS NULL
HAVING count(*) > 0;

UPDATE executions SET scored_by = override->>'actor' WHERE override IS NOT NULL;
UPDATE executions
SET form = score, score = NULL, success = CASE WHEN status = 'completed' THEN NULL ELSE success END
WHERE score IS NOT NULL AND override IS NULL;
