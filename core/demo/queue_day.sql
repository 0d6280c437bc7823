-- A day of the demo company's queue: commands over the last 24 hours with their attempts, as rules and luck make them.
-- The order of the random numbers is fixed, so that every day is the same one. All of them have ended: a worker would
-- really do what is open, and nothing here is meant to be done. What failed can be retried, for its payload fits.
-- Parameters: number, by, and actions: a list of {agent, action, payload, result}.

SELECT setseed(0.5);

CREATE TEMPORARY TABLE demo_day ON COMMIT DROP AS
WITH day AS (
    SELECT n, now() - interval '24 hours' * (1 - n::double precision / %(number)s) AS created_at,
           random() AS luck, random() AS length, random() AS kind, random() AS slowness
    FROM generate_series(1, %(number)s) AS n
)
SELECT *,
       %(actions)s::jsonb -> floor(kind * jsonb_array_length(%(actions)s::jsonb))::int AS what,
       CASE WHEN luck < 0.01 THEN 'failed' WHEN luck < 0.016 THEN 'cancelled' ELSE 'completed' END AS status,
       created_at + interval '1 second' * (0.05 + 3 * slowness ^ 6 + CASE WHEN n %% 240 < 25 THEN 8 * slowness ELSE 0 END)
           AS began_at
FROM day;

INSERT INTO commands (agent, action, payload, status, run, step, attempt, max_attempts, worker, outcome, result, error,
                      created_at, created_by, started_at, finished_at, not_before)
SELECT what ->> 'agent', what ->> 'action', what -> 'payload', status, 'demo-run-' || n / 4, 'step-' || 1 + n %% 4,
       CASE WHEN status = 'cancelled' THEN 0 WHEN status = 'failed' THEN 4 WHEN n %% 37 = 0 THEN 2 ELSE 1 END,
       4,
       CASE WHEN status <> 'cancelled' THEN 'demo-studio-' || 1 + n %% 2 END,
       CASE WHEN status <> 'cancelled' THEN status END,
       CASE WHEN status = 'completed' THEN what -> 'result' END,
       CASE WHEN status = 'failed' THEN (ARRAY['The model answered nothing.', 'The service did not answer within 60 s.',
                                               'The draft names a price that the catalogue does not have.'])[1 + n %% 3] END,
       created_at, %(by)s,
       CASE WHEN status <> 'cancelled' THEN began_at END,
       CASE WHEN status = 'cancelled' THEN began_at ELSE began_at + interval '1 second' * (0.4 + 12 * length ^ 3) END,
       created_at
FROM demo_day ORDER BY n;

-- Every attempt before the last one failed, the pauses of 2, 4 and 8 seconds between them.
INSERT INTO command_attempts (command_id, attempt, worker, token, ready_at, started_at, finished_at, outcome, error)
SELECT c.id, n, 'demo-studio-' || 1 + (c.id + n) %% 2, gen_random_uuid(), c.not_before + before.pause,
       c.started_at + before.pause,
       CASE WHEN n < c.attempt THEN c.started_at + before.pause + interval '0.6 seconds' ELSE c.finished_at + before.pause END,
       CASE WHEN n < c.attempt THEN 'failed' ELSE c.outcome END,
       CASE WHEN n < c.attempt THEN coalesce(c.error, 'The service did not answer within 60 s.') ELSE c.error END
FROM commands AS c
CROSS JOIN generate_series(1, c.attempt) AS n
CROSS JOIN LATERAL (SELECT interval '1 second' * CASE n WHEN 1 THEN 0 ELSE 2 ^ n - 2 + 0.6 * (n - 1) END AS pause) AS before
WHERE c.started_at IS NOT NULL AND c.run LIKE 'demo-run-%%';
