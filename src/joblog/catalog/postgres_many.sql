-- Statements that take arrays: what `many` would run once for each of its values, run once for all of them. Each has the name,
-- and the parameters, of the one that it stands for; its first column is the number, from 1, of the value that a row is of.

-- name: log_to_append
-- Locks the heads too, in the order of their ids: whoever appends to several logs does so in that order on all nodes.
SELECT given.number, log.id, log.project_id, log.job_id, log.version_id, log.worker, log.log_file, log.created_ms,
    log.appended_ms, log.start_byte, log.start_line, log.sealed_byte, log.sealed_line, log.end_byte, log.end_line,
    log.partial_byte, log.crc32, log.closed_ms, log.claimed_bytes, log.claimed_crc32, log.lost_bytes, log.fresh_segments
FROM unnest(:id::BIGINT[]) WITH ORDINALITY AS given (id, number) JOIN log ON log.id = given.id
ORDER BY log.id FOR NO KEY UPDATE OF log;

-- name: log_advance
UPDATE log SET end_byte = given.end_byte, end_line = given.end_line, partial_byte = given.partial_byte, crc32 = given.crc32,
    appended_ms = given.appended_ms
FROM unnest(:id::BIGINT[], :at::BIGINT[], :end_byte::BIGINT[], :end_line::BIGINT[], :partial_byte::BIGINT[], :crc32::BIGINT[],
    :appended_ms::BIGINT[]) WITH ORDINALITY
    AS given (id, at_byte, end_byte, end_line, partial_byte, crc32, appended_ms, number)
WHERE log.id = given.id AND log.end_byte = given.at_byte AND log.closed_ms IS NULL RETURNING given.number, log.id;

-- name: chunk_put
INSERT INTO chunk (log_id, start_byte, end_byte, start_line, end_line, appended_ms, data)
SELECT * FROM unnest(:log_id::BIGINT[], :start_byte::BIGINT[], :end_byte::BIGINT[], :start_line::BIGINT[], :end_line::BIGINT[],
    :appended_ms::BIGINT[], :data::BYTEA[]);

-- name: log_drop
-- In the order of their ids, as appends lock them.
DELETE FROM log USING (SELECT log.id, given.number FROM unnest(:id::BIGINT[]) WITH ORDINALITY AS given (id, number)
    JOIN log ON log.id = given.id ORDER BY log.id FOR UPDATE OF log) AS locked
WHERE log.id = locked.id RETURNING locked.number, log.id;

-- name: log_segments_drop
DELETE FROM segment USING unnest(:log_id::BIGINT[]) WITH ORDINALITY AS given (log_id, number)
WHERE segment.log_id = given.log_id RETURNING given.number, segment.object_key, segment.object_at;

-- name: log_chunks_drop
DELETE FROM chunk WHERE log_id = ANY (:log_id::BIGINT[]);

-- name: log_gaps_drop
DELETE FROM gap WHERE log_id = ANY (:log_id::BIGINT[]);

-- name: garbage_put
INSERT INTO garbage (object_key, since_ms) SELECT * FROM unnest(:object_key::TEXT[], :now_ms::BIGINT[])
ON CONFLICT (object_key) DO UPDATE SET since_ms = garbage.since_ms;

-- name: garbage_last
-- garbage_put has locked them.
UPDATE garbage SET since_ms = given.now_ms FROM unnest(:object_key::TEXT[], :now_ms::BIGINT[]) AS given (object_key, now_ms)
WHERE garbage.object_key = given.object_key
    AND NOT EXISTS (SELECT 1 FROM segment WHERE segment.object_key = garbage.object_key);
