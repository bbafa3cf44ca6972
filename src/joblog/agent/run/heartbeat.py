"""Tells the server that the run goes on, every few seconds, and hears from it that the run is to stop.

A thread and a connection of its own: no byte of the log waits for it, and its failures are nobody's. How the run ended is
the shipper's to tell, after the last byte (``ship.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from joblog.agent.spool.ship import Shipper
from joblog.agent.spool.spool import Spool
from joblog.api.backoff import asked_s, jitter

if TYPE_CHECKING:
    from joblog.api.writer import Writer

HEARTBEAT_S = 5.0
"""Between two reports: how long it takes a run to hear that it is to stop. It costs the server one look-up in memory."""


class Reporter:
    """Reports that one run goes on; ``stop`` is called when the server says that it is to end."""

    def __init__(self, spool: Spool, shipper: Shipper, connect: Callable[[], Writer], stop: Callable[[], None]) -> None:
        self._spool, self._shipper, self._connect, self._stop = spool, shipper, connect, stop
        self._client: Writer | None = None
        self._over = threading.Event()
        self._speaking = threading.Lock()
        self._thread = threading.Thread(target=self._report, name="joblog-report", daemon=True)

    def start(self) -> None:
        """Begins to report, as soon as the log is known."""
        self._thread.start()

    def end(self) -> None:
        """Reports no more: returns when nothing is on its way, so that what is said after this is the last word."""
        self._over.set()
        with self._speaking:
            pass

    def _report(self) -> None:
        while (log := self._shipper.wait_for_log(self._over)) is not None and not self._over.is_set():
            pause_s = HEARTBEAT_S * jitter(0.8)
            try:
                with self._speaking:
                    if self._over.is_set():
                        return
                    if self._client is None:
                        self._client = self._connect()
                    version = self._client.report(log, "RUNNING", **self._spool.meta.facts)
                    self._shipper.announced = True
                if version.stop:
                    self._stop()
            except Exception as error:  # noqa: BLE001 - a thread's edge: the next one may arrive
                pause_s = max(pause_s, asked_s(error))
            self._over.wait(pause_s)
