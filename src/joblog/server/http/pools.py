"""The threads that wait for a database or an object store, and how many calls may wait for a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from joblog.errors import Busy

P = ParamSpec("P")
T = TypeVar("T")


class Threads(ThreadPoolExecutor):
    """Bounded in what it does and in what it has still to do; ``submit`` raises Busy beyond that.

    What is refused costs nothing. What would wait for longer than its client does costs memory, and is done for nobody.
    """

    def __init__(self, threads: int, waiting: int) -> None:
        super().__init__(threads, thread_name_prefix="joblog")
        self._room = threads + waiting
        self._room_lock = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queues a call; raises Busy when too many are waiting."""
        with self._room_lock:
            if not self._room:
                raise Busy("too many requests are waiting for the catalog or the object store")
            self._room -= 1
        try:
            future = super().submit(fn, *args, **kwargs)
        except BaseException:
            self._left()
            raise
        future.add_done_callback(self._left)
        return future

    def _left(self, _: object = None) -> None:
        with self._room_lock:
            self._room += 1
