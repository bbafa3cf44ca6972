"""Watching and telling, put together: two loops that know of each other only that there is something to send."""

from __future__ import annotations

from collections.abc import Callable

from joblog.catalog.watching import AlertRow
from joblog.engine.engine import Engine
from joblog.watch.alert_sender import AlertSender
from joblog.watch.receivers import Receivers
from joblog.watch.watcher import Watcher


class WatchService:
    """``why`` returns the first words of why a run failed, ``base`` is the address that links begin with."""

    def __init__(self, engine: Engine, receivers: Receivers, why: Callable[[AlertRow], str | None], base: str) -> None:
        self.watcher = Watcher(engine, receivers)
        self.sender = AlertSender(engine, receivers, self.watcher.fired, why=why, base=base)

    def start(self) -> None:
        """Starts both; blocks for the catalog."""
        self.watcher.start()
        self.sender.start()

    def close(self) -> None:
        """Ends both; again does nothing."""
        self.watcher.close()
        self.sender.close()
