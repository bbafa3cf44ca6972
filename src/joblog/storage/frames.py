"""Sealed bytes, frame by frame, through a bounded cache of what was decompressed.

There are two doors to the same cache. ``FrameCache`` answers from memory or raises NotCached, so that an event loop may ask
it; ``FrameStore`` fetches what is missing, and blocks.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from joblog import segment
from joblog.model import Segment
from joblog.segment import Frames
from joblog.storage.objects import Objects

# What an entry costs beside its bytes.
_OVERHEAD_BYTES = 300

# Frames fetched by one request: bounds what a long read holds in memory.
_FETCH_FRAMES = 16


FrameBytes = tuple[int, int, int, bytes]
"""A frame: its start byte, its start line, its end line, its bytes."""


class NotCached(Exception):
    """What was asked for is not in memory."""


class Reader(Protocol):
    """Gives the frames of segments."""

    def frames(self, sealed: Segment, low: int, high: int) -> list[FrameBytes]:
        """Returns the frames that hold bytes of ``[low, high)``."""

    def placed(self, sealed: Segment) -> Frames:
        """Returns where the segment's frames are."""


class FrameCache:
    """Memory of decompressed frames and decoded indexes, the latest used of each, within a number of bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._lock = threading.Lock()
        self._frames: dict[tuple[str, int], bytes] = {}
        self._placed: dict[str, Frames] = {}

    def frame(self, key: str, number: int) -> bytes | None:
        """Returns a frame's bytes if they are held."""
        with self._lock:
            data = self._frames.pop((key, number), None)
            if data is not None:
                self._frames[key, number] = data
            return data

    def keep(self, key: str, number: int, data: bytes) -> None:
        """Holds a frame's bytes, dropping those not used for longest."""
        with self._lock:
            if (key, number) not in self._frames:
                self._held += len(data) + _OVERHEAD_BYTES
            self._frames[key, number] = data
            while self._held > self._limit and self._frames:
                oldest = next(iter(self._frames))
                self._held -= len(self._frames.pop(oldest)) + _OVERHEAD_BYTES

    def placed(self, sealed: Segment) -> Frames:
        """Returns where a segment's frames are; its row has them, they are only read once."""
        with self._lock:
            found = self._placed.get(sealed.object_key)
        if found is None:
            found = segment.decode_index(sealed.index).placed()
            with self._lock:
                if len(self._placed) >= _PLACED_LIMIT:
                    self._placed.clear()
                self._placed[sealed.object_key] = found
        return found

    def frames(self, sealed: Segment, low: int, high: int) -> list[FrameBytes]:
        """Answers from memory; raises NotCached."""
        placed = self.placed(sealed)
        found = []
        for number in placed.covering_bytes(low, high):
            data = self.frame(sealed.object_key, number)
            if data is None:
                raise NotCached
            found.append((placed.byte[number], placed.line[number], placed.line[number + 1], data))
        return found


# Decoded indexes are some kilobytes each; this many are a few megabytes.
_PLACED_LIMIT = 1000


class FrameStore:
    """The cache with the object store behind it. Methods block; they raise Unavailable and Damaged."""

    def __init__(self, cache: FrameCache, objects: Objects) -> None:
        self._cache = cache
        self._objects = objects

    def placed(self, sealed: Segment) -> Frames:
        """Returns where a segment's frames are."""
        return self._cache.placed(sealed)

    def frames(self, sealed: Segment, low: int, high: int) -> list[FrameBytes]:
        """Returns the frames, fetched where they are not in memory."""
        placed = self._cache.placed(sealed)
        wanted = placed.covering_bytes(low, high)
        held = {number: self._cache.frame(sealed.object_key, number) for number in wanted}
        missing = [number for number, data in held.items() if data is None]
        for start in range(0, len(missing), _FETCH_FRAMES):
            held.update(self._fetch(sealed, placed, missing[start : start + _FETCH_FRAMES]))
        return [
            (placed.byte[number], placed.line[number], placed.line[number + 1], data)
            for number, data in held.items()
            if data is not None
        ]

    def _fetch(self, sealed: Segment, placed: Frames, numbers: Sequence[int]) -> dict[int, bytes]:
        starts = [placed.stored[number] for number in numbers]
        ends = [placed.stored[number + 1] for number in numbers]
        fetched = {}
        for number, stored in zip(numbers, self._objects.ranges(sealed.object_key, starts, ends), strict=True):
            raw = segment.decode_frame(stored, placed.byte[number + 1] - placed.byte[number])
            self._cache.keep(sealed.object_key, number, raw)
            fetched[number] = raw
        return fetched
