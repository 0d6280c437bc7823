-- Programs that know nothing of Whetstone go on writing: what they write is brought to its form here, not refused.

-- What Whetstone refuses or has not yet brought to its form, in one pattern. A CHECK would refuse it before a trigger saw
-- it, so these two conditions now say when the trigger below has something to do; the work for each row stays the same.
ALTER TABLE orchestrator_training_data
    DROP CONSTRAINT quality_between_0_and_1,
    DROP CONSTRAINT tags_have_their_form;

-- Without margins, in upper case, other signs as _, sorted, once each. COLLATE "C": the same in every database.
CREATE FUNCTION folded_tags(tags text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY(
        SELECT DISTINCT left(regexp_replace(upper(btrim(t, E' \t\n\r\f\x0b') COLLATE "C"), '[^A-Z0-9_]', '_', 'g'), 64) AS tag
        FROM unnest(tags) AS t WHERE btrim(t, E' \t\n\r\f\x0b') <> '' ORDER BY tag
    )
$$;

-- A score above 1 is divided where the scale of the table was known when it was taken over; otherwise nobody knows what
-- it means. Either way it is kept as it was written.
CREATE FUNCTION bring_to_form() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fits  boolean := NEW.quality_score IS NULL OR NEW.quality_score BETWEEN 0 AND 1;
    scale double precision := (SELECT (value #>> '{}')::double precision FROM workspace_settings WHERE key = 'original_score_scale');
    score double precision := CASE WHEN fits OR NEW.quality_score BETWEEN 0 AND scale
                              THEN NEW.quality_score / CASE WHEN fits THEN 1 ELSE scale END END;
    tags_ text[] := folded_tags(NEW.tags);
BEGIN
    UPDATE orchestrator_training_data
    SET tags = tags_, quality_score = score,
        source_score = CASE WHEN fits THEN source_score ELSE NEW.quality_score END
    WHERE id = NEW.id;
    -- to_jsonb, for JSON has no infinite numbers.
    INSERT INTO audit_log (actor, action, subject, subject_id, before, after, reason, row_count)
    VALUES (coalesce(nullif(current_setting('whetstone.actor', true), ''), session_user), 'bring to form', 'example',
            NEW.id::text,
            jsonb_build_object('tags', NEW.tags, 'quality_score', to_jsonb(NEW.quality_score::text)),
            jsonb_build_object('tags', tags_, 'quality_score', to_jsonb(score::text)),
            'another program wrote tags or a score in a form of its own', 1);
    RETURN NULL;
END $$;
-- AFTER, not BEFORE: where there is a BEFORE UPDATE trigger, every bulk tag computes all generated columns again.
CREATE TRIGGER bring_to_form AFTER INSERT OR UPDATE OF tags, quality_score ON orchestrator_training_data FOR EACH ROW
    WHEN (NOT (NEW.quality_score BETWEEN 0 AND 1)
          OR array_position(NEW.tags, NULL) IS NOT NULL
          OR array_to_string(NEW.tags, ',') ~ '[^A-Z0-9_,]|[A-Z0-9_]{65}|,,|^,|,$')
    EXECUTE FUNCTION bring_to_form();

-- The original system's columns could be empty.
CREATE FUNCTION fill_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.intent := coalesce(NEW.intent, '');
    NEW.business_state := coalesce(NEW.business_state, '{}');
    NEW.tags := coalesce(NEW.tags, '{}');
    NEW.source_agent := coalesce(NEW.source_agent, '');
    NEW.source_model := coalesce(NEW.source_model, '');
    NEW.created_at := coalesce(NEW.created_at, NEW.updated_at, now());
    NEW.updated_at := coalesce(NEW.updated_at, NEW.created_at, now());
    NEW.quality_score := nullif(NEW.quality_score, 'NaN');
    RETURN NEW;
END $$;
CREATE TRIGGER fill_in BEFORE INSERT ON orchestrator_training_data FOR EACH ROW
    WHEN (NEW.intent IS NULL OR NEW.business_state IS NULL OR NEW.tags IS NULL OR NEW.source_agent IS NULL
          OR NEW.source_model IS NULL OR NEW.created_at IS NULL OR NEW.updated_at IS NULL OR NEW.quality_score = 'NaN')
    EXECUTE FUNCTION fill_in();

CREATE FUNCTION fill_in_dataset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := coalesce(NEW.version, 1);
    NEW.example_count := coalesce(NEW.example_count, 0);
    RETURN NEW;
END $$;
CREATE TRIGGER fill_in BEFORE INSERT ON training_datasets FOR EACH ROW
    WHEN (NEW.version IS NULL OR NEW.example_count IS NULL) EXECUTE FUNCTION fill_in_dataset();
-- Whetstone names the status of every version that it makes; a version of another program is never one to build.
ALTER TABLE training_datasets ALTER COLUMN status SET DEFAULT 'legacy';

CREATE FUNCTION fill_in_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.job_id := coalesce(NEW.job_id, gen_random_uuid()::text);
    NEW.status := coalesce(NEW.status, 'pending');
    NEW.target_model := coalesce(NEW.target_model, '');
    RETURN NEW;
END $$;
CREATE TRIGGER fill_in BEFORE INSERT ON fine_tuning_jobs FOR EACH ROW
    WHEN (NEW.job_id IS NULL OR NEW.status IS NULL OR NEW.target_model IS NULL) EXECUTE FUNCTION fill_in_job();

-- A writer that does not count revisions has them counted: the content before is kept first, and the count follows. That
-- second UPDATE comes here again and finds the content before kept already.
CREATE OR REPLACE FUNCTION keep_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.revision NOT IN (OLD.revision, OLD.revision + 1) THEN
        RAISE EXCEPTION 'UPDATE of example % is refused: a revision is followed by the next one, not by %', OLD.id, NEW.revision;
    END IF;
    INSERT INTO example_revisions (example_id, revision, user_request, intent, business_state, context,
                                   execution_plan, execution_result, replaced_by, reason)
    VALUES (OLD.id, OLD.revision, OLD.user_request, OLD.intent, OLD.business_state, OLD.context,
            OLD.execution_plan, OLD.execution_result,
            coalesce(nullif(current_setting('whetstone.actor', true), ''), session_user),
            coalesce(current_setting('whetstone.reason', true), ''))
    ON CONFLICT DO NOTHING;
    IF NEW.revision = OLD.revision THEN
        UPDATE orchestrator_training_data SET revision = revision + 1 WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

-- Another program's role may write to its own tables, and need not know of those that Whetstone keeps beside them.
DO $$
DECLARE
    trigger text;
BEGIN
    FOREACH trigger IN ARRAY ARRAY['note_example_change', 'keep_words', 'keep_revision', 'bring_to_form', 'note_tuning_step', 'note_dataset_use']
    LOOP
        EXECUTE format('ALTER FUNCTION %I() SECURITY DEFINER SET search_path TO %I, pg_temp', trigger, current_schema());
    END LOOP;
END $$;
