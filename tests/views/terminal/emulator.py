"""The oracle for the terminal's view: pyte, an emulator of xterm's kind, with a history and too wide to wrap."""

from __future__ import annotations

import copy

import pyte
from pyte.screens import Char

COLOURS = ["black", "red", "green", "brown", "blue", "magenta", "cyan", "white"]

Cells = list[tuple[str, str]]


class Emulator(pyte.Screen):
    """Keeps what scrolls off, and leaves what a program clears as a whole above a new screen, as many terminals do.

    There is one saved cursor, as in xterm; it stays on its line when that scrolls, which is what a program means by it.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.history: list[Cells] = []
        super().__init__(columns, rows)
        self.set_mode(pyte.modes.LNM)

    def index(self) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom:
            self.history.append(self.shown(top))
            for saved in self.savepoints:
                saved.cursor.y -= 1
            self.savepoints = [saved for saved in self.savepoints if saved.cursor.y >= 0]
        super().index()

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        super().set_margins(top, bottom)
        if self.margins is None:
            self.cursor_position()  # as xterm does

    def cursor_up(self, count: int | None = None) -> None:
        top, _ = self.margins or (0, self.lines - 1)
        self.cursor.y = max(self.cursor.y - (count or 1), top if self.cursor.y >= top else 0)

    def cursor_down(self, count: int | None = None) -> None:
        _, bottom = self.margins or (0, self.lines - 1)
        self.cursor.y = min(self.cursor.y + (count or 1), bottom if self.cursor.y <= bottom else self.lines - 1)

    def insert_lines(self, count: int | None = None) -> None:
        self._written()
        super().insert_lines(count)

    def delete_lines(self, count: int | None = None) -> None:
        self._written()
        super().delete_lines(count)

    def _written(self) -> None:
        """Makes all rows exist: pyte leaves a row as it is where one that was never written to should move into its place."""
        for y in range(self.lines):
            self.buffer[y]

    def erase_in_display(self, how: int = 0, *args: object, **kwargs: object) -> None:
        if how not in (2, 3):
            super().erase_in_display(how)
            return
        self.history += self.on_screen()
        self.buffer.clear()
        self.cursor.y = 0
        self.savepoints.clear()

    def save_cursor(self) -> None:
        self.savepoints.clear()
        super().save_cursor()

    def restore_cursor(self) -> None:
        saved, margins = copy.deepcopy(self.savepoints), self.margins
        self.margins = None  # it may have been saved outside of the region
        super().restore_cursor()
        self.savepoints, self.margins = saved, margins

    def shown(self, y: int) -> Cells:
        row = self.buffer[y]
        cells = [(row[x].data, pen_of(row[x])) for x in range(max(row, default=-1) + 1)]
        while cells and cells[-1][0] in (" ", ""):
            cells.pop()
        return [cell for cell in cells if cell[0]]

    def on_screen(self) -> list[Cells]:
        rows = [self.shown(y) for y in range(self.lines)]
        while rows and not rows[-1]:
            rows.pop()
        return rows


def emulated(data: bytes, rows: int, columns: int) -> list[Cells]:
    """Returns the lines that pyte shows, as characters with their pens, without empty ones at the end."""
    screen = Emulator(rows, columns)
    stream = pyte.ByteStream(screen)
    stream.feed(data)
    found = screen.history + screen.on_screen()
    while found and not found[-1]:
        found.pop()
    return found


def pen_of(char: Char) -> str:
    """Returns the look of one of pyte's cells as a pen."""
    flags = [
        ("1", char.bold), ("3", char.italics), ("4", char.underscore), ("7", char.reverse), ("9", char.strikethrough),
    ]  # fmt: skip
    colours = [colour(char.fg, 30), colour(char.bg, 40)]
    return ";".join([number for number, on in flags if on] + [each for each in colours if each])


def colour(name: str, base: int) -> str:
    """Returns one of pyte's colours as SGR has it."""
    if name == "default":
        return ""
    bright = name.startswith("bright")
    name = name.removeprefix("bright")
    return str(COLOURS.index("brown" if name == "yellow" else name) + base + 60 * bright)
