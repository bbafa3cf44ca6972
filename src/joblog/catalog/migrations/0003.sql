-- Every object's name is in the catalog before the object is written.

ALTER TABLE garbage ADD COLUMN log_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE garbage ADD COLUMN end_byte BIGINT NOT NULL DEFAULT 0;
ALTER TABLE garbage ADD COLUMN doomed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX garbage_by_age ON garbage (since_ms);
