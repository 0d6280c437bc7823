-- Which version a job uses: the original system's two columns, written whoever moves the job on, and however it ends.

-- A job uses its version from its first step on. One that ended without a model no longer does; then the newest other
-- job that does is named, if there is one. One row is written, whatever number of examples the version holds.
CREATE FUNCTION note_dataset_use() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    used text;
    was  text;
    who  text := coalesce(nullif(current_setting('whetstone.actor', true), ''),
                          CASE TG_OP WHEN 'INSERT' THEN nullif(NEW.created_by, '') END, 'tuning');
BEGIN
    IF NEW.dataset_id IS NULL OR NEW.state IN ('legacy', 'draft') THEN RETURN NULL; END IF;
    SELECT fine_tune_job_id INTO was FROM training_datasets WHERE id = NEW.dataset_id FOR UPDATE;
    IF NOT FOUND THEN RETURN NULL; END IF;
    IF NEW.state NOT IN ('failed', 'cancelled', 'expired', 'blocked') THEN
        -- A step within a job that is named already, or of one that began before the newest, says nothing new.
        IF TG_OP = 'UPDATE' AND OLD.state NOT IN ('draft', 'failed', 'cancelled', 'expired', 'blocked') THEN RETURN NULL; END IF;
        used := NEW.job_id;
    ELSIF was IS DISTINCT FROM NEW.job_id THEN
        RETURN NULL;
    ELSE
        SELECT j.job_id INTO used FROM fine_tuning_jobs j
        WHERE j.dataset_id = NEW.dataset_id AND j.id <> NEW.id
          AND CASE j.state WHEN 'legacy' THEN j.status IN ('pending', 'running', 'completed')
              ELSE j.state NOT IN ('draft', 'failed', 'cancelled', 'expired', 'blocked') END
        ORDER BY j.id DESC LIMIT 1;
    END IF;
    IF used IS NOT DISTINCT FROM was THEN RETURN NULL; END IF;
    UPDATE training_datasets SET used_for_fine_tuning = used IS NOT NULL, fine_tune_job_id = used, updated_at = now()
    WHERE id = NEW.dataset_id;
    INSERT INTO audit_log (actor, action, subject, subject_id, before, after, reason)
    VALUES (who, CASE WHEN used = NEW.job_id THEN 'use' ELSE 'no longer use' END, 'dataset', NEW.dataset_id::text,
            jsonb_build_object('fine_tune_job_id', was), jsonb_build_object('fine_tune_job_id', used),
            format('fine-tuning job %s %s', NEW.id, CASE WHEN used = NEW.job_id THEN 'began' ELSE NEW.state END));
    RETURN NULL;
END $$;
CREATE TRIGGER note_use_of_new AFTER INSERT ON fine_tuning_jobs FOR EACH ROW EXECUTE FUNCTION note_dataset_use();
CREATE TRIGGER note_use AFTER UPDATE OF state ON fine_tuning_jobs FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION note_dataset_use();

-- Jobs that are there already.
UPDATE training_datasets d SET used_for_fine_tuning = true, fine_tune_job_id = j.job_id
FROM (
    SELECT DISTINCT ON (dataset_id) dataset_id, job_id FROM fine_tuning_jobs
    WHERE dataset_id IS NOT NULL AND state NOT IN ('legacy', 'draft', 'failed', 'cancelled', 'expired', 'blocked')
    ORDER BY dataset_id, id DESC
) j
WHERE j.dataset_id = d.id;
