-- What is watched: rules, how far runs were watched, alerts and their deliveries. See catalog/watching.py.

-- part: rule
id, project_id, name, body, sealed_notify, created_ms, muted_ms

-- name: watch_rules
SELECT @rule FROM watch_rule ORDER BY id;

-- name: watch_rules_of
SELECT @rule FROM watch_rule
WHERE project_id = :project_id ORDER BY name;

-- name: watch_rule_put
INSERT INTO watch_rule (id, project_id, name, body, sealed_notify, created_ms)
VALUES (:id, :project_id, :name, :body, :sealed_notify, :now_ms);

-- name: watch_rule_drop_named
DELETE FROM watch_rule WHERE project_id = :project_id AND name = :name RETURNING id;

-- name: watch_rule_mute
UPDATE watch_rule SET muted_ms = :until_ms WHERE project_id = :project_id AND id = :id RETURNING @rule;

-- name: watch_rule_drop
DELETE FROM watch_rule WHERE project_id = :project_id AND id = :id RETURNING id;

-- part: unsettled
-- Runs in projects that have rules: those that go on, and those that have ended lately and were not watched to that end.
(v.ended_ms IS NULL OR v.ended_ms > :since_ms) AND (w.settled IS NULL OR v.ended_ms IS NULL OR w.settled <> v.ended_ms * 32 + v.status)
    AND j.project_id IN (SELECT project_id FROM watch_rule)

-- name: watch_due
SELECT v.id, v.uuid, v.number, v.created_ms, v.status, v.reason, v.started_ms, v.ended_ms, j.id, j.name, j.project_id, j.labels
FROM version v JOIN job j ON j.id = v.job_id LEFT JOIN watch_run w ON w.version_id = v.id
WHERE @unsettled
ORDER BY v.id;

-- name: watch_heads
-- The logs of those runs.
SELECT l.version_id, l.id, l.worker, l.created_ms, l.appended_ms, l.start_byte, l.sealed_byte, l.end_byte, l.end_line,
    l.partial_byte, l.closed_ms
FROM version v JOIN job j ON j.id = v.job_id LEFT JOIN watch_run w ON w.version_id = v.id JOIN log l ON l.version_id = v.id
WHERE @unsettled
ORDER BY l.version_id, l.worker;

-- name: watch_run
SELECT state FROM watch_run WHERE version_id = :version_id;

-- name: watch_run_put
INSERT INTO watch_run (version_id, state, settled) VALUES (:version_id, :state, :settled)
ON CONFLICT (version_id) DO UPDATE SET state = excluded.state, settled = excluded.settled;

-- name: watch_run_drop
DELETE FROM watch_run WHERE version_id = :version_id;

-- name: alert_put
INSERT INTO alert (id, rule_id, rule_name, kind, project_id, job_id, version_id, worker, alert_key, fired_ms, last_ms,
    resolved_ms, times, reason, line, start_byte, end_byte, line_text, step)
VALUES (:id, :rule_id, :rule_name, :kind, :project_id, :job_id, :version_id, :worker, :alert_key, :fired_ms, :last_ms,
    :resolved_ms, :times, :reason, :line, :start_byte, :end_byte, :line_text, :step)
ON CONFLICT (alert_key) DO NOTHING RETURNING id;

-- name: alert_again
UPDATE alert SET last_ms = :last_ms, resolved_ms = :resolved_ms, times = :times WHERE alert_key = :alert_key;

-- name: alert_explain
UPDATE alert SET why = :why WHERE id = :id AND why IS NULL;

-- part: alert
a.id, a.rule_id, a.rule_name, a.kind, a.project_id, a.job_id, j.name, a.version_id, v.number, a.worker, a.alert_key,
    a.fired_ms, a.last_ms, a.resolved_ms, a.times, a.reason, a.line, a.start_byte, a.end_byte, a.line_text, a.step, a.why

-- part: ids
:id_1, :id_2, :id_3, :id_4, :id_5, :id_6, :id_7, :id_8, :id_9, :id_10, :id_11, :id_12, :id_13, :id_14, :id_15, :id_16

-- name: alert
SELECT @alert
FROM alert a JOIN job j ON j.id = a.job_id JOIN version v ON v.id = a.version_id WHERE a.id = :id;

-- name: alerts
-- A project's alerts, or those of one job or run (0: of all), the newest first, from before an id.
SELECT @alert
FROM alert a JOIN job j ON j.id = a.job_id JOIN version v ON v.id = a.version_id
WHERE a.project_id = :project_id AND a.id < :before
    AND (CAST(:job_id AS BIGINT) = 0 OR a.job_id = CAST(:job_id AS BIGINT))
    AND (CAST(:version_id AS BIGINT) = 0 OR a.version_id = CAST(:version_id AS BIGINT))
ORDER BY a.id DESC LIMIT :limit;

-- name: alerts_of_runs
-- How many alerts runs have, and the newest of them; 0 is no run.
SELECT n.times, @alert
FROM (SELECT MAX(id) AS id, COUNT(*) AS times FROM alert WHERE version_id IN (@ids) GROUP BY version_id) n
JOIN alert a ON a.id = n.id JOIN job j ON j.id = a.job_id JOIN version v ON v.id = a.version_id;

-- name: alerts_drop
DELETE FROM alert WHERE version_id = :version_id;

-- name: deliveries_drop
DELETE FROM delivery WHERE alert_id IN (SELECT id FROM alert WHERE version_id = :version_id);

-- name: delivery_put
INSERT INTO delivery (alert_id, number, project_id, receiver, sealed_url, state, tries, due_ms, ended_ms, problem)
VALUES (:alert_id, :number, :project_id, :receiver, :sealed_url, 'waiting', 0, :due_ms, NULL, '');

-- name: deliveries
-- Of several alerts; 0 is none.
SELECT alert_id, number, receiver, state, tries, due_ms, ended_ms, problem FROM delivery
WHERE alert_id IN (@ids) ORDER BY alert_id, number;

-- name: deliveries_due
-- To each receiver the first that is due, so that one that takes nothing is in nobody's way.
SELECT d.alert_id, d.number, d.project_id, d.receiver, d.sealed_url, d.tries, d.due_ms FROM delivery d
JOIN (SELECT project_id, receiver, MIN(alert_id) AS alert_id FROM delivery WHERE state = 'waiting' AND due_ms <= :now_ms
    GROUP BY project_id, receiver) f
ON d.alert_id = f.alert_id AND d.project_id = f.project_id AND d.receiver = f.receiver
WHERE d.state = 'waiting' AND d.due_ms <= :now_ms ORDER BY d.due_ms, d.alert_id, d.number LIMIT :limit;

-- name: delivery_claim
-- Whoever moves when it is due may try it; the next may when that has passed.
UPDATE delivery SET due_ms = :until_ms, tries = tries + 1
WHERE alert_id = :alert_id AND number = :number AND state = 'waiting' AND due_ms = :was_ms RETURNING tries;

-- name: delivery_end
UPDATE delivery SET state = :state, ended_ms = :now_ms, problem = :problem
WHERE alert_id = :alert_id AND number = :number AND state = 'waiting' RETURNING alert_id;

-- name: delivery_later
UPDATE delivery SET due_ms = :due_ms, problem = :problem WHERE alert_id = :alert_id AND number = :number AND state = 'waiting';

-- name: deliveries_release
-- What somebody who is dead has claimed.
UPDATE delivery SET due_ms = :now_ms WHERE state = 'waiting' AND tries > 0 AND due_ms > :now_ms AND due_ms <= :until_ms;
