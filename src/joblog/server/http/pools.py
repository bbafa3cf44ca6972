"""The server's threads: those that wait for the catalog and the object store, those that search, those that make views.

Few of each, and their own, so that nobody waits for a kind of work that is not theirs; of each every caller has a share.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from joblog.engine.compute import COMPUTE
from joblog.engine.engine import Engine
from joblog.engine.read import DEADLINE_S
from joblog.errors import Busy, JoblogError
from joblog.server.http.answers import error_answer
from joblog.server.http.renderers import IDLE_S, Renderers
from joblog.server.http.share import CALLER, Share, Turns

P = ParamSpec("P")
T = TypeVar("T")

_BUSY = "too many requests are waiting for the catalog or the object store"


class Threads(ThreadPoolExecutor):
    """Bounded in what it does and in what it has still to do, in all and for each caller; ``submit`` raises Busy beyond that.

    What is refused costs nothing. What would wait for longer than its client does costs memory, and is done for nobody. What
    the server does by itself is no caller's.
    """

    def __init__(self, threads: int, waiting: int) -> None:
        super().__init__(threads, thread_name_prefix="joblog")
        self._room = threads + waiting
        self._share = Share(self._room, _BUSY)
        self._room_lock = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queues a call; raises Busy when too many are waiting, or too many of this caller's."""
        caller = CALLER.get(None)
        name = "" if caller is None else caller.name_at_once
        self._enter(name)
        try:
            future = super().submit(fn, *args, **kwargs)
        except BaseException:
            self._leave(name)
            raise
        future.add_done_callback(lambda _: self._leave(name))
        return future

    def _enter(self, name: str) -> None:
        with self._room_lock:
            if not self._room:
                raise Busy(_BUSY)
            if name:
                self._share.take(name, 1, 0)
            self._room -= 1

    def _leave(self, name: str) -> None:
        with self._room_lock:
            if name:
                self._share.give_back(name, 1)
            self._room += 1


MAX_SEARCHES = 16
"""Searches at a time, of which ``search_threads`` run: each holds some megabytes. More are told to come again."""


class Searches:
    """The threads that search. Each step of a search waits for its turn: of one caller's searches one runs at a time."""

    def __init__(self, engine: Engine) -> None:
        threads = max(engine.settings.search_threads, 1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="joblog-search")
        self._turns = Turns(threads)
        self._places = Share(MAX_SEARCHES, "too many searches are running already")
        self.stopping = threading.Event()
        """Ends all searches, wherever they are."""

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Makes a call in one of the threads, as compiling a pattern is; raises what it raises."""
        return await self._turns.run(self._pool, partial(call, *args, **kwargs))

    def admit(self) -> None:
        """Takes a place until the request is answered; raises Busy when there is none."""
        self._places.hold()

    async def answer(self, steps: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yields what the steps of a search tell; an error ends it, as a line."""
        try:
            following = partial(next, steps, None)
            while (text := await self._turns.run(self._pool, following)) is not None:
                if text:
                    yield text
        except JoblogError as error:
            yield b'{"type":"error",' + error_answer(error, "").body[1:] + b"\n"


MAX_VIEW_S = 30.0
"""A view that takes longer is given up: its client most likely has, too."""

VIEW_THREADS = 3
"""Each reads for one view at a time, and has one process compute it. A caller has two of them at most: one is for others."""

MAX_VIEWS = 32
"""Views that are made or wait for it; more are told to come again."""


class Viewing:
    """The threads that make views. Used from the event loop only."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(VIEW_THREADS, thread_name_prefix="joblog-view")
        self._places = Share(MAX_VIEWS, "too many views are being made already")
        self._turns = Turns(VIEW_THREADS)
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
        deadline, compute = DEADLINE_S.set(time.monotonic() + MAX_VIEW_S), COMPUTE.set(self._renderers.compute)
        try:
            return make()
        finally:
            COMPUTE.reset(compute)
            DEADLINE_S.reset(deadline)

    def _end_idle(self) -> None:
        self._idle = None
        if self._renderers.end_idle(IDLE_S):
            self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._end_idle)
