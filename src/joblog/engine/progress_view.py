"""Progress and metrics of logs that grow: what was read once is not read again.

What was found so far is kept, for each log that was asked about lately, up to a position, in memory that is bounded by
MAX_LOGS; the next question reads on from there. What is forgotten is read again. Methods block and may be called by many
threads.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from joblog.core.logs import Head
from joblog.core.timeline import Timeline
from joblog.engine.compute import compute
from joblog.engine.read import PageReader
from joblog.engine.times import second_of
from joblog.views.encodings import GUESSED
from joblog.views.metrics.metrics import MetricsReader, Series
from joblog.views.metrics.readings import MetricPattern
from joblog.views.metrics.watched import Watched, barred, measured
from joblog.views.redraws import Redraws
from joblog.views.values import Progress

MAX_LOGS = 512
"""Logs whose state is kept: of a run of so many ranks each look costs only what is new."""

MAX_POINTS = 1_000_000
"""Points that are kept of all logs together, of some 100 bytes each: the more logs, the fewer of each. They are thinned, not
forgotten, so that nothing is read again for it."""

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
    """What was found in a log up to ``watched.at``, for progress or for metrics."""

    def __init__(self, at: int, line: int, patterns: Sequence[MetricPattern], encoding: str) -> None:
        self.lock = threading.Lock()
        self.watched = Watched(Redraws(at, line), encoding=encoding)
        self.patterns = patterns
        self.bars = list[Progress]()
        self.metrics = MetricsReader()
        self.ended = False


class Watch:
    """See the module."""

    def __init__(self, reader: PageReader, timeline: Timeline, *, max_points: int = MAX_POINTS) -> None:
        self._reader, self._max_points = reader, max_points
        self._lock = threading.Lock()
        self._states: OrderedDict[tuple[int, tuple[str, ...] | None, str], _State] = OrderedDict()
        timeline.forgets(self._forget)

    def progress(self, log: Head, encoding: str = GUESSED) -> list[Progress]:
        """Returns the bars that a log draws, the one that moved last at the end; ``encoding`` is what it is written in."""
        state = self._state(log, None, (), encoding)
        with state.lock:
            at, line, low = state.watched.at, None, max(log.end_byte - TAIL_BYTES, log.start_byte)
            if at < low:  # what lies between was drawn over long ago
                at, line = low, log.end_line
            for data in self._pieces(log, at, log.end_byte):
                if line is not None:
                    state.watched.seek(low, line - data.count(b"\n"))
                    line = None
                state.watched, state.bars = compute(barred, [data], state.watched)
            return state.bars

    def metrics(
        self,
        log: Head,
        patterns: Sequence[tuple[str, MetricPattern]],
        budget: int,
        use: Callable[[list[Series]], T],
        encoding: str = GUESSED,
    ) -> tuple[T, int, int]:
        """Reads up to ``budget`` bytes more of a log, and gives ``use`` its series so far, which are its own for that time.

        Returns what ``use`` made of them, up to which byte they are, and what is left of the budget.
        """
        state = self._state(log, tuple(text for text, _ in patterns), [pattern for _, pattern in patterns], encoding)
        with state.lock:
            at = max(state.watched.at, log.start_byte)
            if at > state.watched.at:
                state.watched.seek(at, log.start_line)
            for data in self._pieces(log, at, min(at + budget, log.end_byte)):
                self._measure(state, log, [data])
            reached = state.watched.at
            if log.closed and reached == log.end_byte and not state.ended:
                self._measure(state, log, [], ends=True)
                state.ended = True
            late = reached < min(at + budget, log.end_byte)
            return use(state.metrics.series), reached, 0 if late else budget - (reached - at)

    def _measure(self, state: _State, log: Head, pieces: Sequence[bytes], *, ends: bool = False) -> None:
        state.watched, readings = compute(measured, pieces, state.watched, state.patterns, ends=ends)
        seconds = second_of(self._reader.logs, log, [reading[0] for reading in readings])
        points = self._max_points // max(len(self._states), 1)
        for reading, second in zip(readings, seconds, strict=True):
            state.metrics.add(reading, second * 1000, points)

    def _pieces(self, log: Head, low: int, high: int) -> Iterator[bytes]:
        stop_s = time.monotonic() + READ_S
        while low < high and time.monotonic() < stop_s:
            until = min(low + _PIECE_BYTES, high)
            yield self._reader.read(log, partial(_span, low, until)).data
            low = until

    def _forget(self) -> None:
        with self._lock:
            self._states.clear()

    def _state(self, log: Head, key: tuple[str, ...] | None, patterns: Sequence[MetricPattern], encoding: str) -> _State:
        with self._lock:
            state = self._states.get((log.id, key, encoding))
            if state is None:
                state = self._states[log.id, key, encoding] = _State(log.start_byte, log.start_line, patterns, encoding)
                if len(self._states) > MAX_LOGS:
                    self._states.popitem(last=False)
            else:
                self._states.move_to_end((log.id, key, encoding))
            return state


def _span(low: int, high: int, _: Head) -> tuple[int, int]:
    return low, high
