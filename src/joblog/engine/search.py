"""Searching logs: lines that match, in order, forwards or backwards, as they are found.

A search is a generator. Between the lines it finds it says how far it has got, after each piece of at most 256 KiB, or less
where the pattern is large, so whoever runs it may stop there and go on later. What crosses two pieces is glued, one line at a
time; a line is never held beyond MAX_LINE, but looked through in parts of about that size, each of which is told by itself
where it has a match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise

from msgspec import Struct

from joblog.core import lines
from joblog.core.logs import Head
from joblog.engine.part import OVERLAP, LinePart, back, onwards
from joblog.engine.patterns import Pattern
from joblog.engine.read import LargePage, PageReader
from joblog.engine.scan import Scan, Skipped, clipped
from joblog.objects.piece_cache import CachedPiece

MAX_LINE = 1024 * 1024
"""A longer line is looked through in parts of so many bytes, or of what the pattern can take in one go where that is less."""

TEXT_BYTES = 4096
"""The most of a line that is given, from a little before its first match on; the rest is for whoever reads the line."""

_BEFORE_MATCH = 1024


class Text(Struct, frozen=True):
    """A line, or as much of it as is given: ``data`` begins at position ``start_byte``."""

    line: int
    start_byte: int
    data: bytes


class Match(Struct, frozen=True):
    """A line that matches: ``[start_byte, end_byte)`` without its newline, ``spans`` of positions, ``text`` of it."""

    log: Head
    line: int
    start_byte: int
    end_byte: int
    spans: list[tuple[int, int]]
    text: Text
    before: list[Text] = []
    after: list[Text] = []


class Reached(Struct, frozen=True):
    """How far a search has got in a log: to position ``at``, having looked through ``searched_bytes`` of it in this step."""

    log: Head
    at: int
    searched_bytes: int


class Ask(Struct, frozen=True):
    """What is looked for, and what is told of it; ``before`` and ``after`` are numbers of lines around a match."""

    pattern: Pattern
    backwards: bool = False
    before: int = 0
    after: int = 0
    bare: bool = False
    """Where the lines are is enough: for counting them."""
    over: Callable[[], bool] = lambda: False
    """Whether the search is to end; is asked wherever something may take long."""


class LogSearch:
    """Searches logs. Methods block and raise Unavailable, Damaged.

    A line of ``longest_line`` bytes or more is looked through in parts, which overlap by ``overlap`` bytes.
    """

    def __init__(self, scan: Scan, reader: PageReader, *, longest_line: int = MAX_LINE, overlap: int = OVERLAP) -> None:
        self._scan = scan
        self._reader = reader
        self._longest_line, self._overlap = longest_line, overlap

    def run(self, log: Head, ask: Ask, low: int, high: int) -> Iterator[Match | Reached]:
        """Yields what is found in ``[low, high)`` of a log, as much of that as is held, an unfinished last line among it.

        Both are borders between lines, or what a Reached said. The last thing yielded is a Reached.
        """
        scanned = self._backwards if ask.backwards else self._forwards
        for each in scanned(log, ask.pattern, low, high):
            yield self._matches_of(log, ask, each) if isinstance(each, LinePart) else each

    def line_start(self, log: Head, byte: int) -> int:
        """Returns where the line begins that holds a position; for one that the log does not hold, the nearest border."""
        if not log.start_byte < byte < log.end_byte:
            return min(max(byte, log.start_byte), log.end_byte)
        line = self._reader.line_at(log, byte)
        return self._reader.line_borders(log, lambda _: (line, line)).start_byte

    def _forwards(self, log: Head, pattern: Pattern, low: int, high: int) -> Iterator[LinePart | Reached]:
        # held: what there is of a line that goes on; looked: how many bytes of it an earlier part has been looked through for.
        carried, number, at, last = self._before(log, low), 0, low, 0
        looked, longest = max(len(carried) - 1, 0), min(self._longest_line, pattern.part_bytes)
        for piece in _parts(self._scan.search(log.id, low, high, pattern.clues), pattern.part_bytes):
            if isinstance(piece, Skipped):
                carried, looked, at, last = b"", 0, piece.end_byte, piece.end_byte - piece.start_byte
                if at < high:
                    yield Reached(log, at, last)
                continue
            data, first = piece.data, 0
            if piece.start_byte != at:
                carried, looked = b"", 0  # retention has taken what followed it
            if carried:
                first = data.find(b"\n") + 1 or len(data)
                carried += data[:first]
                whole = carried.endswith(b"\n")
                if whole or len(carried) >= longest:
                    start_byte = piece.start_byte + first - len(carried)
                    yield from _matching(pattern, onwards(piece.start_line, start_byte, carried, looked, whole=whole))
                    carried = b"" if whole else carried[-self._overlap :]
                    looked = max(len(carried) - 1, 0)
            end = max(data.rfind(b"\n") + 1, first)
            yield from _block(pattern, data, (first, end), piece.start_byte, piece.start_line)
            if end < len(data):
                carried, looked = data[end:], 0
            number, at = piece.end_line, piece.end_byte
            if at < high:
                yield Reached(log, at - len(carried) + (looked + 1 if looked else 0), len(data))
            else:
                last = len(data)  # what is held may match yet
        if carried:
            yield from _matching(pattern, onwards(number, at - len(carried), carried, looked, whole=True))
        yield Reached(log, high, last)

    def _backwards(self, log: Head, pattern: Pattern, low: int, high: int) -> Iterator[LinePart | Reached]:
        # held: the rest of a line that begins in a piece before; looked: as above, of its end; more: the line goes on.
        carried, more = self._after(log, high)
        looked, number, at, longest = len(carried), 0, high, min(self._longest_line, pattern.part_bytes)
        pieces = self._scan.search(log.id, low, high, pattern.clues, backwards=True)
        for piece in _parts(pieces, pattern.part_bytes, backwards=True):
            if isinstance(piece, Skipped):
                if carried:  # what is passed over ends with a newline
                    yield from _matching(pattern, back(number, at, carried, looked, whole=True, more=more))
                carried, looked, more, at = b"", 0, False, piece.start_byte
                yield Reached(log, at, piece.end_byte - piece.start_byte)
                continue
            if piece.end_byte != at:
                carried, looked, more = b"", 0, False
            data, number, at = piece.data + carried, piece.start_line, piece.start_byte
            first = 0 if at == low else data.find(b"\n") + 1 or len(data)
            end = max(data.rfind(b"\n") + 1, first)
            if end < len(data):
                line = number + lines.count(data)
                yield from _matching(pattern, back(line, at + end, data[end:], looked, whole=True, more=more))
                looked, more = 0, False
            yield from reversed(list(_block(pattern, data, (first, end), at, number)))
            carried = data[:first]
            if len(carried) >= longest:
                yield from _matching(pattern, back(number, at, carried, looked, whole=False, more=more))
                carried, looked, more = carried[: self._overlap + 1], self._overlap, True
            yield Reached(log, at + len(carried) - looked, len(piece.data))
        if carried:
            yield from _matching(pattern, back(number, at, carried, looked, whole=True, more=more))
        yield Reached(log, low, 0)

    def _before(self, log: Head, low: int) -> bytes:
        """Returns what stands before ``low`` of its line, ``overlap`` bytes at most: nothing, where the line begins there."""
        first = max(low - self._overlap, log.start_byte)
        data = b"".join(piece.data for piece in self._scan.forwards(log.id, first, low))
        return data[data.rfind(b"\n") + 1 :]

    def _after(self, log: Head, high: int) -> tuple[bytes, bool]:
        """Returns what follows ``high`` of the line searched so far, ``overlap`` bytes at most, and whether it goes on."""
        if not log.start_byte < high < log.end_byte:
            return b"", False
        end = min(high + self._overlap, log.end_byte)
        data = b"".join(piece.data for piece in self._scan.forwards(log.id, high - 1, end))
        if data[:1] == b"\n":
            return b"", False
        rest, newline, _ = data[1:].partition(b"\n")
        return rest, not newline and end < log.end_byte

    def _matches_of(self, log: Head, ask: Ask, part: LinePart) -> Match:
        start, end = part.start_byte + part.low, part.start_byte + part.end
        if ask.bare:
            return Match(log, part.number, start, end, [], Text(part.number, start, b""))
        spans = part.spans(ask.pattern, ask.over)
        text = _text(part, spans[0][0] if spans else 0)
        before = self._around(log, part.number - ask.before, part.number) if ask.before else []
        after = self._around(log, part.number + 1, part.number + 1 + ask.after) if ask.after else []
        places = [(part.start_byte + first, part.start_byte + past) for first, past in spans]
        return Match(log, part.number, start, end, places, text, before, after)

    def _around(self, log: Head, first: int, end: int) -> list[Text]:
        """Returns the lines ``[first, end)`` that there are; none when they are megabytes."""
        try:
            page = self._reader.lines(log, partial(_there, first, end))
        except LargePage:
            return []
        lines, at = [], page.start_byte
        for number, data in enumerate(page.data.split(b"\n")[: page.end_line - page.start_line], page.start_line):
            lines.append(_text(LinePart(number, at, data), 0))
            at += len(data) + 1
        return lines


def _there(first: int, end: int, head: Head) -> tuple[int, int]:
    first = min(max(first, head.start_line), head.last_line)
    return first, min(max(end, first), head.last_line)


def _parts(pieces: Iterable[CachedPiece | Skipped], size: int, *, backwards: bool = False) -> Iterator[CachedPiece | Skipped]:
    """Yields the pieces, larger ones cut into parts of ``size``, at a line's border where there is one."""
    for piece in pieces:
        if isinstance(piece, Skipped):
            yield piece
            continue
        borders = [piece.start_byte]
        while piece.end_byte - borders[-1] > size:
            at = borders[-1] - piece.start_byte
            borders.append(piece.start_byte + (piece.data.rfind(b"\n", at, at + size) + 1 or at + size))
        borders.append(piece.end_byte)
        spans = list(pairwise(borders))
        yield from (clipped(piece, low, high) for low, high in (reversed(spans) if backwards else spans))


def _matching(pattern: Pattern, part: LinePart) -> Iterator[LinePart]:
    if part.matches(pattern):
        yield part


def _block(pattern: Pattern, data: bytes, span: tuple[int, int], start_byte: int, start_line: int) -> Iterator[LinePart]:
    """Yields the lines of a span of ``data`` that match; the data begins at ``start_byte``, within line ``start_line``."""
    number, counted = start_line, 0
    for first, past in pattern.lines(data, *span):
        number += data.count(b"\n", counted, first)
        counted = first
        yield LinePart(number, start_byte + first, data[first:past])


def _text(part: LinePart, match: int) -> Text:
    first, end = part.low, part.end
    if end - first > TEXT_BYTES:
        first = max(min(match - _BEFORE_MATCH, end - TEXT_BYTES), first)
        first, end = lines.whole_characters(part.data, first, first + TEXT_BYTES, backwards=False, growing=False)
    return Text(part.number, part.start_byte + first, part.data[first:end])
