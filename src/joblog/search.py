"""Searching logs: lines that match, in order, forwards or backwards, as they are found.

A search is a generator. Between the lines it finds it says how far it has got, after each piece of at most 256 KiB, so whoever
runs it may stop there and go on later. What crosses two pieces is glued, one line at a time; a line is never held beyond
LONGEST_LINE, but looked through in parts of about that size.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from msgspec import Struct

from joblog import lines
from joblog.model import Log
from joblog.pattern import Pattern
from joblog.query import LargePage, Query
from joblog.scan import Scan

LONGEST_LINE = 1024 * 1024
"""A longer line is looked through in parts of so many bytes; a match across two of them is not found."""

TEXT_BYTES = 4096
"""The most of a line that is given, from a little before its first match on; the rest is for whoever reads the line."""

_BEFORE_MATCH = 1024


class Text(Struct, frozen=True):
    """A line, or as much of it as is given: ``data`` begins at position ``start_byte``."""

    line: int
    start_byte: int
    data: bytes


class Found(Struct, frozen=True):
    """A line that matches: ``[start_byte, end_byte)`` without its newline, ``spans`` of positions, ``text`` of it."""

    log: Log
    line: int
    start_byte: int
    end_byte: int
    spans: list[tuple[int, int]]
    text: Text
    before: list[Text] = []
    after: list[Text] = []


class Reached(Struct, frozen=True):
    """How far a search has got in a log: to position ``at``, having looked through ``searched_bytes`` of it in this step."""

    log: Log
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


class _Line(Struct, frozen=True):
    """A line that matches, before what is told of it is made."""

    number: int
    start_byte: int
    data: bytes


class Search:
    """Searches logs. Methods block and raise Unavailable, Damaged."""

    def __init__(self, scan: Scan, query: Query) -> None:
        self._scan = scan
        self._query = query

    def run(self, log: Log, ask: Ask, low: int, high: int) -> Iterator[Found | Reached]:
        """Yields what is found in ``[low, high)`` of a log, as much of that as is held, an unfinished last line among it.

        Both are borders between lines, or what a Reached said. The last thing yielded is a Reached.
        """
        scanned = self._backwards if ask.backwards else self._forwards
        for each in scanned(log, ask.pattern, low, high):
            yield self._found(log, ask, each) if isinstance(each, _Line) else each

    def line_start(self, log: Log, byte: int) -> int:
        """Returns where the line begins that holds a position; for one that the log does not hold, the nearest border."""
        if not log.start_byte < byte < log.end_byte:
            return min(max(byte, log.start_byte), log.end_byte)
        line = self._query.line_at(log, byte)
        return self._query.line_borders(log, lambda _: (line, line)).start_byte

    def _forwards(self, log: Log, pattern: Pattern, low: int, high: int) -> Iterator[_Line | Reached]:
        held, held_at, number, at = b"", low, 0, low  # of a line that began in a piece and goes on in the next
        for piece in self._scan.forwards(log.id, low, high):
            data, first = piece.data, 0
            if piece.start_byte != at:
                held = b""  # retention has taken what followed it
            if held:
                first = data.find(b"\n") + 1 or len(data)
                held += data[:first]
                if held.endswith(b"\n") or len(held) >= LONGEST_LINE:
                    yield from _alone(pattern, _Line(number, held_at, held.removesuffix(b"\n")))
                    held = b""
            end = max(data.rfind(b"\n") + 1, first)
            yield from _block(pattern, data, (first, end), piece.start_byte, piece.start_line)
            if end < len(data):
                held, held_at, number = data[end:], piece.start_byte + end, piece.end_line
            at = piece.end_byte
            yield Reached(log, held_at if held else at, len(data))
        if held:
            yield from _alone(pattern, _Line(number, held_at, held))
        yield Reached(log, high, 0)

    def _backwards(self, log: Log, pattern: Pattern, low: int, high: int) -> Iterator[_Line | Reached]:
        held, number, at = b"", 0, high  # the rest of a line that begins in a piece before
        for piece in self._scan.backwards(log.id, low, high):
            data = piece.data + held if piece.end_byte == at else piece.data
            first = 0 if piece.start_byte == low else data.find(b"\n") + 1 or len(data)
            held, number, at = data[:first], piece.start_line, piece.start_byte
            end = max(data.rfind(b"\n") + 1, first)
            if end < len(data):
                yield from _alone(pattern, _Line(number + lines.count(data), at + end, data[end:]))
            yield from reversed(list(_block(pattern, data, (first, end), at, number)))
            if len(held) >= LONGEST_LINE:
                yield from _alone(pattern, _Line(number, at, held.removesuffix(b"\n")))
                held = b""
            yield Reached(log, at + len(held), len(piece.data))
        if held:
            yield from _alone(pattern, _Line(number, at, held.removesuffix(b"\n")))
        yield Reached(log, low, 0)

    def _found(self, log: Log, ask: Ask, line: _Line) -> Found:
        end = line.start_byte + len(line.data)
        if ask.bare:
            return Found(log, line.number, line.start_byte, end, [], Text(line.number, line.start_byte, b""))
        spans = ask.pattern.spans(line.data)
        text = _text(line, spans[0][0] if spans else 0)
        before = self._around(log, line.number - ask.before, line.number) if ask.before else []
        after = self._around(log, line.number + 1, line.number + 1 + ask.after) if ask.after else []
        told = [(line.start_byte + first, line.start_byte + past) for first, past in spans]
        return Found(log, line.number, line.start_byte, end, told, text, before, after)

    def _around(self, log: Log, first: int, end: int) -> list[Text]:
        """Returns the lines ``[first, end)`` that there are; none when they are megabytes."""
        try:
            page = self._query.lines(log, partial(_there, first, end))
        except LargePage:
            return []
        found, at = [], page.start_byte
        for number, data in enumerate(page.data.split(b"\n")[: page.end_line - page.start_line], page.start_line):
            found.append(_text(_Line(number, at, data), 0))
            at += len(data) + 1
        return found


def _there(first: int, end: int, head: Log) -> tuple[int, int]:
    first = min(max(first, head.start_line), head.last_line)
    return first, min(max(end, first), head.last_line)


def _alone(pattern: Pattern, line: _Line) -> Iterator[_Line]:
    if pattern.matches(line.data):
        yield line


def _block(pattern: Pattern, data: bytes, span: tuple[int, int], start_byte: int, start_line: int) -> Iterator[_Line]:
    """Yields the lines of a span of ``data`` that match; the data begins at ``start_byte``, within line ``start_line``."""
    number, counted = start_line, 0
    for first, past in pattern.lines(data, *span):
        number += data.count(b"\n", counted, first)
        counted = first
        yield _Line(number, start_byte + first, data[first:past])


def _text(line: _Line, match: int) -> Text:
    if len(line.data) <= TEXT_BYTES:
        return Text(line.number, line.start_byte, line.data)
    low = max(min(match - _BEFORE_MATCH, len(line.data) - TEXT_BYTES), 0)
    low, high = lines.whole_characters(line.data, low, low + TEXT_BYTES, backwards=False, growing=False)
    return Text(line.number, line.start_byte + low, line.data[low:high])
