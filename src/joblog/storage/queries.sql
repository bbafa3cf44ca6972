-- Every statement joblog runs, by name. They are the same on SQLite and on PostgreSQL.

-- name: next_id
-- Takes the next number of a counter, 1 first.
INSERT INTO counter (name, value) VALUES (:name, 1)
ON CONFLICT (name) DO UPDATE SET value = counter.value + 1
RETURNING value;

-- name: counter
SELECT value FROM counter WHERE name = :name;

-- name: set_counter
INSERT INTO counter (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: project_put
-- Makes the project, or leaves the one that is there.
INSERT INTO project (id, created_ms) VALUES (:id, :now_ms) ON CONFLICT (id) DO NOTHING;

-- name: project_retain
UPDATE project SET retain_days = :retain_days, retain_bytes = :retain_bytes WHERE id = :id;

-- name: project
SELECT id, created_ms, retain_days, retain_bytes FROM project WHERE id = :id;

-- name: projects
SELECT id, created_ms, retain_days, retain_bytes FROM project WHERE id > :after ORDER BY id LIMIT :limit;

-- name: projects_with_retention
SELECT id, created_ms, retain_days, retain_bytes FROM project
WHERE retain_days IS NOT NULL OR retain_bytes IS NOT NULL ORDER BY id;

-- name: job_put
INSERT INTO job (id, project_id, name, created_ms) VALUES (:id, :project_id, :name, :now_ms);

-- name: job
SELECT id, project_id, name, created_ms FROM job WHERE project_id = :project_id AND id = :id;

-- name: job_by_name
SELECT id, project_id, name, created_ms FROM job WHERE project_id = :project_id AND name = :name;

-- name: jobs
SELECT id, project_id, name, created_ms FROM job
WHERE project_id = :project_id AND id > :after ORDER BY id LIMIT :limit;

-- name: version_put
INSERT INTO version (id, job_id, number, uuid, run_id, created_ms)
VALUES (:id, :job_id, (SELECT COALESCE(MAX(number), 0) + 1 FROM version WHERE job_id = :job_id), :uuid, :run_id, :now_ms)
RETURNING id, job_id, number, uuid, run_id, created_ms;

-- name: version
SELECT id, job_id, number, uuid, run_id, created_ms FROM version WHERE job_id = :job_id AND id = :id;

-- name: version_by_run
SELECT id, job_id, number, uuid, run_id, created_ms FROM version WHERE job_id = :job_id AND run_id = :run_id;

-- name: versions
SELECT id, job_id, number, uuid, run_id, created_ms FROM version
WHERE job_id = :job_id AND id > :after ORDER BY id LIMIT :limit;

-- name: log_put
INSERT INTO log (id, project_id, job_id, version_id, worker, log_file, created_ms, appended_ms)
VALUES (:id, :project_id, :job_id, :version_id, :worker, :log_file, :now_ms, :now_ms);

-- name: log
SELECT id, project_id, job_id, version_id, worker, log_file, created_ms, appended_ms, start_byte, start_line, sealed_byte,
    sealed_line, end_byte, end_line, partial_byte, crc32, closed_ms, claimed_bytes, claimed_crc32, lost_bytes, fresh_segments
FROM log WHERE id = :id;

-- name: log_by_worker
SELECT id, project_id, job_id, version_id, worker, log_file, created_ms, appended_ms, start_byte, start_line, sealed_byte,
    sealed_line, end_byte, end_line, partial_byte, crc32, closed_ms, claimed_bytes, claimed_crc32, lost_bytes, fresh_segments
FROM log WHERE version_id = :version_id AND worker = :worker AND job_id = :job_id AND project_id = :project_id;

-- name: logs
SELECT id, project_id, job_id, version_id, worker, log_file, created_ms, appended_ms, start_byte, start_line, sealed_byte,
    sealed_line, end_byte, end_line, partial_byte, crc32, closed_ms, claimed_bytes, claimed_crc32, lost_bytes, fresh_segments
FROM log WHERE version_id = :version_id AND worker > :after ORDER BY worker LIMIT :limit;

-- name: logs_all
SELECT id, project_id, job_id, version_id, worker, log_file, created_ms, appended_ms, start_byte, start_line, sealed_byte,
    sealed_line, end_byte, end_line, partial_byte, crc32, closed_ms, claimed_bytes, claimed_crc32, lost_bytes, fresh_segments
FROM log WHERE id > :after ORDER BY id LIMIT :limit;

-- name: log_files
SELECT log_file FROM log WHERE version_id = :version_id ORDER BY worker;

-- name: log_advance
-- The fenced append: nobody else has moved the end.
UPDATE log SET end_byte = :end_byte, end_line = :end_line, partial_byte = :partial_byte, crc32 = :crc32,
    appended_ms = :appended_ms
WHERE id = :id AND end_byte = :at AND closed_ms IS NULL RETURNING id;

-- name: log_seal
-- Moves the border between segments and chunks, unless another sealer was first.
UPDATE log SET sealed_byte = :sealed_byte, sealed_line = :sealed_line, fresh_segments = fresh_segments + 1
WHERE id = :id AND sealed_byte = :was RETURNING id;

-- name: log_close
UPDATE log SET closed_ms = COALESCE(closed_ms, :now_ms), claimed_bytes = COALESCE(:claimed_bytes, claimed_bytes),
    claimed_crc32 = COALESCE(:claimed_crc32, claimed_crc32)
WHERE id = :id AND end_byte = :end_byte RETURNING id;

-- name: log_lose
UPDATE log SET lost_bytes = lost_bytes + :size_bytes WHERE id = :id;

-- name: log_start
-- Retention: moves the first kept byte.
UPDATE log SET start_byte = :start_byte, start_line = :start_line WHERE id = :id AND start_byte = :was RETURNING id;

-- name: log_merged
UPDATE log SET fresh_segments = fresh_segments - :looked_at WHERE id = :id;

-- name: logs_to_seal
-- A large tail, a quiet one that has a whole line, or one that is closed.
SELECT id FROM log WHERE end_byte > sealed_byte
    AND (end_byte - sealed_byte >= :seal_bytes OR (appended_ms < :quiet_ms AND partial_byte > sealed_byte)
        OR closed_ms IS NOT NULL)
ORDER BY appended_ms LIMIT :limit;

-- name: logs_to_merge
SELECT id FROM log WHERE fresh_segments > 0
    AND (fresh_segments >= :fresh OR (closed_ms IS NOT NULL AND sealed_byte = end_byte))
ORDER BY fresh_segments DESC LIMIT :limit;

-- name: chunk_put
INSERT INTO chunk (log_id, start_byte, end_byte, start_line, end_line, appended_ms, data)
VALUES (:log_id, :start_byte, :end_byte, :start_line, :end_line, :appended_ms, :data);

-- name: chunks_by_byte
-- The chunks that hold bytes of [low, high). The one that begins before low is found by its own look-up.
SELECT start_byte, end_byte, start_line, end_line, appended_ms, data FROM chunk
WHERE log_id = :log_id AND start_byte < :high AND start_byte >= COALESCE(
    (SELECT MAX(start_byte) FROM chunk WHERE log_id = :log_id AND start_byte <= :low), :low)
ORDER BY start_byte;

-- name: chunks_by_line
-- The chunks from the one that holds newline :low to the one that holds newline :high. Without the bound from above the
-- index would be read to the log's end.
SELECT start_byte, end_byte, start_line, end_line, appended_ms, data FROM chunk
WHERE log_id = :log_id AND end_line >= :low AND start_line < :high AND end_line <= COALESCE(
    (SELECT MIN(end_line) FROM chunk WHERE log_id = :log_id AND end_line >= :high), 9223372036854775807)
ORDER BY end_line, start_byte;

-- name: chunks_drop
DELETE FROM chunk WHERE log_id = :log_id AND start_byte < :before;

-- name: segment_put
INSERT INTO segment (log_id, start_byte, end_byte, start_line, end_line, project_id, object_key, object_bytes, level,
    first_ms, last_ms, frames)
VALUES (:log_id, :start_byte, :end_byte, :start_line, :end_line, :project_id, :object_key, :object_bytes, :level,
    :first_ms, :last_ms, :frames);

-- name: segments_by_byte
SELECT log_id, start_byte, end_byte, start_line, end_line, object_key, object_bytes, level, first_ms, last_ms, frames
FROM segment WHERE log_id = :log_id AND start_byte < :high AND start_byte >= COALESCE(
    (SELECT MAX(start_byte) FROM segment WHERE log_id = :log_id AND start_byte <= :low), :low)
ORDER BY start_byte;

-- name: segments_by_line
SELECT log_id, start_byte, end_byte, start_line, end_line, object_key, object_bytes, level, first_ms, last_ms, frames
FROM segment
WHERE log_id = :log_id AND end_line >= :low AND start_line < :high AND end_line <= COALESCE(
    (SELECT MIN(end_line) FROM segment WHERE log_id = :log_id AND end_line >= :high), 9223372036854775807)
ORDER BY end_line, start_byte;

-- name: segment_sizes
-- What a merge is planned from.
SELECT start_byte, end_byte, level FROM segment WHERE log_id = :log_id ORDER BY start_byte;

-- name: segments_oldest
SELECT log_id, start_byte, end_byte, end_line, object_key, object_bytes, last_ms FROM segment
WHERE project_id = :project_id ORDER BY last_ms, log_id, start_byte LIMIT :limit;

-- name: segments_stored_bytes
SELECT COALESCE(SUM(object_bytes), 0) FROM segment WHERE project_id = :project_id;

-- name: segment_drop
DELETE FROM segment WHERE log_id = :log_id AND start_byte = :start_byte AND object_key = :object_key RETURNING object_key;

-- name: segment_known
SELECT 1 FROM segment WHERE object_key = :object_key UNION ALL SELECT 1 FROM garbage WHERE object_key = :object_key;

-- name: gap_put
INSERT INTO gap (log_id, at_byte, size_bytes, reason, recorded_ms)
VALUES (:log_id, :at_byte, :size_bytes, :reason, :now_ms)
ON CONFLICT (log_id, at_byte, reason) DO NOTHING RETURNING size_bytes;

-- name: gap_retained
-- What retention removed is one gap at 0 that grows.
INSERT INTO gap (log_id, at_byte, size_bytes, reason, recorded_ms) VALUES (:log_id, 0, :size_bytes, 'retention', :now_ms)
ON CONFLICT (log_id, at_byte, reason) DO UPDATE SET size_bytes = excluded.size_bytes, recorded_ms = excluded.recorded_ms;

-- name: gaps
SELECT at_byte, size_bytes, reason, recorded_ms FROM gap WHERE log_id = :log_id ORDER BY at_byte, reason;

-- name: garbage_put
INSERT INTO garbage (object_key, since_ms) VALUES (:object_key, :now_ms) ON CONFLICT (object_key) DO NOTHING;

-- name: garbage_due
SELECT object_key FROM garbage WHERE since_ms <= :before_ms ORDER BY object_key LIMIT :limit;

-- name: garbage_drop
DELETE FROM garbage WHERE object_key = :object_key;

-- name: token_put
INSERT INTO token (id, sha256, project_id, rights, label, created_ms, expires_ms)
VALUES (:id, :sha256, :project_id, :rights, :label, :now_ms, :expires_ms);

-- name: token_by_hash
SELECT id, project_id, rights, label, created_ms, expires_ms FROM token WHERE sha256 = :sha256;

-- name: tokens
SELECT id, project_id, rights, label, created_ms, expires_ms FROM token WHERE id > :after ORDER BY id LIMIT :limit;

-- name: token_drop
DELETE FROM token WHERE id = :id RETURNING id;
