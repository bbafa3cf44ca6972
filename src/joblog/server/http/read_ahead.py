"""A log's bytes on their way to a client: read in large pieces for one that takes them, and not held for one that does not.

What was read ahead is let go of when nothing of it was taken for a while, and read again when somebody takes it: then, as at
the beginning, a small piece first. So an answer that nobody reads has in memory what was sent last (outgoing.py), and no more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

from joblog.server.http.outgoing import PART_BYTES

FIRST_BYTES, MAX_BYTES = 64 * 1024, 1024 * 1024
"""Pieces double from the first to the largest: each costs a thread's call, a fifth of a millisecond."""

UNTAKEN_S = 1.0
"""What nothing was taken of for so long is let go of."""

ReadParts = Callable[[int, int], list[bytes]]
"""Returns the bytes ``[low, high)``, in parts of any size; blocks."""


class ReadAhead:
    """What was read of ``[at, high)`` and is not sent yet. Used from the event loop."""

    def __init__(self, read: ReadParts, low: int, high: int, part_bytes: int = PART_BYTES) -> None:
        self._read, self._at, self._high, self._part_bytes = read, low, high, part_bytes
        self._parts: deque[bytes] = deque()
        self._size, self._seen, self._until = FIRST_BYTES, -1, low

    @property
    def held_bytes(self) -> int:
        """How much is in memory."""
        return sum(map(len, self._parts))

    async def parts(self, untaken_s: float = UNTAKEN_S) -> AsyncGenerator[bytes, None]:
        """Yields the bytes in parts of what is sent at once; raises what reading does."""
        watching = asyncio.create_task(self._watch(untaken_s))
        try:
            while self._at < self._high:
                if not self._parts:
                    self._until = min(self._at + self._size, self._high)
                    self._parts.extend(await asyncio.to_thread(self._read, self._at, self._until))
                size = min(len(self._parts[0]), self._part_bytes)
                yield self._next(size)  # and nothing holds it meanwhile
                self._taken(size)
        finally:
            watching.cancel()

    async def _watch(self, untaken_s: float) -> None:
        while True:
            await asyncio.sleep(untaken_s)
            self.look()

    def look(self) -> None:
        """Lets go of what was read if nothing of it was taken since the last look."""
        if self._at == self._seen:
            self._parts.clear()
            self._size, self._until = FIRST_BYTES, -1
        self._seen = self._at

    def _next(self, size: int) -> bytes:
        part = self._parts.popleft()
        if len(part) > size:
            self._parts.appendleft(part[size:])
        return part[:size]

    def _taken(self, size: int) -> None:
        self._at += size
        if self._at == self._until:
            self._size = min(self._size * 2, MAX_BYTES)
