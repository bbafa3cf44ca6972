"""The logs of a version as one: merged by arrival, from any place in that order, in pages.

A page reads of each log what it shows, and for its times the rows of the catalog behind its place.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import partial

from joblog.core.logs import Head
from joblog.engine.compute import compute
from joblog.engine.read import PageReader
from joblog.engine.times import second_of, stretches
from joblog.views.merged import Place, Placed, merged_lines
from joblog.views.values import MergedLine, MergedPage

PAGE_BYTES = 2 * 1024 * 1024
LINE_BYTES = 64 * 1024
"""Of a longer line this much is shown here; its range is whole."""

SETTLED_S = 2
"""How old a second must be before it is shown of logs that grow: until then its last bytes may still be on their way."""

_TAIL_LINES = 50_000
"""Lines that are looked at for the last few of all logs together."""

_READ_BYTES = 128 * 1024

_BATCH = 1000
"""Lines that are rendered at a time."""


def merged_page(
    reader: PageReader, logs: Sequence[Head], place: Place | None, count: int, collapse_s: int, now_ms: int
) -> MergedPage:
    """Returns about ``count`` lines behind ``place`` (None: from the start).

    With ``collapse_s`` what several ranks said alike within so many seconds stands once; these stretches of time are fixed, a
    page has whole ones of them, unless one is larger than a page may be.
    """
    closed = all(log.closed for log in logs)
    horizon = 2**62 if closed else now_ms // 1000 - SETTLED_S
    if not closed and collapse_s:
        horizon -= horizon % collapse_s
    place = place or Place()
    placed_lines, size, at_end, last = list[Placed](), 0, True, place
    for placed in heapq.merge(*(_lines_of(reader, log, place, horizon) for log in logs)):
        full = len(placed_lines) >= count or size >= PAGE_BYTES
        another = not collapse_s or not placed_lines or placed[0] // collapse_s != placed_lines[-1][0] // collapse_s
        if full and (another or len(placed_lines) >= 10 * count or size >= 2 * PAGE_BYTES):
            at_end = False
            break
        placed_lines.append(placed)
        size += len(placed[4])
        last = Place(placed[0], placed[1], placed[2])
    return MergedPage(_shown(placed_lines, collapse_s), last.cursor, at_end, closed and at_end)


def latest(reader: PageReader, logs: Sequence[Head], count: int, collapse_s: int, now_ms: int) -> MergedPage:
    """Returns the last ``count`` lines that have settled, and the place behind them."""
    closed = all(log.closed for log in logs)
    horizon = 2**62 if closed else now_ms // 1000 - SETTLED_S
    each = max(min(count, _TAIL_LINES // max(len(logs), 1)), 1)
    placed_lines = [placed for log in logs for placed in _last_lines(reader, log, each) if placed[0] < horizon]
    placed_lines = sorted(placed_lines)[-count:]
    place = Place(*placed_lines[-1][:3]) if placed_lines else Place()
    return MergedPage(_shown(placed_lines, collapse_s), place.cursor, True, closed)


def _shown(placed_lines: Sequence[Placed], collapse_s: int) -> list[MergedLine]:
    batches = (placed_lines[at : at + _BATCH] for at in range(0, len(placed_lines), _BATCH))
    return compute(merged_lines, batches, collapse_s)


def _lines_of(reader: PageReader, log: Head, place: Place, horizon: int) -> Iterator[Placed]:
    """Yields a log's lines behind ``place``, each in the second in which its first byte arrived."""
    end_byte = log.end_byte if log.closed else log.partial_byte
    behind = place.second + (log.worker < place.worker)
    for second, start, end in stretches(reader.logs, log, behind):
        if second >= horizon or start >= end_byte:
            return
        for low, high, data in _whole_lines(reader, log, start, min(end, end_byte), end_byte):
            if Place(second, log.worker, low) > place:
                yield second, log.worker, low, high, data


def _whole_lines(reader: PageReader, log: Head, start: int, end: int, end_byte: int) -> Iterator[tuple[int, int, bytes]]:
    """Yields ``(start, end, bytes)`` of the lines that begin within ``[start, end)``, the last one to its end."""
    inside = start > log.start_byte  # the byte before says whether a line begins here
    begin = read = start - inside
    kept = b""
    while read < end_byte and begin < end:
        if inside and read >= end:
            return  # the line goes on beyond: none begins here
        if not inside and len(kept) == LINE_BYTES:  # where the line ends is known without reading it
            following = min(_line_end(reader, log, read), end_byte)
            yield begin, following, kept
            kept, begin, read = b"", following, following
            continue
        until = min(read + _READ_BYTES, end if read < end else end_byte)
        block = reader.read(log, partial(_span, read, until)).data
        at = 0
        while (newline := block.find(b"\n", at)) >= 0:
            following = read + newline + 1
            if not inside:
                yield begin, following, kept + block[at : newline + 1][: LINE_BYTES - len(kept)]
            inside, kept, begin, at = False, b"", following, newline + 1
            if begin >= end:
                return
        kept += block[at:][: LINE_BYTES - len(kept)]
        read += len(block)
    if begin < min(end, end_byte) and not inside:
        yield begin, end_byte, kept


def _line_end(reader: PageReader, log: Head, byte: int) -> int:
    """Returns where the line ends that a byte is in: behind its newline, or at the log's end."""
    line = reader.line_at(log, byte) + 1
    return reader.line_borders(log, lambda _: (line, line)).start_byte


def _last_lines(reader: PageReader, log: Head, count: int) -> list[Placed]:
    page = reader.line_borders(log, lambda head: (max(head.last_line - count, head.start_line), head.last_line))
    lines = list(_whole_lines(reader, page.log, page.start_byte, page.end_byte, page.end_byte))
    seconds = second_of(reader.logs, page.log, [start for start, _, _ in lines])
    return [(second, log.worker, *line) for second, line in zip(seconds, lines, strict=True)]


def _span(low: int, high: int, _: Head) -> tuple[int, int]:
    return low, high
