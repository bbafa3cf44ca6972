-- What those who watch the server ask the catalog.

-- name: facts_tails
-- How many logs have bytes that are not sealed yet, how many bytes.
SELECT COUNT(*), COALESCE(SUM(end_byte - sealed_byte), 0) FROM log WHERE end_byte > sealed_byte;

-- name: facts_seal_due
-- How many of them are due (as in logs_to_seal), and since when the first one is: since it was closed, or was quiet for long
-- enough; of a large one its last append is all that is known. Small closed logs wait a while for others.
SELECT COUNT(*), MIN(CASE
    WHEN closed_ms IS NOT NULL AND (end_byte - sealed_byte >= :pack_bytes OR sealed_byte > start_byte) THEN closed_ms
    WHEN closed_ms IS NOT NULL THEN closed_ms + :pack_after_ms
    WHEN appended_ms < :quiet_ms AND partial_byte > sealed_byte THEN appended_ms + :quiet_for_ms
    ELSE appended_ms END)
FROM log WHERE end_byte > sealed_byte
    AND (end_byte - sealed_byte >= :seal_bytes
        OR (closed_ms IS NULL AND appended_ms < :quiet_ms AND partial_byte > sealed_byte)
        OR (closed_ms IS NOT NULL AND (end_byte - sealed_byte >= :pack_bytes OR sealed_byte > start_byte))
        OR closed_ms < :packed_ms);

-- name: facts_agents
-- The tasks that said they run: how many, when the first and the last of them were heard of.
SELECT COUNT(*), MIN(seen_ms), MAX(seen_ms) FROM task WHERE ended_ms IS NULL;
