-- When bytes arrived.

-- name: segments_since
-- A log's segments that hold bytes which arrived at :since_ms or later.
SELECT log_id, start_byte, end_byte, start_line, end_line, object_key, object_bytes, level, first_ms, last_ms, frames, object_at
FROM segment WHERE log_id = :log_id AND start_byte >= :after_byte AND last_ms >= :since_ms ORDER BY start_byte LIMIT :limit;

-- name: chunk_times_since
-- The same of its chunks, without what they hold.
SELECT start_byte, end_byte, appended_ms FROM chunk
WHERE log_id = :log_id AND appended_ms >= :since_ms ORDER BY start_byte;
