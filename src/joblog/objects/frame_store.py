"""Frames of sealed segments, read from the object store.

``FrameStore`` fetches, and blocks. An event loop is given ``FewFrames``, which fetches at most a few from a local directory,
where that takes less time than handing the read to a thread, and else raises NotCached: then a thread asks the other one.

A frame that many readers want at once is fetched once: whoever comes while it is on its way waits for it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol

from joblog.core import segment
from joblog.core.counters import DAMAGED, Tally
from joblog.core.logs import Segment
from joblog.core.segment import FrameBorders
from joblog.core.words import Words
from joblog.errors import Damaged
from joblog.objects.piece_cache import CachedPiece
from joblog.objects.store import Objects

# Frames fetched by one request of the object store: bounds what a long read holds in memory.
_FETCH_FRAMES = 64

# Decoded indexes are some kilobytes each; this many are a few megabytes.
_PLACED_LIMIT = 1000

# Words of segments, which are some kilobytes each.
_WORDS_BYTES = 32 * 1024 * 1024

# Frames that are still given to whoever comes after they were fetched: somebody may have looked for one in the cache of pieces
# just before it was put there, which is when the whole read is done. So it is what the largest page holds, most of which that
# cache holds too.
_LANDED_BYTES = 4 * 1024 * 1024

_Flight = tuple[tuple[str, int | None], int]
"""A segment's place and the number of one of its frames."""


class NotCached(Exception):
    """What was asked for is not in memory."""


class FrameReader(Protocol):
    """Gives the frames of segments."""

    def placed(self, sealed: Segment) -> FrameBorders:
        """Returns where the segment's frames are."""

    def read(self, sealed: Segment, wanted: range) -> list[CachedPiece]:
        """Returns the frames of those numbers."""


class FrameStore:
    """Reads objects. Methods block, for any thread; they raise Unavailable and Damaged."""

    def __init__(
        self, objects: Objects, tally: Tally | None = None, *, shared: bool = True, landed_bytes: int = _LANDED_BYTES
    ) -> None:
        """``shared``: what many want at once is fetched once, which costs more than to read a file again."""
        self._objects = objects
        self._shares = shared
        self._tally = tally or Tally()
        self._lock = threading.Lock()
        self._placed: dict[tuple[str, int | None], FrameBorders] = {}
        self._words: OrderedDict[tuple[str, int | None], Words] = OrderedDict()
        self._words_bytes = 0
        self._flights: dict[_Flight, Future[CachedPiece]] = {}
        self._landed: deque[tuple[_Flight, int]] = deque()
        self._landed_bytes, self._most_landed_bytes = 0, landed_bytes

    def placed(self, sealed: Segment) -> FrameBorders:
        """Returns where a segment's frames are: its row says so, and is decoded once."""
        with self._lock:
            frames = self._placed.get(sealed.place)
        if frames is None:
            frames = segment.decode_index(sealed.index).placed()
            with self._lock:
                if len(self._placed) >= _PLACED_LIMIT:
                    self._placed.clear()
                self._placed[sealed.place] = frames
        return frames

    def words(self, sealed: Segment) -> Words | None:
        """Returns the words of a segment; None where it has none, or none that can be read: it may hold anything then."""
        if sealed.level != segment.LEVEL_INDEXED:
            return None
        with self._lock:
            words = self._words.get(sealed.place)
            if words is not None:
                self._words.move_to_end(sealed.place)
                return words
        frames_bytes = sum(segment.decode_index(sealed.index).stored_bytes)
        first, end = segment.words_place(frames_bytes, sealed.object_bytes, sealed.index)
        if first >= end:
            return None
        at = sealed.object_at or 0
        try:
            words = segment.words_of(self._objects.ranges(sealed.object_key, [at + first], [at + end])[0])
        except Damaged:
            return None  # what reads the frames finds the object missing; what is wrong with words alone `check` says
        with self._lock:
            if sealed.place not in self._words:
                self._words_bytes += words.size_bytes
            self._words[sealed.place] = words
            while self._words_bytes > _WORDS_BYTES:
                self._words_bytes -= self._words.popitem(last=False)[1].size_bytes
        return words

    def read(self, sealed: Segment, wanted: range) -> list[CachedPiece]:
        """Returns the frames of those numbers, in order; what others are fetching is not fetched again."""
        read = self._shared if self._shares else self._fetch
        return [piece for numbers in _batches(wanted) for piece in read(sealed, numbers)]

    def read_at_once(self, sealed: Segment, wanted: range) -> list[CachedPiece]:
        """Returns the frames, for a reader that waits for nobody else's fetch; raises NotCached where ``read`` would wait."""
        with self._lock:
            flights = [self._flights.get((sealed.place, number)) for number in wanted]
        if any(flight is not None and not flight.done() for flight in flights):
            raise NotCached
        landed = [flight.result() for flight in flights if flight is not None]
        return landed if len(landed) == len(wanted) else self._fetch(sealed, wanted)

    def stream(self, sealed: Segment) -> Iterator[CachedPiece]:
        """Yields all frames of a segment, in order, with a few of them in memory at a time."""
        for numbers in _batches(range(len(self.placed(sealed).byte) - 1)):
            yield from self._fetch(sealed, numbers)

    def copies(self, sealed: Segment) -> Iterator[tuple[bytes, CachedPiece]]:
        """Yields the same with each as it is stored, which is verified."""
        for numbers in _batches(range(len(self.placed(sealed).byte) - 1)):
            stored = self.stored(sealed, numbers)
            yield from zip(stored, self._fetch(sealed, numbers, stored), strict=True)

    def _shared(self, sealed: Segment, numbers: range) -> list[CachedPiece]:
        """Fetches the frames that nobody is fetching, then waits for the others: so nobody waits for who waits for it."""
        flights: list[Future[CachedPiece]] = []
        ours: list[int] = []
        with self._lock:
            for number in numbers:
                flight = self._flights.get((sealed.place, number))
                if flight is None:
                    flight = self._flights[sealed.place, number] = Future()
                    ours.append(number)
                flights.append(flight)
        if ours:
            self._fly(sealed, ours)
        return [flight.result() for flight in flights]

    def _fly(self, sealed: Segment, numbers: Sequence[int]) -> None:
        keys = [(sealed.place, number) for number in numbers]
        try:
            pieces = self._fetch(sealed, numbers)
        except BaseException as error:
            with self._lock:
                flights = [self._flights.pop(key) for key in keys]
            for flight in flights:
                flight.set_exception(error)
            raise
        with self._lock:
            for key, piece in zip(keys, pieces, strict=True):
                self._flights[key].set_result(piece)
                self._landed.append((key, len(piece.data)))
                self._landed_bytes += len(piece.data)
            while self._landed_bytes > self._most_landed_bytes:
                oldest, size = self._landed.popleft()
                self._landed_bytes -= size
                del self._flights[oldest]

    def _fetch(self, sealed: Segment, numbers: Sequence[int], stored: Sequence[bytes] | None = None) -> list[CachedPiece]:
        """Returns frames, decompressed and verified: those that are ``stored``, or as the object store has them."""
        try:
            return self._decoded(sealed, numbers, self.stored(sealed, numbers) if stored is None else stored)
        except Damaged:
            self._tally.add(DAMAGED)
            raise

    def stored(self, sealed: Segment, numbers: Sequence[int]) -> list[bytes]:
        """Returns frames as the object store has them, neither verified nor shared."""
        placed = self.placed(sealed)
        key, at = sealed.object_key, sealed.object_at or 0
        starts = [at + placed.stored[number] for number in numbers]
        ends = [at + placed.stored[number + 1] for number in numbers]
        return self._objects.ranges(key, starts, ends)

    def _decoded(self, sealed: Segment, numbers: Sequence[int], stored_frames: Sequence[bytes]) -> list[CachedPiece]:
        placed = self.placed(sealed)
        pieces = []
        for number, stored in zip(numbers, stored_frames, strict=True):
            raw = segment.decode_frame(stored, placed.byte[number + 1] - placed.byte[number])
            pieces.append(CachedPiece(placed.byte[number], placed.line[number], placed.line[number + 1], raw))
        return pieces


def read_segment(objects: Objects, sealed: Segment) -> bytes:
    """Returns all of a segment as it is stored; raises Damaged, Unavailable."""
    if sealed.object_at is None:
        return objects.get(sealed.object_key)
    return objects.ranges(sealed.object_key, [sealed.object_at], [sealed.object_at + sealed.object_bytes])[0]


def _batches(wanted: range) -> Iterator[range]:
    for start in range(wanted.start, wanted.stop, _FETCH_FRAMES):
        yield range(start, min(start + _FETCH_FRAMES, wanted.stop))


class FewFrames:
    """Reads up to ``most`` frames at a time (0: none), of which no thread is fetching any; else raises NotCached."""

    def __init__(self, store: FrameStore, most: int) -> None:
        self._store = store
        self._most = most

    def placed(self, sealed: Segment) -> FrameBorders:
        """Returns where the segment's frames are."""
        return self._store.placed(sealed)

    def read(self, sealed: Segment, wanted: range) -> list[CachedPiece]:
        """Returns the frames of those numbers."""
        if len(wanted) > self._most:
            raise NotCached
        return self._store.read_at_once(sealed, wanted)
