"""A line that does not come: not in time after the start, or not again in time after the last one."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from joblog.errors import Missing
from joblog.watch.body import RuleBody
from joblog.watch.match import PATTERN_TAKES, Searched
from joblog.watch.rule import Block, Event, Fired, Resolved, RunNow, RunRule, lasted


class AbsenceState(Struct):
    """When the line last came, None before the first; ``missing``: it has fired, and the line has not come since."""

    last_ms: int | None = None
    missing: bool = False
    stopped: bool = False


class AbsenceRule(RunRule):
    """See the module. In a run of several workers one of them is enough."""

    takes = PATTERN_TAKES | {"start_s", "every_s"}
    reads = True
    State = AbsenceState

    def __init__(self, body: RuleBody) -> None:
        super().__init__(body)
        self._searched = Searched(body)
        if body.start_s is None and body.every_s is None:
            raise Missing("start_s", "seconds after the start, or every_s, seconds after the last time, or both")

    def read(self, state: AbsenceState, block: Block) -> Iterator[Event]:
        """Notes the last line."""
        if state.stopped:
            return
        end = self._searched.end(block)
        last = self._searched.last(block, end) if end else None
        state.stopped = end < len(block.data)
        if last is not None:
            state.last_ms = max(state.last_ms or 0, block.at_ms(last))
        if state.missing and (last is not None or state.stopped):
            state.missing = False
            yield Resolved(block.last_ms)

    def look(self, state: AbsenceState, run: RunNow) -> Iterator[Event]:
        """Fires once for each time that the line stays away."""
        if state.stopped or state.missing or run.over:
            return
        limit_s = self.body.every_s if state.last_ms is not None else None if run.older else self.body.start_s
        since_ms = max(run.started_ms if state.last_ms is None else state.last_ms, run.watched_ms)
        if limit_s is None or run.now_ms - since_ms <= limit_s * 1000:
            return
        state.missing = True
        where = "since the start" if state.last_ms is None else "since the last one"
        yield Fired(f"no line matches {self.body.pattern}, {lasted(run.now_ms - since_ms)} {where}", run.now_ms, run.last)
