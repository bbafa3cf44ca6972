-- A task says how high the terminal is that its program writes to (joblog run --tty): the terminal's view need not guess it.

ALTER TABLE task ADD COLUMN terminal_rows BIGINT;

-- A job keeps what is its latest run and how that is; a run names its project and workspace.

ALTER TABLE job ADD COLUMN latest_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN latest_status BIGINT NOT NULL DEFAULT -1;
ALTER TABLE job ADD COLUMN latest_started_ms BIGINT;
ALTER TABLE job ADD COLUMN latest_ended_ms BIGINT;
ALTER TABLE job ADD COLUMN runs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE version ADD COLUMN project_id TEXT NOT NULL DEFAULT '';
ALTER TABLE version ADD COLUMN workspace_id TEXT NOT NULL DEFAULT '0';
UPDATE job SET runs = (SELECT COUNT(*) FROM version v WHERE v.job_id = job.id),
    (latest_id, latest_status, latest_started_ms, latest_ended_ms) = (
        SELECT COALESCE(v.id, 0), COALESCE(v.status, -1), v.started_ms, v.ended_ms
        FROM (SELECT 1 AS one) AS always LEFT JOIN version v
            ON v.id = (SELECT w.id FROM version w WHERE w.job_id = job.id ORDER BY w.number DESC LIMIT 1));
UPDATE version SET (project_id, workspace_id) = (SELECT j.project_id, j.workspace_id FROM job j WHERE j.id = version.job_id);
CREATE INDEX job_by_recent ON job (project_id, latest_id, id);
CREATE INDEX job_by_status ON job (project_id, latest_status, latest_id, id, workspace_id);
CREATE INDEX job_by_name ON job (project_id, latest_status, name, workspace_id, runs);
CREATE INDEX job_by_runs ON job (project_id, runs, id);
CREATE INDEX job_by_duration ON job (project_id,
    (COALESCE(latest_ended_ms - latest_started_ms, -latest_started_ms, -4611686018427387904)), id);
CREATE INDEX version_by_project ON version (project_id, created_ms, id, workspace_id, status);
CREATE INDEX version_by_status ON version (project_id, status, created_ms, id, workspace_id);

-- What the janitor looks for each second.
DROP INDEX log_with_fresh_segments;
CREATE INDEX log_with_fresh_segments ON log (fresh_segments) WHERE fresh_segments >= 4;
CREATE INDEX log_with_large_tail ON log ((end_byte - sealed_byte)) WHERE end_byte - sealed_byte >= 262144;
CREATE INDEX log_to_finish ON log (closed_ms) WHERE closed_ms IS NOT NULL AND end_byte > sealed_byte;
CREATE INDEX log_to_merge ON log (closed_ms) WHERE closed_ms IS NOT NULL AND fresh_segments > 1 AND sealed_byte = end_byte;
CREATE INDEX log_to_compress ON log (appended_ms) WHERE fresh_segments > 0 AND sealed_byte = end_byte;
DROP INDEX garbage_by_age;
CREATE INDEX garbage_by_age ON garbage (since_ms, object_key);

-- Whether anything of a version still goes on.
CREATE INDEX task_running ON task (version_id) WHERE ended_ms IS NULL;
CREATE INDEX log_open ON log (version_id) WHERE closed_ms IS NULL;

-- Runs are watched: rules, how far each run was watched, alerts, and where these are sent.

CREATE TABLE watch_rule (
    id BIGINT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    sealed_notify BYTEA NOT NULL,
    created_ms BIGINT NOT NULL,
    muted_ms BIGINT NOT NULL DEFAULT 0,
    UNIQUE (project_id, name)
);
CREATE TABLE watch_run (
    version_id BIGINT PRIMARY KEY,
    state TEXT NOT NULL,
    settled BIGINT
);
CREATE TABLE alert (
    id BIGINT PRIMARY KEY,
    rule_id BIGINT NOT NULL,
    rule_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    project_id TEXT NOT NULL,
    job_id BIGINT NOT NULL,
    version_id BIGINT NOT NULL,
    worker BIGINT,
    alert_key TEXT NOT NULL UNIQUE,
    fired_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    resolved_ms BIGINT,
    times BIGINT NOT NULL,
    reason TEXT NOT NULL,
    line BIGINT,
    start_byte BIGINT,
    end_byte BIGINT,
    line_text TEXT NOT NULL,
    step BIGINT,
    why TEXT
);
CREATE INDEX alert_by_project ON alert (project_id, id);
CREATE INDEX alert_by_version ON alert (version_id, id);
CREATE TABLE delivery (
    alert_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    project_id TEXT NOT NULL,
    receiver TEXT NOT NULL,
    sealed_url BYTEA NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    problem TEXT NOT NULL,
    PRIMARY KEY (alert_id, number)
);
CREATE INDEX delivery_due ON delivery (due_ms) WHERE state = 'waiting';
CREATE INDEX version_by_end ON version (ended_ms);

-- Many small logs share an object, a pack: several segments name it, each with where in it its part begins.
-- The table is made anew, as its keys are not unique any more: what else is done to it stands behind this.

CREATE TABLE segment_5 (
    log_id BIGINT NOT NULL,
    start_byte BIGINT NOT NULL,
    end_byte BIGINT NOT NULL,
    start_line BIGINT NOT NULL,
    end_line BIGINT NOT NULL,
    project_id TEXT NOT NULL,
    object_key TEXT NOT NULL,
    object_at BIGINT,
    object_bytes BIGINT NOT NULL,
    level BIGINT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    frames BYTEA NOT NULL,
    PRIMARY KEY (log_id, start_byte)
);
INSERT INTO segment_5 (log_id, start_byte, end_byte, start_line, end_line, project_id, object_key, object_bytes, level, first_ms,
    last_ms, frames)
SELECT log_id, start_byte, end_byte, start_line, end_line, project_id, object_key, object_bytes, level, first_ms, last_ms, frames
FROM segment;
DROP TABLE segment;
ALTER TABLE segment_5 RENAME TO segment;
CREATE INDEX segment_by_object ON segment (object_key);
CREATE INDEX segment_by_line ON segment (log_id, end_line, start_byte);
CREATE INDEX segment_by_age ON segment (project_id, last_ms, log_id, start_byte, object_bytes);
