-- The catalog. It runs unchanged on SQLite and on PostgreSQL (which reads BYTEA where SQLite sees a blob).
-- Times are milliseconds since 1970, sizes and positions are bytes, a ..._line is the number of newlines before its ..._byte.
-- What belongs to a log begins its key with the log's id, so that a log's rows lie together.

CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

-- A domain is a customer of ModelArts' identity service: within it names of projects and of users are unique.
CREATE TABLE domain (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL
);
INSERT INTO domain (id, name, created_ms) VALUES ('default', 'default', 0);

CREATE TABLE project (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    domain_id TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    retain_days BIGINT,
    retain_bytes BIGINT,
    UNIQUE (domain_id, name)
);

-- A job's labels are one text, as labels.py packs them, so that whoever reads a job has them. What is its latest run, how that is
-- and how many runs there are is kept here, so that a list of jobs looks at no other table to find its page; 0 and -1: there is none.
CREATE TABLE job (
    id BIGINT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    workspace_id TEXT NOT NULL DEFAULT '0',
    labels TEXT NOT NULL DEFAULT '',
    latest_id BIGINT NOT NULL DEFAULT 0,
    latest_status BIGINT NOT NULL DEFAULT -1,
    latest_started_ms BIGINT,
    latest_ended_ms BIGINT,
    runs BIGINT NOT NULL DEFAULT 0,
    UNIQUE (project_id, name)
);
CREATE INDEX job_by_project ON job (project_id, id);
-- Lists of jobs, one for each order; the two by state also count, for which they have all that is asked of.
CREATE INDEX job_by_recent ON job (project_id, latest_id, id);
CREATE INDEX job_by_status ON job (project_id, latest_status, latest_id, id, workspace_id);
CREATE INDEX job_by_name ON job (project_id, latest_status, name, workspace_id, runs);
CREATE INDEX job_by_runs ON job (project_id, runs, id);
-- What has ended by how long it took; before these what runs, the earlier begun the later, which is the same order; then the rest.
CREATE INDEX job_by_duration ON job (project_id,
    (COALESCE(latest_ended_ms - latest_started_ms, -latest_started_ms, -4611686018427387904)), id);

CREATE TABLE version (
    id BIGINT PRIMARY KEY,
    job_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    uuid TEXT NOT NULL UNIQUE,
    run_id TEXT,
    created_ms BIGINT NOT NULL,
    status BIGINT NOT NULL,
    reason TEXT,
    expected_tasks BIGINT,
    started_ms BIGINT,
    ended_ms BIGINT,
    stop_ms BIGINT,
    title TEXT,
    command TEXT,
    host TEXT,
    user_name TEXT,
    commit_id TEXT,
    project_id TEXT NOT NULL DEFAULT '',
    workspace_id TEXT NOT NULL DEFAULT '0',
    UNIQUE (job_id, number),
    UNIQUE (job_id, run_id)
);
-- Lists of a project's runs by when they were made, of all states or of some.
CREATE INDEX version_by_project ON version (project_id, created_ms, id, workspace_id, status);
CREATE INDEX version_by_status ON version (project_id, status, created_ms, id, workspace_id);
CREATE INDEX version_by_end ON version (ended_ms);

-- What a version was asked for with, as JSON: v1's body or v2's. Apart, because lists do without it.
CREATE TABLE request (
    version_id BIGINT PRIMARY KEY,
    body TEXT NOT NULL
);

-- How each worker is, as far as it has said; its bytes are in log.
CREATE TABLE task (
    version_id BIGINT NOT NULL,
    worker BIGINT NOT NULL,
    status BIGINT NOT NULL,
    exit_code BIGINT,
    signal TEXT,
    reason TEXT,
    host TEXT,
    started_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    starts BIGINT NOT NULL DEFAULT 1,
    terminal_rows BIGINT,
    PRIMARY KEY (version_id, worker)
);
-- Running tasks by when they were last heard of, and of each version.
CREATE INDEX task_by_seen ON task (seen_ms) WHERE ended_ms IS NULL;
CREATE INDEX task_running ON task (version_id) WHERE ended_ms IS NULL;

CREATE TABLE log (
    id BIGINT PRIMARY KEY,
    project_id TEXT NOT NULL,
    job_id BIGINT NOT NULL,
    version_id BIGINT NOT NULL,
    worker BIGINT NOT NULL,
    log_file TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    appended_ms BIGINT NOT NULL,
    start_byte BIGINT NOT NULL DEFAULT 0,
    start_line BIGINT NOT NULL DEFAULT 0,
    sealed_byte BIGINT NOT NULL DEFAULT 0,
    sealed_line BIGINT NOT NULL DEFAULT 0,
    end_byte BIGINT NOT NULL DEFAULT 0,
    end_line BIGINT NOT NULL DEFAULT 0,
    partial_byte BIGINT NOT NULL DEFAULT 0,
    crc32 BIGINT NOT NULL DEFAULT 0,
    closed_ms BIGINT,
    claimed_bytes BIGINT,
    claimed_crc32 BIGINT,
    lost_bytes BIGINT NOT NULL DEFAULT 0,
    fresh_segments BIGINT NOT NULL DEFAULT 0,
    UNIQUE (version_id, worker)
);
-- The logs of a version that can still grow.
CREATE INDEX log_open ON log (version_id) WHERE closed_ms IS NULL;
-- What the janitor looks for, each second: logs with a tail to seal (quiet, large, closed), logs with segments to merge (new ones,
-- closed logs), logs that have become old. Growing logs are in few of these, so that a look costs by what is to do.
CREATE INDEX log_with_tail ON log (appended_ms) WHERE end_byte > sealed_byte;
CREATE INDEX log_with_fresh_segments ON log (fresh_segments) WHERE fresh_segments >= 4;
CREATE INDEX log_with_large_tail ON log ((end_byte - sealed_byte)) WHERE end_byte - sealed_byte >= 262144;
CREATE INDEX log_to_finish ON log (closed_ms) WHERE closed_ms IS NOT NULL AND end_byte > sealed_byte;
CREATE INDEX log_to_merge ON log (closed_ms) WHERE closed_ms IS NOT NULL AND fresh_segments > 1 AND sealed_byte = end_byte;
CREATE INDEX log_to_compress ON log (appended_ms) WHERE fresh_segments > 0 AND sealed_byte = end_byte;

-- The tail of each log: [sealed_byte, end_byte) tiled by rows. Data that is shorter than end_byte - start_byte is a zstd frame.
CREATE TABLE chunk (
    log_id BIGINT NOT NULL,
    start_byte BIGINT NOT NULL,
    end_byte BIGINT NOT NULL,
    start_line BIGINT NOT NULL,
    end_line BIGINT NOT NULL,
    appended_ms BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (log_id, start_byte)
);
CREATE INDEX chunk_by_line ON chunk (log_id, end_line, start_byte);

-- The sealed part: [start_byte, sealed_byte) tiled by objects, or by parts of packs (core/pack.py): object_bytes from object_at on.
CREATE TABLE segment (
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
CREATE INDEX segment_by_object ON segment (object_key);
CREATE INDEX segment_by_line ON segment (log_id, end_line, start_byte);
CREATE INDEX segment_by_age ON segment (project_id, last_ms, log_id, start_byte, object_bytes);

CREATE TABLE gap (
    log_id BIGINT NOT NULL,
    at_byte BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    reason TEXT NOT NULL,
    recorded_ms BIGINT NOT NULL,
    PRIMARY KEY (log_id, at_byte, reason)
);

-- Which node seals or merges a log now; see leases.py.
CREATE TABLE lease (
    log_id BIGINT PRIMARY KEY,
    token TEXT NOT NULL,
    until_ms BIGINT NOT NULL
);

-- Objects that this catalog has named and that no segment names: not yet, or not any more. Each name is here before its object is
-- written, with where its bytes end; nothing else is ever deleted. What is doomed is on its way out, and gets no row again.
-- A pack that segments name is here too, since the first of its parts lost its segment: what is left of it is to be packed anew.
CREATE TABLE garbage (
    object_key TEXT PRIMARY KEY,
    since_ms BIGINT NOT NULL,
    log_id BIGINT NOT NULL DEFAULT 0,
    end_byte BIGINT NOT NULL DEFAULT 0,
    doomed BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX garbage_by_age ON garbage (since_ms, object_key);

-- A token is good for one job (job_id) of one project (project_id) or for all of them, with rights of its own; a user's token has
-- the user's rights in its project, and without a project it is good for the user's domain only, in which there are no logs.
-- A browser that was logged in by a code of another token (its parent) has one that ends with that.
CREATE TABLE token (
    id BIGINT PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    project_id TEXT,
    job_id BIGINT,
    user_id TEXT,
    rights TEXT NOT NULL,
    label TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    parent_id BIGINT
);
CREATE INDEX token_by_user ON token (user_id, project_id) WHERE user_id IS NOT NULL;

CREATE INDEX token_by_parent ON token (parent_id) WHERE parent_id IS NOT NULL;

-- What logs a browser in once, for a token that then becomes the parent of the session's.
CREATE TABLE login_code (
    sha256 TEXT PRIMARY KEY,
    token_id BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

-- A user; "user" itself is a word of SQL's.
CREATE TABLE account (
    id TEXT PRIMARY KEY,
    domain_id TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (domain_id, name)
);

-- Which rights a user has in a project.
CREATE TABLE member (
    user_id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    rights TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, project_id)
);
CREATE INDEX member_by_project ON member (project_id, user_id);

-- Access keys, with which a user's programs sign requests. The secret is encrypted with a key that is not in the catalog.
CREATE TABLE access_key (
    access TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    sealed_secret BYTEA NOT NULL,
    label TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE INDEX access_key_by_user ON access_key (user_id, access);

-- What is watched in a project's runs: a rule, as JSON; the addresses that it notifies are encrypted with a key that is not in
-- the catalog.
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

-- How far a run was watched, as JSON (joblog/watch/run_watch.py); settled is the end, ended_ms * 32 + status, to which all was read.
CREATE TABLE watch_run (
    version_id BIGINT PRIMARY KEY,
    state TEXT NOT NULL,
    settled BIGINT
);

-- What a rule has found in a run: a row before it is sent. Of what comes again soon, last_ms and times are kept.
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

-- To whom an alert is sent, and what became of it: waiting (until due_ms), sent or failed.
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
