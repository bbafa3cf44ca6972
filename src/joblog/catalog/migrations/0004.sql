-- Runs say what they are: a title, and the command, host, user and commit that they began with. Links log a browser in once.

ALTER TABLE version ADD COLUMN title TEXT;
ALTER TABLE version ADD COLUMN command TEXT;
ALTER TABLE version ADD COLUMN host TEXT;
ALTER TABLE version ADD COLUMN user_name TEXT;
ALTER TABLE version ADD COLUMN commit_id TEXT;

ALTER TABLE token ADD COLUMN parent_id BIGINT;
CREATE INDEX token_by_parent ON token (parent_id) WHERE parent_id IS NOT NULL;
CREATE TABLE login_code (
    sha256 TEXT PRIMARY KEY,
    token_id BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
