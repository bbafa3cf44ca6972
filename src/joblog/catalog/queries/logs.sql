-- The heads of logs, and their gaps.

-- part: head
id, project_id, job_id, version_id, worker, log_file, created_ms, appended_ms, start_byte, start_line, sealed_byte,
    sealed_line, end_byte, end_line, partial_byte, crc32, closed_ms, claimed_bytes, claimed_crc32, lost_bytes, fresh_segments

-- name: log_put
INSERT INTO log (id, project_id, job_id, version_id, worker, log_file, created_ms, appended_ms)
VALUES (:id, :project_id, :job_id, :version_id, :worker, :log_file, :now_ms, :now_ms);

-- name: log
SELECT @head FROM log WHERE id = :id;

-- name: log_heads
-- Several logs by id; 0 is none.
SELECT @head FROM log
WHERE id IN (:id_1, :id_2, :id_3, :id_4, :id_5, :id_6, :id_7, :id_8, :id_9, :id_10, :id_11, :id_12, :id_13, :id_14, :id_15, :id_16);

-- name: log_by_worker
SELECT @head FROM log WHERE version_id = :version_id AND worker = :worker AND job_id = :job_id AND project_id = :project_id;

-- name: logs
SELECT @head FROM log WHERE version_id = :version_id AND worker > :after ORDER BY worker LIMIT :limit;

-- name: logs_all
SELECT @head FROM log WHERE id > :after ORDER BY id LIMIT :limit;

-- name: logs_between
SELECT @head FROM log WHERE id > :after AND id <= :until ORDER BY id;

-- name: log_files
SELECT log_file FROM log WHERE version_id = :version_id ORDER BY worker;

-- name: log_to_append
SELECT @head FROM log WHERE id = :id;

-- name: log_advance
-- The fenced append: nobody else has moved the end.
UPDATE log SET end_byte = :end_byte, end_line = :end_line, partial_byte = :partial_byte, crc32 = :crc32,
    appended_ms = :appended_ms
WHERE id = :id AND end_byte = :at AND closed_ms IS NULL RETURNING id;

-- name: log_seal
-- Moves the border between segments and chunks, unless another sealer was first.
UPDATE log SET sealed_byte = :sealed_byte, sealed_line = :sealed_line, fresh_segments = fresh_segments + 1
WHERE id = :id AND sealed_byte = :was RETURNING id;

-- name: log_pack
-- All of a closed log moves into a segment, unless another one was first; there is nothing to merge.
UPDATE log SET sealed_byte = :end_byte, sealed_line = :end_line, fresh_segments = 0
WHERE id = :id AND sealed_byte = :was AND end_byte = :end_byte AND closed_ms IS NOT NULL RETURNING id;

-- name: log_close
UPDATE log SET closed_ms = COALESCE(closed_ms, :now_ms), claimed_bytes = COALESCE(:claimed_bytes, claimed_bytes),
    claimed_crc32 = COALESCE(:claimed_crc32, claimed_crc32)
WHERE id = :id AND end_byte = :end_byte RETURNING id;

-- name: log_lose
UPDATE log SET lost_bytes = lost_bytes + :size_bytes WHERE id = :id;

-- name: log_start
-- Retention: moves the first kept byte.
UPDATE log SET start_byte = :start_byte, start_line = :start_line WHERE id = :id AND start_byte = :was RETURNING id;

-- name: log_merged
-- Counts down what a merge has looked at; with 0 it only keeps others from the log until the transaction ends.
UPDATE log SET fresh_segments = CASE WHEN fresh_segments > :looked_at THEN fresh_segments - :looked_at ELSE 0 END
WHERE id = :id RETURNING id;

-- part: free
-- Nobody is at work on it.
NOT EXISTS (SELECT 1 FROM lease WHERE lease.log_id = log.id AND lease.until_ms > :now_ms)

-- name: logs_to_seal
-- A large tail, a quiet one that has a whole line, or one that is closed: each by an index of its own. The least of the large ones
-- is a constant, so that few logs are in that index. Small closed logs that are all tail are packed.
SELECT id, size FROM (SELECT id, end_byte - sealed_byte AS size FROM log WHERE closed_ms IS NOT NULL AND end_byte > sealed_byte
    AND (end_byte - sealed_byte >= :pack_bytes OR sealed_byte > start_byte) AND @free ORDER BY closed_ms LIMIT :limit) AS closed
UNION SELECT id, size FROM (SELECT id, end_byte - sealed_byte AS size FROM log WHERE end_byte - sealed_byte >= 262144
    AND end_byte - sealed_byte >= :seal_bytes AND @free ORDER BY end_byte - sealed_byte LIMIT :limit) AS large
UNION SELECT id, size FROM (SELECT id, end_byte - sealed_byte AS size FROM log WHERE end_byte > sealed_byte
    AND appended_ms < :quiet_ms AND partial_byte > sealed_byte AND closed_ms IS NULL AND @free ORDER BY appended_ms LIMIT :limit) AS quiet;

-- name: logs_to_seal_early
-- Where tails are sealed that are smaller than those: all tails are looked at.
SELECT id, end_byte - sealed_byte FROM log WHERE end_byte > sealed_byte AND end_byte - sealed_byte >= :seal_bytes AND @free
ORDER BY appended_ms LIMIT :limit;

-- name: logs_to_pack
-- Small closed logs that are all tail, the first closed first.
SELECT id, project_id, end_byte - sealed_byte, closed_ms FROM log WHERE closed_ms IS NOT NULL AND end_byte > sealed_byte
    AND end_byte - sealed_byte < :pack_bytes AND sealed_byte = start_byte AND @free
ORDER BY closed_ms LIMIT :limit;

-- name: logs_to_merge
-- Growing logs with several new segments, 4 of them, and closed ones.
SELECT id FROM (SELECT id FROM log WHERE fresh_segments >= 4 AND @free
    ORDER BY fresh_segments DESC LIMIT :limit) AS growing
UNION SELECT id FROM (SELECT id FROM log WHERE closed_ms IS NOT NULL AND fresh_segments > 1 AND sealed_byte = end_byte AND @free
    ORDER BY closed_ms LIMIT :limit) AS closed;

-- name: logs_to_compress
-- Those that have not grown for long, and have segments that a merge has left as they were compressed at first. Most are sealed to
-- their ends; of the others the last line is not whole.
SELECT id FROM (SELECT id FROM log WHERE fresh_segments > 0 AND sealed_byte = end_byte AND appended_ms < :before_ms AND @free
    ORDER BY appended_ms LIMIT :limit) AS sealed
UNION SELECT id FROM (SELECT id FROM log WHERE end_byte > sealed_byte AND appended_ms < :before_ms AND fresh_segments > 0 AND @free
    ORDER BY appended_ms LIMIT :limit) AS others;

-- name: logs_to_index
-- Those that have segments of the small level whose words were not collected: compressed by an earlier joblog, or cut.
SELECT DISTINCT log_id FROM segment WHERE level = :small AND log_id > :after
    AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.log_id = segment.log_id AND lease.until_ms > :now_ms)
ORDER BY log_id LIMIT :limit;

-- name: gap_put
INSERT INTO gap (log_id, at_byte, size_bytes, reason, recorded_ms)
VALUES (:log_id, :at_byte, :size_bytes, :reason, :now_ms)
ON CONFLICT (log_id, at_byte, reason) DO NOTHING RETURNING size_bytes;

-- name: gap_retained
-- What retention removed is one gap at 0 that grows.
INSERT INTO gap (log_id, at_byte, size_bytes, reason, recorded_ms) VALUES (:log_id, 0, :size_bytes, 'retention', :now_ms)
ON CONFLICT (log_id, at_byte, reason) DO UPDATE SET size_bytes = excluded.size_bytes, recorded_ms = excluded.recorded_ms;

-- name: gaps
SELECT at_byte, size_bytes, reason, recorded_ms FROM gap WHERE log_id = :log_id ORDER BY at_byte, reason;
