-- Which node works on which log.

-- name: lease_take
INSERT INTO lease (log_id, token, until_ms) VALUES (:log_id, :token, :until_ms)
ON CONFLICT (log_id) DO UPDATE SET token = excluded.token, until_ms = excluded.until_ms
WHERE lease.until_ms <= :now_ms RETURNING log_id;

-- name: lease_hold
UPDATE lease SET until_ms = :until_ms WHERE log_id = :log_id AND token = :token AND until_ms > :now_ms RETURNING log_id;

-- name: lease_drop
DELETE FROM lease WHERE log_id = :log_id AND token = :token;

-- name: leases_drop
DELETE FROM lease WHERE until_ms <= :before_ms;
