"""``joblog tail --plain --follow``: what a terminal shows of a log, as it comes.

A line is written once it can be taken for finished: the cursor has left it and it has stood for STANDS_S. One that changes
after that, as a program may do that moves the cursor far up, is written again. On a terminal the lines that may still change, a
progress bar say, stand below and are drawn anew.
"""

from __future__ import annotations

import math
import os
import queue
import shutil
import sys
import threading
import time
import unicodedata
from dataclasses import dataclass
from typing import TextIO, TypeAlias

from joblog.cli.screen import coloured
from joblog.cli.tail import saying
from joblog.client import Client, Log, Piece
from joblog.views.terminal.row import Row
from joblog.views.terminal.sgr import escaped
from joblog.views.terminal.terminal import Checkpoint, Terminal

STANDS_S = 1.0
"""Programs that redraw do so more often; rich, four times a second."""

_LOOK_S = 0.1

_MAX_PIECES = 16
"""Read ahead of a slow stdout, of 64 KiB each."""

_Pieces: TypeAlias = "queue.Queue[Piece | BaseException | None]"


@dataclass(slots=True)
class _Seen:
    text: str
    since: float
    written: str | None = None


class Live:
    """Takes a log's bytes; writes lines. ``height``: rows that may be drawn and drawn again, 0 where nothing can be."""

    def __init__(self, out: TextIO, start_byte: int, *, colours: bool, height: int, width: int) -> None:
        self._out = out
        self._colours, self._height, self._width = colours, height, width
        self._terminal = Terminal(Checkpoint(start_byte))
        self._gone: list[Row] = []
        self._seen: dict[Row, _Seen] = {}
        self._drawn: list[str] = []

    def feed(self, data: bytes) -> None:
        """Takes the bytes that come next."""
        self._gone += self._terminal.feed_rows(data)

    def show(self, now: float, *, stood: bool = False) -> None:
        """Writes what has stood long enough by ``now`` (seconds), and draws the rest; ``stood``: all that is there has."""
        screen = self._terminal.screen
        texts = [self._line(row) for row in self._gone]
        self._gone = []
        written = 0  # rows of the screen that are, as are all above them
        for number, row in enumerate(screen.rows):
            seen, text = self._seen.setdefault(row, _Seen("", now)), self._text(row)
            if text != seen.text or stood:
                seen.text, seen.since = text, -math.inf if stood else now
            if written == number < screen.y and now - seen.since >= STANDS_S:
                texts.append(self._line(row))
                written += 1
        self._seen = {row: self._seen[row] for row in screen.rows}
        self._write(texts, self._rest(screen.rows[written:]))

    def finish(self) -> None:
        """Writes all that is left."""
        texts = [self._line(row) for row in self._gone + self._terminal.finish_rows()]
        self._gone = []
        self._write(texts, [])

    def _line(self, row: Row) -> str | None:
        """Returns what is to be written of a row: nothing, where it is written already."""
        seen, text = self._seen.setdefault(row, _Seen("", 0)), self._text(row)
        if seen.written == text:
            return None
        seen.written = text
        return text

    def _text(self, row: Row) -> str:
        text, spans = row.shown()
        return escaped(text, spans) if self._colours else text

    def _rest(self, rows: list[Row]) -> list[str]:
        """Returns the rows to draw: the last ones that fit, each cut to the terminal's width."""
        if not self._height:
            return []
        while rows and not rows[-1].cells:
            rows = rows[:-1]
        return [self._cut(row) for row in rows[-self._height :]]

    def _cut(self, row: Row) -> str:
        text, spans = row.shown()
        end, room = 0, self._width
        for character in text:
            room -= 0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
            if room < 0:
                break
            end += 1
        spans = [(first, min(past, end), pen) for first, past, pen in spans if first < end]
        return escaped(text[:end], spans) if self._colours else text[:end]

    def _write(self, lines: list[str | None], rest: list[str]) -> None:
        texts = [line for line in lines if line is not None]
        if not texts and rest == self._drawn:
            return
        up = len(self._drawn) - 1
        erased = "" if not self._drawn else ("\r" if not up else f"\r\x1b[{up}A") + "\x1b[J"
        self._out.write(erased + "".join(f"{text}\n" for text in texts) + "\n".join(rest))
        self._out.flush()
        self._drawn = rest


def tail_live(client: Client, log: Log, at: int) -> None:
    """Writes what a terminal shows of the log from position ``at`` on until it is closed; waits for a server that is away."""
    drawing, size = sys.stdout.isatty() and os.environ.get("TERM") != "dumb", shutil.get_terminal_size()
    live = Live(sys.stdout, at, colours=coloured(), height=max(size.lines - 1, 1) if drawing else 0, width=size.columns)
    pieces: _Pieces = queue.Queue(_MAX_PIECES)
    threading.Thread(target=_follow, args=(client, log, at, pieces), daemon=True).start()
    history, shown = at < log.end_byte, 0.0  # what was there before has stood long enough
    try:
        while True:
            try:
                piece = pieces.get(timeout=_LOOK_S)
            except queue.Empty:
                piece = Piece(at, b"")
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            live.feed(piece.data)
            at, now = piece.end_byte, time.monotonic()
            if now - shown >= _LOOK_S:
                live.show(now, stood=history)
                history, shown = history and at < log.end_byte, now
    finally:
        live.finish()


def _follow(client: Client, log: Log, at: int, pieces: _Pieces) -> None:
    try:
        for piece in client.follow(log.ref, at, waiting=saying()):
            pieces.put(piece)
    except BaseException as error:  # noqa: BLE001 - the other thread raises it
        pieces.put(error)
    else:
        pieces.put(None)
