-- Lists of a project's jobs and of its runs, page by page in each order.
-- A page is found in an index of its order, behind the place where the last one ended (:key, :id); the texts below narrow it.

-- part: listed
id, name, created_ms, labels, description, latest_id, latest_status, latest_started_ms, latest_ended_ms, runs

-- part: duration
COALESCE(latest_ended_ms - latest_started_ms, -latest_started_ms, -4611686018427387904)

-- part: in_workspace
-- '' is any.
(CAST(:workspace_id AS TEXT) = '' OR workspace_id = CAST(:workspace_id AS TEXT))

-- part: named
-- :like is a pattern in lower case.
LOWER(name) LIKE CAST(:like AS TEXT) ESCAPE '!'

-- part: named_or_any
-- '' is any name.
(CAST(:like AS TEXT) = '' OR @named)

-- part: labelled
-- Jobs that have all the labels: each is '' or a text that stands in those of such a job, and in no others (labels.py).
(CAST(:label_1 AS TEXT) = '' OR REPLACE(labels, CAST(:label_1 AS TEXT), '') <> labels)
    AND (CAST(:label_2 AS TEXT) = '' OR REPLACE(labels, CAST(:label_2 AS TEXT), '') <> labels)
    AND (CAST(:label_3 AS TEXT) = '' OR REPLACE(labels, CAST(:label_3 AS TEXT), '') <> labels)
    AND (CAST(:label_4 AS TEXT) = '' OR REPLACE(labels, CAST(:label_4 AS TEXT), '') <> labels)

-- part: matching
@in_workspace AND @named_or_any AND @labelled

-- part: in_states
-- :statuses is ',8,10,' or '' for all.
(CAST(:statuses AS TEXT) = '' OR CAST(:statuses AS TEXT) LIKE '%,' || CAST(latest_status AS TEXT) || ',%')

-- name: job_states
-- How many jobs are how.
SELECT latest_status, COUNT(*) FROM job WHERE project_id = :project_id GROUP BY latest_status;

-- name: job_states_in_workspace
SELECT latest_status, COUNT(*) FROM job WHERE project_id = :project_id AND workspace_id = :workspace_id GROUP BY latest_status;

-- name: job_states_named
-- The same of jobs whose name is like a pattern in lower case: from an index alone.
SELECT latest_status, COUNT(*) FROM job
WHERE project_id = :project_id AND @in_workspace AND @named
GROUP BY latest_status;

-- name: job_states_matching
SELECT latest_status, COUNT(*) FROM job WHERE project_id = :project_id AND @matching GROUP BY latest_status;

-- name: job_text_count
-- How many jobs, of all projects and at most :limit, have a name and labels like these patterns.
SELECT COUNT(*) FROM (SELECT rowid FROM job_text WHERE name LIKE :rough AND labels LIKE :rough_label LIMIT :limit) AS few;

-- name: jobs_of_text
SELECT @listed FROM job
WHERE id IN (SELECT rowid FROM job_text WHERE name LIKE :rough AND labels LIKE :rough_label) AND project_id = :project_id AND @matching;

-- name: jobs_of_state
SELECT @listed FROM job WHERE project_id = :project_id AND latest_status = :status AND @in_workspace;

-- name: jobs_matching
-- Names are looked at in an index, labels in the rows of what is left.
SELECT @listed FROM job WHERE id IN (SELECT id FROM job WHERE project_id = :project_id AND @in_states AND @named_or_any)
    AND @matching;

-- name: jobs
-- By their ids: those that have all the labels, or the one of that name.
SELECT id, project_id, name, created_ms, description, workspace_id, labels FROM job
WHERE project_id = :project_id AND id > :after AND (CAST(:name AS TEXT) = '' OR name = CAST(:name AS TEXT)) AND @labelled
ORDER BY id LIMIT :limit;

-- name: job_ids_named
SELECT id FROM job WHERE project_id = :project_id AND @named;

-- name: jobs_by_recent
SELECT @listed FROM job WHERE project_id = :project_id AND (latest_id, id) > (:key, :id) AND @matching AND @in_states
ORDER BY latest_id, id LIMIT :limit OFFSET :offset;

-- name: jobs_by_recent_desc
SELECT @listed FROM job WHERE project_id = :project_id AND (latest_id, id) < (:key, :id) AND @matching AND @in_states
ORDER BY latest_id DESC, id DESC LIMIT :limit OFFSET :offset;

-- name: jobs_by_name
SELECT @listed FROM job WHERE project_id = :project_id AND name > :key AND @matching AND @in_states
ORDER BY name LIMIT :limit OFFSET :offset;

-- name: jobs_by_name_desc
SELECT @listed FROM job WHERE project_id = :project_id AND name < :key AND @matching AND @in_states
ORDER BY name DESC LIMIT :limit OFFSET :offset;

-- name: jobs_by_status
SELECT @listed FROM job WHERE project_id = :project_id AND (latest_status, latest_id, id) > (:key, :latest_id, :id)
    AND @matching AND @in_states
ORDER BY latest_status, latest_id, id LIMIT :limit OFFSET :offset;

-- name: jobs_by_status_desc
SELECT @listed FROM job WHERE project_id = :project_id AND (latest_status, latest_id, id) < (:key, :latest_id, :id)
    AND @matching AND @in_states
ORDER BY latest_status DESC, latest_id DESC, id DESC LIMIT :limit OFFSET :offset;

-- name: jobs_by_runs
SELECT @listed FROM job WHERE project_id = :project_id AND (runs, id) > (:key, :id) AND @matching AND @in_states
ORDER BY runs, id LIMIT :limit OFFSET :offset;

-- name: jobs_by_runs_desc
SELECT @listed FROM job WHERE project_id = :project_id AND (runs, id) < (:key, :id) AND @matching AND @in_states
ORDER BY runs DESC, id DESC LIMIT :limit OFFSET :offset;

-- name: jobs_by_made
SELECT @listed FROM job WHERE project_id = :project_id AND id > :key AND @matching AND @in_states
ORDER BY id LIMIT :limit OFFSET :offset;

-- name: jobs_by_made_desc
SELECT @listed FROM job WHERE project_id = :project_id AND id < :key AND @matching AND @in_states
ORDER BY id DESC LIMIT :limit OFFSET :offset;

-- name: jobs_by_duration
-- Of jobs that have ended, that run, or that have not begun: their durations are comparable within each of these.
SELECT @listed FROM job WHERE project_id = :project_id AND @duration >= :low AND @duration < :high AND @matching AND @in_states
ORDER BY @duration, id LIMIT :limit;

-- name: jobs_by_duration_desc
SELECT @listed FROM job WHERE project_id = :project_id AND @duration >= :low AND @duration < :high AND @matching AND @in_states
ORDER BY @duration DESC, id DESC LIMIT :limit;

-- name: jobs_by_description
-- The one order without an index, which ModelArts alone has.
SELECT @listed FROM job WHERE project_id = :project_id AND @matching AND @in_states
ORDER BY description, id LIMIT :limit OFFSET :offset;

-- name: jobs_by_description_desc
SELECT @listed FROM job WHERE project_id = :project_id AND @matching AND @in_states
ORDER BY description DESC, id DESC LIMIT :limit OFFSET :offset;

-- part: run
v.id, v.number, v.run_id, v.status, v.reason, v.expected_tasks, v.started_ms, v.ended_ms, v.created_ms, v.title, v.command, v.host,
    v.user_name, v.commit_id

-- part: ids
:id_1, :id_2, :id_3, :id_4, :id_5, :id_6, :id_7, :id_8, :id_9, :id_10, :id_11, :id_12, :id_13, :id_14, :id_15, :id_16, :id_17,
    :id_18, :id_19, :id_20, :id_21, :id_22, :id_23, :id_24, :id_25, :id_26, :id_27, :id_28, :id_29, :id_30, :id_31, :id_32, :id_33,
    :id_34, :id_35, :id_36, :id_37, :id_38, :id_39, :id_40, :id_41, :id_42, :id_43, :id_44, :id_45, :id_46, :id_47, :id_48, :id_49,
    :id_50

-- name: runs_of_ids
-- Several runs, with their jobs; 0 is none.
SELECT j.id, j.name, @run FROM version v JOIN job j ON j.id = v.job_id WHERE v.id IN (@ids);

-- name: run_logs
-- What the logs of several runs add up to: how many there are, their bytes, when the last of these came, how many are open, the
-- first worker and the one that has the newest bytes.
SELECT version_id, COUNT(*), COALESCE(SUM(end_byte - start_byte), 0), COALESCE(MAX(appended_ms), 0),
    COALESCE(SUM(CASE WHEN closed_ms IS NULL THEN 1 ELSE 0 END), 0), MIN(worker),
    (SELECT n.id FROM log n WHERE n.version_id = log.version_id AND n.end_byte > n.start_byte
        ORDER BY n.appended_ms DESC, n.worker LIMIT 1)
FROM log WHERE version_id IN (@ids) GROUP BY version_id;

-- name: run_numbers
SELECT number, id FROM version WHERE id IN (@ids);

-- name: requests
SELECT version_id, body FROM request WHERE version_id IN (@ids);

-- name: run_total
SELECT COALESCE(SUM(runs), 0) FROM job WHERE project_id = :project_id;

-- name: run_total_in_state
SELECT COUNT(*) FROM version WHERE project_id = :project_id AND status = :status;

-- name: runs_by_recent_desc
-- A page of a project's runs, the newest first.
SELECT created_ms, id FROM version WHERE project_id = :project_id AND (created_ms, id) < (:key, :id)
ORDER BY created_ms DESC, id DESC LIMIT :limit OFFSET :offset;

-- name: runs_in_state_desc
SELECT created_ms, id FROM version WHERE project_id = :project_id AND status = :status AND (created_ms, id) < (:key, :id)
ORDER BY created_ms DESC, id DESC LIMIT :limit;

-- name: runs_of_job_desc
SELECT created_ms, id, status FROM version WHERE job_id = :job_id ORDER BY created_ms DESC, id DESC;

-- name: runs_labelled
SELECT v.created_ms, v.id, v.status FROM job j JOIN version v ON v.job_id = j.id WHERE j.project_id = :project_id AND @labelled;

-- part: made_between
created_ms >= :since_ms AND created_ms <= :until_ms AND workspace_id = :workspace_id

-- part: asked_for
@made_between AND (CAST(:statuses AS TEXT) = '' OR CAST(:statuses AS TEXT) LIKE '%,' || CAST(status AS TEXT) || ',%')

-- name: run_count
-- How many runs v2 lists: from an index alone.
SELECT COUNT(*) FROM version WHERE project_id = :project_id AND @asked_for;

-- name: run_count_in_state
SELECT COUNT(*) FROM version WHERE project_id = :project_id AND status = :status AND @made_between;

-- name: run_count_named
-- How many runs the jobs have whose name is like a pattern.
SELECT COALESCE(SUM(runs), 0) FROM job
WHERE project_id = :project_id AND workspace_id = :workspace_id AND @named;

-- name: run_ids_named
SELECT v.id FROM version v JOIN job j ON j.id = v.job_id
WHERE v.project_id = :project_id AND v.workspace_id = :workspace_id AND @named
ORDER BY v.created_ms, v.id LIMIT :limit OFFSET :offset;

-- name: run_ids_named_desc
SELECT v.id FROM version v JOIN job j ON j.id = v.job_id
WHERE v.project_id = :project_id AND v.workspace_id = :workspace_id AND @named
ORDER BY v.created_ms DESC, v.id DESC LIMIT :limit OFFSET :offset;

-- name: run_ids
SELECT id FROM version WHERE project_id = :project_id AND @asked_for ORDER BY created_ms, id LIMIT :limit OFFSET :offset;

-- name: run_ids_desc
SELECT id FROM version WHERE project_id = :project_id AND @asked_for ORDER BY created_ms DESC, id DESC LIMIT :limit OFFSET :offset;

-- name: run_keys
-- All of them, for a search that names jobs or requests.
SELECT created_ms, id, job_id FROM version WHERE project_id = :project_id AND @asked_for;

-- name: run_keys_of_jobs
-- Jobs of the project, several; 0 is none.
SELECT created_ms, id, job_id FROM version WHERE job_id IN (@ids) AND @asked_for;

-- name: runs_listed
-- Runs as v2 lists them; 0 is none.
SELECT v.id, v.job_id, v.number, v.uuid, v.run_id, v.created_ms, v.status, v.reason, v.expected_tasks, v.started_ms, v.ended_ms,
    v.stop_ms, v.title, v.command, v.host, v.user_name, v.commit_id, j.name, j.description, j.workspace_id
FROM version v JOIN job j ON j.id = v.job_id WHERE v.id IN (@ids);
