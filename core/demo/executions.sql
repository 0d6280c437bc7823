-- Executions of the demo company, made of its newest examples: the same request, plan, result and score, so that a run
-- and its example agree. Nothing of it is planned or carried out. Parameters: by, planned_by, rejected (a reason).
-- The last ones have no example yet, and a state of their own: `work` queues, paused, what is still to be done of them.

CREATE TEMPORARY TABLE demo_newest ON COMMIT DROP AS
SELECT e.*, row_number() OVER (ORDER BY e.created_at DESC, e.id DESC) AS n
FROM orchestrator_training_data AS e
WHERE e.is_trainable AND e.execution_plan LIKE '{%%' AND length(e.execution_result) > 40
  AND NOT e.tags && ARRAY['TEST', 'EXCLUDE']
ORDER BY e.created_at DESC, e.id DESC LIMIT 60;

INSERT INTO executions (execution_id, request, intent, status, plan, plan_source, plan_note, score, scored_by, success,
                        result, error, created_by, created_at, planned_at, decided_at, decided_by, started_at,
                        finished_at, duration_ms)
SELECT execution_id, user_request, intent, CASE WHEN failed THEN 'failed' ELSE 'completed' END,
       execution_plan::jsonb, %(planned_by)s, 'Demo: this run is invented.', quality_score,
       CASE WHEN quality_score IS NULL THEN '' ELSE %(by)s END, success,
       CASE WHEN NOT failed THEN jsonb_build_object('text', execution_result, 'beside', '[]'::jsonb, 'steps', '[]'::jsonb,
                                                    'missing', '[]'::jsonb, 'notes', '[]'::jsonb) END,
       CASE WHEN failed THEN 'Demo: a step failed four times. The service did not answer within 60 s.' END,
       %(by)s, created_at, created_at + interval '0.4 seconds', created_at + interval '3 minutes', %(by)s,
       created_at + interval '3 minutes',
       created_at + interval '3 minutes' + interval '1 millisecond' * execution_time_ms, execution_time_ms
FROM demo_newest, LATERAL (SELECT success IS FALSE AND n %% 3 = 0 AS failed) AS f
WHERE n > 7;

INSERT INTO executions (execution_id, request, intent, status, plan, plan_source, plan_note, success, created_by,
                        created_at, planned_at, decided_at, decided_by, decision_reason, started_at, finished_at)
SELECT 'demo-' || state, user_request, CASE WHEN is_planned THEN intent ELSE '' END, state,
       CASE WHEN is_planned THEN execution_plan::jsonb END,
       CASE WHEN is_planned THEN %(planned_by)s ELSE '' END, 'Demo: this request is invented.',
       CASE state WHEN 'rejected' THEN false END, %(by)s,
       at, CASE WHEN is_planned THEN at + interval '0.4 seconds' END,
       CASE WHEN is_decided THEN at + interval '5 minutes' END, CASE WHEN is_decided THEN %(by)s END,
       CASE state WHEN 'rejected' THEN %(rejected)s ELSE '' END,
       CASE state WHEN 'executing' THEN at + interval '6 minutes' END,
       CASE WHEN state IN ('rejected', 'cancelled') THEN at + interval '5 minutes' END
FROM demo_newest
JOIN (VALUES (1, 'pending_approval', interval '8 minutes'), (2, 'planning', interval '3 minutes'),
             (3, 'approved', interval '25 minutes'), (4, 'executing', interval '40 minutes'),
             (5, 'rejected', interval '5 hours'), (6, 'cancelled', interval '7 hours')) AS s (n, state, ago) USING (n)
CROSS JOIN LATERAL (SELECT now() - ago AS at, state <> 'planning' AS is_planned,
                           state NOT IN ('planning', 'pending_approval', 'cancelled') AS is_decided) AS when_
ORDER BY n DESC;
