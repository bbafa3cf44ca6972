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

-- name: job_summaries
-- A page of jobs with what is told of the latest version. :like is a LIKE pattern in lower case; :statuses is ',8,10,' or ''.
SELECT j.id, j.name, j.description, j.created_ms, v.id, v.status, v.started_ms, v.ended_ms,
    (SELECT COUNT(*) FROM version c WHERE c.job_id = j.id), v.number
FROM job j LEFT JOIN version v
    ON v.job_id = j.id AND v.number = (SELECT MAX(m.number) FROM version m WHERE m.job_id = j.id)
WHERE j.project_id = :project_id AND j.workspace_id = :workspace_id AND LOWER(j.name) LIKE :like ESCAPE '!'
    AND (CAST(:statuses AS TEXT) = '' OR CAST(:statuses AS TEXT) LIKE '%,' || CAST(COALESCE(v.status, 0) AS TEXT) || ',%')
ORDER BY
    CASE WHEN CAST(:sort AS TEXT) = 'job_name' THEN j.name WHEN CAST(:sort AS TEXT) = 'job_desc' THEN j.description END,
    CASE WHEN CAST(:sort AS TEXT) = '-job_name' THEN j.name WHEN CAST(:sort AS TEXT) = '-job_desc' THEN j.description END DESC,
    CAST(:sign AS BIGINT) * CASE CAST(:sort AS TEXT) WHEN 'status' THEN COALESCE(v.status, 0) WHEN 'create_time' THEN j.created_ms
        WHEN 'version_count' THEN (SELECT COUNT(*) FROM version c WHERE c.job_id = j.id)
        WHEN 'duration' THEN COALESCE(v.ended_ms, :now_ms) - COALESCE(v.started_ms, :now_ms) ELSE 0 END,
    CAST(:sign AS BIGINT) * j.id
LIMIT :limit OFFSET :offset;

-- name: job_summary_count
SELECT COUNT(*)
FROM job j LEFT JOIN version v
    ON v.job_id = j.id AND v.number = (SELECT MAX(m.number) FROM version m WHERE m.job_id = j.id)
WHERE j.project_id = :project_id AND j.workspace_id = :workspace_id AND LOWER(j.name) LIKE :like ESCAPE '!'
    AND (CAST(:statuses AS TEXT) = '' OR CAST(:statuses AS TEXT) LIKE '%,' || CAST(COALESCE(v.status, 0) AS TEXT) || ',%');

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

-- name: log_segments_to_garbage
INSERT INTO garbage (object_key, since_ms) SELECT object_key, :now_ms FROM segment WHERE log_id = :log_id
ON CONFLICT (object_key) DO NOTHING;

-- name: log_segments_drop
DELETE FROM segment WHERE log_id = :log_id;

-- name: log_chunks_drop
DELETE FROM chunk WHERE log_id = :log_id;

-- name: log_gaps_drop
DELETE FROM gap WHERE log_id = :log_id;

-- name: jobs_like
SELECT id FROM job WHERE project_id = :project_id AND LOWER(name) LIKE :like ESCAPE '!';

-- name: versions_asked_for_with
-- Versions in whose request, compact JSON, a text stands.
SELECT r.version_id
FROM request r JOIN version v ON v.id = r.version_id JOIN job j ON j.id = v.job_id
WHERE j.project_id = :project_id AND r.body LIKE :like ESCAPE '!';

-- name: runs
-- A page of versions with their jobs' names, as v2 lists them. Lists of ids and statuses are ',8,10,', or '' for all.
SELECT v.id, v.job_id, v.number, v.uuid, v.run_id, v.created_ms, v.status, v.reason, v.expected_tasks, v.started_ms, v.ended_ms,
    v.stop_ms, v.title, v.command, v.host, v.user_name, v.commit_id, j.name, j.description, j.workspace_id
FROM version v JOIN job j ON j.id = v.job_id
WHERE j.project_id = :project_id AND j.workspace_id = :workspace_id AND v.created_ms >= :since_ms AND v.created_ms <= :until_ms
    AND (CAST(:job_ids AS TEXT) = '' OR CAST(:job_ids AS TEXT) LIKE '%,' || CAST(j.id AS TEXT) || ',%')
    AND (CAST(:not_job_ids AS TEXT) = '' OR CAST(:not_job_ids AS TEXT) NOT LIKE '%,' || CAST(j.id AS TEXT) || ',%')
    AND (CAST(:version_ids AS TEXT) = '' OR CAST(:version_ids AS TEXT) LIKE '%,' || CAST(v.id AS TEXT) || ',%')
    AND (CAST(:not_version_ids AS TEXT) = '' OR CAST(:not_version_ids AS TEXT) NOT LIKE '%,' || CAST(v.id AS TEXT) || ',%')
    AND (CAST(:statuses AS TEXT) = '' OR CAST(:statuses AS TEXT) LIKE '%,' || CAST(v.status AS TEXT) || ',%')
ORDER BY CAST(:sign AS BIGINT) * v.created_ms, CAST(:sign AS BIGINT) * v.id LIMIT :limit OFFSET :offset;

-- name: run_count
SELECT COUNT(*)
FROM version v JOIN job j ON j.id = v.job_id
WHERE j.project_id = :project_id AND j.workspace_id = :workspace_id AND v.created_ms >= :since_ms AND v.created_ms <= :until_ms
    AND (CAST(:job_ids AS TEXT) = '' OR CAST(:job_ids AS TEXT) LIKE '%,' || CAST(j.id AS TEXT) || ',%')
    AND (CAST(:not_job_ids AS TEXT) = '' OR CAST(:not_job_ids AS TEXT) NOT LIKE '%,' || CAST(j.id AS TEXT) || ',%')
    AND (CAST(:version_ids AS TEXT) = '' OR CAST(:version_ids AS TEXT) LIKE '%,' || CAST(v.id AS TEXT) || ',%')
    AND (CAST(:not_version_ids AS TEXT) = '' OR CAST(:not_version_ids AS TEXT) NOT LIKE '%,' || CAST(v.id AS TEXT) || ',%')
    AND (CAST(:statuses AS TEXT) = '' OR CAST(:statuses AS TEXT) LIKE '%,' || CAST(v.status AS TEXT) || ',%');
