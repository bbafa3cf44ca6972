"""Which of a log's segments become one: planned from their sizes and levels alone."""

from __future__ import annotations

from collections.abc import Sequence

from joblog.core.segment import COLD_FRAME_BYTES, LEVEL_INDEXED

SEGMENT_BYTES = 64 * 1024 * 1024
"""Raw bytes of a segment, at most: a 10 GB log is then 160 rows."""

_MERGE_FAN_IN = 4
"""So many neighbours of like size become one, so that a byte is rewritten log4 times in the log's life, not more."""


def plan_merges(
    sizes: Sequence[tuple[int, int, int]], *, whole: bool, most_bytes: int = SEGMENT_BYTES
) -> list[tuple[int, int]]:
    """Plans merges of segments given as (start byte, end byte, level), which join up; returns the byte ranges to merge.

    A growing log: from its newest segment back, as long as each is at most twice the size of all newer ones together
    (or of a frame: what is less costs nothing to rewrite), when there are _MERGE_FAN_IN of them. A ``whole`` one:
    everything, in ranges of up to ``most_bytes``.
    """
    if whole:
        return [(group[0][0], group[-1][1]) for group in _groups(sizes, most_bytes) if len(group) > 1]
    total = taken = 0
    for start, end, _ in reversed(sizes):
        if (taken and end - start > 2 * max(total, COLD_FRAME_BYTES)) or total + end - start > most_bytes:
            break
        total += end - start
        taken += 1
    return [(sizes[-taken][0], sizes[-1][1])] if taken >= _MERGE_FAN_IN else []


def plan_compression(
    sizes: Sequence[tuple[int, int, int]], least_bytes: int, *, whole: bool, most_bytes: int = SEGMENT_BYTES
) -> list[tuple[int, int]]:
    """Plans in the same way what to compress anew, or to index: ranges of ``least_bytes`` or more, not all of it indexed.

    Of a log that may grow not the last range, which would be compressed each time that it has.
    """
    groups = _groups(sizes, most_bytes)[: None if whole else -1]
    spans = [(group[0][0], group[-1][1]) for group in groups if any(level != LEVEL_INDEXED for _, _, level in group)]
    return [(start, end) for start, end in spans if end - start >= least_bytes]


def _groups(sizes: Sequence[tuple[int, int, int]], most_bytes: int) -> list[list[tuple[int, int, int]]]:
    groups: list[list[tuple[int, int, int]]] = []
    for each in sizes:
        if not groups or each[1] - groups[-1][0][0] > most_bytes:
            groups.append([])
        groups[-1].append(each)
    return groups
