"""A line of a terminal's screen: its cells, and the bytes of the log that it came from."""

from __future__ import annotations

from joblog.views.terminal.sgr import shows_on_blanks

COLUMNS = 10_000
"""Cells of a row that a cursor reaches; with the rows of a screen this is 16 MB at worst."""

CELLS_PER_BYTE = 100
"""More than any program's redraws come to: blanking a whole line takes four bytes."""


class Row:
    """A line of the screen."""

    __slots__ = (
        "cells",
        "cut",
        "end",
        "ended",
        "frames",
        "fresh",
        "height",
        "last_line",
        "limit",
        "pen",
        "pens",
        "shared",
        "spent",
        "stale",
        "start",
        "start_line",
    )

    def __init__(self, at: int, line: int, pen: str, *, fresh: bool) -> None:
        self.cells: list[str] = []
        self.pens: list[str] = []
        self.start = self.end = at
        self.start_line = self.last_line = line
        self.pen = pen
        self.fresh = fresh  # entered at its first column by a line feed: a screen may begin here
        self.frames = 0
        self.stale = True  # what is written next begins another frame
        self.ended = False  # left by a line feed
        self.cut = False
        self.limit = COLUMNS  # how long it may be
        self.height = 0  # of a screen that begins here, where the program has told it
        self.spent = 0  # cells that were moved or blanked
        self.shared = False  # stands in several places of the screen, where the cursor never was

    def spend(self, cells: int) -> bool:
        """Says whether so many cells may be moved or blanked, for what the row has cost so far."""
        self.spent += cells
        if self.spent <= CELLS_PER_BYTE * (self.end - self.start) + COLUMNS:
            return True
        self.cut = True
        return False

    def visit(self, start: int, end: int, line: int) -> None:
        """Notes that the bytes ``[start, end)``, in line ``line``, came while the cursor was here."""
        if start < self.start:
            self.start, self.start_line, self.fresh = start, min(self.start_line, line), False
        if end > self.end:
            self.end, self.last_line = end, max(self.last_line, line)

    def absorb(self, other: Row) -> None:
        """Takes over the bytes of a row that was erased as a whole."""
        self.visit(other.start, other.end, other.last_line)
        self.start_line = min(self.start_line, other.start_line)

    def shown(self) -> tuple[str, list[tuple[int, int, str]]]:
        """Returns the text without blanks that cannot be seen at its end, and its spans ``(start, end, pen)``."""
        size = len(self.cells)
        while size and self.cells[size - 1] in (" ", "") and not shows_on_blanks(self.pens[size - 1]):
            size -= 1
        if not any(self.pens[:size]):
            return "".join(self.cells[:size]), []
        spans: list[tuple[int, int, str]] = []
        at = 0
        for cell, pen in zip(self.cells[:size], self.pens[:size], strict=True):
            end = at + len(cell)
            if pen and spans and spans[-1][1:] == (at, pen):
                spans[-1] = (spans[-1][0], end, pen)
            elif pen and end > at:
                spans.append((at, end, pen))
            at = end
        return "".join(self.cells[:size]), spans


def without_blank(rows: list[Row]) -> list[Row]:
    """Leaves out the rows at the end that show nothing."""
    size = len(rows)
    while size and (not rows[size - 1].cells or not rows[size - 1].shown()[0].strip(" ")):
        size -= 1
    return rows[:size]


def without_passed(rows: list[Row]) -> list[Row]:
    """Leaves out rows where the cursor never was, but for as many before another row as it has bytes by fours."""
    kept, passed = list[Row](), list[Row]()
    for row in rows:
        if row.shared:
            passed.append(row)
            continue
        kept += passed[: (row.end - row.start) // 4]
        kept.append(row)
        passed.clear()
    return kept


def without_unwritten(rows: list[Row]) -> list[Row]:
    """Leaves out the rows at the end that nothing was written to."""
    size = len(rows)
    while size and not rows[size - 1].cells and not rows[size - 1].ended:
        size -= 1
    return rows[:size]
