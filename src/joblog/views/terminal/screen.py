"""The screen of a terminal: rows of cells, a cursor, and for each row the bytes of the log that it came from.

A row's range ``[start, end)`` spans all bytes during which the cursor was on it, frames that were overwritten included.
Unless somebody has told how high the screen was, it is taken for WINDOW_ROWS, which is how far up a program can reach, until
the program sets a region that scrolls or goes to a row by its number; then for as high as that says (``addressed``). A row that
scrolls off its top can change no more. Lines are not wrapped: the terminal's width is not known, and programs that redraw keep
within it themselves.

Memory is bounded on any input: so many rows, of so many columns, of so many marks on a character. So is time, by the bytes that
ask for it: a move touches the rows that it leads from and to, what was erased is not erased again, and a row whose cells are
moved or blanked for more than CELLS_PER_BYTE of its bytes is left as it is, and is shown as cut.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from joblog.views.terminal.row import Row, without_blank, without_passed, without_unwritten
from joblog.views.terminal.sgr import PLAIN

WINDOW_ROWS = 100
"""Higher than the terminals that programs draw their bars for; nested bars and live tables stay within a screen."""

USUAL_ROWS = 24
"""The height of a terminal whose program names rows, and none below this one."""

LONG_COLUMNS, LONG_STEP = 2_000_000, 8192
"""Cells of all rows together where some are longer than COLUMNS; what is more is shown cut."""

GAP_COLUMNS = 400
"""Text stands no further right of what stands in its row already: no terminal is wider."""

MARKS = 8
"""Combining marks on one character; text that stacks more of them is made to disturb."""

REPEATS = 1000
"""Of a character by one escape: no terminal is wider."""

_TAB = 8
_LINES = dict(zip(range(0x60, 0x7F), "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·", strict=True))

# Marks that turn the direction of the text around them: used to make text read as what it is not.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Kept:
    """The screen that another one stands before, and where its cursor was."""

    __slots__ = ("pen", "rows", "x", "y")

    def __init__(self, rows: list[Row], x: int, y: int, pen: str) -> None:
        self.rows, self.x, self.y, self.pen = rows, x, y, pen


class Screen:
    """Rows and a cursor; every method says which bytes ``[start, end)`` of the log it is due to."""

    def __init__(self, at: int, line: int, pen: str, height: int, columns: int, *, known: bool) -> None:
        self.height, self.width, self.known = height, columns, known
        self.top, self.bottom = 0, height - 1
        self.drawing = False
        self.inserting = False
        self.by_region = False
        self.tabs: set[int] | None = None
        self.main: Kept | None = None
        self.last = ""
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

    @property
    def fresh(self) -> bool:
        """Whether a screen that begins at the next row would be like this one."""
        usual = self.x == 0 and self.top == 0 and self.bottom == self.height - 1
        return usual and self.main is None and self.tabs is None and not (self.drawing or self.inserting or self.by_region)

    def new_row(self, at: int) -> Row:
        """Returns a row that is entered at its first column."""
        row = Row(at, self.line, self.pen, fresh=self.fresh)
        row.height = 0 if self.known or self.height == WINDOW_ROWS else self.height
        return row

    def own(self, y: int) -> Row:
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
        if self.drawing:
            text = text.translate(_LINES)
        if self.inserting:
            self.shift_cells(min(len(text), REPEATS), start, end)
        self.last = text[-1]
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
        room = (self.width if x + len(cells) <= self.width else self._longest(row, x + len(cells))) - x
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

    def _longest(self, row: Row, end: int) -> int:
        """Returns how long a row may be that would end there: as long as it is, while all rows together are not too long."""
        while row.limit < end:
            others = sum(len(each.cells) for each in self.rows)
            if others + LONG_STEP > LONG_COLUMNS:
                break
            row.limit = min(max(row.limit, len(row.cells)) + LONG_STEP, end) if end - row.limit < LONG_STEP else end
            if row.limit - len(row.cells) + others > LONG_COLUMNS:
                row.limit = len(row.cells) + max(LONG_COLUMNS - others, 0)
                break
        return max(row.limit, self.width)

    def repeat(self, count: int, start: int, end: int) -> None:
        """Writes the last character again, so many times."""
        if self.last and self.row.spend(count):
            self.put(self.last * min(count, REPEATS), start, end)

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
        if self.y == self.bottom:
            self.scroll(end)
            return
        if self.y == self.height - 1:
            return
        self.y += 1
        if self.y == len(self.rows):
            self.rows.append(self.new_row(end))
        else:
            row = self.own(self.y)
            row.visit(end, end, self.line - counted)  # up to and with the line feed, so far
            row.stale = True

    def scroll(self, at: int) -> None:
        """Moves the rows of the region up by one; what leaves it can change no more, and is kept."""
        if self.top < len(self.rows):
            row = self.rows.pop(self.top)
            row.fresh = row.fresh and self.top == 0  # else what stands above it has not left the screen
            self.done.append(row)
        self.rows.insert(min(self.bottom, len(self.rows)), self.new_row(at))
        self.y = min(self.y, len(self.rows) - 1)

    def address(self, row: int) -> None:
        """Takes the screen for as high as a program says that names this row (from 0), unless it is known."""
        if self.known or self.main is not None:
            return
        height = max(USUAL_ROWS, row + 1, 0 if self.height == WINDOW_ROWS else self.height)
        if height == self.height:
            return
        self.fill(min(height, WINDOW_ROWS), self.row.end)
        usual = self.bottom == self.height - 1
        gone = max(len(self.rows) - height, 0)
        self.done += self.rows[:gone]
        self.rows = self.rows[gone:]
        self.y = max(self.y - gone, 0)
        self.height = min(height, WINDOW_ROWS)
        self.bottom = self.height - 1 if usual else min(self.bottom, self.height - 1)

    def fill(self, count: int, at: int) -> None:
        """Adds rows where the cursor never was, up to so many."""
        if len(self.rows) < count:
            passed = Row(at, self.line, self.pen, fresh=False)
            passed.shared = True
            self.rows += [passed] * (count - len(self.rows))

    def column(self, x: int, start: int, end: int) -> None:
        """Moves the cursor within its row."""
        self.row.visit(start, end, self.line)
        self.row.stale = self.row.stale or x < self.x
        self.x = min(max(x, 0), self.width - 1)

    def tab(self, start: int, end: int, count: int = 1) -> None:
        """Moves the cursor to the next tab, which is a column that is a multiple of 8 unless they were set."""
        if self.tabs is None:
            self.column((self.x // _TAB + count) * _TAB, start, end)
            return
        later = sorted(each for each in self.tabs if each > self.x)
        self.column(later[min(count, len(later)) - 1] if later else self.x, start, end)

    def go(self, y: int, start: int, end: int) -> None:
        """Moves the cursor to another row of the screen, or as far as that goes."""
        if y >= self.height:  # how far down that is depends on where the top is
            self.own(0).visit(start, end, self.line)
        y = min(max(y, 0), self.height - 1)
        self.row.visit(start, end, self.line)
        if y == self.y:
            return
        self.fill(y + 1, start)
        self.y = y
        row = self.own(y)
        row.visit(start, end, self.line)
        row.stale = True

    def move(self, count: int, start: int, end: int) -> None:
        """Moves the cursor up (negative) or down, within the region if it is there."""
        if count < 0:
            self.go(max(self.y + count, self.top if self.y >= self.top else 0), start, end)
        else:
            inside = self.y <= self.bottom < self.height - 1
            self.go(min(self.y + count, self.bottom) if inside else self.y + count, start, end)

    def place(self, y: int, x: int, start: int, end: int) -> None:
        """Moves the cursor to a place counted from the screen's top, which thereby must not move any more."""
        if self.by_region:
            y = min(y + self.top, self.bottom)
        if y > 0:
            self.address(y)
        self.own(0).visit(start, end, self.line)
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
        elif how in (2, 3) and self.main is not None:
            self.row.visit(start, end, self.line)
            self.rows = [Row(end, self.line, self.pen, fresh=False)]
            self.fill(self.y + 1, end)
            self.own(self.y)
        elif how in (2, 3):
            self.row.visit(start, end, self.line)
            self.done += without_passed(without_blank(self.rows))
            self.rows = [self.new_row(end)]
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
        main = [] if self.main is None else without_unwritten(self.main.rows)
        return main + without_unwritten(self.rows)


@lru_cache(maxsize=8192)
def _width(character: str) -> int:
    """Returns how many columns a character takes: 0 for a mark, 2 for what East Asian fonts draw wide."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
