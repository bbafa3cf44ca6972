"""Which past the catalog has, and who must forget what another one was.

A byte's position never changes, and no number is given twice: what is in memory by either is right for ever, in the past in
which it was read. A database that is promoted from a standby which lacks the last commits, or restored, has another past. So
whoever keeps anything by a log's number, by a position or by a secret enters here how to forget it, and forgets when the past
changes. What was read before a change, and comes to be kept after it, shows by ``number``.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

Forget = Callable[[], None]
"""Called from any thread, before anything of the new past is read: it must return at once, and not raise."""


class Timeline:
    """The catalog's past, as this process knows it. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._memories: list[Forget] = []
        self.number = 0
        """Grows with each change."""

    def forgets(self, forget: Forget) -> None:
        """Has ``forget`` called at each change, as long as the process lives."""
        with self._lock:
            self._memories.append(forget)

    def went_back(self) -> None:
        """Says that the past may be another one: everybody forgets."""
        with self._lock:
            self.number += 1
            for forget in self._memories:
                forget()


class Remembered(Generic[K, V]):
    """What was read of the catalog in one past, by what it was asked for; beyond ``most``, what came first goes.

    To be looked at, and changed, by one thread; the past may change in any.
    """

    def __init__(self, timeline: Timeline, most: int) -> None:
        self._timeline = timeline
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[K, V] = OrderedDict()
        timeline.forgets(self._clear)

    def get(self, key: K) -> V | None:
        """Returns what is remembered by that name."""
        return self._values.get(key)

    def keep(self, key: K, value: V, past: int) -> None:
        """Remembers what was asked for in the past of that number."""
        with self._lock:
            if past == self._timeline.number:
                self._values[key] = value
                if len(self._values) > self._most:
                    self._values.popitem(last=False)

    def forget(self, key: K) -> None:
        """Forgets one, which may not be there."""
        with self._lock:
            self._values.pop(key, None)

    def _clear(self) -> None:
        with self._lock:
            self._values.clear()
