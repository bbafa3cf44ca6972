-- Jobs as ModelArts lists, describes and deletes them.

-- name: job_make
INSERT INTO job (id, project_id, name, created_ms, description, workspace_id)
VALUES (:id, :project_id, :name, :now_ms, :description, :workspace_id) ON CONFLICT (project_id, name) DO NOTHING RETURNING id;

-- name: job_describe
UPDATE job SET description = :description WHERE id = :id RETURNING id;

-- name: job_drop
DELETE FROM job WHERE id = :id;

-- name: request_put
INSERT INTO request (version_id, body) VALUES (:version_id, :body)
ON CONFLICT (version_id) DO UPDATE SET body = excluded.body;

-- name: request
SELECT body FROM request WHERE version_id = :version_id;

-- name: version_drop
DELETE FROM version WHERE id = :id RETURNING id;

-- name: request_drop
DELETE FROM request WHERE version_id = :version_id;

-- name: tasks_drop
DELETE FROM task WHERE version_id = :version_id;

-- name: log_ids
SELECT id FROM log WHERE version_id = :version_id ORDER BY id;

-- name: log_drop
DELETE FROM log WHERE id = :id RETURNING id;

-- name: log_segments_drop
DELETE FROM segment WHERE log_id = :log_id RETURNING object_key, object_at;

-- name: log_chunks_drop
DELETE FROM chunk WHERE log_id = :log_id;

-- name: log_gaps_drop
DELETE FROM gap WHERE log_id = :log_id;

-- name: versions_asked_for_with
-- Versions in whose request, compact JSON, a text stands.
SELECT r.version_id
FROM request r JOIN version v ON v.id = r.version_id
WHERE v.project_id = :project_id AND r.body LIKE :like ESCAPE '!';
