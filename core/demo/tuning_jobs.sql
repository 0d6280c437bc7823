-- Jobs as a company has them after some weeks: three that made something, one that failed and one that was cancelled.
-- They stand in the database alone: no provider was asked, nothing was paid, and nobody looks after them. The events of
-- each say so. Parameters: dataset (the id of a frozen version) and by.

SELECT setseed(0.5);

CREATE TEMPORARY TABLE demo_jobs ON COMMIT DROP AS
SELECT * FROM (VALUES
    (1, 'local', 'qwen3:0.6b', 'sft', 'demo-plans-1', 'succeeded', 300, 300, 0.00, 0.00, 0.00, 214332, interval '19 days', interval '34 minutes'),
    (2, 'openai', 'gpt-4.1-mini-2025-04-14', 'sft', 'demo-plans-gpt', 'succeeded', 220, 220, 1.02, 1.02, 1.02, 204114, interval '12 days', interval '51 minutes'),
    (3, 'openai', 'gpt-4o-2024-08-06', 'sft', 'demo-plans-4o', 'failed', 0, NULL, 5.10, 5.10, NULL, NULL, interval '11 days', interval '4 minutes'),
    (4, 'claude', 'claude-haiku-5-5', 'profile', 'demo-plans-profile', 'succeeded', 2, 2, 0.41, 0.60, 0.47, NULL, interval '6 days', interval '48 minutes'),
    (5, 'local', 'qwen3:0.6b', 'sft', 'demo-plans-2', 'cancelled', 120, 300, 0.00, 0.00, 0.00, NULL, interval '3 days', interval '14 minutes')
) AS t (n, provider, base, method, name, state, done, total, low, high, actual, tokens, ago, took);

INSERT INTO fine_tuning_jobs (job_id, status, target_model, dataset_id, dataset_version, state, provider, spec, spec_hash,
                              training_examples_count, estimated_cost, estimated_cost_high, actual_cost, tokens_estimated,
                              tokens_trained, done_steps, total_steps, provider_status, poll_at, submitted_at, created_at,
                              created_by, started_at, completed_at, error_code, error_message, advice)
SELECT md5('demo ' || n), 'pending', base, d.id, d.name || '@' || d.version, state, provider,
       jsonb_build_object('method', method, 'name', demo_jobs.name, 'settings', '{"epochs": 3}'::jsonb), md5('demo ' || n),
       d.example_count, low, high, actual, 71444, tokens, done, total, state, now(), now() - ago, now() - ago, %(by)s,
       now() - ago, now() - ago + took,
       CASE state WHEN 'failed' THEN 'invalid_training_file' END,
       CASE state WHEN 'failed' THEN 'Demo: the job failed due to an invalid training file. Example 17: the last message '
            'must be from the assistant.' END,
       CASE state WHEN 'failed' THEN 'Open record 17 of the version, and freeze one without it.' ELSE '' END
FROM demo_jobs
CROSS JOIN (SELECT * FROM training_datasets WHERE id = %(dataset)s) AS d
ORDER BY n;

INSERT INTO fine_tuning_metrics (job_id, name, step, value)
SELECT j.id, series.name, step,
       CASE series.name
           WHEN 'learning_rate' THEN 0.0002 * (1 - step::double precision / j.total_steps)
           WHEN 'tokens_per_s' THEN 262 + 14 * (random() - 0.5)
           WHEN 'loss' THEN 0.22 + 0.03 * (j.id %% 4) + 1.8 * exp(-5.0 * step / j.total_steps) + 0.06 * (random() - 0.5)
           ELSE 0.29 + 0.03 * (j.id %% 4) + 1.7 * exp(-5.0 * step / j.total_steps) + 0.015 * (random() - 0.5) END
FROM fine_tuning_jobs AS j
CROSS JOIN (VALUES ('loss', 2), ('val_loss', 20), ('learning_rate', 10), ('tokens_per_s', 5)) AS series (name, every)
CROSS JOIN LATERAL generate_series(series.every, j.done_steps, series.every) AS step
WHERE j.job_id IN (SELECT md5('demo ' || n) FROM demo_jobs WHERE method = 'sft')
  AND (series.name <> 'tokens_per_s' OR j.provider = 'local');

INSERT INTO fine_tuning_events (job_id, at, kind, message)
SELECT j.id, j.created_at + said.after, 'message', said.message
FROM fine_tuning_jobs AS j
JOIN demo_jobs ON j.job_id = md5('demo ' || demo_jobs.n)
CROSS JOIN (VALUES
    (interval '1 second', 'Demo: this job is invented. No provider was asked, and nothing was paid.', NULL),
    (interval '2 minutes', 'Training began: 447 records, 3 epochs.', 'sft'),
    (interval '9 minutes', 'Checkpoint at step 100 (7.1 MB).', 'sft')
) AS said (after, message, method)
WHERE said.method IS NULL OR (said.method = demo_jobs.method AND demo_jobs.done > 100)
ORDER BY j.id, said.after;
