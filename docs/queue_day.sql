-- A day of a company's queue, for pictures and for trying the page: :number commands over the last 24 hours, with
-- their attempts, and two workers. The order of the random numbers is fixed, so that every day is the same one.

SELECT setseed(0.5);

CREATE TEMPORARY TABLE day ON COMMIT DROP AS
SELECT n,
       now() - interval '24 hours' * (1 - n::double precision / :number) AS created_at,
       random() AS luck, random() AS length, random() AS kind, random() AS slowness
FROM generate_series(1, :number) AS n;

CREATE TEMPORARY TABLE drawn ON COMMIT DROP AS
SELECT *,
       (ARRAY['content', 'content', 'financial', 'market_insight', 'compliance'])[1 + floor(kind * 5)::int] AS agent,
       CASE WHEN n > :number - 12 THEN 'pending' WHEN n > :number - 15 THEN 'running'
            WHEN luck < 0.01 THEN 'failed' WHEN luck < 0.016 THEN 'cancelled' WHEN luck < 0.02 THEN 'paused'
            ELSE 'completed' END AS status,
       created_at + interval '1 second' * (0.05 + 3 * slowness ^ 6 + CASE WHEN n % 240 < 25 THEN 8 * slowness ELSE 0 END)
           AS began_at
FROM day;

INSERT INTO commands (agent, action, payload, status, run, step, attempt, max_attempts, worker, token, lease_until,
                      outcome, result, error, created_at, created_by, started_at, finished_at, not_before)
SELECT agent,
       CASE agent WHEN 'content' THEN (ARRAY['draft', 'outline', 'social_variants'])[1 + n % 3]
                  WHEN 'financial' THEN (ARRAY['trend', 'forecast'])[1 + n % 2]
                  WHEN 'market_insight' THEN 'what_performed' ELSE 'check' END,
       jsonb_build_object('topic', (ARRAY['the new lamp', 'winter sale', 'battery life', 'our roadmap'])[1 + n % 4],
                          'platforms', '["blog", "linkedin"]'::jsonb),
       status, 'run-' || n / 4, 'step-' || 1 + n % 4,
       CASE WHEN status IN ('pending', 'paused', 'cancelled') THEN 0 WHEN status = 'failed' THEN 4
            WHEN n % 37 = 0 THEN 2 ELSE 1 END,
       4,
       CASE WHEN status IN ('running', 'completed', 'failed') THEN 'studio-' || 1 + n % 2 END,
       CASE WHEN status = 'running' THEN gen_random_uuid() END,
       CASE WHEN status = 'running' THEN now() + interval '10 minutes' END,
       CASE WHEN status IN ('running', 'completed', 'failed') THEN status END,
       CASE WHEN status = 'completed' THEN CASE agent
            WHEN 'content' THEN jsonb_build_object('text', 'Meet the lamp that dims itself at ten, so that you sleep.', 'words', 120 + n % 60)
            WHEN 'financial' THEN jsonb_build_object('growth', round((length * 0.2)::numeric, 3), 'months', 12)
            WHEN 'market_insight' THEN jsonb_build_object('best', 'threads on Tuesdays', 'n', 63)
            ELSE jsonb_build_object('allowed', true, 'findings', '[]'::jsonb) END END,
       CASE WHEN status = 'failed' THEN (ARRAY['The model answered nothing.', 'The service did not answer within 60 s.',
                                               'The draft names a price that the catalogue does not have.'])[1 + n % 3] END,
       created_at, 'ana',
       CASE WHEN status IN ('running', 'completed', 'failed') THEN began_at END,
       CASE WHEN status IN ('completed', 'failed') THEN began_at + interval '1 second' * (0.4 + 12 * length ^ 3)
            WHEN status = 'cancelled' THEN began_at END,
       created_at
FROM drawn ORDER BY n;

-- Every attempt before the last one failed, the pauses of 2, 4 and 8 seconds between them. Commands that were really
-- carried out, whose run is an execution's id, have attempts already.
INSERT INTO command_attempts (command_id, attempt, worker, token, ready_at, started_at, finished_at, outcome, error)
SELECT c.id, n, 'studio-' || 1 + (c.id + n) % 2, gen_random_uuid(), c.not_before + before.pause,
       c.started_at + before.pause,
       CASE WHEN n < c.attempt THEN c.started_at + before.pause + interval '0.6 seconds' ELSE c.finished_at + before.pause END,
       CASE WHEN n < c.attempt THEN 'failed' ELSE c.outcome END,
       CASE WHEN n < c.attempt THEN coalesce(c.error, 'The service did not answer within 60 s.') ELSE c.error END
FROM commands AS c
CROSS JOIN generate_series(1, c.attempt) AS n
CROSS JOIN LATERAL (SELECT interval '1 second' * CASE n WHEN 1 THEN 0 ELSE 2 ^ n - 2 + 0.6 * (n - 1) END AS pause) AS before
WHERE c.started_at IS NOT NULL AND c.run LIKE 'run-%';

INSERT INTO workers (name, host, pid, threads, agents, started_at, seen_at, running)
SELECT 'studio-' || n, 'studio-' || n, 4000 + n, 4, '{compliance,content,financial,market_insight}',
       now() - interval '6 hours', now() + interval '10 minutes', n
FROM generate_series(1, 2) AS n;
