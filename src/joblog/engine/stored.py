"""A part of a log as zstd, made of its frames as they are stored: what is compressed already is not compressed again.

Frames one after the other are a zstd stream; each has its checksum, which whoever decompresses it verifies. What is not stored
as a frame, or not all of which was asked for, is compressed on the way.
"""

from __future__ import annotations

from collections.abc import Iterator

from joblog.catalog.logs import CHUNK_BYTES, Logs
from joblog.core.logs import Head
from joblog.core.segment import decode_frame, encode_frame
from joblog.core.timeline import Timeline
from joblog.engine.read import Swapped, steady
from joblog.errors import Damaged, Unavailable
from joblog.objects.frame_store import FrameStore

_BATCH_BYTES = 96 * 1024
"""Compressed bytes read at a time: a mebibyte of a real log, and what somebody who does not read on keeps in memory."""

_BATCH_CHUNK_BYTES = 8 * CHUNK_BYTES
"""The same of the tail, in raw bytes."""

_Piece = tuple[int, int, bytes, bool]
"""Start and end in the log, what is stored of it, whether that is a frame."""


class StoredLogs:
    """Reads logs as they are stored. Methods block; they raise Unavailable, Damaged and NotFound."""

    def __init__(self, logs: Logs, frames: FrameStore, timeline: Timeline) -> None:
        self._logs = logs
        self._frames = frames
        self._timeline = timeline

    def frames(self, log: Head, low: int, high: int) -> Iterator[bytes]:
        """Yields ``[low, high)`` as zstd frames, some at a time; raises Unavailable if the catalog was set back meanwhile."""
        number = self._timeline.number
        if low >= high:
            yield encode_frame(b"")
        while low < high:
            pieces = self._batch(log.id, low, high)
            if number != self._timeline.number:
                raise Unavailable("the catalog was set back while the log was read; read it again")
            yield b"".join(_packed(pieces, low, high))
            low = pieces[-1][1]

    def _batch(self, log_id: int, low: int, high: int) -> list[_Piece]:
        """Returns pieces that join up, the first of which holds ``low``."""
        return steady(self._logs, self._logs.head(log_id), lambda head: self._pieces(head, low, high))

    def _pieces(self, head: Head, low: int, high: int) -> list[_Piece]:
        try:
            pieces = self._sealed(head.id, low, high) if low < head.sealed_byte else self._tail(head.id, low, high)
        except Damaged as error:  # it may have been merged, and its object removed, a moment ago
            raise Swapped from error
        if not pieces or not pieces[0][0] <= low < pieces[-1][1]:
            raise Swapped
        return pieces

    def _sealed(self, log_id: int, low: int, high: int) -> list[_Piece]:
        pieces: list[_Piece] = []
        for sealed in self._logs.segments_by_byte(log_id, low, low + 1):
            borders = self._frames.placed(sealed)
            wanted = borders.covering_bytes(low, high)
            until = wanted.start + 1
            while until < wanted.stop and borders.stored[until + 1] - borders.stored[wanted.start] <= _BATCH_BYTES:
                until += 1
            numbers = range(wanted.start, until)
            for frame, stored in zip(numbers, self._frames.stored(sealed, numbers), strict=True):
                pieces.append((borders.byte[frame], borders.byte[frame + 1], stored, True))
        return pieces

    def _tail(self, log_id: int, low: int, high: int) -> list[_Piece]:
        chunks = self._logs.chunks_by_byte(log_id, low, min(high, low + _BATCH_CHUNK_BYTES))
        return [(each.start_byte, each.end_byte, each.stored, each.is_frame) for each in chunks]


def _packed(pieces: list[_Piece], low: int, high: int) -> Iterator[bytes]:
    """Yields the frames that lie within ``[low, high)``, and the rest of it as frames."""
    waiting = bytearray()
    for start, end, stored, is_frame in pieces:
        whole = low <= start and end <= high
        if waiting and ((is_frame and whole) or len(waiting) >= CHUNK_BYTES):
            yield encode_frame(waiting)
            waiting = bytearray()
        if is_frame and whole:
            yield stored
        else:
            data = decode_frame(stored, end - start) if is_frame else stored
            waiting += data[max(low - start, 0) : high - start]
    if waiting:
        yield encode_frame(waiting)
