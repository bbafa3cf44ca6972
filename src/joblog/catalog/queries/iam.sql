-- Domains, users, their memberships, their access keys.

-- name: domain
SELECT id, name, created_ms FROM domain WHERE id = :id;

-- name: domain_by_name
SELECT id, name, created_ms FROM domain WHERE name = :name;

-- name: domain_put
INSERT INTO domain (id, name, created_ms) VALUES (:id, :name, :now_ms) ON CONFLICT (name) DO NOTHING;

-- name: account_put
INSERT INTO account (id, domain_id, name, password_hash, created_ms) VALUES (:id, :domain_id, :name, :password_hash, :now_ms)
ON CONFLICT DO NOTHING RETURNING id;

-- name: account
SELECT account.id, account.name, account.created_ms, domain.id, domain.name
FROM account JOIN domain ON domain.id = account.domain_id WHERE account.id = :id;

-- name: accounts
SELECT account.id, account.name, account.created_ms, domain.id, domain.name
FROM account JOIN domain ON domain.id = account.domain_id WHERE account.id > :after ORDER BY account.id LIMIT :limit;

-- name: account_by_name
SELECT account.id, account.name, account.created_ms, domain.id, domain.name
FROM account JOIN domain ON domain.id = account.domain_id WHERE domain.name = :domain AND account.name = :name;

-- name: account_by_name_and_domain_id
SELECT account.id, account.name, account.created_ms, domain.id, domain.name
FROM account JOIN domain ON domain.id = account.domain_id WHERE domain.id = :domain_id AND account.name = :name;

-- name: account_password
SELECT password_hash FROM account WHERE id = :id;

-- name: account_hold
-- Changes nothing: until the transaction ends nobody changes the password, or deletes the user, whose token or key is being made.
UPDATE account SET name = name WHERE id = :id RETURNING password_hash;

-- name: account_set_password
UPDATE account SET password_hash = :password_hash WHERE id = :id RETURNING id;

-- name: account_drop
DELETE FROM account WHERE id = :id RETURNING id;

-- name: member_put
INSERT INTO member (user_id, project_id, rights, created_ms) VALUES (:user_id, :project_id, :rights, :now_ms)
ON CONFLICT (user_id, project_id) DO UPDATE SET rights = excluded.rights;

-- name: member
SELECT rights FROM member WHERE user_id = :user_id AND project_id = :project_id;

-- name: members
SELECT member.user_id, account.name, domain.name, member.project_id, member.rights, member.created_ms
FROM member JOIN account ON account.id = member.user_id JOIN domain ON domain.id = account.domain_id
WHERE member.project_id = :project_id AND member.user_id > :after ORDER BY member.user_id LIMIT :limit;

-- name: memberships
-- Where a user may do what.
SELECT project_id, rights FROM member WHERE user_id = :user_id;

-- name: projects_of_user
SELECT project.id, project.name, project.domain_id, project.created_ms, project.retain_days, project.retain_bytes
FROM member JOIN project ON project.id = member.project_id WHERE member.user_id = :user_id ORDER BY project.id;

-- name: member_drop
DELETE FROM member WHERE user_id = :user_id AND project_id = :project_id RETURNING user_id;

-- name: members_drop_of_user
DELETE FROM member WHERE user_id = :user_id;

-- name: access_key_put
INSERT INTO access_key (access, user_id, sealed_secret, label, created_ms)
VALUES (:access, :user_id, :sealed_secret, :label, :now_ms);

-- name: access_key
SELECT access_key.user_id, access_key.sealed_secret
FROM access_key JOIN account ON account.id = access_key.user_id WHERE access_key.access = :access;

-- name: access_keys
SELECT access, user_id, label, created_ms FROM access_key WHERE user_id = :user_id ORDER BY access;

-- name: access_key_drop
DELETE FROM access_key WHERE access = :access AND user_id = :user_id RETURNING access;

-- name: access_keys_drop_of_user
DELETE FROM access_key WHERE user_id = :user_id;
