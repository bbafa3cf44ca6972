-- A catalog made anew from what the objects say of themselves.

-- name: log_about
SELECT job.name, job.created_ms, version.number, version.uuid, version.run_id, version.created_ms,
    version.title, version.command, version.host, version.user_name, version.commit_id
FROM log JOIN version ON version.id = log.version_id JOIN job ON job.id = log.job_id WHERE log.id = :id;

-- name: job_restore
INSERT INTO job (id, project_id, name, created_ms) VALUES (:id, :project_id, :name, :created_ms) ON CONFLICT (id) DO NOTHING;

-- name: version_restore
INSERT INTO version (id, job_id, number, uuid, run_id, created_ms, status, title, command, host, user_name, commit_id,
    project_id)
VALUES (:id, :job_id, :number, :uuid, :run_id, :created_ms, :status, :title, :command, :host, :user_name, :commit_id,
    :project_id)
ON CONFLICT (id) DO NOTHING;

-- name: log_restore
INSERT INTO log (id, project_id, job_id, version_id, worker, log_file, created_ms, appended_ms, start_byte, start_line,
    sealed_byte, sealed_line, end_byte, end_line, partial_byte, crc32, fresh_segments)
VALUES (:id, :project_id, :job_id, :version_id, :worker, :log_file, :created_ms, :appended_ms, :start_byte, :start_line,
    :end_byte, :end_line, :end_byte, :end_line, :partial_byte, :crc32, 0);

-- name: log_extend
-- What the objects have of a log: up to where it is sealed now.
UPDATE log SET sealed_byte = :sealed_byte, sealed_line = :sealed_line, end_byte = :end_byte, end_line = :end_line,
    partial_byte = :partial_byte, crc32 = :crc32, fresh_segments = fresh_segments + 1
WHERE id = :id;

-- name: version_number_last
SELECT COALESCE(MAX(number), 0) FROM (SELECT number FROM version UNION ALL SELECT value FROM counter WHERE name = 'version-number')
    AS given;

-- name: version_any
SELECT 1 FROM version WHERE id = :id;

-- name: garbage_spare
-- What was doomed and is still there may have its row again: nobody else is at work.
UPDATE garbage SET doomed = 0 WHERE doomed = 1;
