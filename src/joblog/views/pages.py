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
from joblog.views.screen import Row
from joblog.views.sgr import pen_after
from joblog.views.terminal import Mark, Terminal, shown_line
from joblog.views.values import ShownPage

_CURSOR = re.compile(r"(\d{1,19})\.(\d{1,19})\.([0-9;]{0,40})", re.ASCII)


def cursor(mark: Mark) -> str:
    """Returns a mark as a page's ``next`` has it."""
    return f"{mark.byte}.{mark.line}.{mark.pen}"


def parse_cursor(text: str) -> Mark:
    """Reads a page's ``next``; raises Invalid."""
    match = _CURSOR.fullmatch(text)
    if match is None or (match[3] and pen_after("", match[3]) != match[3]):
        raise Invalid("cursor", "the next of an earlier page", text)
    return Mark(int(match[1]), int(match[2]), match[3])


def shown_page(pieces: Iterable[bytes], mark: Mark, count: int, *, at_end: bool, closed: bool) -> ShownPage:
    """Renders a page of about ``count`` lines of the bytes from ``mark`` on, which ``pieces`` has as many of as may be read.

    ``at_end``: they reach to the log's end; ``closed``: which is for ever. The page has the lines up to the first border
    at or after ``count``, and fewer where the pieces have no more.
    """
    terminal, rows, end = Terminal(mark), list[Row](), mark.byte
    for piece in pieces:
        rows += terminal.feed_rows(piece)
        end += len(piece)
        standing = rows + terminal.screen.rows
        size = _border(standing, count, len(rows)) if len(rows) >= count else 0
        if size >= count:
            return _page(rows[:size], mark, _before(standing[size]))
    settled = len(rows)
    screen = terminal.finish_rows()
    here = Mark(end, terminal.screen.line, terminal.screen.pen)
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


def _border(rows: list[Row], count: int, settled: int) -> int:
    """Returns how many rows stand before the first border at or after ``count`` of them, else before the last one.

    A border is clean when nothing of either side was drawn on the other side of it; only ``settled`` rows may stand before it.
    """
    reached = list(accumulate((row.end for row in rows), max))
    best, begins = 0, rows[-1].start if rows else 0
    for number in range(len(rows) - 1, 0, -1):
        begins = min(begins, rows[number].start)
        if number <= settled and rows[number].fresh and reached[number - 1] <= begins:
            if number < count:
                return best or number
            best = number
    return best


def _page(rows: list[Row], mark: Mark, end: Mark) -> ShownPage:
    return ShownPage([shown_line(row) for row in rows], len(rows), mark.byte, end.byte, cursor(end))


def _before(row: Row) -> Mark:
    return Mark(row.start, row.start_line, row.pen)
