-- PostgreSQL 15 reads E'\v' as the letter v, later versions as a vertical tab. So with 0002 alone, a database of version
-- 15 took every v in a request for white space: requests of other words could be one group, groups differed from those of
-- the same data elsewhere, and text lost a v at its ends before it was asked whether it teaches. E'\x0b' is the same
-- everywhere.
CREATE OR REPLACE FUNCTION teaches(content text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT content IS NOT NULL
       AND lower(btrim(content, E' \t\n\r\f\x0b".') COLLATE "C") NOT IN
           ('', 'success', 'successful', 'succeeded', 'ok', 'okay', 'done', 'completed', 'complete', 'failed', 'failure',
            'error', 'none', 'null', 'n/a', 'true', 'false', '{}', '[]')
$$;

CREATE OR REPLACE FUNCTION request_group(request text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT md5(lower(btrim(regexp_replace(request, E'[ \t\n\r\f\x0b]{2,}|[\t\n\r\f\x0b]', ' ', 'g')) COLLATE "C"))::uuid
$$;

-- Stored columns are computed anew when what they depend on is set; nothing else changes, and no revision is made.
-- Only is_trainable has the sign in an expression of its own, which version 15 cannot change in place.
DO $$
BEGIN
    IF E'\v' = 'v' THEN
        DROP INDEX examples_dashboard;
        ALTER TABLE orchestrator_training_data
            DROP COLUMN is_trainable,
            ADD COLUMN is_trainable boolean NOT NULL GENERATED ALWAYS AS (
                btrim(user_request, E' \t\n\r\f\x0b') <> '' AND (teaches(execution_plan) OR teaches(execution_result))
            ) STORED;
        CREATE INDEX examples_dashboard ON orchestrator_training_data (created_at, id)
            INCLUDE (quality_score, quality_bin, month, intent, success, tags, is_trainable, source_agent, source_model)
            WHERE withdrawn_at IS NULL;
        UPDATE orchestrator_training_data
        SET user_request = user_request, execution_plan = execution_plan, execution_result = execution_result;
    END IF;
END $$;
