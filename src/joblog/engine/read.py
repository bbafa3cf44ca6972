"""Reading: which frames and chunks hold what was asked for, and cutting it out of them.

A read takes the log's head, then the pieces that it names. Between the two a sealer may have moved pieces from the catalog
to an object; then they do not join up, and the read begins again with a new head. Nothing that was read is ever wrong:
a byte's position and a line's number do not change.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TypeVar

from msgspec import Struct

from joblog.catalog.logs import Logs
from joblog.core import lines
from joblog.core.logs import Chunk, Head, Segment
from joblog.errors import Busy, Damaged, Unavailable
from joblog.objects.frame_store import FrameReader, NotCached
from joblog.objects.piece_cache import CachedPiece, PieceCache, joined

DEADLINE_S: ContextVar[float] = ContextVar("joblog_deadline", default=math.inf)
"""When whoever reads here gives up, by the monotonic clock: a read that would begin later is Busy."""

# How often a read begins again because pieces moved under it: each time needs another swap to come in between.
_ATTEMPTS = 5

_STREAM_BYTES = 1024 * 1024
"""What a streamed read fetches at a time."""

PAGE_BYTES = 4 * 1024 * 1024
"""The most that is read for one page of lines; a longer one is streamed."""

_CHARACTER_MARGIN = 3
"""A UTF-8 character reaches at most so far beyond a border within it."""


class Page(Struct, frozen=True):
    """A contiguous part of a log: ``data`` is ``[start_byte, end_byte)``; lines ``[start_line, end_line)`` if lines."""

    log: Head
    start_byte: int
    end_byte: int
    start_line: int
    end_line: int
    data: bytes


class LargePage(Exception):
    """A page of lines is larger than PAGE_BYTES."""


class Swapped(Exception):
    """Pieces were swapped while they were read; its cause, if it has one, is what else may be wrong with them."""


T = TypeVar("T")


def steady(logs: Logs, head: Head, read: Callable[[Head], T]) -> T:
    """Returns ``read(head)``; where that raises Swapped, of a new head; raises Damaged when it does so again and again."""
    for _ in range(_ATTEMPTS):
        try:
            return read(head)
        except Swapped as moved:
            cause = moved.__cause__
            head = logs.head(head.id)
    raise cause if isinstance(cause, Damaged) else Damaged(f"log {head.id}: its pieces do not join up")


class InMemory(Logs):
    """A catalog that an event loop does not wait for: what is not in memory is NotCached."""

    def head(self, log_id: int) -> Head:
        del log_id
        raise NotCached

    def chunks_by_byte(self, log_id: int, low: int, high: int) -> list[Chunk]:
        del log_id, low, high
        raise NotCached

    def chunks_by_line(self, log_id: int, low: int, high: int) -> list[Chunk]:
        del log_id, low, high
        raise NotCached

    def segments_by_byte(self, log_id: int, low: int, high: int) -> list[Segment]:
        del log_id, low, high
        raise NotCached

    def segments_by_line(self, log_id: int, low: int, high: int) -> list[Segment]:
        del log_id, low, high
        raise NotCached


class PageReader:
    """Reads logs through the catalog and a reader of frames; raises what these raise."""

    def __init__(self, logs: Logs, cache: PieceCache, frames: FrameReader) -> None:
        self.logs = logs
        self._cache = cache
        self._frames = frames

    def read(self, log: Head, span: Callable[[Head], tuple[int, int]]) -> Page:
        """Returns the bytes of ``span(log)``, which must lie within what is held."""
        return self._steady(log, lambda head: self._byte_page(head, *span(head)))

    def characters(self, log: Head, span: Callable[[Head], tuple[int, int]], *, backwards: bool) -> Page:
        """Returns the bytes of ``span(log)``, narrowed to whole UTF-8 characters (see ``lines.whole_characters``)."""
        return self._steady(log, lambda head: self._character_page(head, *span(head), backwards))

    def lines(self, log: Head, span: Callable[[Head], tuple[int, int]]) -> Page:
        """Returns the lines ``span(log)``, which must be lines the log has; raises LargePage."""
        return self._steady(log, lambda head: self._line_page(head, *span(head)))

    def line_borders(self, log: Head, span: Callable[[Head], tuple[int, int]]) -> Page:
        """Returns the page of the lines ``span(log)`` without its data, however large it is."""

        def borders(head: Head) -> Page:
            first, end = span(head)
            return Page(head, self._border(head, first), self._border(head, end), first, end, b"")

        return self._steady(log, borders)

    def line_at(self, log: Head, byte: int) -> int:
        """Returns how many newlines stand before a position that the log holds, or its end."""
        return self._steady(log, lambda head: self._line_at(head, byte))

    def reader(self, log: Head) -> Callable[[int, int], list[bytes]]:
        """Returns what reads ``[low, high)`` of one past, as the parts that it is kept in, which need not be joined.

        What retention has removed is Damaged, another past Unavailable.
        """
        past = self._cache.timeline.number

        def read(low: int, high: int) -> list[bytes]:
            parts = self._steady(log, lambda head: _cuts(self._pieces_by_byte(head, low, high), low, high))
            if past != self._cache.timeline.number:
                raise Unavailable("the catalog was set back while the log was read; read it again")
            return parts

        return read

    def stream(self, log: Head, low: int, high: int, part_bytes: int = _STREAM_BYTES) -> Iterator[bytes]:
        """Yields ``[low, high)`` in parts; raises as ``reader``'s reads."""
        read = self.reader(log)
        for at in range(low, high, part_bytes):
            yield b"".join(read(at, min(at + part_bytes, high)))

    def _steady(self, log: Head, read: Callable[[Head], T]) -> T:
        if time.monotonic() > DEADLINE_S.get():
            raise Busy("this took too long; ask for fewer lines or ranks at a time")
        return steady(self.logs, log, read)

    def _byte_page(self, head: Head, low: int, high: int) -> Page:
        if low >= high:
            return Page(head, low, high, 0, 0, b"")
        return Page(head, low, high, 0, 0, _cut(self._pieces_by_byte(head, low, high), low, high))

    def _character_page(self, head: Head, low: int, high: int, backwards: bool) -> Page:
        if low >= high:
            return Page(head, low, low, 0, 0, b"")
        first = max(low - _CHARACTER_MARGIN, head.start_byte)
        end = min(high + _CHARACTER_MARGIN, head.end_byte)
        around = _cut(self._pieces_by_byte(head, first, end), first, end)
        low, high = lines.whole_characters(around, low - first, high - first, backwards=backwards, growing=not head.closed)
        return Page(head, low + first, high + first, 0, 0, around[low:high])

    def _line_page(self, head: Head, first: int, end: int) -> Page:
        if first >= end:
            border = self._border(head, first)
            return Page(head, border, border, first, first, b"")
        pieces = self._pieces_by_line(head, first, end)
        low = head.start_byte
        if first > head.start_line:
            low = pieces[0].border(first)
        if end > head.end_line:
            high = head.end_byte
        elif end == head.end_line:
            high = head.partial_byte
        else:
            high = pieces[-1].after(low, end - first) if len(pieces) == 1 else pieces[-1].border(end)
        return Page(head, low, high, first, end, _cut(pieces, low, high))

    def _line_at(self, head: Head, byte: int) -> int:
        if byte <= head.start_byte:
            return head.start_line
        if byte >= head.partial_byte:
            return head.end_line
        for piece in self._pieces_by_byte(head, byte, byte + 1):
            if piece.start_byte <= byte < piece.end_byte:
                return piece.start_line + piece.data.count(b"\n", 0, byte - piece.start_byte)
        raise Swapped

    def _border(self, head: Head, line: int) -> int:
        if line <= head.start_line:
            return head.start_byte
        if line >= head.end_line:
            return head.partial_byte if line == head.end_line else head.end_byte
        return self._pieces_by_line(head, line, line)[0].border(line)

    def _pieces_by_byte(self, head: Head, low: int, high: int) -> list[CachedPiece]:
        """Returns pieces that hold ``[low, high)``."""
        pieces, past = self._cache.by_byte(head.id, low, high), self._cache.timeline.number
        if pieces is not None:
            return pieces
        pieces = []
        if low < head.sealed_byte:
            until = min(high, head.sealed_byte)
            for sealed in self.logs.segments_by_byte(head.id, low, until):
                pieces += self._frames.read(sealed, self._frames.placed(sealed).covering_bytes(low, until))
        if high > head.sealed_byte:
            chunks = self.logs.chunks_by_byte(head.id, max(low, head.sealed_byte), high)
            pieces += [CachedPiece(each.start_byte, each.start_line, each.end_line, each.data()) for each in chunks]
        pieces = joined(pieces)
        if not pieces or not pieces[0].start_byte <= low < high <= pieces[-1].end_byte:
            raise Swapped
        return self._kept(head, pieces, past, (low, None), high)

    def _pieces_by_line(self, head: Head, low: int, high: int) -> list[CachedPiece]:
        """Returns the pieces from the one that holds newline ``low`` to the one that holds newline ``high``.

        From the log's start when ``low`` is not after it; to the log's end when it has no newline ``high``.
        """
        from_start = low <= head.start_line
        past = self._cache.timeline.number
        pieces = self._cache.by_line(head.id, 0 if from_start else low, head.start_byte, (high, head.end_byte))
        if pieces is not None:
            return pieces
        pieces = []
        if low <= head.sealed_line and head.start_byte < head.sealed_byte:
            for sealed in self.logs.segments_by_line(head.id, low, min(high, head.sealed_line + 1)):
                wanted = self._frames.placed(sealed).covering_lines(low, high)
                pieces += self._frames_of(sealed, wanted, sum(len(piece.data) for piece in pieces))
        if high > head.sealed_line:
            chunks = self.logs.chunks_by_line(head.id, low, high)
            pieces += [CachedPiece(each.start_byte, each.start_line, each.end_line, each.data()) for each in chunks]
        if not pieces or not (from_start or pieces[0].start_line < low <= pieces[0].end_line):
            raise Swapped
        if pieces[-1].end_line < min(high, head.end_line):
            raise Swapped
        pieces = joined(pieces)
        first, last = pieces[0], pieces[-1]
        begins: tuple[int, int | None]
        if from_start:
            begins = min(max(head.start_byte, first.start_byte), first.end_byte - 1), None
        else:
            begins = first.border(low) - 1, low - 1
        if high > last.end_line:
            until = last.end_byte
        else:
            until = first.after(begins[0], high - low + 1) if first is last and not from_start else last.border(high)
        return self._kept(head, pieces, past, begins, until)

    def _frames_of(self, sealed: Segment, wanted: range, held_bytes: int) -> list[CachedPiece]:
        borders = self._frames.placed(sealed).byte
        if held_bytes + borders[wanted.stop] - borders[wanted.start] > PAGE_BYTES:
            raise LargePage
        return self._frames.read(sealed, wanted)

    def _kept(
        self, head: Head, pieces: list[CachedPiece], past: int, begins: tuple[int, int | None], until: int
    ) -> list[CachedPiece]:
        """Keeps the pieces from where the read begins, a byte and its line if that is known, until where it ends.

        Of those that reach far beyond it a part is kept; all of it when the read goes on from what was read before.
        """
        if len(pieces) == 1:
            parts = [pieces[0].part(begins[0], until, begins[1])]
        else:
            first, last = pieces[0], pieces[-1]
            parts = [first.part(begins[0], first.end_byte, begins[1]), *pieces[1:-1], last.part(last.start_byte, until)]
        if parts != pieces and self._cache.beside(head.id, parts[0].start_byte, parts[-1].end_byte):
            parts = pieces
        self._cache.keep(head.id, parts, past)
        return parts


def _fixed(low: int, high: int, _: Head) -> tuple[int, int]:
    return low, high


def _cut(pieces: list[CachedPiece], low: int, high: int) -> bytes:
    """Joins ``[low, high)`` out of pieces that must cover it; raises Swapped."""
    parts = _cuts(pieces, low, high)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _cuts(pieces: list[CachedPiece], low: int, high: int) -> list[bytes]:
    """Cuts ``[low, high)`` out of pieces that must cover it; raises Swapped."""
    parts: list[bytes] = []
    at = low
    for piece in pieces:
        if piece.end_byte <= at:
            continue
        if piece.start_byte > at or at >= high:
            break
        parts.append(piece.data[at - piece.start_byte : high - piece.start_byte])
        at = piece.end_byte
    if at < high:
        raise Swapped
    return parts
