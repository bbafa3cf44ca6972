-- Where a log's bytes are: chunks, segments, and objects that wait to be removed.

-- name: chunk_put
INSERT INTO chunk (log_id, start_byte, end_byte, start_line, end_line, appended_ms, data)
VALUES (:log_id, :start_byte, :end_byte, :start_line, :end_line, :appended_ms, :data);

-- name: chunks_by_byte
-- The chunks that hold bytes of [low, high). The one that begins before low is found by its own look-up.
SELECT start_byte, end_byte, start_line, end_line, appended_ms, data FROM chunk
WHERE log_id = :log_id AND start_byte < :high AND start_byte >= COALESCE(
    (SELECT MAX(start_byte) FROM chunk WHERE log_id = :log_id AND start_byte <= :low), :low)
ORDER BY start_byte;

-- name: chunks_by_line
-- The chunks from the one that holds newline :low to the one that holds newline :high. Without the bound from above the
-- index would be read to the log's end.
SELECT start_byte, end_byte, start_line, end_line, appended_ms, data FROM chunk
WHERE log_id = :log_id AND end_line >= :low AND start_line < :high AND end_line <= COALESCE(
    (SELECT MIN(end_line) FROM chunk WHERE log_id = :log_id AND end_line >= :high), 9223372036854775807)
ORDER BY end_line, start_byte;

-- name: chunks_drop
DELETE FROM chunk WHERE log_id = :log_id AND start_byte < :before;

-- part: segment
log_id, start_byte, end_byte, start_line, end_line, object_key, object_bytes, level, first_ms, last_ms, frames, object_at

-- name: segment_put
INSERT INTO segment (log_id, start_byte, end_byte, start_line, end_line, project_id, object_key, object_bytes, level,
    first_ms, last_ms, frames, object_at)
VALUES (:log_id, :start_byte, :end_byte, :start_line, :end_line, :project_id, :object_key, :object_bytes, :level,
    :first_ms, :last_ms, :frames, :object_at);

-- name: segments_by_byte
SELECT @segment FROM segment WHERE log_id = :log_id AND start_byte < :high AND start_byte >= COALESCE(
    (SELECT MAX(start_byte) FROM segment WHERE log_id = :log_id AND start_byte <= :low), :low)
ORDER BY start_byte;

-- name: segments_by_line
SELECT @segment FROM segment
WHERE log_id = :log_id AND end_line >= :low AND start_line < :high AND end_line <= COALESCE(
    (SELECT MIN(end_line) FROM segment WHERE log_id = :log_id AND end_line >= :high), 9223372036854775807)
ORDER BY end_line, start_byte;

-- name: segment_sizes
-- What a merge is planned from.
SELECT start_byte, end_byte, level FROM segment WHERE log_id = :log_id ORDER BY start_byte;

-- name: segments_oldest
SELECT log_id, start_byte, end_byte, end_line, object_key, object_bytes, last_ms FROM segment
WHERE project_id = :project_id ORDER BY last_ms, log_id, start_byte LIMIT :limit;

-- name: segments_stored_bytes
SELECT COALESCE(SUM(object_bytes), 0) FROM segment WHERE project_id = :project_id;

-- name: segment_drop
DELETE FROM segment WHERE log_id = :log_id AND start_byte = :start_byte AND object_key = :object_key
RETURNING object_key, object_at;

-- name: segments_of_object
-- The parts of a pack that are needed.
SELECT @segment FROM segment WHERE object_key = :object_key ORDER BY log_id, start_byte;

-- name: segment_known
SELECT 1 FROM segment WHERE object_key = :object_key UNION ALL SELECT 1 FROM garbage WHERE object_key = :object_key;

-- name: segments_any
SELECT 1 FROM segment LIMIT 1;

-- name: object_name
-- Before an object is written; also of one whose row was dropped, and that is to get one again. Nothing where it is on its way out.
INSERT INTO garbage (object_key, since_ms, log_id, end_byte) VALUES (:object_key, :now_ms, :log_id, :end_byte)
ON CONFLICT (object_key) DO UPDATE SET since_ms = excluded.since_ms WHERE garbage.doomed = 0 RETURNING object_key;

-- name: object_named
SELECT 1 FROM garbage WHERE object_key = :object_key AND doomed = 0;

-- name: object_claim
-- In the transaction that gives the object its row. Whoever dooms it waits for this, or this finds it doomed.
DELETE FROM garbage WHERE object_key = :object_key AND doomed = 0 RETURNING object_key;

-- name: garbage_put
-- A pack may be there, since its first part went; then whoever is at its name is waited for.
INSERT INTO garbage (object_key, since_ms) VALUES (:object_key, :now_ms)
ON CONFLICT (object_key) DO UPDATE SET since_ms = garbage.since_ms;

-- name: garbage_last
-- Of a pack no part is needed any more, which counts from now on.
UPDATE garbage SET since_ms = :now_ms WHERE object_key = :object_key
    AND NOT EXISTS (SELECT 1 FROM segment WHERE segment.object_key = garbage.object_key);

-- name: garbage_lock
-- Keeps others from noting that a part of a pack is not needed, until the transaction ends.
UPDATE garbage SET since_ms = since_ms WHERE object_key = :object_key AND doomed = 0 RETURNING object_key;

-- name: garbage_count
SELECT COUNT(*) FROM garbage;

-- name: garbage_due
SELECT since_ms, object_key FROM garbage WHERE since_ms <= :before_ms AND (since_ms, object_key) > (:after_ms, :after)
    AND NOT EXISTS (SELECT 1 FROM segment WHERE segment.object_key = garbage.object_key)
ORDER BY since_ms, object_key LIMIT :limit;

-- name: packs_due
-- Packs of which parts have not been needed since then, and others are.
SELECT object_key FROM garbage WHERE since_ms <= :before_ms
    AND EXISTS (SELECT 1 FROM segment WHERE segment.object_key = garbage.object_key)
ORDER BY since_ms LIMIT :limit;

-- name: garbage_doom
-- Not what a segment names, whatever clocks say; nor what holds bytes behind its log's end, which nothing else may have.
UPDATE garbage SET doomed = 1 WHERE object_key = :object_key AND since_ms <= :before_ms
    AND NOT EXISTS (SELECT 1 FROM segment WHERE segment.object_key = garbage.object_key)
    AND NOT EXISTS (SELECT 1 FROM log WHERE log.id = garbage.log_id AND log.end_byte < garbage.end_byte)
RETURNING object_key;

-- name: garbage_drop
DELETE FROM garbage WHERE object_key = :object_key AND doomed = 1;
