"""Frames of sealed segments, read from the object store.

``FrameStore`` fetches, and blocks. An event loop is given ``FewFrames``, which fetches at most a few from a local directory,
where that takes less time than handing the read to a thread, and else raises NotCached: then a thread asks the other one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol

from joblog import segment
from joblog.errors import Damaged
from joblog.model import Segment
from joblog.segment import Frames
from joblog.storage.objects import Objects
from joblog.storage.pieces import Piece
from joblog.tally import DAMAGED, Tally

# Frames fetched by one request of the object store: bounds what a long read holds in memory.
_FETCH_FRAMES = 16

# Decoded indexes are some kilobytes each; this many are a few megabytes.
_PLACED_LIMIT = 1000


class NotCached(Exception):
    """What was asked for is not in memory."""


class FrameReader(Protocol):
    """Gives the frames of segments."""

    def placed(self, sealed: Segment) -> Frames:
        """Returns where the segment's frames are."""

    def read(self, sealed: Segment, wanted: range) -> list[Piece]:
        """Returns the frames of those numbers."""


class FrameStore:
    """Reads objects. Methods block, for any thread; they raise Unavailable and Damaged."""

    def __init__(self, objects: Objects, tally: Tally | None = None) -> None:
        self._objects = objects
        self._tally = tally or Tally()
        self._lock = threading.Lock()
        self._placed: dict[str, Frames] = {}

    def placed(self, sealed: Segment) -> Frames:
        """Returns where a segment's frames are: its row says so, and is decoded once."""
        with self._lock:
            found = self._placed.get(sealed.object_key)
        if found is None:
            found = segment.decode_index(sealed.index).placed()
            with self._lock:
                if len(self._placed) >= _PLACED_LIMIT:
                    self._placed.clear()
                self._placed[sealed.object_key] = found
        return found

    def read(self, sealed: Segment, wanted: range) -> list[Piece]:
        """Returns the frames of those numbers, in order."""
        return list(self._stream(sealed, wanted))

    def stream(self, sealed: Segment) -> Iterator[Piece]:
        """Yields all frames of a segment, in order, with a few of them in memory at a time."""
        return self._stream(sealed, range(len(self.placed(sealed).byte) - 1))

    def _stream(self, sealed: Segment, wanted: range) -> Iterator[Piece]:
        for start in range(wanted.start, wanted.stop, _FETCH_FRAMES):
            yield from self._fetch(sealed, range(start, min(start + _FETCH_FRAMES, wanted.stop)))

    def _fetch(self, sealed: Segment, numbers: range) -> list[Piece]:
        try:
            return self._decoded(sealed, numbers)
        except Damaged:
            self._tally.add(DAMAGED)
            raise

    def _decoded(self, sealed: Segment, numbers: range) -> list[Piece]:
        placed = self.placed(sealed)
        starts = [placed.stored[number] for number in numbers]
        ends = [placed.stored[number + 1] for number in numbers]
        pieces = []
        for number, stored in zip(numbers, self._objects.ranges(sealed.object_key, starts, ends), strict=True):
            raw = segment.decode_frame(stored, placed.byte[number + 1] - placed.byte[number])
            pieces.append(Piece(placed.byte[number], placed.line[number], placed.line[number + 1], raw))
        return pieces


class FewFrames:
    """Reads up to ``most`` frames at a time; more raise NotCached, and so does any when ``most`` is 0."""

    def __init__(self, store: FrameStore, most: int) -> None:
        self._store = store
        self._most = most

    def placed(self, sealed: Segment) -> Frames:
        """Returns where the segment's frames are."""
        return self._store.placed(sealed)

    def read(self, sealed: Segment, wanted: range) -> list[Piece]:
        """Returns the frames of those numbers."""
        if len(wanted) > self._most:
            raise NotCached
        return self._store.read(sealed, wanted)
