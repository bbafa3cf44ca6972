"""The screen of a terminal: rows of cells, a cursor, and for each row the bytes of the log that it came from.

A row's range ``[start, end)`` spans all bytes during which the cursor was on it, frames that were overwritten included.
The screen is WINDOW_ROWS high, which is how far up a program can reach; a row that scrolls off its top can change no more.
Lines are not wrapped: the terminal's width is not known afterwards, and programs that redraw keep within it themselves.

Memory is bounded on any input: so many rows, of so many columns, of so many marks on a character. So is time, by the bytes that
ask for it: a move touches the rows that it leads from and to, what was erased is not erased again, and a row whose cells are
moved or blanked for more than CELLS_PER_BYTE of its bytes is left as it is, and is shown as cut.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from joblog.views.sgr import PLAIN, shows_on_blanks

WINDOW_ROWS = 100
"""Higher than the terminals that programs draw their bars for; nested bars and live tables stay within a screen."""

COLUMNS = 10_000
"""Longer lines are shown cut, and say so; the raw bytes are whole. With the rows this is 16 MB at worst."""

GAP_COLUMNS = 400
"""Text stands no further right of what stands in its row already: no terminal is wider."""

CELLS_PER_BYTE = 100
"""More than any program's redraws come to: blanking a whole line takes four bytes."""

MARKS = 8
"""Combining marks on one character; text that stacks more of them is made to disturb."""

_TAB = 8

# Marks that turn the direction of the text around them: used to make text read as what it is not.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Row:
    """A line of the screen."""

    __slots__ = (
        "cells",
        "cut",
        "end",
        "ended",
        "frames",
        "fresh",
        "last_line",
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


class Screen:
    """Rows and a cursor; every method says which bytes ``[start, end)`` of the log it is due to."""

    def __init__(self, at: int, line: int, pen: str, rows: int = WINDOW_ROWS, columns: int = COLUMNS) -> None:
        self.height, self.width = rows, columns
        self.line = line
        self.pen = pen
        self.x = self.y = 0
        self.rows = [Row(at, line, pen, fresh=True)]
        self.done: list[Row] = []
        self._saved: tuple[int, Row, str] | None = None

    @property
    def row(self) -> Row:
        """The row that the cursor is on."""
        return self.rows[self.y]

    def _own(self, y: int) -> Row:
        """Returns a row that is about to change, which stands nowhere else then."""
        row = self.rows[y]
        if row.shared:
            row = self.rows[y] = Row(row.start, row.start_line, row.pen, fresh=False)
        return row

    def put(self, text: str, start: int, end: int) -> None:
        """Writes text at the cursor."""
        row = self.row
        row.visit(start, end, self.line)
        if row.stale:
            row.frames, row.stale = row.frames + 1, False
        if text.isascii() or all(_width(character) == 1 for character in set(text)):
            self._write(row, list(text))
            return
        for character in text:
            width = _width(character)
            if width:
                self._write(row, [character, *([""] * (width - 1))])
            else:
                self._mark(row, character)

    def _write(self, row: Row, cells: list[str]) -> None:
        x = min(self.x, len(row.cells) + GAP_COLUMNS)
        room = self.width - x
        if len(cells) > room:
            row.cut = True
            cells = cells[: max(room, 0)]
        end = x + len(cells)
        if x > len(row.cells):
            row.cells += [" "] * (x - len(row.cells))
            row.pens += [PLAIN] * (x - len(row.pens))
        if x < len(row.cells):  # halves of wide characters do not stay behind
            if cells and x and row.cells[x] == "":
                row.cells[x - 1] = " "
            if end < len(row.cells) and row.cells[end] == "":
                row.cells[end] = " "
        row.cells[x:end] = cells
        row.pens[x:end] = [self.pen] * len(cells)
        self.x = end

    def _mark(self, row: Row, character: str) -> None:
        """Adds a mark to the character before the cursor."""
        at = min(self.x, len(row.cells)) - 1
        if at > 0 and row.cells[at] == "":
            at -= 1
        if at >= 0 and character not in _TURNS and len(row.cells[at]) <= MARKS:
            row.cells[at] += character

    def line_feed(self, start: int, end: int, *, counted: bool) -> None:
        """Goes to the first column of the next row; ``counted`` when it ends a line of the log too."""
        row = self.row
        row.visit(start, end, self.line)
        row.ended = True
        self.line += counted
        self.x = 0
        if self.y == self.height - 1:
            self.done.append(self.rows.pop(0))
            self.rows.append(Row(end, self.line, self.pen, fresh=True))
            return
        self.y += 1
        if self.y == len(self.rows):
            self.rows.append(Row(end, self.line, self.pen, fresh=True))
        else:
            row = self._own(self.y)
            row.visit(end, end, self.line - counted)  # up to and with the line feed, so far
            row.stale = True

    def column(self, x: int, start: int, end: int) -> None:
        """Moves the cursor within its row."""
        self.row.visit(start, end, self.line)
        self.row.stale = self.row.stale or x < self.x
        self.x = min(max(x, 0), self.width - 1)

    def tab(self, start: int, end: int) -> None:
        """Moves the cursor to the next column that is a multiple of 8."""
        self.column((self.x // _TAB + 1) * _TAB, start, end)

    def go(self, y: int, start: int, end: int) -> None:
        """Moves the cursor to another row of the screen, or as far as that goes."""
        if y >= self.height:  # how far down that is depends on where the top is
            self._own(0).visit(start, end, self.line)
        y = min(max(y, 0), self.height - 1)
        self.row.visit(start, end, self.line)
        if y == self.y:
            return
        if y >= len(self.rows):
            passed = Row(start, self.line, self.pen, fresh=False)
            passed.shared = True
            self.rows += [passed] * (y + 1 - len(self.rows))
        self.y = y
        row = self._own(y)
        row.visit(start, end, self.line)
        row.stale = True

    def place(self, y: int, x: int, start: int, end: int) -> None:
        """Moves the cursor to a place counted from the screen's top, which thereby must not move any more."""
        self._own(0).visit(start, end, self.line)
        self.go(y, start, end)
        self.column(x, start, end)

    def erase_in_row(self, how: int, start: int, end: int) -> None:
        """Erases from the cursor on (0), up to it (1), or the whole row (2)."""
        row = self.row
        row.visit(start, end, self.line)
        row.stale = True
        if how == 1:
            size = min(self.x + 1, len(row.cells))
            if not row.spend(size):
                return
            row.cells[:size], row.pens[:size] = [" "] * size, [PLAIN] * size
        elif how in (0, 2):
            keep = self.x if how == 0 else 0
            del row.cells[keep:], row.pens[keep:]

    def erase_cells(self, count: int, start: int, end: int) -> None:
        """Blanks so many cells from the cursor on."""
        row = self.row
        row.visit(start, end, self.line)
        row.stale = True
        size = max(min(count, len(row.cells) - self.x), 0)
        if not row.spend(size):
            return
        row.cells[self.x : self.x + size], row.pens[self.x : self.x + size] = [" "] * size, [PLAIN] * size

    def shift_cells(self, count: int, start: int, end: int) -> None:
        """Inserts so many blanks at the cursor; negative: takes so many cells out."""
        row = self.row
        row.visit(start, end, self.line)
        row.stale = True
        x = self.x
        if not row.spend(max(len(row.cells) - x, 0)):
            return
        if count < 0:
            del row.cells[x : x - count], row.pens[x : x - count]
        elif x < len(row.cells):
            count = min(count, self.width)
            row.cells[x:x], row.pens[x:x] = [" "] * count, [PLAIN] * count
            del row.cells[self.width :], row.pens[self.width :]

    def erase(self, how: int, start: int, end: int) -> None:
        """Erases below the cursor (0) or above it (1); erasing all (2, 3) leaves what was shown above a new screen."""
        if how == 0:
            self.erase_in_row(0, start, end)
            for below in self.rows[self.y + 1 :]:
                if below.cells or below.ended:
                    self.row.absorb(below)
                    below.cells, below.pens, below.stale, below.ended = [], [], True, False
        elif how == 1:
            self.erase_in_row(1, start, end)
            for above in self.rows[: self.y]:
                if above.cells:
                    above.visit(start, end, self.line)
                    above.cells, above.pens, above.stale = [], [], True
        elif how in (2, 3):
            self.row.visit(start, end, self.line)
            self.done += _without_passed(_without_blank(self.rows))
            self.rows = [Row(end, self.line, self.pen, fresh=self.x == 0)]
            self.y, self._saved = 0, None

    def save(self) -> None:
        """Remembers where the cursor is, and the pen."""
        self._saved = (self.x, self.row, self.pen)

    def restore(self, start: int, end: int) -> None:
        """Moves the cursor to where it was saved; to the top when that was nowhere, or on a row that has gone."""
        if self._saved is not None and self._saved[1] in self.rows:
            x, row, self.pen = self._saved
            self.go(self.rows.index(row), start, end)
            self.column(x, start, end)
        else:
            self.place(0, 0, start, end)

    def rest(self) -> list[Row]:
        """Returns the rows that are on the screen, without those below that nothing was written to."""
        return _without_unwritten(self.rows)


def _without_blank(rows: list[Row]) -> list[Row]:
    size = len(rows)
    while size and (not rows[size - 1].cells or not rows[size - 1].shown()[0].strip(" ")):
        size -= 1
    return rows[:size]


def _without_passed(rows: list[Row]) -> list[Row]:
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


def _without_unwritten(rows: list[Row]) -> list[Row]:
    size = len(rows)
    while size and not rows[size - 1].cells and not rows[size - 1].ended:
        size -= 1
    return rows[:size]


@lru_cache(maxsize=8192)
def _width(character: str) -> int:
    """Returns how many columns a character takes: 0 for a mark, 2 for what East Asian fonts draw wide."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
