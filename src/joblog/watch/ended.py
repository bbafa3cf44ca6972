"""How a run is: it failed, was killed, was lost, completed, or takes too long."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from joblog.api.refs import state_of
from joblog.core.status import OVER
from joblog.errors import Invalid, Missing
from joblog.watch.body import RuleBody
from joblog.watch.rule import Event, Fired, RunNow, RunRule, lasted, shown

STATES = tuple(sorted({state_of(status.name) for status in OVER}))


class EndedState(Struct):
    """The state that has fired last, for the end at ``ended_ms``; ``late``: it has fired for taking too long."""

    state: str = ""
    ended_ms: int | None = None
    late: bool = False


class StateRule(RunRule):
    """See the module."""

    takes = frozenset(("states", "longer_than_s"))
    State = EndedState

    def __init__(self, body: RuleBody) -> None:
        super().__init__(body)
        if not body.states and body.longer_than_s is None:
            raise Missing("states", f"some of {', '.join(STATES)}, or longer_than_s, or both")
        for state in body.states:
            if state not in STATES:
                raise Invalid("states", f"some of {', '.join(STATES)}", state)

    def look(self, state: EndedState, run: RunNow) -> Iterator[Event]:
        """Fires once for each end of a run that goes on after it, and once for taking too long."""
        now = state_of(run.status.name)
        if run.over:
            if now in self.body.states and (state.state, state.ended_ms) != (now, run.ended_ms):
                state.state, state.ended_ms = now, run.ended_ms
                yield Fired(f"the run {_VERBS.get(now, now)}" + _because(run), run.ended_ms or run.now_ms, run.last, now)
            return
        limit_s = self.body.longer_than_s
        if limit_s is not None and not state.late and run.now_ms - run.started_ms > limit_s * 1000:
            state.late = True
            yield Fired(f"the run has taken {lasted(run.now_ms - run.started_ms)}", run.now_ms, run.last, "late")


_VERBS = {"killed": "was killed", "lost": "was lost", "ended": "ended, nobody said how", "canceled": "was canceled"}


def _because(run: RunNow) -> str:
    return f": {shown(run.reason, 200)}" if run.reason else ""
