"""Reading much of a log, piece by piece, forwards or backwards: what a search does.

Beside ``read``, which reads pages through the cache: a scan of a gigabyte would drive out of it what readers of pages use.
A few megabytes are in memory at a time. Each batch begins with a fresh look at the log's head, so sealing, merging and
retention may go on meanwhile: pieces join up, but for what retention has removed. A search says what it looks for, and the
words of segments say what of them it is to pass over.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from msgspec import Struct

from joblog.catalog.logs import Logs
from joblog.core import lines
from joblog.core.logs import Head, Segment
from joblog.core.words import Clues
from joblog.engine.read import Swapped, steady
from joblog.errors import Damaged
from joblog.objects.frame_store import FrameStore
from joblog.objects.piece_cache import CachedPiece, joined

BATCH_BYTES = 4 * 1024 * 1024
"""Raw bytes read at a time: few enough to hold, enough for one request of a remote store."""

_BLOCK_BYTES = 64 * 1024
"""Small frames are joined up to this: whoever looks through them pays by the piece, too."""

_LOOK_BYTES = 512 * 1024 * 1024
"""Raw bytes whose words are looked at together: eight large segments."""


class Skipped(Struct, frozen=True):
    """Whole lines of a log that can have no match, and are not read."""

    start_byte: int
    end_byte: int


class Scan:
    """Reads logs. Methods block and raise Unavailable, Damaged, NotFound."""

    def __init__(self, logs: Logs, frames: FrameStore) -> None:
        self._logs = logs
        self._frames = frames

    def forwards(self, log_id: int, low: int, high: int) -> Iterator[CachedPiece]:
        """Yields the pieces of ``[low, high)``, cut to it; bytes that are not held (any more) are passed over."""
        while low < high:
            pieces = self._batch(log_id, low, high, backwards=False)
            yield from pieces
            if not pieces:
                return
            low = pieces[-1].end_byte

    def backwards(self, log_id: int, low: int, high: int) -> Iterator[CachedPiece]:
        """Yields the same pieces, the last one first."""
        while low < high:
            pieces = self._batch(log_id, low, high, backwards=True)
            yield from reversed(pieces)
            if not pieces:
                return
            high = pieces[0].start_byte

    def search(
        self, log_id: int, low: int, high: int, clues: Clues | None, *, backwards: bool = False
    ) -> Iterator[CachedPiece | Skipped]:
        """Yields the same pieces, in either direction, but for what can hold none of the strings that the clues are of."""
        read = self.backwards if backwards else self.forwards
        if clues is None:
            yield from read(log_id, low, high)
            return
        for start, end, may in self._stretches(log_id, low, high, clues, backwards):
            if may:
                yield from read(log_id, start, end)
            else:
                yield Skipped(start, end)

    def _stretches(self, log_id: int, low: int, high: int, clues: Clues, backwards: bool) -> Iterator[tuple[int, int, bool]]:
        """Yields stretches that join up to ``[low, high)``, the last one first if ``backwards``: which may hold a string."""
        while low < high:
            sealed_byte = self._logs.head(log_id).sealed_byte
            if backwards:
                first, end = max(low, min(sealed_byte, high) - _LOOK_BYTES), high
            else:
                first, end = low, min(low + _LOOK_BYTES, high) if low < sealed_byte else high
            segments = self._logs.segments_by_byte(log_id, first, min(end, sealed_byte)) if first < sealed_byte else []
            frames = [each for sealed in segments for each in self._frames_that_may(sealed, clues)]
            borders = [(max(start, first), min(past, end), may) for start, past, may in frames]
            filled = _filled([each for each in borders if each[0] < each[1]], first, end)
            yield from reversed(filled) if backwards else filled
            low, high = (low, first) if backwards else (end, high)

    def _frames_that_may(self, sealed: Segment, clues: Clues) -> list[tuple[int, int, bool]]:
        words = self._frames.words(sealed)
        may = words.frames(clues) if words is not None else [True]
        if len(set(may)) == 1:
            return [(sealed.start_byte, sealed.end_byte, may[0])]
        borders = self._frames.placed(sealed).byte
        return list(zip(borders[:-1], borders[1:], may, strict=True))

    def _batch(self, log_id: int, low: int, high: int, *, backwards: bool) -> list[CachedPiece]:
        """Returns pieces that hold the first bytes of ``[low, high)`` that are held, or the last ones; none when none are."""
        return steady(self._logs, self._logs.head(log_id), lambda head: self._pieces(head, low, high, backwards))

    def _pieces(self, head: Head, low: int, high: int, backwards: bool) -> list[CachedPiece]:
        first, end = max(low, head.start_byte), min(high, head.end_byte)
        if first >= end:
            return []
        owner, at = first, end - 1 if backwards else first
        try:
            if at >= head.sealed_byte:
                first = max(first, head.sealed_byte, end - BATCH_BYTES if backwards else 0)
                pieces = self._tail(head.id, first, min(end, first + BATCH_BYTES))
            else:
                pieces = self._sealed(head.id, first, min(end, head.sealed_byte), at, backwards)
        except Damaged as error:  # it may have been merged, and its object removed, a moment ago
            raise Swapped from error
        if not pieces or not pieces[0].start_byte <= at < pieces[-1].end_byte:
            raise Swapped
        return [clipped(piece, owner, end) for piece in pieces if piece.start_byte < end and piece.end_byte > owner]

    def _tail(self, log_id: int, low: int, high: int) -> list[CachedPiece]:
        chunks = self._logs.chunks_by_byte(log_id, low, high)
        return joined(CachedPiece(each.start_byte, each.start_line, each.end_line, each.data()) for each in chunks)

    def _sealed(self, log_id: int, low: int, high: int, at: int, backwards: bool) -> list[CachedPiece]:
        segments: list[Segment] = self._logs.segments_by_byte(log_id, at, at + 1)
        if not segments:
            return []
        sealed, placed = segments[0], self._frames.placed(segments[0])
        low, high = max(low, sealed.start_byte), min(high, sealed.end_byte)
        if backwards:
            low = max(low, high - BATCH_BYTES)
        else:
            high = min(high, low + BATCH_BYTES)
        return joined(self._frames.read(sealed, placed.covering_bytes(low, high)), _BLOCK_BYTES)


def _filled(stretches: list[tuple[int, int, bool]], low: int, high: int) -> list[tuple[int, int, bool]]:
    """Joins neighbours that are alike; what lies between stretches, or around them, may hold anything."""
    pieces, at = list[tuple[int, int, bool]](), low
    for start, end, may in [*stretches, (high, high, True)]:
        if at < start:
            pieces.append((at, start, True))
        pieces.append((start, end, may))
        at = max(at, end)
    groups = (list(group) for _, group in groupby(pieces, key=lambda each: each[2]))
    joined = [(group[0][0], group[-1][1], group[0][2]) for group in groups]
    return [each for each in joined if each[0] < each[1]]


def clipped(piece: CachedPiece, low: int, high: int) -> CachedPiece:
    """Returns the part of a piece that lies within ``[low, high)``."""
    if low <= piece.start_byte and piece.end_byte <= high:
        return piece
    first, end = max(low - piece.start_byte, 0), min(high, piece.end_byte) - piece.start_byte
    before, data = lines.count(piece.data[:first]), piece.data[first:end]
    line = piece.start_line + before
    return CachedPiece(piece.start_byte + first, line, line + lines.count(data), data)
