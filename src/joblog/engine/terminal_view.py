"""Pages of a log as a terminal shows it, and single redraws of it; reads of bounded size, wherever in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Concatenate

from joblog.core.logs import Head
from joblog.engine.compute import compute
from joblog.engine.read import PageReader
from joblog.errors import OutOfRange
from joblog.views.redraws import Redraw, redraws
from joblog.views.terminal.pages import shown_page
from joblog.views.terminal.terminal import Checkpoint
from joblog.views.values import ShownPage

READ_BYTES = 4 * 1024 * 1024
"""Raw bytes that one page reads, at most; a line that is redrawn for longer is cut there."""

_PIECE_BYTES = 16 * 1024
"""What is fed to a screen at once: of hostile bytes each can make a row, or hundreds of cells."""


Render = Callable[Concatenate[Iterable[bytes], Checkpoint, int, ...], ShownPage]


def terminal_page(reader: PageReader, log: Head, at: int | Checkpoint, count: int, render: Render = shown_page) -> ShownPage:
    """Returns about ``count`` lines as a terminal shows that was switched on at raw line ``at`` (negative: from the end).

    With a Mark, an earlier page's end, it is one that has read on from there; ``plain_page`` renders it without colours.
    Raises OutOfRange for a mark past the end.
    """
    mark = at if isinstance(at, Checkpoint) else _mark(reader, log, at)
    if mark.byte > log.end_byte:
        raise OutOfRange("cursor", f"a place within the log, which ends at byte {log.end_byte}")
    if mark.byte < log.start_byte:
        mark = Checkpoint(log.start_byte, log.start_line)
    until = min(mark.byte + READ_BYTES, log.end_byte)
    pieces = _pieces(reader, log, mark.byte, until)
    return compute(render, pieces, mark, count, at_end=until == log.end_byte, closed=log.closed)


def frames_between(reader: PageReader, log: Head, low: int, high: int, count: int) -> list[Redraw]:
    """Returns up to ``count`` frames of the bytes ``[low, high)``: every redraw by itself, each with its bytes."""
    low, high = max(low, log.start_byte), min(high, log.end_byte)
    return compute(redraws, _pieces(reader, log, low, min(high, low + READ_BYTES)), low, count)


def _mark(reader: PageReader, log: Head, line: int) -> Checkpoint:
    def span(head: Head) -> tuple[int, int]:
        first = line if line >= 0 else head.last_line + line
        first = min(max(first, head.start_line), head.last_line)
        return first, first

    page = reader.line_borders(log, span)
    return Checkpoint(page.start_byte, page.start_line)


def _pieces(reader: PageReader, log: Head, low: int, high: int) -> Iterator[bytes]:
    """Yields ``[low, high)``; when that is not to the log's end, to the last end of a frame in it, if there is one."""
    while low < high:
        until = min(low + _PIECE_BYTES, high)
        data = reader.read(log, partial(lambda low, until, _: (low, until), low, until)).data
        if until == high < log.end_byte:
            data = data[: max(data.rfind(b"\n"), data.rfind(b"\r")) + 1] or data
        yield data
        low = until
