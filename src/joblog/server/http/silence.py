"""Bodies that stand still: given up after a while, by one timer for all of them.

A timer for each part of each body would be a tenth of what the event loop does for an append.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class Silence:
    """Waits for others, but not for ever. Used from one event loop, in tasks each of which waits for one thing at a time."""

    def __init__(self, seconds: float) -> None:
        """``seconds``: what one waits at least; at most a quarter longer."""
        self.seconds = seconds
        self._since: dict[asyncio.Task[Any], float] = {}
        self._given_up: set[asyncio.Task[Any]] = set()
        self._looking = False

    async def bounded(self, waiting: Awaitable[T]) -> T:
        """Awaits; raises TimeoutError when it took too long."""
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        self._since[task] = loop.time()
        if not self._looking:
            self._looking = True
            loop.call_later(self.seconds / 4, self._look, loop)
        try:
            return await waiting
        except asyncio.CancelledError:
            if task in self._given_up and task.uncancel() == 0:
                raise TimeoutError from None
            raise  # it is somebody else who wants the task ended
        finally:
            del self._since[task]
            self._given_up.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        before = loop.time() - self.seconds
        for task, since in self._since.items():
            if since <= before and task not in self._given_up:
                self._given_up.add(task)
                task.cancel()
        self._looking = bool(self._since)
        if self._looking:
            loop.call_later(self.seconds / 4, self._look, loop)
