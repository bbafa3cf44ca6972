"""From when bytes arrived to where they are: to the millisecond in a log's tail, to the second in what is sealed.

Times are annotations. Within a log they never go back, whatever clocks do, so each moment has one place.
"""

from __future__ import annotations

import bisect

from joblog.catalog.logs import Logs
from joblog.core.logs import Log
from joblog.core.segment import decode_index

_SECOND_MS = 1000
_ATTEMPTS = 5


def arrived(logs: Logs, log: Log, moment_ms: int) -> int:
    """Returns the position of the first byte that arrived at ``moment_ms`` or later; the log's end when none has.

    In sealed bytes, whose times are kept to the second, it may be the first that arrived in that second.
    """
    for _ in range(_ATTEMPTS):
        found = _arrived(logs, log, moment_ms)
        head = logs.head(log.id)
        if head.sealed_byte == log.sealed_byte:
            break
        log = head  # sealing took bytes from where they were looked for, perhaps before they were
    return found


def _arrived(logs: Logs, log: Log, moment_ms: int) -> int:
    if moment_ms > log.appended_ms:
        return log.end_byte
    for segment in logs.segments_since(log.id, moment_ms, log.start_byte, 1):
        index = decode_index(segment.index)
        at = bisect.bisect_left(index.second_ms, moment_ms)
        if at and index.second_ms[at - 1] // _SECOND_MS == moment_ms // _SECOND_MS:
            at -= 1  # what came later in the same second has no time of its own
        if at < len(index.second_byte):
            return max(index.second_byte[at], log.start_byte)
    chunks = logs.chunk_times_since(log.id, moment_ms)
    return max(chunks[0][0], log.start_byte) if chunks else log.end_byte
