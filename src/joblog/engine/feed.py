"""Who waits on a log is woken when it changes.

A wake-up is a hint: whoever is woken asks the catalog, which is the truth, and whoever is not woken finds out a little later,
as waiters also look by themselves now and then. So a wake-up may be lost, doubled or early without harm. One may carry what was
appended, behind its commit, so that nobody need ask: positions show what it goes on from.

``changed`` and ``grew`` are the ways in. This process's own commits call them, and whatever listens for the commits of other
nodes calls the first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from joblog.core.logs import Growth

Wake = Callable[[Growth | None], None]
"""Called from whichever thread has committed: it must return at once, and not raise. None: the log has changed somehow."""


class Feed:
    """Wakes those who watch logs. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watching: dict[int, tuple[Wake, ...]] = {}

    def watch(self, log_id: int, wake: Wake) -> None:
        """Calls ``wake`` after each change of the log, until ``unwatch``."""
        with self._lock:
            self._watching[log_id] = (*self._watching.get(log_id, ()), wake)

    def unwatch(self, log_id: int, wake: Wake) -> None:
        """Takes back one ``watch``; ``wake`` may be called once more, by a change that is being told just now."""
        with self._lock:
            left = list(self._watching.get(log_id, ()))
            left.remove(wake)
            if left:
                self._watching[log_id] = tuple(left)
            else:
                del self._watching[log_id]

    def changed(self, log_ids: Iterable[int]) -> None:
        """Wakes whoever watches these logs."""
        watching = self._watching
        for log_id in log_ids:
            for wake in watching.get(log_id, ()):
                wake(None)

    def grew(self, growths: Iterable[Growth]) -> None:
        """Wakes whoever watches these logs with what was appended to each, in order."""
        watching = self._watching
        for growth in growths:
            for wake in watching.get(growth.head.id, ()):
                wake(growth)
