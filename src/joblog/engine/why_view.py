"""The digest of a version: what its logs say of failures, read once from their beginnings, as they grow; and how they end.

What was found so far is kept, for each log that was asked about lately, in memory that is bounded by MAX_LOGS and MAX_TEXT;
the next question reads on from there. What is forgotten is read again. Methods block and may be called by many threads.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from joblog.catalog.runs import Runs
from joblog.catalog.states import States
from joblog.core.jobs import TaskRow, VersionRow
from joblog.core.logs import Head
from joblog.core.names import IMPORTED
from joblog.core.status import OVER, Status
from joblog.core.timeline import Timeline
from joblog.engine.compute import compute
from joblog.engine.read import PageReader
from joblog.engine.times import second_of
from joblog.views.values import Digest, Failed, Where
from joblog.views.why.digest import Earlier, RankEnd, digest
from joblog.views.why.endings import Ending, ending, last_lines, read_on
from joblog.views.why.failures import Failure, FailureReader

MAX_LOGS = 1024
"""Logs whose state is kept."""

MAX_TEXT = 64 * 1024 * 1024
"""Characters of failures that are kept of all logs together."""

READ_S = 5.0
"""A question reads no further after so long; the next one goes on there. The answer says how much was not read."""

TAIL_BYTES = 4 * 1024 * 1024
"""Of a log that is not read to its end in that time, so much of its end is looked at apart; of many logs less of each."""

ALL_TAILS_BYTES, MIN_TAIL_BYTES = 16 * 1024 * 1024, 32 * 1024

MAX_EARLIER = 8
"""Earlier runs of a job whose failure is compared."""

_EARLIER_S = 2.0
_EARLIER_LOGS = 64
_FIRSTS = 4096
_LAST_BYTES = 8 * 1024
_PIECE_BYTES = 1024 * 1024
_SOON_BYTES = 32 * 1024 * 1024


@dataclass
class _State:
    """What was found in a log up to ``reader.at``, and its last lines up to ``end``."""

    reader: FailureReader
    lock: threading.Lock = field(default_factory=threading.Lock)
    failures: list[Failure] = field(default_factory=list)
    seconds: dict[int, int] = field(default_factory=dict)
    last: Ending | None = None
    end: int = -1
    text: int = 0


class Causes:
    """See the module."""

    def __init__(self, reader: PageReader, timeline: Timeline, runs: Runs, states: States) -> None:
        self._reader, self._runs, self._tasks = reader, runs, states
        self._lock = threading.Lock()
        self._states: OrderedDict[int, _State] = OrderedDict()
        self._firsts: OrderedDict[int, Failed | None] = OrderedDict()
        self._text = 0
        timeline.forgets(self._forget)

    def why(self, logs: Sequence[Head], tasks: Mapping[int, TaskRow], now_ms: int, *, silent_ms: int, max_bytes: int) -> Digest:
        """Returns why a version died, from its logs and what its workers (by number) said of themselves."""
        ends = self._ends(logs, tasks, time.monotonic() + READ_S)
        answer: Digest = compute(digest, ends, now_ms, silent_ms=silent_ms, max_bytes=max_bytes)
        earlier = self._earlier(logs[0], now_ms) if answer.first is not None else []
        return compute(digest, ends, now_ms, silent_ms=silent_ms, max_bytes=max_bytes, earlier=earlier) if earlier else answer

    def _ends(self, logs: Sequence[Head], tasks: Mapping[int, TaskRow], until_s: float) -> list[RankEnd]:
        tail = min(max(ALL_TAILS_BYTES // max(len(logs), 1), MIN_TAIL_BYTES), TAIL_BYTES)
        ends, later = dict[int, RankEnd](), list[Head]()
        for log in logs:  # of all of them something, before much of one
            task = tasks.get(log.worker)
            if log.end_byte - self._state(log).reader.at > _SOON_BYTES or time.monotonic() > until_s:
                ends[log.id] = self._tail(log, task, tail if time.monotonic() < until_s else _LAST_BYTES)
                later.append(log)
            else:
                ends[log.id] = self._whole(log, task, until_s) or self._tail(log, task, tail)
        for log in later:
            whole = self._whole(log, tasks.get(log.worker), until_s) if time.monotonic() < until_s else None
            ends[log.id] = whole or ends[log.id]
        return [ends[log.id] for log in logs]

    def _whole(self, log: Head, task: TaskRow | None, until_s: float) -> RankEnd | None:
        """Reads on; None when that does not get to the log's end in time."""
        state = self._state(log)
        with state.lock:
            if state.reader.at < log.start_byte:
                state.reader = FailureReader(log.start_byte, log.start_line)
            if state.reader.at < log.end_byte:
                pieces = self._pieces(log, state.reader.at, log.end_byte, until_s)
                state.reader, state.failures = compute(read_on, pieces, state.reader, ends=log.closed)
                self._grew(state)
            if state.reader.at < log.end_byte:
                return None
            last = self._last(log, state)
            failures = [(failure, self._second(log, state, failure) * 1000) for failure in state.failures]
            return _rank_end(log, task, last, failures, log.end_byte - log.start_byte)

    def _tail(self, log: Head, task: TaskRow | None, window: int) -> RankEnd:
        """Looks at a log's end apart, and at what was read of it from its beginning before."""
        state = self._state(log)
        low = max(log.end_byte - window, log.start_byte)
        data = self._reader.read(log, partial(_span, low, log.end_byte)).data
        line = log.end_line - data.count(b"\n")
        if low > log.start_byte:  # the window begins within a line: that one is left out, unless there is no other
            skipped = data.find(b"\n") + 1
            low, data, line = low + skipped, data[skipped:], line + bool(skipped)
        seen = compute(ending, [data], low, line, _nothing(log))
        with state.lock:
            reached = min(state.reader.at, low)
            failures = [failure for failure in state.failures if failure.start_byte < low] + seen.failures
        seconds = second_of(self._reader.logs, log, [failure.start_byte for failure in failures])
        timed = [(failure, second * 1000) for failure, second in zip(failures, seconds, strict=True)]
        return _rank_end(log, task, seen, timed, log.end_byte - low + max(reached - log.start_byte, 0))

    def _last(self, log: Head, state: _State) -> Ending:
        if state.last is None or state.end != log.end_byte:
            low = max(log.end_byte - _LAST_BYTES, log.start_byte)
            data = self._reader.read(log, partial(_span, low, log.end_byte)).data
            state.last = compute(last_lines, [data], low, log.end_line - data.count(b"\n"), _nothing(log))
            state.end = log.end_byte
        return state.last

    def _second(self, log: Head, state: _State, failure: Failure) -> int:
        at = failure.start_byte
        if at not in state.seconds:
            wanted = [each.start_byte for each in state.failures]
            state.seconds = dict(zip(wanted, second_of(self._reader.logs, log, wanted), strict=True))
        return state.seconds[at]

    def _pieces(self, log: Head, low: int, high: int, until_s: float) -> Iterator[bytes]:
        while low < high and time.monotonic() < until_s:
            end = min(low + _PIECE_BYTES, high)
            yield self._reader.read(log, partial(_span, low, end)).data
            low = end

    def _earlier(self, log: Head, now_ms: int) -> list[Earlier]:
        """Returns what earlier runs of the job ended by, the first of them first."""
        versions = self._runs.all_versions(log.job_id)
        own = next((each for each in versions if each.id == log.version_id), None)
        if own is None:
            return []
        before = [each for each in versions if each.number < own.number and each.status in OVER and _same_work(each, own)]
        until_s, earlier = time.monotonic() + _EARLIER_S, list[Earlier]()
        for version in before[-MAX_EARLIER:]:
            first = self._first_of(log.project_id, version, now_ms, until_s)
            if first is not None:
                earlier.append(Earlier(version.id, version.name, first))
        return earlier

    def _first_of(self, project_id: str, version: VersionRow, now_ms: int, until_s: float) -> Failed | None:
        if version.id not in self._firsts and time.monotonic() < until_s:
            logs = self._runs.logs(project_id, version.job_id, version.id, -1, _EARLIER_LOGS)
            tasks = {task.worker: task for task in self._tasks.tasks(version.id)}
            first = compute(digest, self._ends(logs, tasks, until_s), now_ms, silent_ms=1).first
            with self._lock:
                self._firsts[version.id] = first
                if len(self._firsts) > _FIRSTS:
                    self._firsts.popitem(last=False)
        return self._firsts.get(version.id)

    def _grew(self, state: _State) -> None:
        text = sum(len(line) for failure in state.failures for line in failure.text)
        with self._lock:
            self._text += text - state.text
            state.text = text
            while self._text > MAX_TEXT and len(self._states) > 1:
                self._text -= self._states.popitem(last=False)[1].text

    def _forget(self) -> None:
        with self._lock:
            self._states.clear()
            self._firsts.clear()
            self._text = 0

    def _state(self, log: Head) -> _State:
        with self._lock:
            state = self._states.get(log.id)
            if state is None:
                state = self._states[log.id] = _State(FailureReader(log.start_byte, log.start_line))
                if len(self._states) > MAX_LOGS:
                    self._text -= self._states.popitem(last=False)[1].text
            else:
                self._states.move_to_end(log.id)
            return state


def _same_work(one: VersionRow, other: VersionRow) -> bool:
    """Whether two runs of a job may be attempts at the same: imported files are so only where they are called alike."""
    imported = [each for each in (one, other) if (each.run_id or "").startswith(IMPORTED)]
    return not imported or (len(imported) == 2 and one.title is not None and one.title == other.title)


def _rank_end(log: Head, task: TaskRow | None, seen: Ending, failures: list[tuple[Failure, int]], read_bytes: int) -> RankEnd:
    return RankEnd(
        worker=log.worker,
        status=None if task is None else Status(task.status).name,
        exit_code=None if task is None else task.exit_code,
        signal=None if task is None else task.signal,
        reason=None if task is None else task.reason,
        ended_ms=None if task is None else task.ended_ms,
        closed=log.closed,
        appended_ms=log.appended_ms,
        last=seen.last,
        last_where=seen.last_where,
        failures=failures,
        read_bytes=read_bytes,
        unread_bytes=max(log.end_byte - log.start_byte - read_bytes, 0),
        step=seen.step,
    )


def _nothing(log: Head) -> Where:
    return Where(log.task, log.last_line, log.last_line, log.end_byte, log.end_byte)


def _span(low: int, high: int, _: Head) -> tuple[int, int]:
    return low, high
