"""One rank that is silent while others go on: it, or its machine, hangs, and soon all wait for it.

Many programs print on one rank only, or on all of them only at the start. So a rank counts when it has kept printing, by its
own pace, when the run was under way.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from joblog.watch.body import RuleBody
from joblog.watch.pace import RunPace
from joblog.watch.rule import Event, Fired, Resolved, RunNow, RunRule, lasted

_FACTOR = 4
"""Of its longest pause: a rank that lags is no rank that hangs."""

_ALIVE_MS = 120_000
"""Another rank goes on that has printed within so long."""

_SHARE = 2
"""One in so many of those that keep printing must go on, else the run stands still: see ``stall.py``."""

_NAMED = 5


class RanksState(Struct):
    """How often each worker prints, and who is silent."""

    paces: dict[int, RunPace] = field(default_factory=dict)
    silent: list[int] = field(default_factory=list)


class RanksRule(RunRule):
    """See the module."""

    takes = frozenset(("silent_s",))
    State = RanksState

    def __init__(self, body: RuleBody) -> None:
        super().__init__(body)
        self._silent_ms = None if body.silent_s is None else int(body.silent_s * 1000)

    def look(self, state: RanksState, run: RunNow) -> Iterator[Event]:
        """Fires once when ranks fall silent, and again when more do."""
        if len(run.logs) < 2:
            return
        for log in run.logs:
            if log.end_byte:
                state.paces.setdefault(log.worker, RunPace()).happened(log.appended_ms)
        closed = {log.worker for log in run.logs if log.closed}
        steady = {worker: pace for worker, pace in state.paces.items() if pace.steady and worker not in closed}
        silent = sorted(worker for worker, pace in steady.items() if self._is_silent(pace, run))
        alive = sum(run.now_ms - pace.last_ms <= _ALIVE_MS for pace in steady.values())
        if not silent or run.over:
            if state.silent:
                state.silent = []
                yield Resolved(run.now_ms)
            return
        if set(silent) <= set(state.silent) or not alive or _SHARE * alive < len(steady):
            return
        state.silent = silent
        named = ", ".join(map(str, silent[:_NAMED])) + (f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else "")
        since_ms = min(steady[worker].last_ms for worker in silent)
        what = "rank" if len(silent) == 1 else "ranks"
        yield Fired(f"{what} {named} silent for {lasted(run.now_ms - since_ms)} while {alive} go on", run.now_ms, run.last)

    def _is_silent(self, pace: RunPace, run: RunNow) -> bool:
        limit_ms = pace.limit_ms(factor=_FACTOR) if self._silent_ms is None else self._silent_ms
        return run.now_ms - max(pace.last_ms, run.watched_ms) > limit_ms
