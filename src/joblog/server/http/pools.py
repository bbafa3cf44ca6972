"""The threads that wait for a database or an object store, and how many calls may wait for a thread: each caller's a share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from joblog.errors import Busy
from joblog.server.http.share import CALLER, Share

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
