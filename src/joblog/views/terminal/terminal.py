"""What a terminal would show of a log: carriage returns, erasing and moves of the cursor are folded, other escapes are gone.

    terminal = Terminal()
    for piece in log:
        for line in terminal.feed(piece):  # lines that can change no more
            ...
    terminal.finish()                      # and those that are still on the screen

How the bytes are cut into pieces changes nothing. Every line carries the bytes ``[start_byte, end_byte)`` that it came
from, in which every frame that was overwritten still is. Log text is hostile: of what it can do to a terminal, text,
moves, erasing and colours are left, colours in the normal form of ``sgr``, beside the text and not in it.

Escape sequences end with their line, so that one that is never finished hides nothing behind it. Titles, links, queries
and mouse modes are left out; so are C1 controls and marks that turn the text's direction.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

from joblog.core import lines
from joblog.views.encodings import Places
from joblog.views.terminal import regions
from joblog.views.terminal.row import COLUMNS, Row
from joblog.views.terminal.screen import WINDOW_ROWS, Screen
from joblog.views.terminal.sgr import PLAIN, pen_after
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
_MAX_NUMBER = 1_000_000
"""A larger parameter of an escape means this one."""
MAX_TABS, MAX_MODES = 1000, 8


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a terminal may be switched on and show what one that ran before shows: a border between lines, and the pen.

    ``height`` is what the program has told of its own, 0 where it has not.
    """

    byte: int = 0
    line: int = 0
    pen: str = PLAIN
    height: int = 0


_TOP = Checkpoint()


class Terminal:
    """Bytes in, lines out; see the module. ``rows``: how high the terminal was, 0 where that is not known."""

    def __init__(self, mark: Checkpoint = _TOP, *, rows: int = 0, columns: int = COLUMNS) -> None:
        self.screen = Screen(mark.byte, mark.line, mark.pen, rows or mark.height or WINDOW_ROWS, columns, known=rows > 0)
        self._at = mark.byte
        self._carry = b""
        self._in_string = False
        self._places: Places = None

    def feed(self, data: bytes) -> list[ShownLine]:
        """Takes the bytes that come next; returns the lines that can change no more."""
        return [shown_line(row) for row in self.feed_rows(data)]

    def finish(self) -> list[ShownLine]:
        """Returns the lines that are still on the screen; nothing can be fed after that."""
        return [shown_line(row) for row in self.finish_rows()]

    def feed_rows(self, data: bytes, places: Places = None) -> list[Row]:
        """Does as ``feed``, for whoever needs the rows themselves; ``places``: where in the log each byte stands."""
        if places is None:
            data = self._carry + data
        self._carry, self._places = b"", places
        at = 0
        while at < len(data):
            at = self._skip(data, at) if self._in_string else self._tokens(data, at)
        self._at = self._at + len(data) - len(self._carry) if places is None else places[-1]
        if places is not None:
            self._carry, self._places = b"", None  # a line's end ends what is not finished in it
        done, self.screen.done = self.screen.done, []
        return done

    def finish_rows(self) -> list[Row]:
        """Does as ``finish``."""
        if self._carry and not self._carry.startswith(b"\x1b"):
            self._text(self._carry, self._at, self._at + len(self._carry))
        self._carry = b""
        return self.screen.rest()

    def _skip(self, data: bytes, at: int) -> int:
        """Passes over a string (a title, say) to its end."""
        match = _STRING_END.search(data, at)
        end = len(data) if match is None else match.start()
        self._in_string = match is None
        # BEL, CAN and SUB are passed over as the controls that they are; a newline and ESC have their usual meaning.
        self.screen.row.visit(*self._span(at, end), self.screen.line)
        return end

    def _tokens(self, data: bytes, at: int) -> int:
        """Works through tokens until the data ends or a string begins; returns where that is."""
        screen = self.screen
        for token in _TOKEN.finditer(data, at):
            kind, start, end = token.lastgroup, token.start(), token.end()
            if kind == "control":
                self._control(data[start], *self._span(start, end))
            elif kind == "text":
                if end == len(data):
                    end -= _incomplete(data, start)
                    self._carry = data[end:]
                if end > start:
                    self._text(data[start:end], *self._span(start, end))
            elif kind == "string":
                screen.row.visit(*self._span(start, end), screen.line)
                self._in_string = True
                return end
            elif end == len(data) and not _is_whole(token[0]):
                self._carry = data[start:]
            elif kind == "csi":
                self._csi(token[0][2:], *self._span(start, end))
            else:
                self._escape(token[0][1:], *self._span(start, end))
        return len(data)

    def _span(self, start: int, end: int) -> tuple[int, int]:
        """Returns the bytes of the log that a part of the data is from."""
        places = self._places
        return (self._at + start, self._at + end) if places is None else (places[start], places[end])

    def _text(self, data: bytes, start: int, end: int) -> None:
        text = lines.text(data)
        if not text.isascii():
            text = text.translate(_C1)
        if text:
            self.screen.put(text, start, end)

    def _control(self, control: int, at: int, end: int) -> None:
        screen = self.screen
        screen.last = ""
        if control == 0x0A:
            screen.line_feed(at, end, counted=True)
        elif control == 0x0D:
            screen.column(0, at, end)
        elif control == 0x08:
            screen.column(screen.x - 1, at, end)
        elif control == 0x09:
            screen.tab(at, end)
        elif control in (0x0B, 0x0C):
            screen.line_feed(at, end, counted=False)
        else:
            screen.row.visit(at, end, screen.line)

    def _escape(self, body: bytes, start: int, end: int) -> None:
        screen = self.screen
        screen.last = ""
        screen.row.visit(start, end, screen.line)
        if body == b"7":
            screen.save()
        elif body == b"8":
            screen.restore(start, end)
        elif body == b"E":
            screen.line_feed(start, end, counted=False)
        elif body == b"D":
            regions.feed(screen, start, end)
        elif body == b"M":
            regions.reverse_feed(screen, start, end)
        elif body == b"H":
            screen.tabs = set(range(0, MAX_TABS, 8)) if screen.tabs is None else screen.tabs
            if len(screen.tabs) < MAX_TABS:
                screen.tabs.add(screen.x)
        elif body in (b"(0", b"(B", b"(A"):
            screen.drawing = body == b"(0"
        elif body == b"c":
            regions.reset(screen)
            screen.x = 0
            screen.erase(2, start, end)

    def _csi(self, body: bytes, start: int, end: int) -> None:
        screen = self.screen
        screen.row.visit(start, end, screen.line)
        final, parameters = body[-1:], body[:-1].decode("ascii")
        if final not in (b"b", b"m"):
            screen.last = ""  # what is repeated stands right before
        if parameters[:1] in ("<", "=", ">", "?"):
            if final in (b"h", b"l"):
                self._mode(parameters[1:].split(";"), on=final == b"h", start=start, end=end)
        elif final == b"m":
            if not set(parameters) - set("0123456789;:"):
                screen.pen = pen_after(screen.pen, parameters)
        elif final in (b"h", b"l"):
            screen.inserting = final == b"h" if parameters == "4" else screen.inserting
        elif final == b"p" and parameters == "!":
            regions.reset(screen)
        elif final == b"g" and parameters in ("", "0", "3"):
            screen.tabs = set() if parameters == "3" else set(range(0, MAX_TABS, 8)) - {screen.x}
        elif (move := _MOVES.get(final)) is not None and not set(parameters) - set("0123456789;"):
            move(screen, _numbers(parameters), start, end)

    def _mode(self, modes: list[str], *, on: bool, start: int, end: int) -> None:
        screen = self.screen
        for mode in modes[:MAX_MODES]:
            if mode in ("1049", "1047", "47"):
                if on:
                    regions.enter_other(screen, start, end)
                else:
                    regions.leave_other(screen, start, end, restores=mode == "1049")
            elif mode == "6":
                screen.by_region = on
                screen.place(0, 0, start, end)
            elif mode == "1048" and on:
                screen.save()
            elif mode == "1048":
                screen.restore(start, end)


def shown_line(row: Row) -> ShownLine:
    """Renders a row."""
    text, spans = row.shown()
    return ShownLine(text, row.start, row.end, row.start_line, row.last_line + 1, max(row.frames, 1), row.cut, spans)


def _numbers(parameters: str) -> list[int]:
    return [min(int(part[:8] or 0), _MAX_NUMBER) for part in parameters.split(";")]


def _count(numbers: list[int]) -> int:
    return max(numbers[0], 1)


def _place(screen: Screen, numbers: list[int], start: int, end: int) -> None:
    screen.place(max(numbers[0], 1) - 1, max(*numbers[1:2], 1) - 1 if len(numbers) > 1 else 0, start, end)


def _next_rows(screen: Screen, count: int, start: int, end: int) -> None:
    screen.move(count, start, end)
    screen.column(0, start, end)


_MOVES: dict[bytes, Callable[[Screen, list[int], int, int], None]] = {
    b"A": lambda s, n, start, end: s.move(-_count(n), start, end),
    b"B": lambda s, n, start, end: s.move(_count(n), start, end),
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
    b"r": regions.set_region,
    b"L": lambda s, n, start, end: regions.insert_rows(s, _count(n), start, end),
    b"M": lambda s, n, start, end: regions.delete_rows(s, _count(n), start, end),
    b"S": lambda s, n, start, end: regions.scroll_up(s, _count(n), start, end),
    b"T": lambda s, n, start, end: regions.scroll_down(s, _count(n), start, end),
    b"b": lambda s, n, start, end: s.repeat(_count(n), start, end),
    b"a": lambda s, n, start, end: s.column(s.x + _count(n), start, end),
    b"e": lambda s, n, start, end: s.move(_count(n), start, end),
    b"I": lambda s, n, start, end: s.tab(start, end, min(_count(n), MAX_TABS)),
    b"Z": lambda s, n, start, end: s.column((s.x - 1) // 8 * 8 - 8 * (_count(n) - 1), start, end),
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
