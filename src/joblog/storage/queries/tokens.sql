-- Tokens.

-- name: token_put
INSERT INTO token (id, sha256, project_id, rights, label, created_ms, expires_ms)
VALUES (:id, :sha256, :project_id, :rights, :label, :now_ms, :expires_ms);

-- name: token_by_hash
SELECT id, project_id, rights, label, created_ms, expires_ms FROM token WHERE sha256 = :sha256;

-- name: tokens
SELECT id, project_id, rights, label, created_ms, expires_ms FROM token WHERE id > :after ORDER BY id LIMIT :limit;

-- name: token_drop
DELETE FROM token WHERE id = :id RETURNING id;
