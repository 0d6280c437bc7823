-- What the source last gave of an example that a person has scored or edited since; NULL where nobody has. Importing the
-- source's next file then changes the fields that nobody touched here, and leaves what a person made of the others.
ALTER TABLE orchestrator_training_data ADD COLUMN source_record jsonb;

-- Of what was scored or edited before: the score and the content that the first such act after the last import replaced.
WITH last_import AS (
    SELECT example_id, max(at) AS at FROM (
        SELECT t.id AS example_id, i.at FROM orchestrator_training_data t JOIN imports i ON i.id = t.import_id
        UNION ALL
        SELECT c.example_id, i.at FROM import_changes c JOIN imports i ON i.id = c.import_id
    ) AS brought GROUP BY example_id
), first_act AS (
    SELECT DISTINCT ON (a.subject_id, a.action) l.example_id, a.action, a.before
    FROM audit_log a JOIN last_import l ON l.example_id::text = a.subject_id
    WHERE a.subject = 'example' AND a.action IN ('score', 'edit') AND a.at >= l.at
    ORDER BY a.subject_id, a.action, a.id
), given AS (
    SELECT example_id,
           (SELECT before FROM first_act s WHERE s.example_id = f.example_id AND s.action = 'score') AS judged,
           (SELECT to_jsonb(r) FROM first_act e JOIN example_revisions r
                ON r.example_id = e.example_id AND r.revision = (e.before->>'revision')::int
            WHERE e.example_id = f.example_id AND e.action = 'edit') AS content
    FROM (SELECT DISTINCT example_id FROM first_act) f
)
UPDATE orchestrator_training_data t SET source_record = jsonb_build_object(
    'user_request', coalesce(content->>'user_request', t.user_request),
    'intent', coalesce(content->>'intent', t.intent),
    'business_state', coalesce(content->'business_state', t.business_state),
    'context', CASE WHEN content IS NULL THEN t.context ELSE content->'context' END,
    'execution_plan', CASE WHEN content IS NULL THEN t.execution_plan ELSE content->>'execution_plan' END,
    'execution_result', CASE WHEN content IS NULL THEN t.execution_result ELSE content->>'execution_result' END,
    'quality_score', CASE WHEN judged IS NULL THEN to_jsonb(t.quality_score) ELSE judged->'quality_score' END,
    'success', CASE WHEN judged IS NULL THEN to_jsonb(t.success) ELSE judged->'success' END,
    'created_at', t.created_at, 'source_agent', t.source_agent, 'source_model', t.source_model,
    'execution_time_ms', t.execution_time_ms
)
FROM given WHERE t.id = given.example_id;
