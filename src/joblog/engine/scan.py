"""Reading much of a log, piece by piece, forwards or backwards: what a search does.

Beside ``read``, which reads pages through the cache: a scan of a gigabyte would drive out of it what readers of pages use.
A few megabytes are in memory at a time. Each batch begins with a fresh look at the log's head, so sealing, merging and
retention may go on meanwhile: pieces join up, but for what retention has removed.
"""

from __future__ import annotations

from collections.abc import Iterator

from joblog.catalog.logs import Logs
from joblog.core import lines
from joblog.core.logs import Head, Segment
from joblog.engine.read import Swapped, steady
from joblog.errors import Damaged
from joblog.objects.frame_store import FrameStore
from joblog.objects.piece_cache import CachedPiece, joined

BATCH_BYTES = 4 * 1024 * 1024
"""Raw bytes read at a time: few enough to hold, enough for one request of a remote store."""

_BLOCK_BYTES = 64 * 1024
"""Frames are joined up to this: whoever looks through them pays by the piece, too."""


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


def clipped(piece: CachedPiece, low: int, high: int) -> CachedPiece:
    """Returns the part of a piece that lies within ``[low, high)``."""
    if low <= piece.start_byte and piece.end_byte <= high:
        return piece
    first, end = max(low - piece.start_byte, 0), min(high, piece.end_byte) - piece.start_byte
    before, data = lines.count(piece.data[:first]), piece.data[first:end]
    line = piece.start_line + before
    return CachedPiece(piece.start_byte + first, line, line + lines.count(data), data)
