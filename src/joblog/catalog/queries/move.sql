-- A catalog carried over to another one: rows as they are, and how far the move is. See upkeep/move.py and move_tables.py.

-- name: move_hold
-- Whoever has begun last may write: until the transaction ends nobody begins.
UPDATE counter SET value = value WHERE name = 'move-turn' AND value = :turn RETURNING value;

-- name: move_served
UPDATE counter SET value = 0 WHERE name = 'move' AND value = :whole RETURNING value;

-- name: logs_total
SELECT COUNT(*), COALESCE(SUM(end_byte - start_byte), 0) FROM log;

-- name: log_move
INSERT INTO log (id, project_id, job_id, version_id, worker, log_file, created_ms, appended_ms, start_byte, start_line,
    sealed_byte, sealed_line, end_byte, end_line, partial_byte, crc32, closed_ms, claimed_bytes, claimed_crc32, lost_bytes,
    fresh_segments)
VALUES (:id, :project_id, :job_id, :version_id, :worker, :log_file, :created_ms, :appended_ms, :start_byte, :start_line,
    :sealed_byte, :sealed_line, :end_byte, :end_line, :partial_byte, :crc32, :closed_ms, :claimed_bytes, :claimed_crc32,
    :lost_bytes, :fresh_segments)
ON CONFLICT (id) DO UPDATE SET log_file = excluded.log_file, appended_ms = excluded.appended_ms,
    start_byte = excluded.start_byte, start_line = excluded.start_line, sealed_byte = excluded.sealed_byte,
    sealed_line = excluded.sealed_line, end_byte = excluded.end_byte, end_line = excluded.end_line,
    partial_byte = excluded.partial_byte, crc32 = excluded.crc32, closed_ms = excluded.closed_ms,
    claimed_bytes = excluded.claimed_bytes, claimed_crc32 = excluded.claimed_crc32, lost_bytes = excluded.lost_bytes,
    fresh_segments = excluded.fresh_segments;

-- name: segment_keys
SELECT start_byte, object_key FROM segment WHERE log_id = :log_id ORDER BY start_byte;

-- name: garbage_rows
SELECT object_key, since_ms, log_id, end_byte FROM garbage WHERE doomed = 0;

-- name: garbage_row_put
-- Unless a row that is still to be dropped names it.
INSERT INTO garbage (object_key, since_ms, log_id, end_byte)
SELECT CAST(:object_key AS TEXT), CAST(:since_ms AS BIGINT), CAST(:log_id AS BIGINT), CAST(:end_byte AS BIGINT)
WHERE NOT EXISTS (SELECT 1 FROM segment WHERE segment.object_key = CAST(:object_key AS TEXT))
ON CONFLICT (object_key) DO NOTHING RETURNING object_key;

-- name: counters
SELECT name, value FROM counter;

-- name: domain_rows
SELECT id, name, created_ms FROM domain;

-- name: domain_row_put
INSERT INTO domain (id, name, created_ms) VALUES (:id, :name, :created_ms);

-- name: domain_row_drop
DELETE FROM domain WHERE id = :id;

-- name: project_rows
SELECT id, name, domain_id, created_ms, retain_days, retain_bytes FROM project;

-- name: project_row_put
INSERT INTO project (id, name, domain_id, created_ms, retain_days, retain_bytes)
VALUES (:id, :name, :domain_id, :created_ms, :retain_days, :retain_bytes);

-- name: project_row_drop
DELETE FROM project WHERE id = :id;

-- name: account_rows
SELECT id, domain_id, name, password_hash, created_ms FROM account;

-- name: account_row_put
INSERT INTO account (id, domain_id, name, password_hash, created_ms)
VALUES (:id, :domain_id, :name, :password_hash, :created_ms);

-- name: account_row_drop
DELETE FROM account WHERE id = :id;

-- name: member_rows
SELECT user_id, project_id, rights, created_ms FROM member;

-- name: member_row_put
INSERT INTO member (user_id, project_id, rights, created_ms) VALUES (:user_id, :project_id, :rights, :created_ms);

-- name: member_row_drop
DELETE FROM member WHERE user_id = :user_id AND project_id = :project_id;

-- name: access_key_rows
SELECT access, user_id, sealed_secret, label, created_ms FROM access_key;

-- name: access_key_row_put
INSERT INTO access_key (access, user_id, sealed_secret, label, created_ms)
VALUES (:access, :user_id, :sealed_secret, :label, :created_ms);

-- name: access_key_row_drop
DELETE FROM access_key WHERE access = :access;

-- name: token_rows
SELECT id, sha256, project_id, job_id, user_id, rights, label, created_ms, expires_ms, parent_id FROM token
WHERE id > :after AND id <= :until;

-- name: token_next
SELECT MIN(id) FROM token WHERE id > :after;

-- name: token_row_put
INSERT INTO token (id, sha256, project_id, job_id, user_id, rights, label, created_ms, expires_ms, parent_id)
VALUES (:id, :sha256, :project_id, :job_id, :user_id, :rights, :label, :created_ms, :expires_ms, :parent_id);

-- name: token_row_drop
DELETE FROM token WHERE id = :id;

-- name: job_rows
SELECT id, project_id, name, created_ms, description, workspace_id, labels, latest_id, latest_status, latest_started_ms,
    latest_ended_ms, runs
FROM job WHERE id > :after AND id <= :until;

-- name: job_next
SELECT MIN(id) FROM job WHERE id > :after;

-- name: job_row_put
INSERT INTO job (id, project_id, name, created_ms, description, workspace_id, labels, latest_id, latest_status,
    latest_started_ms, latest_ended_ms, runs)
VALUES (:id, :project_id, :name, :created_ms, :description, :workspace_id, :labels, :latest_id, :latest_status,
    :latest_started_ms, :latest_ended_ms, :runs);

-- name: job_row_drop
DELETE FROM job WHERE id = :id;

-- name: version_rows
SELECT id, job_id, number, uuid, run_id, created_ms, status, reason, expected_tasks, started_ms, ended_ms, stop_ms,
    title, command, host, user_name, commit_id, project_id, workspace_id
FROM version WHERE id > :after AND id <= :until;

-- name: version_next
SELECT MIN(id) FROM version WHERE id > :after;

-- name: version_row_put
INSERT INTO version (id, job_id, number, uuid, run_id, created_ms, status, reason, expected_tasks, started_ms, ended_ms, stop_ms,
    title, command, host, user_name, commit_id, project_id, workspace_id)
VALUES (:id, :job_id, :number, :uuid, :run_id, :created_ms, :status, :reason, :expected_tasks, :started_ms, :ended_ms, :stop_ms,
    :title, :command, :host, :user_name, :commit_id, :project_id, :workspace_id);

-- name: version_row_drop
DELETE FROM version WHERE id = :id;

-- name: request_rows
SELECT version_id, body FROM request WHERE version_id > :after AND version_id <= :until;

-- name: request_row_put
INSERT INTO request (version_id, body) VALUES (:version_id, :body);

-- name: request_row_drop
DELETE FROM request WHERE version_id = :version_id;

-- name: task_rows
SELECT version_id, worker, status, exit_code, signal, reason, host, started_ms, seen_ms, ended_ms, starts, terminal_rows FROM task
WHERE version_id > :after AND version_id <= :until;

-- name: task_row_put
INSERT INTO task (version_id, worker, status, exit_code, signal, reason, host, started_ms, seen_ms, ended_ms, starts,
    terminal_rows)
VALUES (:version_id, :worker, :status, :exit_code, :signal, :reason, :host, :started_ms, :seen_ms, :ended_ms, :starts,
    :terminal_rows);

-- name: task_row_drop
DELETE FROM task WHERE version_id = :version_id AND worker = :worker;

-- name: watch_rule_rows
SELECT id, project_id, name, body, sealed_notify, created_ms, muted_ms FROM watch_rule;

-- name: watch_rule_row_put
INSERT INTO watch_rule (id, project_id, name, body, sealed_notify, created_ms, muted_ms)
VALUES (:id, :project_id, :name, :body, :sealed_notify, :created_ms, :muted_ms);

-- name: watch_rule_row_drop
DELETE FROM watch_rule WHERE id = :id;

-- name: watch_run_rows
SELECT version_id, state, settled FROM watch_run
WHERE version_id > :after AND version_id <= :until;

-- name: watch_run_row_put
INSERT INTO watch_run (version_id, state, settled)
VALUES (:version_id, :state, :settled);

-- name: watch_run_row_drop
DELETE FROM watch_run WHERE version_id = :version_id;

-- name: alert_rows
SELECT id, rule_id, rule_name, kind, project_id, job_id, version_id, worker, alert_key, fired_ms, last_ms,
    resolved_ms, times, reason, line, start_byte, end_byte, line_text, step, why FROM alert
WHERE id > :after AND id <= :until;

-- name: alert_next
SELECT MIN(id) FROM alert WHERE id > :after;

-- name: alert_row_put
INSERT INTO alert (id, rule_id, rule_name, kind, project_id, job_id, version_id, worker, alert_key, fired_ms, last_ms,
    resolved_ms, times, reason, line, start_byte, end_byte, line_text, step, why)
VALUES (:id, :rule_id, :rule_name, :kind, :project_id, :job_id, :version_id, :worker, :alert_key, :fired_ms, :last_ms,
    :resolved_ms, :times, :reason, :line, :start_byte, :end_byte, :line_text, :step, :why);

-- name: alert_row_drop
DELETE FROM alert WHERE id = :id;

-- name: delivery_rows
SELECT alert_id, number, project_id, receiver, sealed_url, state, tries, due_ms, ended_ms, problem FROM delivery
WHERE alert_id > :after AND alert_id <= :until;

-- name: delivery_row_put
INSERT INTO delivery (alert_id, number, project_id, receiver, sealed_url, state, tries, due_ms, ended_ms, problem)
VALUES (:alert_id, :number, :project_id, :receiver, :sealed_url, :state, :tries, :due_ms, :ended_ms, :problem);

-- name: delivery_row_drop
DELETE FROM delivery WHERE alert_id = :alert_id AND number = :number;
