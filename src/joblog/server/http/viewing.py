"""The threads that make views of logs: few, as views cost computing, and their own, so that nothing else waits for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from joblog.engine.read import DEADLINE_S
from joblog.server.http.share import Share

LONGEST_S = 30.0
"""A view that reads on after so long is given up: its client most likely has, too."""

THREADS = 2
"""They share one core with all else that Python does here; more of them would only take longer each."""

MOST_WAITING = 32
"""Views that are made or wait for it; more are told to come again."""

P = ParamSpec("P")
T = TypeVar("T")


class Viewing:
    """The threads that make views. Used from the event loop only."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="joblog-view")
        self._places = Share(MOST_WAITING, "too many views are being made already")

    async def run(self, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Makes a view in one of the threads; raises what it raises, Busy when there are too many or it takes too long."""
        with self._places.taking(1):
            return await asyncio.get_running_loop().run_in_executor(self._pool, _bounded, partial(make, *args, **kwargs))


def _bounded(make: Callable[[], T]) -> T:
    deadline = DEADLINE_S.set(time.monotonic() + LONGEST_S)
    try:
        return make()
    finally:
        DEADLINE_S.reset(deadline)
