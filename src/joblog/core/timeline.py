"""Which past the catalog has, and who must forget what another one was.

A byte's position never changes, and no number is given twice: what is in memory by either is right for ever, in the past in
which it was read. A database that is promoted from a standby which lacks the last commits, or restored, has another past. So
whoever keeps anything by a log's number, by a position or by a secret enters here how to forget it, and forgets when the past
changes. What was read before a change, and comes to be kept after it, shows by ``number``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

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
