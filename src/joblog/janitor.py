"""The background loop: seals tails, merges segments, applies retention, removes objects that nothing names any more.

Whatever fails is reported and tried again in the next round: nothing here is on the way of an append or of a read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from joblog.config import Settings
from joblog.errors import JoblogError
from joblog.storage.database import Database
from joblog.storage.retention import Retention
from joblog.storage.seal import Sealer
from joblog.storage.states import LOST_MS, States

# Logs taken in one round, so that a round ends.
_BATCH = 100

# Merging compresses hard and takes a processor. It waits until nothing was sealed for a while, but not for longer than this.
_LONGEST_WAIT_S = 60.0

# A growing log is looked at for merging when it has so many new segments.
_FRESH = 4

# Orphans come from crashes only: a look at every object now and then is enough.
_SWEEP_S = 6 * 3600.0

_LOST_CHECK_S = 30.0

_log = logging.getLogger("joblog.janitor")


class Janitor:
    """Owns the thread."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        sealer: Sealer,
        retention: Retention,
        states: States,
        *,
        clock_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._db = database
        self._sealer = sealer
        self._retention = retention
        self._states = states
        self._clock_ms = clock_ms
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="joblog-janitor", daemon=True)

    def start(self) -> None:
        """Starts the loop."""
        self._thread.start()

    def close(self) -> None:
        """Ends the loop after the step it is in."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def hint(self) -> None:
        """Says that there is something to seal, so that the next round begins now."""
        self._wake.set()

    def seal_due(self) -> int:
        """Seals what is large, quiet or closed; returns how many segments were made."""
        quiet_ms = self._clock_ms() - self._settings.seal_quiet_s * 1000
        made = 0
        for (log_id,) in self._db.rows("logs_to_seal", limit=_BATCH, seal_bytes=self._settings.seal_bytes, quiet_ms=quiet_ms):
            made += self._sealer.seal(log_id)
            if self._stop.is_set():
                break
        return made

    def merge_due(self) -> int:
        """Looks at logs that have new segments until it has merged one; returns how many it has looked at."""
        looked = 0
        for row in self._db.rows("logs_to_merge", fresh=_FRESH, limit=_BATCH):
            looked += 1
            if self._sealer.merge(row[0], self._clock_ms()) or self._wake.is_set() or self._stop.is_set():
                break
        return looked

    def clean(self, *, sweep: bool) -> None:
        """Applies retention and removes objects; ``sweep`` also looks for objects without a row."""
        now_ms, grace_ms = self._clock_ms(), self._settings.object_grace_s * 1000
        self._retention.retain(now_ms)
        self._retention.remove_garbage(now_ms, grace_ms)
        if sweep:
            self._retention.sweep(now_ms, grace_ms)

    def _run(self) -> None:
        next_clean = next_sweep = next_merge = 0.0
        latest_merge = time.monotonic() + _LONGEST_WAIT_S
        next_lost = time.monotonic() + LOST_MS / 1000  # while joblog was down nobody could tell it anything
        while not self._stop.is_set():
            busy = self._guarded(self.seal_due)
            now = time.monotonic()
            if busy:
                next_merge = min(now + self._settings.merge_calm_s, latest_merge)
            elif now >= next_merge:
                busy = self._guarded(self.merge_due)
                latest_merge = time.monotonic() + _LONGEST_WAIT_S
            if now >= next_lost:
                next_lost = now + _LOST_CHECK_S
                self._guarded(lambda: self._states.mark_lost(self._clock_ms()))
            if now >= next_clean:
                sweep = now >= next_sweep
                next_clean = now + self._settings.retain_check_s
                next_sweep = now + _SWEEP_S if sweep else next_sweep
                self._guarded(lambda sweep=sweep: self.clean(sweep=sweep))  # type: ignore[misc]
            if not busy:
                self._wake.wait(self._settings.janitor_s)
                self._wake.clear()

    def _guarded(self, step: Callable[[], int | None]) -> int:
        try:
            return step() or 0
        except JoblogError as error:
            _log.warning("%s; will be tried again", error)
        except Exception:  # noqa: BLE001  # the edge of a background loop
            _log.exception("a round failed; it will be tried again")
        return 0
