-- A made catalog of a fleet: so many jobs, runs and logs. {jobs}, {runs}, {logs}, {now_ms} and {data} (bytes) are put in their places.

INSERT INTO project (id, name, domain_id, created_ms) VALUES ('fleet', 'fleet', 'default', 0);

INSERT INTO job (id, project_id, name, created_ms, description, labels)
WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {jobs})
SELECT i, 'fleet', 'team-' || (i % 40) || CASE WHEN i % 3 = 0 THEN '-llama-' ELSE '-resnet-' END || (i * 7919 % 1000003),
    {now_ms} - ({jobs} - i) * 1000, 'number ' || (i % 97), '
team=t' || (i % 40) || '
' FROM n;

INSERT INTO version (id, job_id, number, uuid, run_id, created_ms, status, reason, started_ms, ended_ms, title, command, host, user_name,
    commit_id, project_id)
WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {runs}),
    run (i, status) AS (SELECT i, CASE WHEN i % 1000 < 2 THEN 14 WHEN i % 1000 < 4 THEN 1 WHEN i % 100 < 4 THEN 12
        WHEN i % 100 < 15 THEN 11 WHEN i > {runs} - 2000 AND i % 2 = 0 THEN 8 ELSE 10 END FROM n)
SELECT i, 1 + i * 7919 % {jobs}, 1 + (i - 1) / {jobs}, 'uuid-' || i, 'run-' || i, {now_ms} - ({runs} - i) * 300, status,
    CASE WHEN status = 11 THEN 'worker-0: exit code 1' END, CASE WHEN status <> 1 THEN {now_ms} - ({runs} - i) * 300 END,
    CASE WHEN status NOT IN (1, 8) THEN {now_ms} - ({runs} - i) * 300 + i * 7919 % 86400 END, NULL, 'python train.py seed=' || i,
    'node' || (i % 500), 'somebody', NULL, 'fleet' FROM run;

INSERT INTO log (id, project_id, job_id, version_id, worker, log_file, created_ms, appended_ms, start_byte, start_line, sealed_byte,
    sealed_line, end_byte, end_line, partial_byte, crc32, fresh_segments)
WITH RECURSIVE n (i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {logs} - 1),
    one (i, run) AS (SELECT i, 1 + i % {runs} FROM n)
SELECT i + 1, 'fleet', 1 + run * 7919 % {jobs}, run, i / {runs}, 'job-fleet.' || (i / {runs}), {now_ms}, {now_ms}, 64, 1, 64, 1, 128, 2, 128,
    0, 1 + i % 3 FROM one;

INSERT INTO chunk (log_id, start_byte, end_byte, start_line, end_line, appended_ms, data)
SELECT id, 64, 128, 1, 2, appended_ms, {data} FROM log;

INSERT INTO task (version_id, worker, status, started_ms, seen_ms, ended_ms)
SELECT l.version_id, l.worker, v.status, {now_ms}, {now_ms}, CASE WHEN v.status <> 8 THEN {now_ms} END
FROM log l JOIN version v ON v.id = l.version_id;

INSERT INTO garbage (object_key, since_ms)
WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {logs}) SELECT 'fleet/' || i, {now_ms} FROM n;

INSERT INTO counter (name, value) VALUES ('job', {jobs}), ('version', {runs}), ('log', {logs});

UPDATE job SET runs = (SELECT COUNT(*) FROM version v WHERE v.job_id = job.id),
    (latest_id, latest_status, latest_started_ms, latest_ended_ms) = (
        SELECT COALESCE(v.id, 0), COALESCE(v.status, -1), v.started_ms, v.ended_ms
        FROM (SELECT 1 AS one) AS always LEFT JOIN version v
            ON v.id = (SELECT w.id FROM version w WHERE w.job_id = job.id ORDER BY w.number DESC LIMIT 1));
