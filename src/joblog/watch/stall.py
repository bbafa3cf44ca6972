"""A run that stands still: it prints nothing, or it prints and its steps do not move.

Both limits are learnt from the run's own pace unless they are given.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from joblog.watch.body import RuleBody
from joblog.watch.pace import RunPace
from joblog.watch.rule import Block, Event, Fired, Resolved, RunNow, RunRule, lasted

STEP_FLOOR_MS = 1_800_000
STEP_FACTOR = 5
"""Of steps: what is printed without one, an evaluation, an upload, is work too."""

_ALL_AT_ONCE = 2
"""A run has steps when so many were seen to move."""


class StallState(Struct):
    """How often the run prints, and how often its step moves; ``silent``, ``stuck``: what has fired and goes on."""

    output: RunPace = field(default_factory=RunPace)
    steps: RunPace = field(default_factory=RunPace)
    step: int | None = None
    silent: bool = False
    stuck: bool = False


class StallRule(RunRule):
    """See the module. A run of several workers stands still when all of them do."""

    takes = frozenset(("silent_s", "no_step_s"))
    reads = True
    State = StallState

    def __init__(self, body: RuleBody) -> None:
        super().__init__(body)
        learns = body.silent_s is None and body.no_step_s is None
        self._silent_ms = None if body.silent_s is None else int(body.silent_s * 1000)
        self._no_step_ms = None if body.no_step_s is None else int(body.no_step_s * 1000)
        self._output, self._steps = learns or body.silent_s is not None, learns or body.no_step_s is not None

    def read(self, state: StallState, block: Block) -> Iterator[Event]:
        """Notes that something was printed, and the last step."""
        for at_ms in block.times_ms:
            state.output.happened(at_ms)
        if state.silent:
            state.silent = False
            yield Resolved(block.last_ms)
        step = block.step
        if step is not None and step != state.step:
            state.step = step
            state.steps.happened(block.last_ms)
            if state.steps.events >= _ALL_AT_ONCE:
                state.output.steady = state.output.steady or state.steps.steady
            if state.stuck:
                state.stuck = False
                yield Resolved(block.last_ms)

    def look(self, state: StallState, run: RunNow) -> Iterator[Event]:
        """Fires once for each time that the run stands still."""
        if run.over:
            return
        for log in run.logs:  # what has no end of a line yet is output, too
            if log.appended_ms > state.output.last_ms and log.end_byte:
                state.output.happened(log.appended_ms)
                if state.silent:
                    state.silent = False
                    yield Resolved(log.appended_ms)
        yield from self._look_at_output(state, run)
        yield from self._look_at_steps(state, run)

    def _look_at_output(self, state: StallState, run: RunNow) -> Iterator[Event]:
        pace, open_logs = state.output, any(not log.closed for log in run.logs)
        if not self._output or state.silent or (run.logs and not open_logs):
            return
        limit_ms = pace.limit_ms() if self._silent_ms is None else self._silent_ms
        since_ms = max(pace.last_ms or run.started_ms, run.watched_ms)
        if run.now_ms - since_ms <= limit_ms:
            return
        state.silent = True
        learnt = f"; its longest pause before was {lasted(pace.longest_ms)}" if pace.longest_ms else ""
        yield Fired(f"no output for {lasted(run.now_ms - since_ms)}{learnt}", run.now_ms, run.last)

    def _look_at_steps(self, state: StallState, run: RunNow) -> Iterator[Event]:
        pace = state.steps
        if not self._steps or state.stuck or state.silent or pace.events < _ALL_AT_ONCE:
            return
        learnt_ms = pace.limit_ms(STEP_FLOOR_MS, STEP_FACTOR)
        limit_ms = learnt_ms if self._no_step_ms is None else self._no_step_ms
        since_ms = max(pace.last_ms, run.watched_ms)
        if run.now_ms - since_ms <= limit_ms or state.output.last_ms <= pace.last_ms:
            return
        state.stuck = True
        yield Fired(f"step {state.step} for {lasted(run.now_ms - since_ms)}, while it prints", run.now_ms, run.last)
