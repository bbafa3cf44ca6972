-- Runs say what they are: a title, and the command, host, user and commit that they began with.

ALTER TABLE version ADD COLUMN title TEXT;
ALTER TABLE version ADD COLUMN command TEXT;
ALTER TABLE version ADD COLUMN host TEXT;
ALTER TABLE version ADD COLUMN user_name TEXT;
ALTER TABLE version ADD COLUMN commit_id TEXT;
