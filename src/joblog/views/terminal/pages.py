"""Pages of the terminal's view that glue: page after page shows what one terminal that reads on would show.

A page ends where a terminal may be switched off and another one on without a difference: at a border between two shown
lines across which, in the raw bytes, nothing was drawn. Nested progress bars that redraw each other stay on one page
therefore. Where a page would grow beyond its bound without such a border it is cut all the same, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate

from joblog.errors import Invalid
from joblog.views.encodings import Decoder
from joblog.views.terminal.row import Row
from joblog.views.terminal.screen import WINDOW_ROWS
from joblog.views.terminal.sgr import pen_after
from joblog.views.terminal.terminal import Checkpoint, Terminal, shown_line
from joblog.views.values import ShownPage

MAX_ROWS = 20_000
"""Lines of a page without a border, at most: escapes of a few bytes can make a screen of them."""

_CURSOR = re.compile(r"(\d{1,19})\.(\d{1,19})\.([0-9;]{0,40})(?:\.([1-9]\d?))?", re.ASCII)


def cursor(mark: Checkpoint) -> str:
    """Returns a mark as a page's ``next`` has it."""
    return f"{mark.byte}.{mark.line}.{mark.pen}" + (f".{mark.height}" if mark.height else "")


def parse_cursor(text: str) -> Checkpoint:
    """Reads a page's ``next``; raises Invalid."""
    match = _CURSOR.fullmatch(text)
    if match is None or (match[3] and pen_after("", match[3]) != match[3]):
        raise Invalid("cursor", "the next of an earlier page", text)
    return Checkpoint(int(match[1]), int(match[2]), match[3], int(match[4] or 0))


def shown_page(  # noqa: PLR0913 - what a log is, each of its own
    pieces: Iterable[bytes], mark: Checkpoint, count: int, *, at_end: bool, closed: bool, encoding: str = "", height: int = 0
) -> ShownPage:
    """Renders a page of about ``count`` lines of the bytes from ``mark`` on, which ``pieces`` has as many of as may be read.

    ``at_end``: they reach to the log's end; ``closed``: which is for ever. The page has the lines up to the first border
    at or after ``count``, and fewer where the pieces have no more. ``encoding`` is what the log is written in, nothing where
    that is to be guessed. ``height`` is that of the terminal, 0 where it is not known, or more than is kept.
    """
    terminal, rows, end, look_at = Terminal(mark, rows=height if height <= WINDOW_ROWS else 0), list[Row](), mark.byte, count
    decoder = Decoder(mark.byte, encoding)
    for piece in pieces:
        for data, places in decoder.feed(piece):
            rows += terminal.feed_rows(data, places)
        end += len(piece)
        if len(rows) < look_at:
            continue
        standing = rows + terminal.screen.rows
        size = _border(standing, count, len(rows))
        if size >= count:
            return _page(rows[:size], mark, _before(standing[size]))
        if len(rows) >= MAX_ROWS:
            return replace(_page(rows + terminal.finish_rows(), mark, _here(terminal, end)), cut=True)
        look_at = len(rows) * 2  # what was a border stays one: looking again later finds the same one
    for data, places in decoder.end():
        rows += terminal.feed_rows(data, places)
    settled = len(rows)
    screen = terminal.finish_rows()
    here = _here(terminal, end)
    if at_end and closed:
        return _page(rows + screen, mark, here)
    standing = rows + terminal.screen.rows
    size = _border(standing, settled, settled)
    if at_end:
        page = _page(rows + screen, mark, _before(standing[size]) if size else mark)
        return replace(page, settled=size, end_byte=end)
    if size:
        return _page(rows[:size], mark, _before(standing[size]))
    return replace(_page(rows + screen, mark, here), cut=True)


def plain_page(  # noqa: PLR0913 - what a log is, each of its own
    pieces: Iterable[bytes], mark: Checkpoint, count: int, *, at_end: bool, closed: bool, encoding: str = "", height: int = 0
) -> ShownPage:
    """Renders a page without the spans of text that is not plain."""
    page = shown_page(pieces, mark, count, at_end=at_end, closed=closed, encoding=encoding, height=height)
    for line in page.lines:
        line.spans.clear()
    return page


def _border(rows: list[Row], count: int, settled: int) -> int:
    """Returns how many rows stand before the first border at or after ``count`` of them, else before the last one.

    A border is clean when nothing of either side was drawn on the other side of it; only ``settled`` rows may stand before it.
    """
    reached = list(accumulate((row.end for row in rows), max))
    best, begins = 0, rows[-1].start if rows else 0
    for number in range(len(rows) - 1, 0, -1):
        begins = min(begins, rows[number].start)
        if begins <= rows[0].start:
            return best
        if number <= settled and rows[number].fresh and reached[number - 1] <= begins == rows[number].start:
            if number < count:
                return best or number
            best = number
    return best


def _page(rows: list[Row], mark: Checkpoint, end: Checkpoint) -> ShownPage:
    return ShownPage([shown_line(row) for row in rows], len(rows), mark.byte, end.byte, cursor(end))


def _here(terminal: Terminal, byte: int) -> Checkpoint:
    screen = terminal.screen
    return Checkpoint(byte, screen.line, screen.pen, screen.new_row(byte).height)


def _before(row: Row) -> Checkpoint:
    return Checkpoint(row.start, row.start_line, row.pen, row.height)
