-- Tokens.

-- name: token_put
INSERT INTO token (id, sha256, project_id, job_id, user_id, rights, label, created_ms, expires_ms)
VALUES (:id, :sha256, :project_id, :job_id, :user_id, :rights, :label, :now_ms, :expires_ms);

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
-- Those that were made by hand: users get theirs by logging in.
SELECT id, project_id, rights, label, created_ms, expires_ms, job_id FROM token
WHERE user_id IS NULL AND id > :after ORDER BY id LIMIT :limit;

-- name: token_drop
DELETE FROM token WHERE id = :id RETURNING id;

-- name: tokens_drop_of_user
DELETE FROM token WHERE user_id = :user_id;

-- name: tokens_drop_of_member
DELETE FROM token WHERE user_id = :user_id AND project_id = :project_id;

-- name: tokens_drop_expired
DELETE FROM token WHERE user_id = :user_id AND expires_ms < :before_ms;
