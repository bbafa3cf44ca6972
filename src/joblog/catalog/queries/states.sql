-- How versions and their tasks are.

-- name: version_set_status
UPDATE version SET status = :status, reason = :reason, started_ms = :started_ms, ended_ms = :ended_ms
WHERE id = :id AND status = :was RETURNING id;

-- name: version_describe
UPDATE version SET title = :title, command = :command, host = :host, user_name = :user_name, commit_id = :commit_id
WHERE id = :id;

-- name: version_expect
UPDATE version SET expected_tasks = :expected_tasks WHERE id = :id;

-- name: version_stop
UPDATE version SET status = :status, stop_ms = :now_ms WHERE id = :id AND status = :was RETURNING id;

-- name: task_put
INSERT INTO task (version_id, worker, status, exit_code, signal, reason, host, started_ms, seen_ms, ended_ms, terminal_rows)
VALUES (:version_id, :worker, :status, :exit_code, :signal, :reason, :host, :now_ms, :now_ms, :ended_ms, :terminal_rows)
ON CONFLICT (version_id, worker) DO UPDATE SET status = excluded.status, exit_code = excluded.exit_code,
    signal = excluded.signal, reason = excluded.reason, host = COALESCE(excluded.host, task.host),
    terminal_rows = COALESCE(excluded.terminal_rows, task.terminal_rows),
    started_ms = CASE WHEN task.ended_ms IS NOT NULL AND excluded.ended_ms IS NULL THEN excluded.started_ms ELSE task.started_ms END,
    starts = CASE WHEN task.ended_ms IS NOT NULL AND excluded.ended_ms IS NULL THEN task.starts + 1 ELSE task.starts END,
    seen_ms = excluded.seen_ms, ended_ms = excluded.ended_ms;

-- part: task
worker, status, exit_code, signal, reason, host, started_ms, seen_ms, ended_ms, starts, terminal_rows

-- name: task
SELECT @task FROM task WHERE version_id = :version_id AND worker = :worker;

-- name: task_seen
UPDATE task SET seen_ms = :now_ms WHERE version_id = :version_id AND worker = :worker;

-- name: tasks
SELECT @task FROM task WHERE version_id = :version_id AND worker > :after ORDER BY worker LIMIT :limit;

-- name: task_ends
SELECT @task FROM task WHERE version_id = :version_id ORDER BY ended_ms, worker;

-- name: tasks_silent
-- Tasks that said they run, and have said nothing since.
SELECT t.version_id, t.worker, v.job_id FROM task t JOIN version v ON v.id = t.version_id
WHERE t.ended_ms IS NULL AND t.seen_ms < :before_ms ORDER BY t.seen_ms LIMIT :limit;

-- name: task_lose
UPDATE task SET status = :status, ended_ms = seen_ms
WHERE version_id = :version_id AND worker = :worker AND ended_ms IS NULL AND seen_ms < :before_ms RETURNING worker;

-- name: log_open
-- Whether a log of a version can still grow.
SELECT 1 FROM log WHERE version_id = :version_id AND closed_ms IS NULL LIMIT 1;

-- name: task_any
SELECT 1 FROM task WHERE version_id = :version_id LIMIT 1;

-- name: task_running
SELECT 1 FROM task WHERE version_id = :version_id AND ended_ms IS NULL LIMIT 1;

-- name: task_count
SELECT COUNT(*) FROM task WHERE version_id = :version_id;
