"""Lines for a screen: each cut after so many bytes, so that an answer is small however long the lines are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from msgspec import Struct, structs

from joblog.api.values.reading import CutLine
from joblog.core.logs import Head
from joblog.engine.read import Page, PageReader

_WHOLE_BYTES = 1024 * 1024
"""A page of lines is read whole up to this, and cut then."""

_LINES_APART = 64
"""Lines of a longer page are read one by one, as many as that for one answer."""

_CONTINUES = range(0x80, 0xC0)
"""Bytes of UTF-8 that begin no character."""


class _Line(Struct):
    start_byte: int
    end_byte: int
    head: bytes
    ended: bool


def cut_lines(reader: PageReader, page: Page, most: int) -> tuple[Page, list[CutLine], list[int]]:
    """Reads the lines of a page that has only their borders, or the first of them, each up to ``most`` bytes.

    Returns them, which of them were cut, and the byte at which each begins.
    """
    if page.end_byte - page.start_byte <= _WHOLE_BYTES:
        data = reader.read(page.log, partial(_fixed, page.start_byte, page.end_byte)).data
        lines = list(_split(page.start_byte, data))
    else:
        page = structs.replace(page, end_line=min(page.end_line, page.start_line + _LINES_APART))
        lines = [_read_apart(reader, page.log, line, most) for line in range(page.start_line, page.end_line)]
        page = structs.replace(page, end_byte=lines[-1].end_byte + lines[-1].ended)
    cuts = []
    parts = []
    for number, line in enumerate(lines, start=page.start_line):
        parts.append(line.head)
        if line.end_byte - line.start_byte > most:
            cuts.append(CutLine(number, line.start_byte, line.end_byte))
            parts[-1] = _whole_characters(line.head, most)
        if line.ended:
            parts.append(b"\n")
    return structs.replace(page, data=b"".join(parts)), cuts, [line.start_byte for line in lines]


def line_starts(page: Page) -> list[int]:
    """Returns the byte at which each line of a page of whole lines begins."""
    return [line.start_byte for line in _split(page.start_byte, page.data)]


def _split(at: int, data: bytes) -> Iterator[_Line]:
    heads = data.split(b"\n")
    last = heads.pop()
    for head in heads:
        yield _Line(at, at + len(head), head, True)
        at += len(head) + 1
    if last:
        yield _Line(at, at + len(last), last, False)


def _read_apart(reader: PageReader, log: Head, line: int, most: int) -> _Line:
    place = reader.line_borders(log, partial(_fixed, line, line + 1))
    low, high = place.start_byte, place.end_byte
    ended = reader.read(place.log, partial(_fixed, high - 1, high)).data == b"\n"
    high -= ended
    return _Line(low, high, reader.read(place.log, partial(_fixed, low, min(low + most + 1, high))).data, ended)


def _whole_characters(data: bytes, most: int) -> bytes:
    """Returns the first ``most`` bytes, less a character that does not fit."""
    end = most
    while end > most - 3 and end < len(data) and data[end] in _CONTINUES:
        end -= 1
    return data[:end]


def _fixed(low: int, high: int, _: Head) -> tuple[int, int]:
    return low, high
