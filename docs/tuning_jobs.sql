-- Jobs as a company has them after some weeks, for pictures and for trying the page: three that made something, one that
-- failed, one that was cancelled, and one that runs. They train on the newest version of :dataset. Nothing looks after
-- the open one: it is said to run on a machine that is not this one.

SELECT setseed(0.5);

CREATE TEMPORARY TABLE drawn ON COMMIT DROP AS
SELECT * FROM (VALUES
    (1, 'local', 'qwen3:0.6b', 'sft', 'plans-1', 'succeeded', 300, 300, 0.00, 0.00, 0.00, 214332, interval '19 days', interval '34 minutes'),
    (2, 'openai', 'gpt-4.1-mini-2025-04-14', 'sft', 'plans-gpt', 'succeeded', 220, 220, 1.02, 1.02, 1.02, 204114, interval '12 days', interval '51 minutes'),
    (3, 'openai', 'gpt-4o-2024-08-06', 'sft', '', 'failed', 0, NULL, 5.10, 5.10, NULL, NULL, interval '11 days', interval '4 minutes'),
    (4, 'claude', 'claude-haiku-5-5', 'profile', 'plans-profile', 'succeeded', 2, 2, 0.41, 0.60, 0.47, NULL, interval '6 days', interval '48 minutes'),
    (5, 'local', 'qwen3:0.6b', 'sft', 'plans-2', 'cancelled', 120, 300, 0.00, 0.00, 0.00, NULL, interval '3 days', interval '14 minutes'),
    (6, 'local', 'qwen3:1.7b', 'sft', 'plans-3', 'running', 340, 980, 0.00, 0.00, NULL, NULL, interval '26 minutes', NULL)
) AS t (n, provider, base, method, name, state, done, total, low, high, actual, tokens, ago, took);

INSERT INTO fine_tuning_jobs (job_id, status, target_model, dataset_id, dataset_version, state, provider, spec, spec_hash,
                              training_examples_count, estimated_cost, estimated_cost_high, actual_cost, tokens_estimated,
                              tokens_trained, phase, done_steps, total_steps, seconds_left, remote_id, provider_status,
                              host, poll_at, submitted_at, created_at, created_by, started_at, completed_at, error_code,
                              error_message, advice)
SELECT md5('picture ' || n), 'pending', base, d.id, d.name || '@' || d.version, state, provider,
       jsonb_build_object('method', method, 'name', drawn.name, 'settings', '{"epochs": 3}'::jsonb), md5('picture ' || n),
       d.example_count, low, high, actual, 71444, tokens, CASE state WHEN 'running' THEN 'training' ELSE '' END, done, total,
       CASE state WHEN 'running' THEN 2960 END, CASE WHEN state <> 'running' THEN 'job-' || left(md5('id ' || n), 12) END,
       CASE state WHEN 'running' THEN '' ELSE state END, CASE state WHEN 'running' THEN 'workshop' END,
       now() + interval '10 years', now() - ago, now() - ago, 'ana', now() - ago, now() - ago + took,
       CASE state WHEN 'failed' THEN 'invalid_training_file' END,
       CASE state WHEN 'failed' THEN 'The job failed due to an invalid training file. Example 17: the last message must be '
            'from the assistant.' END,
       CASE state WHEN 'failed' THEN 'Look at record 17 of the version, and freeze one without it.' ELSE '' END
FROM drawn
CROSS JOIN (SELECT * FROM training_datasets WHERE name = ':dataset' AND status = 'frozen' ORDER BY version DESC LIMIT 1) AS d
ORDER BY n;

INSERT INTO fine_tuning_metrics (job_id, name, step, value)
SELECT j.id, series.name, step,
       CASE series.name
           WHEN 'learning_rate' THEN 0.0002 * (1 - step::double precision / j.total_steps)
           WHEN 'tokens_per_s' THEN 262 + 14 * (random() - 0.5)
           WHEN 'loss' THEN 0.22 + 0.03 * (j.id % 4) + 1.8 * exp(-5.0 * step / j.total_steps) + 0.06 * (random() - 0.5)
           ELSE 0.29 + 0.03 * (j.id % 4) + 1.7 * exp(-5.0 * step / j.total_steps) + 0.015 * (random() - 0.5) END
FROM fine_tuning_jobs AS j
CROSS JOIN (VALUES ('loss', 2), ('val_loss', 20), ('learning_rate', 10), ('tokens_per_s', 5)) AS series (name, every)
CROSS JOIN LATERAL generate_series(series.every, j.done_steps, series.every) AS step
WHERE j.job_id IN (SELECT md5('picture ' || n) FROM drawn WHERE method = 'sft')
  AND (series.name <> 'tokens_per_s' OR j.provider = 'local');

INSERT INTO fine_tuning_events (job_id, at, kind, message)
SELECT j.id, now() - said.ago, said.kind, said.message
FROM fine_tuning_jobs AS j
CROSS JOIN (VALUES
    (interval '25 minutes', 'message', 'Base model converted for training (1.7 GB).'),
    (interval '24 minutes', 'message', 'Training began: 447 records, 3 epochs, 980 steps.'),
    (interval '9 minutes', 'checkpoint', 'Checkpoint at step 300 (7.1 MB).'),
    (interval '40 seconds', 'message', 'Validation loss 0.62 at step 340.')
) AS said (ago, kind, message)
WHERE j.job_id = md5('picture 6')
ORDER BY said.ago DESC;
