"""The background loop: seals tails, merges segments, applies retention, removes objects that nothing names any more.

Every node runs it. What a node works on it has leased, so the work spreads over the nodes and goes on when one dies.
Whatever fails is reported and tried again in the next round: nothing here is on the way of an append or of a read.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import accumulate, chain

from joblog.catalog.database import Database, Row
from joblog.catalog.leases import LEASE_MS, RETENTION, SWEEP, Lease, Leases, Renewed
from joblog.catalog.states import LOST_MS, States
from joblog.core.counters import ROUND_FAILURES
from joblog.core.segment import LEVEL_SMALL
from joblog.core.settings import Settings
from joblog.engine.ownership import Ownership
from joblog.engine.pack import SMALL_BYTES, Packable, Packer, plan_packs
from joblog.engine.retention import Retention
from joblog.engine.seal import Sealer
from joblog.errors import JoblogError

# Logs looked at in one round, so that a round ends.
_BATCH = 100

# Logs leased at a time for merging: each is some megabytes of work, and all must be done before the leases run out.
_LEASED = 8

_SEAL_BYTES, _SEALED = 64 * 1024 * 1024, 32
"""Up to so many bytes, and logs, are leased together for sealing: many small ones share the commits."""

_LARGE_BYTES = 256 * 1024
"""Tails as large are in an index by their size: see log_with_large_tail."""

_PACKABLE = 4096
"""Small logs looked at in one round: enough that those of many projects make large packs."""

_REPACKED = 16
"""Packs looked at in one round because not all of them is needed: some 100 MB."""

# Merging waits until nothing was sealed for a while, but not for longer than this.
_MAX_WAIT_S = 60.0

_REST = 4
"""Compressing anew, hard, rests for so many times as long as it has worked: a fifth of a processor is what it takes."""

_COMPRESS_S = 5.0
"""How often it looks for what has become old."""

# A look at every object's name, now and then: whether the catalog knows them all.
_SWEEP_MS = 6 * 3600 * 1000

_LOST_CHECK_S = 30.0

_log = logging.getLogger("joblog.engine.janitor")


class Janitor:
    """Owns the thread."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        sealer: Sealer,
        retention: Retention,
        states: States,
        ownership: Ownership,
    ) -> None:
        self._settings = settings
        self._db = database
        self._sealer = sealer
        self._packer = Packer(sealer)
        self._retention = retention
        self._states = states
        self._ownership = ownership
        self._clock_ms = database.clock_ms
        self._leases = Leases(database, database.clock_ms)
        self._indexed_to: int | None = -1
        """Up to which log old segments were looked at; None when there are no more."""
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="joblog-janitor", daemon=True)
        self._compressing = threading.Thread(target=self._compress, name="joblog-compress", daemon=True)

    def start(self) -> None:
        """Starts the loop."""
        if self._db.embedded:  # whoever had leases is dead: this process has the catalog to itself
            self._guarded(lambda: self._leases.forget(2**62))  # on a full disk they run out instead
        self._thread.start()
        self._compressing.start()

    def close(self) -> None:
        """Ends the loop after the step it is in."""
        self._stop.set()
        self._wake.set()
        for thread in (self._thread, self._compressing):
            if thread.is_alive():
                thread.join()

    def hint(self) -> None:
        """Says that there is something to seal, so that the next round begins now."""
        self._wake.set()

    def seal_due(self) -> int:
        """Seals what is large, quiet or closed; returns how many segments were made."""
        now_ms = self._clock_ms()
        quiet_ms, seal_bytes = now_ms - self._settings.seal_quiet_s * 1000, self._settings.seal_bytes
        due = self._db.rows(
            "logs_to_seal", limit=_BATCH, seal_bytes=seal_bytes, pack_bytes=SMALL_BYTES, quiet_ms=quiet_ms, now_ms=now_ms
        )
        if seal_bytes < _LARGE_BYTES:
            due = list({*due, *self._db.rows("logs_to_seal_early", limit=_BATCH, seal_bytes=seal_bytes, now_ms=now_ms)})
        random.shuffle(due)  # nodes that ask at the same moment see the same ones due
        until = accumulate(min(row[1], seal_bytes) for row in due)
        chosen = [row for row, before in zip(due, chain((0,), until), strict=False) if before < _SEAL_BYTES][:_SEALED]
        with self._leased(row[0] for row in chosen) as leases:
            return self._sealer.seal_all(leases, self._stop.is_set)

    def pack_due(self) -> int:
        """Packs small closed logs, as many as make a pack or have waited long enough; returns how many."""
        now_ms, packed = self._clock_ms(), 0
        due = self._db.rows("logs_to_pack", pack_bytes=SMALL_BYTES, limit=_PACKABLE, now_ms=now_ms)
        for log_ids in plan_packs((Packable(*row) for row in due), now_ms, self._settings.pack_after_s * 1000):
            with self._leased(log_ids) as leases:
                packed += self._packer.pack(leases, self._stop.is_set)
            if self._stop.is_set():
                break
        return packed

    def repack_due(self, now_ms: int, grace_ms: int) -> int:
        """Copies what is needed of packs of which a part was not for ``grace_ms``; returns how many parts it has copied."""
        copied = 0
        for (key,) in self._db.rows("packs_due", before_ms=now_ms - grace_ms, limit=_REPACKED):
            with self._leased({each.log_id for each in self._sealer.logs.segments_of(key)}) as leases:
                copied += self._packer.renew(key, leases, now_ms)
            if self._stop.is_set():
                break
        return copied

    def merge_due(self) -> int:
        """Looks at logs that have new segments until it has merged one; returns how many it has looked at."""
        looked = 0
        due = self._db.rows("logs_to_merge", limit=_BATCH, now_ms=self._clock_ms())
        with self._leased(row[0] for row in random.sample(due, min(_LEASED, len(due)))) as leases:
            for lease in leases:
                looked += 1
                merged = self._sealer.merge(lease.log_id, self._clock_ms(), lease, give_up=self._stop.is_set)
                if merged or self._wake.is_set() or self._stop.is_set():
                    break
        return looked

    def compress_due(self) -> int:
        """Compresses a log that has become old, or indexes one that was; returns how many it has looked at."""
        now_ms = self._clock_ms()
        before_ms = now_ms - self._settings.compress_after_s * 1000
        due = self._db.rows("logs_to_compress", before_ms=before_ms, limit=_BATCH, now_ms=now_ms) or self._to_index(now_ms)
        with self._leased(row[0] for row in random.sample(due, min(1, len(due)))) as leases:
            for lease in leases:
                self._sealer.compress(lease.log_id, now_ms, lease, rest=partial(self._rest, Renewed(lease, self._db)))
            return len(leases)

    def _to_index(self, now_ms: int) -> list[Row]:
        """Returns the next log whose old segments are to be indexed: each once in the life of this process."""
        if self._indexed_to is None:
            return []
        due = self._db.rows("logs_to_index", small=LEVEL_SMALL, after=self._indexed_to, limit=1, now_ms=now_ms)
        self._indexed_to = due[0][0] if due else None
        return due

    def clean(self) -> None:
        """Applies retention, removes objects, now and then looks for unknown ones; if no other node just has.

        Raises Conflict, and nothing is removed, where catalog and store do not fit, or the clock cannot be trusted.
        """
        now_ms, grace_ms, stopped = self._clock_ms(), self._settings.object_grace_s * 1000, self._stop.is_set
        if self._leases.take([SWEEP], _SWEEP_MS):
            self._ownership.look()
        if self._leases.take([RETENTION], int(self._settings.retain_check_s * 1000)):
            # Each by itself: what takes too long for the catalog is not in the way of the others.
            self._guarded(lambda: self._leases.forget(now_ms - LEASE_MS))
            self._ownership.agree()
            self._retention.trust_clock(now_ms)
            self._guarded(lambda: self._retention.retain(now_ms, stopped, self._of_project))
            self._guarded(lambda: self.repack_due(now_ms, grace_ms))
            if self._retention.garbage_due(now_ms, grace_ms):
                self._ownership.take()  # before the first object goes: an earlier catalog is told from this one from now on
                self._retention.remove_garbage(now_ms, grace_ms, stopped)

    @contextmanager
    def _leased(self, log_ids: Iterable[int]) -> Iterator[list[Lease]]:
        leases = self._leases.take(log_ids)
        try:
            yield leases
        finally:
            self._leases.give_back(leases)

    def _run(self) -> None:
        next_clean = next_merge = 0.0
        latest_merge = time.monotonic() + _MAX_WAIT_S
        next_lost = time.monotonic() + LOST_MS / 1000  # while joblog was down nobody could tell it anything
        while not self._stop.is_set():
            if not self._ownership.begun:  # the store was away at the start
                self._guarded(self._ownership.begin)
            first = (self.seal_due, self.pack_due) if self._ownership.begun else ()
            busy = any([self._guarded(step) for step in first])
            now = time.monotonic()
            if busy:
                next_merge = min(now + self._settings.merge_calm_s, latest_merge)
            elif now >= next_merge and self._ownership.begun:
                busy = bool(self._guarded(self.merge_due))
                latest_merge = time.monotonic() + _MAX_WAIT_S
            if now >= next_lost:
                next_lost = now + _LOST_CHECK_S
                self._guarded(lambda: self._states.mark_lost(self._clock_ms()))
            if now >= next_clean and self._ownership.begun:
                next_clean = now + self._settings.retain_check_s
                self._guarded(self.clean)
            if not busy:
                self._wake.wait(self._settings.janitor_s)
                self._wake.clear()

    def _rest(self, lease: Renewed, took_s: float) -> bool:
        """Rests for a while after some work; returns whether to give it up."""
        return self._stop.wait(took_s * _REST) or not lease.hold()

    def _compress(self) -> None:
        while not self._stop.is_set():
            if not (self._ownership.begun and self._guarded(self.compress_due)):
                self._stop.wait(_COMPRESS_S)

    def _of_project(self, project_id: str, step: Callable[[], int]) -> int | None:
        return self._guarded(step, f"retention of project {project_id}: ")

    def _guarded(self, step: Callable[[], int | None], about: str = "") -> int | None:
        """Returns what the step does, 0 for nothing; None where it failed, which is said and counted."""
        try:
            return step() or 0
        except JoblogError as error:
            _log.warning("%s%s; will be tried again", about, error)
        except Exception:  # noqa: BLE001  # the edge of a background loop
            _log.exception("%sa round failed; it will be tried again", about)
        self._sealer.tally.add(ROUND_FAILURES)
        return None
