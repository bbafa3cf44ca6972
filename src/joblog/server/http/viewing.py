"""The threads that make views of logs, and the processes that compute for them: few, and their own; nobody else waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from joblog.engine.apart import COMPUTE
from joblog.engine.read import DEADLINE_S
from joblog.server.http.renderers import IDLE_S, Renderers
from joblog.server.http.share import Share, Turns

MAX_S = 30.0
"""A view that takes longer is given up: its client most likely has, too."""

THREADS = 3
"""Each reads for one view at a time, and has one process compute it. A caller has two of them at most: one is for others."""

MAX_WAITING = 32
"""Views that are made or wait for it; more are told to come again."""

P = ParamSpec("P")
T = TypeVar("T")


class Viewing:
    """The threads that make views. Used from the event loop only."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="joblog-view")
        self._places = Share(MAX_WAITING, "too many views are being made already")
        self._turns = Turns(THREADS)
        self._renderers = Renderers()
        self._idle: asyncio.TimerHandle | None = None

    async def run(self, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Makes a view in one of the threads; raises what it raises, Busy when there are too many or it takes too long."""
        loop = asyncio.get_running_loop()
        try:
            with self._places.taking(1):
                return await self._turns.run(self._pool, partial(self._bounded, partial(make, *args, **kwargs)))
        finally:
            if self._idle is None:
                self._idle = loop.call_later(IDLE_S, self._end_idle)

    def _bounded(self, make: Callable[[], T]) -> T:
        deadline, compute = DEADLINE_S.set(time.monotonic() + MAX_S), COMPUTE.set(self._renderers.compute)
        try:
            return make()
        finally:
            COMPUTE.reset(compute)
            DEADLINE_S.reset(deadline)

    def _end_idle(self) -> None:
        self._idle = None
        if self._renderers.end_idle(IDLE_S):
            self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._end_idle)
