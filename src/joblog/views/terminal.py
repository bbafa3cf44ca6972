"""What a terminal would show of a log: carriage returns, erasing and moves of the cursor are folded, other escapes are gone.

    terminal = Terminal()
    for piece in log:
        for line in terminal.feed(piece):  # lines that can change no more
            ...
    terminal.finish()                      # and those that are still on the screen

How the bytes are cut into pieces changes nothing. Every line carries the bytes ``[start_byte, end_byte)`` that it came
from, in which every frame that was overwritten still is. Log text is hostile: of what it can do to a terminal, text,
moves, erasing and colours are left, colours in the normal form of ``sgr``, beside the text and not in it.

Escape sequences end with their line, so that one that is never finished hides nothing behind it. Titles, links, queries,
mouse modes, scroll regions and character sets are left out; so are C1 controls and marks that turn the text's direction.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

from joblog.core import lines
from joblog.views.screen import COLUMNS, WINDOW_ROWS, Row, Screen
from joblog.views.sgr import PLAIN, pen_after
from joblog.views.values import ShownLine

_TOKEN = re.compile(
    rb"(?P<text>[\x20-\x7e\x80-\xff]+)"
    rb"|(?P<csi>\x1b\[[\x20-\x3f]{0,255}[\x40-\x7e]?)"
    rb"|(?P<string>\x1b[PX^_\]])"
    rb"|(?P<escape>\x1b[\x20-\x2f]{0,8}[\x30-\x7e]?)"
    rb"|(?P<control>[\x00-\x1f\x7f])"
)
_STRING_END = re.compile(rb"[\x07\x18\x1a\n\x1b]")
_C1 = dict.fromkeys(range(0x80, 0xA0))
_MOST = 1_000_000
"""A larger parameter of an escape means this one."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a terminal may be switched on and show what one that ran before shows: a border between lines, and the pen."""

    byte: int = 0
    line: int = 0
    pen: str = PLAIN


_TOP = Checkpoint()


class Terminal:
    """Bytes in, lines out; see the module."""

    def __init__(self, mark: Checkpoint = _TOP, *, rows: int = WINDOW_ROWS, columns: int = COLUMNS) -> None:
        self.screen = Screen(mark.byte, mark.line, mark.pen, rows, columns)
        self._at = mark.byte
        self._carry = b""
        self._in_string = False

    def feed(self, data: bytes) -> list[ShownLine]:
        """Takes the bytes that come next; returns the lines that can change no more."""
        return [shown_line(row) for row in self.feed_rows(data)]

    def finish(self) -> list[ShownLine]:
        """Returns the lines that are still on the screen; nothing can be fed after that."""
        return [shown_line(row) for row in self.finish_rows()]

    def feed_rows(self, data: bytes) -> list[Row]:
        """Does as ``feed``, for whoever needs the rows themselves."""
        data = self._carry + data
        self._carry = b""
        at = 0
        while at < len(data):
            at = self._skip(data, at) if self._in_string else self._tokens(data, at)
        self._at += len(data) - len(self._carry)
        done, self.screen.done = self.screen.done, []
        return done

    def finish_rows(self) -> list[Row]:
        """Does as ``finish``."""
        if self._carry and not self._carry.startswith(b"\x1b"):
            self._text(self._carry, self._at)
        self._carry = b""
        return self.screen.rest()

    def _skip(self, data: bytes, at: int) -> int:
        """Passes over a string (a title, say) to its end."""
        found = _STRING_END.search(data, at)
        end = len(data) if found is None else found.start()
        self._in_string = found is None
        # BEL, CAN and SUB are passed over as the controls that they are; a newline and ESC have their usual meaning.
        self.screen.row.visit(self._at + at, self._at + end, self.screen.line)
        return end

    def _tokens(self, data: bytes, at: int) -> int:
        """Works through tokens until the data ends or a string begins; returns where that is."""
        screen, base = self.screen, self._at
        for token in _TOKEN.finditer(data, at):
            kind, start, end = token.lastgroup, token.start(), token.end()
            if kind == "control":
                self._control(data[start], base + start)
            elif kind == "text":
                if end == len(data):
                    end -= _incomplete(data, start)
                    self._carry = data[end:]
                if end > start:
                    self._text(data[start:end], base + start)
            elif kind == "string":
                screen.row.visit(base + start, base + end, screen.line)
                self._in_string = True
                return end
            elif end == len(data) and not _is_whole(token[0]):
                self._carry = data[start:]
            elif kind == "csi":
                self._csi(token[0][2:], base + start, base + end)
            else:
                self._escape(token[0][1:], base + start, base + end)
        return len(data)

    def _text(self, data: bytes, at: int) -> None:
        text = lines.text(data)
        if not text.isascii():
            text = text.translate(_C1)
        if text:
            self.screen.put(text, at, at + len(data))

    def _control(self, control: int, at: int) -> None:
        screen = self.screen
        if control == 0x0A:
            screen.line_feed(at, at + 1, counted=True)
        elif control == 0x0D:
            screen.column(0, at, at + 1)
        elif control == 0x08:
            screen.column(screen.x - 1, at, at + 1)
        elif control == 0x09:
            screen.tab(at, at + 1)
        elif control in (0x0B, 0x0C):
            screen.line_feed(at, at + 1, counted=False)
        else:
            screen.row.visit(at, at + 1, screen.line)

    def _escape(self, body: bytes, start: int, end: int) -> None:
        screen = self.screen
        screen.row.visit(start, end, screen.line)
        if body == b"7":
            screen.save()
        elif body == b"8":
            screen.restore(start, end)
        elif body == b"E":
            screen.line_feed(start, end, counted=False)
        elif body == b"D":
            screen.go(screen.y + 1, start, end)
        elif body == b"M":
            screen.go(screen.y - 1, start, end)
        elif body == b"c":
            screen.pen, screen.x = PLAIN, 0
            screen.erase(2, start, end)

    def _csi(self, body: bytes, start: int, end: int) -> None:
        screen = self.screen
        screen.row.visit(start, end, screen.line)
        final, parameters = body[-1:], body[:-1].decode("ascii")
        if parameters[:1] in ("<", "=", ">", "?"):
            if parameters in ("?1049", "?47", "?1047") and final in (b"h", b"l"):
                screen.erase(2, start, end)  # the other screen: what it shows stands below
        elif final == b"m":
            if not set(parameters) - set("0123456789;:"):
                screen.pen = pen_after(screen.pen, parameters)
        elif (move := _MOVES.get(final)) is not None and not set(parameters) - set("0123456789;"):
            move(screen, _numbers(parameters), start, end)


def shown_line(row: Row) -> ShownLine:
    """Renders a row."""
    text, spans = row.shown()
    return ShownLine(text, row.start, row.end, row.start_line, row.last_line + 1, max(row.frames, 1), row.cut, spans)


def _numbers(parameters: str) -> list[int]:
    return [min(int(part[:8] or 0), _MOST) for part in parameters.split(";")]


def _count(numbers: list[int]) -> int:
    return max(numbers[0], 1)


def _place(screen: Screen, numbers: list[int], start: int, end: int) -> None:
    screen.place(max(numbers[0], 1) - 1, max(*numbers[1:2], 1) - 1 if len(numbers) > 1 else 0, start, end)


def _next_rows(screen: Screen, count: int, start: int, end: int) -> None:
    screen.go(screen.y + count, start, end)
    screen.column(0, start, end)


_MOVES: dict[bytes, Callable[[Screen, list[int], int, int], None]] = {
    b"A": lambda s, n, start, end: s.go(s.y - _count(n), start, end),
    b"B": lambda s, n, start, end: s.go(s.y + _count(n), start, end),
    b"C": lambda s, n, start, end: s.column(s.x + _count(n), start, end),
    b"D": lambda s, n, start, end: s.column(s.x - _count(n), start, end),
    b"E": lambda s, n, start, end: _next_rows(s, _count(n), start, end),
    b"F": lambda s, n, start, end: _next_rows(s, -_count(n), start, end),
    b"G": lambda s, n, start, end: s.column(_count(n) - 1, start, end),
    b"`": lambda s, n, start, end: s.column(_count(n) - 1, start, end),
    b"H": _place,
    b"f": _place,
    b"d": lambda s, n, start, end: s.place(_count(n) - 1, s.x, start, end),
    b"J": lambda s, n, start, end: s.erase(n[0], start, end),
    b"K": lambda s, n, start, end: s.erase_in_row(n[0], start, end),
    b"X": lambda s, n, start, end: s.erase_cells(_count(n), start, end),
    b"P": lambda s, n, start, end: s.shift_cells(-_count(n), start, end),
    b"@": lambda s, n, start, end: s.shift_cells(_count(n), start, end),
    b"s": lambda s, _n, _start, _end: s.save(),
    b"u": lambda s, _n, start, end: s.restore(start, end),
}


def _is_whole(escape: bytes) -> bool:
    """Whether an escape that the data ends with has its last byte."""
    size = 2 if escape.startswith(b"\x1b[") else 1
    return len(escape) > size and 0x30 <= escape[-1] <= 0x7E and (size == 1 or escape[-1] >= 0x40)


def _incomplete(data: bytes, start: int) -> int:
    """Returns how many bytes at the end of data are the beginning of a character whose rest may come."""
    for size in range(1, min(3, len(data) - start) + 1):
        lead = data[-size]
        if lead & 0xC0 == 0x80:
            continue
        if lead < 0xC0:
            return 0
        try:
            return size if codecs.utf_8_decode(data[-size:], "strict", False)[1] == 0 else 0
        except UnicodeDecodeError:
            return 0
    return 0
