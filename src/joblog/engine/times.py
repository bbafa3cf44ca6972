"""When the bytes of a log arrived, and which arrived when: what its chunks and the indexes of its segments say.

Times are annotations: to the millisecond in a log's tail, to the second in what is sealed, which keeps when each second's first
bytes came. Within a log they never go back, whatever clocks do: each moment has one place, a byte has the same second before
and after it, and finding a second costs by the rows behind it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator

from joblog.catalog.logs import Logs
from joblog.core.logs import Head, Segment
from joblog.core.segment import decode_index

Stretch = tuple[int, int, int]
"""``(second, start, end)``: the bytes ``[start, end)`` arrived in that second (since 1970)."""

_BATCH = 4
"""Segments whose indexes are decoded at a time."""


_SECOND_MS = 1000
_ATTEMPTS = 5


def arrived(logs: Logs, log: Head, moment_ms: int) -> int:
    """Returns the position of the first byte that arrived at ``moment_ms`` or later; the log's end when none has.

    In sealed bytes, whose times are kept to the second, it may be the first that arrived in that second.
    """
    for _ in range(_ATTEMPTS):
        moment = _arrived(logs, log, moment_ms)
        head = logs.head(log.id)
        if head.sealed_byte == log.sealed_byte:
            break
        log = head  # sealing took bytes from where they were looked for, perhaps before they were
    return moment


def _arrived(logs: Logs, log: Head, moment_ms: int) -> int:
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


def stretches(logs: Logs, log: Head, since_s: int = 0) -> Iterator[Stretch]:
    """Yields a log's stretches from second ``since_s`` on, in order; those of one second may be several."""
    at, since_ms = log.start_byte, since_s * 1000
    while True:
        batch = logs.segments_since(log.id, since_ms, at, _BATCH)
        for sealed in batch:
            yield from (each for each in _of_segment(sealed) if each[0] >= since_s)
            at = sealed.end_byte
        if len(batch) == _BATCH:
            continue
        rows = logs.chunk_times_since(log.id, since_ms)
        head = logs.head(log.id)
        if head.sealed_byte == log.sealed_byte:
            break
        log = head  # sealed meanwhile: what was a chunk is a segment now
    for start, end, ms in rows:
        if end > at:
            yield ms // 1000, max(start, at), end


def second_of(logs: Logs, log: Head, bytes_at: list[int]) -> list[int]:
    """Returns the seconds in which the bytes at these positions, in ascending order, arrived."""
    seconds, wanted, last = list[int](), iter(bytes_at), 0
    at = next(wanted, None)
    if at is None:
        return seconds
    chunks = logs.chunk_times_since(log.id, 0)  # before the segments: what is sealed meanwhile is in both, not in neither
    sealed = logs.segments_by_byte(log.id, at, bytes_at[-1] + 1)
    parts = [each for one in sealed for each in _of_segment(one)]
    parts += [(ms // 1000, start, end) for start, end, ms in chunks]
    for second, _, end in parts:
        while at is not None and at < end:
            seconds.append(second)
            at = next(wanted, None)
        last = second
    return seconds + [last] * (len(bytes_at) - len(seconds))


def _of_segment(sealed: Segment) -> Iterator[Stretch]:
    index = decode_index(sealed.index)
    second, start = sealed.first_ms // 1000, sealed.start_byte
    for byte, ms in zip(index.second_byte, index.second_ms, strict=True):
        if ms // 1000 > second:
            if byte > start:
                yield second, start, byte
            second, start = ms // 1000, byte
    yield second, start, sealed.end_byte
