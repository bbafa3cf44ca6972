"""The digest of a version: what its logs' ends say, read from there backwards, in windows of bounded size."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

from joblog.core.jobs import Task
from joblog.core.logs import Log
from joblog.core.status import Status
from joblog.engine.apart import apart
from joblog.engine.read import PageReader
from joblog.engine.times import second_of
from joblog.views.digest import RankEnd, digest
from joblog.views.endings import ending
from joblog.views.failures import Failure
from joblog.views.values import Digest, Where

READ_BYTES = 16 * 1024 * 1024
"""What is read of all logs of a version together, at most; of each the last bytes. Reading takes a second for each 10 MB."""

MAX_BYTES, MIN_BYTES = 4 * 1024 * 1024, 32 * 1024
"""What is read of one log: at most, and at least, however many there are."""

READ_S = 10.0
"""After so long only the last lines of the logs that are left are read: the answer says how much was not."""

_LAST_BYTES = 8 * 1024


def why(
    query: PageReader, logs: Sequence[Log], tasks: Mapping[int, Task], now_ms: int, *, silent_ms: int, max_bytes: int
) -> Digest:
    """Returns why a version died, from its logs and what its workers (by number) said of themselves."""
    window = min(max(READ_BYTES // max(len(logs), 1), MIN_BYTES), MAX_BYTES)
    ends, until_s = list[RankEnd](), time.monotonic() + READ_S
    for log in logs:
        ends.append(_rank_end(query, log, tasks.get(log.worker), window if time.monotonic() < until_s else _LAST_BYTES))
    return apart(digest, ends, now_ms, silent_ms=silent_ms, max_bytes=max_bytes)


def _rank_end(query: PageReader, log: Log, task: Task | None, window: int) -> RankEnd:
    low = max(log.end_byte - window, log.start_byte)
    page = query.read(log, partial(_span, low, log.end_byte))
    data, line = page.data, log.end_line - page.data.count(b"\n")
    if low > log.start_byte:  # the window begins within a line: that one is left out, unless there is no other
        skipped = data.find(b"\n") + 1
        low, data, line = low + skipped, data[skipped:], line + bool(skipped)
    nothing = Where(log.task, log.last_line, log.last_line, log.end_byte, log.end_byte)
    seen = apart(ending, [data], low, line, nothing)
    return RankEnd(
        worker=log.worker,
        status=None if task is None else Status(task.status).name,
        exit_code=None if task is None else task.exit_code,
        signal=None if task is None else task.signal,
        reason=None if task is None else task.reason,
        ended_ms=None if task is None else task.ended_ms,
        closed=log.closed,
        appended_ms=log.appended_ms,
        last=seen.last,
        last_where=seen.last_where,
        failures=_timed(query, log, seen.failures),
        read_bytes=log.end_byte - low,
        unread_bytes=low - log.start_byte,
    )


def _timed(query: PageReader, log: Log, failures: Sequence[Failure]) -> list[tuple[Failure, int]]:
    seconds = second_of(query.logs, log, [failure.start_byte for failure in failures])
    return [(failure, second * 1000) for failure, second in zip(failures, seconds, strict=True)]


def _span(low: int, high: int, _: Log) -> tuple[int, int]:
    return low, high
