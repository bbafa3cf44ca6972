-- Tokens.

-- name: token_put
INSERT INTO token (id, sha256, project_id, job_id, user_id, rights, label, created_ms, expires_ms, parent_id)
VALUES (:id, :sha256, :project_id, :job_id, :user_id, :rights, :label, :now_ms, :expires_ms, :parent_id);

-- name: token_by_hash
-- A user's token has the rights that the user has now, and dies with the user and with its membership.
SELECT token.id, token.project_id, COALESCE(member.rights, token.rights), token.label, token.created_ms, token.expires_ms,
    token.job_id, token.user_id
FROM token LEFT JOIN member ON member.user_id = token.user_id AND member.project_id = token.project_id
WHERE token.sha256 = :sha256 AND (
    token.user_id IS NULL
    OR (token.project_id IS NULL OR member.rights IS NOT NULL)
    AND EXISTS (SELECT 1 FROM account WHERE account.id = token.user_id)
);

-- name: tokens
-- Those that were made by hand: users and browsers get theirs by logging in.
SELECT id, project_id, rights, label, created_ms, expires_ms, job_id FROM token
WHERE user_id IS NULL AND parent_id IS NULL AND id > :after ORDER BY id LIMIT :limit;

-- name: token_drop
-- With the sessions that it has begun.
DELETE FROM token WHERE id = :id OR parent_id = :id RETURNING id;

-- name: token_by_id
-- One that is no session itself.
SELECT id, project_id, rights, label, created_ms, expires_ms, job_id, user_id FROM token WHERE id = :id AND parent_id IS NULL;

-- name: tokens_drop_over
-- Sessions whose time is over.
DELETE FROM token WHERE parent_id IS NOT NULL AND expires_ms < :before_ms;

-- name: login_code_put
INSERT INTO login_code (sha256, token_id, expires_ms) VALUES (:sha256, :token_id, :expires_ms);

-- name: login_code
SELECT token_id FROM login_code WHERE sha256 = :sha256;

-- name: login_code_take
-- Once: of two who take it one gets it.
DELETE FROM login_code WHERE sha256 = :sha256 RETURNING token_id, expires_ms;

-- name: login_codes_drop_over
DELETE FROM login_code WHERE expires_ms < :before_ms;

-- name: tokens_drop_of_user
DELETE FROM token WHERE user_id = :user_id;

-- name: tokens_drop_of_member
DELETE FROM token WHERE user_id = :user_id AND project_id = :project_id;

-- name: tokens_drop_expired
DELETE FROM token WHERE user_id = :user_id AND expires_ms < :before_ms;
