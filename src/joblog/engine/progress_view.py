"""Progress and metrics of logs that grow: what was read once is not read again.

What was found so far is kept, for each log that was asked about lately, up to a position, in memory that is bounded by
MOST_LOGS; the next question reads on from there. What is forgotten is read again. Methods block and may be called by many
threads.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from joblog.core.logs import Log
from joblog.engine.read import Query
from joblog.engine.times import second_of
from joblog.views.metrics import MetricsReader, Pattern, Series
from joblog.views.progress import ProgressReader, progress_of
from joblog.views.redraws import Frame, Frames
from joblog.views.values import Progress

MOST_LOGS = 512
"""Logs whose state is kept: of a run of so many ranks each look costs only what is new."""

TAIL_BYTES = 16 * 1024
"""Of a log that was not looked at before, or not for so many bytes, the progress is read from this much of its end."""

READ_BYTES = 2 * 1024 * 1024
"""What one question for metrics reads of all its logs together, at most: a second or two of computing. The answer says how far
that went."""

READ_S = 5.0
"""A question reads no further after so long, whatever the logs are made of; the next one goes on there."""

_PIECE_BYTES = 256 * 1024

T = TypeVar("T")


class _State:
    """What was found in a log up to ``frames.at``; ``metrics`` is None where only the progress is asked for."""

    def __init__(self, at: int, line: int, patterns: Sequence[Pattern] | None) -> None:
        self.lock = threading.Lock()
        self.frames = Frames(at, line)
        self.progress = ProgressReader()
        self.metrics = None if patterns is None else MetricsReader(patterns)
        self.ended = False


class Watch:
    """See the module."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._lock = threading.Lock()
        self._states: OrderedDict[tuple[int, tuple[str, ...] | None], _State] = OrderedDict()

    def progress(self, log: Log) -> list[Progress]:
        """Returns the bars that a log draws, the one that moved last at the end."""
        state = self._state(log, None, None)
        with state.lock:
            low = max(log.end_byte - TAIL_BYTES, log.start_byte)
            if state.frames.at < low:  # what lies between was drawn over long ago
                state.frames = Frames(low, 0)
                self._feed(state, log, low, log.end_byte, line_known=False)
            else:
                self._feed(state, log, state.frames.at, log.end_byte)
            rest = state.frames.rest()
            now = progress_of(rest.text, rest) if rest is not None else None
            bars = state.progress.bars
        return bars if now is None else [*(bar for bar in bars if bar.label != now.label), now]

    def metrics(
        self, log: Log, patterns: Sequence[tuple[str, Pattern]], budget: int, use: Callable[[list[Series]], T]
    ) -> tuple[T, int, int]:
        """Reads up to ``budget`` bytes more of a log, and gives ``use`` its series so far, which are its own for that time.

        Returns what ``use`` made of them, up to which byte they are, and what is left of the budget.
        """
        state = self._state(log, tuple(text for text, _ in patterns), [pattern for _, pattern in patterns])
        with state.lock:
            at = max(state.frames.at, log.start_byte)
            if at > state.frames.at:
                state.frames = Frames(at, log.start_line)
            self._feed(state, log, at, min(at + budget, log.end_byte))
            reached = state.frames.at
            if log.closed and reached == log.end_byte and not state.ended:
                state.ended = True
                rest = state.frames.rest()
                if rest is not None:
                    self._take(state, log, [rest])
            assert state.metrics is not None, "states of this key have them"
            late = reached < min(at + budget, log.end_byte)
            return use(state.metrics.series), reached, 0 if late else budget - (reached - at)

    def _feed(self, state: _State, log: Log, low: int, high: int, *, line_known: bool = True) -> None:
        stop_s = time.monotonic() + READ_S
        while low < high and time.monotonic() < stop_s:
            until = min(low + _PIECE_BYTES, high)
            data = self._query.read(log, partial(_span, low, until)).data
            if not line_known:
                state.frames = Frames(low, log.end_line - data.count(b"\n"))
                line_known = True
            self._take(state, log, list(state.frames.feed(data)))
            low = until

    def _take(self, state: _State, log: Log, frames: list[Frame]) -> None:
        if state.metrics is None:
            for frame in frames:
                state.progress.take(frame)
            return
        seconds = second_of(self._query.logs, log, [frame.start for frame in frames])
        for frame, second in zip(frames, seconds, strict=True):
            state.metrics.take(frame, second * 1000, state.progress.take(frame))

    def _state(self, log: Log, key: tuple[str, ...] | None, patterns: Sequence[Pattern] | None) -> _State:
        with self._lock:
            state = self._states.get((log.id, key))
            if state is None:
                state = self._states[log.id, key] = _State(log.start_byte, log.start_line, patterns)
                if len(self._states) > MOST_LOGS:
                    self._states.popitem(last=False)
            else:
                self._states.move_to_end((log.id, key))
            return state


def _span(low: int, high: int, _: Log) -> tuple[int, int]:
    return low, high
