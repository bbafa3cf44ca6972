"""The loop that watches runs: every few seconds, on one node, off the way of appends and reads.

Which node, a lease says; the others look now and then whether it is free. What a round finds is kept with the lease in one
transaction, so a node that has lost it keeps nothing. What fails is tried again in the next round.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import msgspec

from joblog.catalog.database import Transaction
from joblog.catalog.leases import WATCH, Lease, Leases
from joblog.catalog.watching import DueRun, RuleRow, WatchedLog, keep
from joblog.core.counters import ALERTS, WATCH_FAILURES
from joblog.engine.engine import Engine
from joblog.errors import JoblogError
from joblog.watch.blocks import Blocks
from joblog.watch.body import decoded
from joblog.watch.receivers import Receivers
from joblog.watch.rules import rule_of
from joblog.watch.run_watch import LiveRule, RunWatch

ROUND_S = 5.0
"""How late a rule may be by our own fault: half of what is promised, so that another node can take over within the rest."""

_LASTING_MS = 8_000
"""The lease: renewed in each round, and within one."""

_RENEW_MS = 2_000

BLIND_MS = 30_000
"""When nobody has watched for longer, silences are counted from now on: what a run printed meanwhile could not arrive."""

_ENDED_MS = 3_600_000
"""Runs that ended within so long are looked at, once more than they were."""

SAVE_MS, SAVE_BYTES = 60_000, 4 * 1024 * 1024
"""How far a run was watched is kept when an alert comes of it, and else so often: a crash costs reading that much again."""

_SEEN, _SINCE = "watch-seen", "watch-since"
"""Counters: when somebody last watched, and since when without a break."""

_log = logging.getLogger("joblog.watch")


class _Lost(Exception):
    """Another node has the lease."""


class Watcher:
    """Owns the thread."""

    def __init__(self, engine: Engine, receivers: Receivers) -> None:
        self._engine, self._receivers = engine, receivers
        self._watching, self._clock_ms = engine.watching, engine.clock_ms
        self._blocks = Blocks(engine.logs, engine.frames)
        self._leases = Leases(engine.database, engine.clock_ms)
        self._lease: Lease | None = None
        self._renewed_ms = self._watched_ms = 0
        self._runs: dict[int, RunWatch] = {}
        self._rules: dict[int, LiveRule | None] = {}
        self._live_before: list[LiveRule] = []
        self._fired = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="joblog-watch", daemon=True)

    @property
    def fired(self) -> threading.Event:
        """Is set when there is something to send."""
        return self._fired

    def start(self) -> None:
        """Starts the loop."""
        self._thread.start()

    def close(self) -> None:
        """Ends the loop after the run it is at."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def round(self) -> bool:
        """Looks at every run that is to be watched, if this node is the one that does; returns whether something is left."""
        rules = self._live_rules()
        if not rules or not self._holds():
            self._runs.clear()
            return False
        runs, heads = self._watching.due(self._clock_ms() - _ENDED_MS)
        for gone in self._runs.keys() - {run.id for run in runs}:
            del self._runs[gone]
        behind = False
        try:
            for run in runs:
                if self._stop.is_set():
                    break
                behind = self._look(run, heads.get(run.id, []), rules) or behind
        except _Lost:
            self._forget()
        return behind

    def _look(self, run: DueRun, heads: Sequence[WatchedLog], rules: Sequence[LiveRule]) -> bool:
        """Looks at one run, if a rule is for it; what fails there fails there only."""
        try:
            watch = self._runs.get(run.id)
            if (
                watch is None
                or watch.chosen_of is not rules
                or watch.run.labels != run.labels
                or watch.run.ended_ms != run.ended_ms
            ):
                chosen = [live for live in rules if _is_for(live, run)]
                if watch is None and not chosen:
                    return False
                if watch is None:
                    watch = self._runs[run.id] = RunWatch(run, self._watching.run_state(run.id), self._clock_ms())
                watch.run, watch.chosen_of = run, rules
                watch.take_rules(chosen)
            watch.look(run, heads, self._blocks, self._clock_ms(), self._watched_ms)
            self._keep(watch, watch.settled(heads, self._clock_ms()))
            self._renew()
        except JoblogError as error:
            _log.warning("run %d: %s; it will be looked at again", run.id, error)
        except _Lost:
            raise
        except Exception:  # noqa: BLE001  # the edge of a background loop
            _log.exception("run %d could not be looked at; it will be again", run.id)
        else:
            return watch.behind
        self._runs.pop(run.id, None)  # what it has noticed and not kept is noticed again
        self._engine.tally.add(WATCH_FAILURES)
        return False

    def _keep(self, watch: RunWatch, settled: int | None) -> None:
        now_ms = self._clock_ms()
        due = now_ms - watch.saved_ms >= SAVE_MS or watch.unsaved_bytes >= SAVE_BYTES
        if not (watch.has_news or due or settled is not None):
            return
        changes = watch.changes()
        with self._engine.database.transaction() as tx:
            self._hold(tx)
            numbers = keep(tx, watch.run, watch.state(), settled, changes)
        watch.saved(now_ms)
        if numbers is None or settled is not None:
            self._runs.pop(watch.run.id, None)
        for _ in numbers or ():
            self._engine.tally.add(ALERTS)
        if numbers:
            self._fired.set()

    # The lease

    def _holds(self) -> bool:
        """Whether this node watches; takes the lease where nobody has it."""
        if self._lease is not None:
            try:
                self._renew(at_once=True)
            except _Lost:
                self._lease = None
            else:
                return True
        taken = self._leases.take([WATCH], _LASTING_MS)
        if not taken:
            return False
        self._lease = taken[0]
        self._begin()
        return True

    def _begin(self) -> None:
        """Finds out since when runs were watched without a break."""
        now_ms = self._clock_ms()
        was_ms = self._renewed_ms
        seen, since = (self._engine.database.rows("counter", name=name) for name in (_SEEN, _SINCE))
        if not seen or seen[0][0] != was_ms:  # somebody else has watched meanwhile
            self._runs.clear()
        unbroken = bool(seen and since) and now_ms - seen[0][0] <= BLIND_MS
        self._watched_ms = int(since[0][0]) if unbroken else now_ms
        with self._engine.database.transaction() as tx:
            self._hold(tx)
            tx.rows("set_counter", name=_SINCE, value=self._watched_ms)

    def _renew(self, *, at_once: bool = False) -> None:
        if at_once or self._clock_ms() - self._renewed_ms >= _RENEW_MS:
            with self._engine.database.transaction() as tx:
                self._hold(tx)

    def _hold(self, tx: Transaction) -> None:
        if self._lease is None or not self._lease.hold(tx):
            raise _Lost
        self._renewed_ms = self._clock_ms()
        tx.rows("set_counter", name=_SEEN, value=self._renewed_ms)

    def _forget(self) -> None:
        self._lease = None
        self._runs.clear()

    # Rules

    def _live_rules(self) -> list[LiveRule]:
        rows = self._watching.rules()
        for gone in self._rules.keys() - {row.id for row in rows}:
            del self._rules[gone]
        live = []
        for row in rows:
            known = self._rules.get(row.id)
            if row.id not in self._rules or (known is not None and known.row != row):
                known = self._rules[row.id] = self._live(row)
            if known is not None:
                live.append(known)
        if live != self._live_before:
            self._live_before = live
        return self._live_before

    def _live(self, row: RuleRow) -> LiveRule | None:
        """Returns a rule that was checked when it was made; None, said once, for one that another joblog took."""
        try:
            return LiveRule(row, rule_of(decoded(row.body)), self._receivers.sealed_each(row))
        except (JoblogError, msgspec.MsgspecError) as error:
            _log.error("rule %s of project %s is not looked at: %s", row.name, row.project_id, error)
            return None

    def _run(self) -> None:
        while not self._stop.is_set():
            behind = False
            try:
                behind = self.round()
            except JoblogError as error:
                _log.warning("%s; runs will be looked at again", error)
                self._engine.tally.add(WATCH_FAILURES)
                self._forget()
            except Exception:  # noqa: BLE001  # the edge of a background loop
                _log.exception("a round failed; runs will be looked at again")
                self._engine.tally.add(WATCH_FAILURES)
                self._forget()
            if not behind:
                self._stop.wait(ROUND_S)


def _is_for(live: LiveRule, run: DueRun) -> bool:
    return live.row.project_id == run.project_id and live.rule.body.is_for(run.job_name, run.labels)
