-- Counters, projects, jobs, versions.

-- name: next_id
-- Takes the next number of a counter, 1 first.
INSERT INTO counter (name, value) VALUES (:name, 1)
ON CONFLICT (name) DO UPDATE SET value = counter.value + 1
RETURNING value;

-- name: next_ids
-- Takes the next numbers of a counter, several, and returns the last of them.
INSERT INTO counter (name, value) VALUES (:name, :count)
ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value
RETURNING value;

-- name: counter
SELECT value FROM counter WHERE name = :name;

-- name: set_counter
INSERT INTO counter (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: counter_drop
DELETE FROM counter WHERE name = :name;

-- name: counter_or
-- Sets what is not there yet; returns what is there then.
INSERT INTO counter (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = counter.value
RETURNING value;

-- name: project_put
-- Makes the project, or leaves the one that is there, or another one that has its name.
INSERT INTO project (id, name, domain_id, created_ms) VALUES (:id, :name, :domain_id, :now_ms) ON CONFLICT DO NOTHING;

-- name: project_rename
UPDATE project SET name = :name WHERE id = :id;

-- name: project_retain
UPDATE project SET retain_days = :retain_days, retain_bytes = :retain_bytes WHERE id = :id;

-- name: project
SELECT id, name, domain_id, created_ms, retain_days, retain_bytes FROM project WHERE id = :id;

-- name: project_by_name
SELECT id, name, domain_id, created_ms, retain_days, retain_bytes FROM project WHERE domain_id = :domain_id AND name = :name;

-- name: projects
SELECT id, name, domain_id, created_ms, retain_days, retain_bytes FROM project WHERE id > :after ORDER BY id LIMIT :limit;

-- name: projects_with_retention
SELECT id, name, domain_id, created_ms, retain_days, retain_bytes FROM project
WHERE retain_days IS NOT NULL OR retain_bytes IS NOT NULL ORDER BY id;

-- name: job_put
INSERT INTO job (id, project_id, name, created_ms) VALUES (:id, :project_id, :name, :now_ms);

-- name: job
SELECT id, project_id, name, created_ms, description, workspace_id, labels FROM job WHERE project_id = :project_id AND id = :id;

-- name: job_locked
-- Makes sure that a job is not deleted before the end of the transaction: PostgreSQL locks what is updated.
UPDATE job SET name = name WHERE id = :id RETURNING id;

-- name: job_begin
-- Makes a version that is about to be made the job's latest; locks the job as job_locked does.
UPDATE job SET latest_id = :version_id, latest_status = :status, latest_started_ms = :started_ms, latest_ended_ms = NULL,
    runs = runs + 1
WHERE id = :id RETURNING project_id, workspace_id;

-- name: job_latest_set
-- How the latest version is now, if it is this one.
UPDATE job SET latest_status = :status, latest_started_ms = :started_ms, latest_ended_ms = :ended_ms
WHERE id = :id AND latest_id = :version_id;

-- name: job_latest
-- Looks up anew what the job keeps of its versions.
UPDATE job SET runs = (SELECT COUNT(*) FROM version v WHERE v.job_id = job.id),
    (latest_id, latest_status, latest_started_ms, latest_ended_ms) = (
        SELECT COALESCE(v.id, 0), COALESCE(v.status, -1), v.started_ms, v.ended_ms
        FROM (SELECT 1 AS one) AS always LEFT JOIN version v
            ON v.id = (SELECT w.id FROM version w WHERE w.job_id = job.id ORDER BY w.number DESC LIMIT 1))
WHERE id = :id;

-- name: jobs_kept_wrong
-- Jobs, of those numbered above :after, that keep something else of their versions than there is.
SELECT j.project_id, j.id FROM job j LEFT JOIN version v
    ON v.id = (SELECT w.id FROM version w WHERE w.job_id = j.id ORDER BY w.number DESC LIMIT 1)
WHERE j.id > :after AND (j.latest_id <> COALESCE(v.id, 0) OR j.latest_status <> COALESCE(v.status, -1)
    OR COALESCE(j.latest_started_ms, -1) <> COALESCE(v.started_ms, -1)
    OR COALESCE(j.latest_ended_ms, -1) <> COALESCE(v.ended_ms, -1)
    OR j.runs <> (SELECT COUNT(*) FROM version c WHERE c.job_id = j.id)
    OR EXISTS (SELECT 1 FROM version p WHERE p.job_id = j.id
        AND (p.project_id <> j.project_id OR p.workspace_id <> j.workspace_id)))
ORDER BY j.id LIMIT :limit;

-- name: job_by_name
SELECT id, project_id, name, created_ms, description, workspace_id, labels FROM job WHERE project_id = :project_id AND name = :name;

-- name: job_set_labels
-- Sets them unless somebody else has changed them meanwhile.
UPDATE job SET labels = :labels WHERE id = :id AND labels = :was RETURNING id;

-- part: version
id, job_id, number, uuid, run_id, created_ms, status, reason, expected_tasks, started_ms, ended_ms, stop_ms,
    title, command, host, user_name, commit_id

-- name: version_put
-- Its number is the next one of its job, behind those that a rebuild has left out.
INSERT INTO version (id, job_id, number, uuid, run_id, created_ms, status, started_ms, project_id, workspace_id)
VALUES (:id, :job_id, (SELECT COALESCE(MAX(number), 0) + 1 FROM
    (SELECT number FROM version WHERE job_id = :job_id UNION ALL SELECT value FROM counter WHERE name = 'version-number') AS given), :uuid, :run_id, :now_ms,
    :status, :started_ms, :project_id, :workspace_id)
RETURNING @version;

-- name: version
SELECT @version FROM version WHERE job_id = :job_id AND id = :id;

-- name: version_locked
-- Reads a version inside a transaction so that its state cannot change before the end of it: PostgreSQL locks what is updated.
UPDATE version SET number = number WHERE id = :id RETURNING @version;

-- name: version_by_number
SELECT @version FROM version WHERE job_id = :job_id AND number = :number;

-- name: version_latest
SELECT @version FROM version WHERE job_id = :job_id ORDER BY number DESC LIMIT 1;

-- name: version_by_run
-- A run that was registered before it began is also found by its uuid.
SELECT @version FROM version WHERE job_id = :job_id AND (run_id = :run_id OR uuid = :run_id) ORDER BY id LIMIT 1;

-- name: version_by_uuid
SELECT v.id, v.job_id, v.number, v.uuid, v.run_id, v.created_ms, v.status, v.reason, v.expected_tasks, v.started_ms, v.ended_ms,
    v.stop_ms, v.title, v.command, v.host, v.user_name, v.commit_id
FROM version v JOIN job j ON j.id = v.job_id WHERE v.uuid = :uuid AND j.project_id = :project_id;

-- name: versions
SELECT @version FROM version WHERE job_id = :job_id AND id > :after ORDER BY id LIMIT :limit;
