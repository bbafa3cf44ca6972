-- A project's jobs at a glance.

-- name: overview
-- A page of jobs with their latest versions. :like is a LIKE pattern in lower case; :statuses is ',8,10,' or '' for all;
-- labels are looked for as in the statement jobs.
SELECT j.id, j.name, j.created_ms, j.labels, j.description, v.id, v.number, v.run_id, v.status, v.reason, v.expected_tasks, v.started_ms,
    v.ended_ms, v.created_ms, v.title, v.command, v.host, v.user_name, v.commit_id
FROM job j LEFT JOIN version v
    ON v.job_id = j.id AND v.number = (SELECT MAX(m.number) FROM version m WHERE m.job_id = j.id)
WHERE j.project_id = :project_id AND LOWER(j.name) LIKE :like ESCAPE '!'
    AND (CAST(:statuses AS TEXT) = '' OR CAST(:statuses AS TEXT) LIKE '%,' || CAST(COALESCE(v.status, -1) AS TEXT) || ',%')
    AND (CAST(:label_1 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_1 AS TEXT), '') <> j.labels)
    AND (CAST(:label_2 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_2 AS TEXT), '') <> j.labels)
    AND (CAST(:label_3 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_3 AS TEXT), '') <> j.labels)
    AND (CAST(:label_4 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_4 AS TEXT), '') <> j.labels)
ORDER BY
    CASE WHEN CAST(:sort AS TEXT) = 'name' THEN j.name END,
    CASE WHEN CAST(:sort AS TEXT) = '-name' THEN j.name END DESC,
    CAST(:sign AS BIGINT) * CASE CAST(:sort AS TEXT) WHEN 'recent' THEN COALESCE(v.id, 0) WHEN 'status' THEN COALESCE(v.status, -1)
        WHEN 'runs' THEN COALESCE(v.number, 0)
        WHEN 'duration' THEN COALESCE(v.ended_ms, :now_ms) - COALESCE(v.started_ms, :now_ms) ELSE 0 END,
    CAST(:sign AS BIGINT) * j.id
LIMIT :limit OFFSET :offset;

-- name: overview_count
-- How many jobs there are of each status of their latest versions, -1 of none.
SELECT COALESCE(v.status, -1), COUNT(*)
FROM job j LEFT JOIN version v
    ON v.job_id = j.id AND v.number = (SELECT MAX(m.number) FROM version m WHERE m.job_id = j.id)
WHERE j.project_id = :project_id AND LOWER(j.name) LIKE :like ESCAPE '!'
    AND (CAST(:label_1 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_1 AS TEXT), '') <> j.labels)
    AND (CAST(:label_2 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_2 AS TEXT), '') <> j.labels)
    AND (CAST(:label_3 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_3 AS TEXT), '') <> j.labels)
    AND (CAST(:label_4 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_4 AS TEXT), '') <> j.labels)
GROUP BY COALESCE(v.status, -1);

-- name: overview_logs
-- How many logs a version has, their bytes, when the last of these came, and how many logs are still open.
SELECT COUNT(*), COALESCE(SUM(end_byte - start_byte), 0), COALESCE(MAX(appended_ms), 0),
    COALESCE(SUM(CASE WHEN closed_ms IS NULL THEN 1 ELSE 0 END), 0)
FROM log WHERE version_id = :version_id;

-- name: overview_last_worker
SELECT worker FROM log WHERE version_id = :version_id AND end_byte > start_byte ORDER BY appended_ms DESC, worker LIMIT 1;

-- name: overview_first_worker
SELECT MIN(worker) FROM log WHERE version_id = :version_id;

-- name: overview_runs
-- A page of runs, the newest first; of one job, unless :job_id is 0.
SELECT j.id, j.name, v.id, v.number, v.run_id, v.status, v.reason, v.expected_tasks, v.started_ms, v.ended_ms, v.created_ms,
    v.title, v.command, v.host, v.user_name, v.commit_id
FROM version v JOIN job j ON j.id = v.job_id
WHERE j.project_id = :project_id AND (CAST(:job_id AS BIGINT) = 0 OR j.id = CAST(:job_id AS BIGINT))
    AND (CAST(:statuses AS TEXT) = '' OR CAST(:statuses AS TEXT) LIKE '%,' || CAST(v.status AS TEXT) || ',%')
    AND (CAST(:label_1 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_1 AS TEXT), '') <> j.labels)
    AND (CAST(:label_2 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_2 AS TEXT), '') <> j.labels)
    AND (CAST(:label_3 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_3 AS TEXT), '') <> j.labels)
    AND (CAST(:label_4 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_4 AS TEXT), '') <> j.labels)
ORDER BY v.id DESC LIMIT :limit OFFSET :offset;

-- name: overview_runs_count
SELECT COUNT(*)
FROM version v JOIN job j ON j.id = v.job_id
WHERE j.project_id = :project_id AND (CAST(:job_id AS BIGINT) = 0 OR j.id = CAST(:job_id AS BIGINT))
    AND (CAST(:statuses AS TEXT) = '' OR CAST(:statuses AS TEXT) LIKE '%,' || CAST(v.status AS TEXT) || ',%')
    AND (CAST(:label_1 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_1 AS TEXT), '') <> j.labels)
    AND (CAST(:label_2 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_2 AS TEXT), '') <> j.labels)
    AND (CAST(:label_3 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_3 AS TEXT), '') <> j.labels)
    AND (CAST(:label_4 AS TEXT) = '' OR REPLACE(j.labels, CAST(:label_4 AS TEXT), '') <> j.labels);
