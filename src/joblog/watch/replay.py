"""A rule over a log that is there: when it would have fired, had it been watched. What watches is the code that does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from joblog.catalog.database import Value as Column
from joblog.catalog.logs import Logs
from joblog.catalog.watching import DueRun, NewAlert, RuleRow, WatchedLog
from joblog.core import lines
from joblog.core.logs import Head
from joblog.core.status import Status
from joblog.engine.read import PageReader
from joblog.engine.times import stretches
from joblog.watch.blocks import READ_BYTES, whole_lines
from joblog.watch.body import RuleBody, encoded
from joblog.watch.rule import Block
from joblog.watch.rules import rule_of
from joblog.watch.run_watch import LiveRule, RunWatch

MAX_LOGS = 256
MAX_S = 20.0
"""A longer replay says how far it came."""

_ROUND_MS = 5000
_SILENT_MS = 60_000
"""Where nothing was printed it is looked only so often: so much later than it was, at worst, is what it says."""


class Replayed(NamedTuple):
    """The alerts, as rows would be, in the order of time; what was read, and what was not as it took too long."""

    alerts: list[dict[str, Column]]
    read_bytes: int
    unread_bytes: int


class Replay:
    """Replays one run. Methods block and raise Unavailable, Damaged, NotFound."""

    def __init__(self, reader: PageReader, logs: Logs) -> None:
        self._reader, self._logs = reader, logs
        self._of: dict[int, Head] = {}
        self._lines: dict[int, int] = {}

    def run(self, body: RuleBody, run: DueRun, logs: Sequence[Head], now_ms: int) -> Replayed:
        """Returns when the rule would have fired until now; raises Invalid, with the parameter, for a rule that is none."""
        self._of, self._lines = {log.id: log for log in logs}, {log.id: log.start_line for log in logs}
        row = RuleRow(0, run.project_id, body.name, encoded(body), b"", 0, 0)
        watch = RunWatch(run, None, 0)
        live = LiveRule(row, rule_of(body), ())
        alerts, until_s = list[dict[str, Column]](), time.monotonic() + MAX_S
        places = {log.id: _Past(log) for log in logs}
        for at_ms in self._rounds(run, logs, places, now_ms):
            if time.monotonic() > until_s:
                break
            then = _at(run, at_ms)
            watch.run = then
            watch.take_rules([live])
            watch.behind = True
            while watch.behind:
                watch.look(then, [past.head(at_ms) for past in places.values()], self, at_ms, 0)
            alerts += [new.values for new in watch.changes() if isinstance(new, NewAlert)]
            watch.saved(at_ms)
        read = sum(past.end_byte - past.log.start_byte for past in places.values())
        return Replayed(alerts, read, sum(log.end_byte - log.start_byte for log in logs) - read)

    def begin(self, head: WatchedLog, since_ms: int) -> int:
        """Returns where a log begins: it is looked at whole."""
        del since_ms
        return head.start_byte

    def read(self, head: WatchedLog, at: int) -> tuple[Block | None, int]:
        """Returns the next lines of a log, as ``Blocks`` does."""
        log = self._of[head.id]
        high = min(head.end_byte, at + READ_BYTES)
        page = self._reader.read(log, partial(_span, at, high))
        whole = whole_lines(page.data, ends=head.closed_ms is not None and high == head.end_byte)
        if not whole:
            return None, at
        line, data = self._lines[head.id], page.data[:whole]
        self._lines[head.id] += lines.count(data)
        return Block(head.worker, at, line, data, [(at, head.appended_ms)]), at + whole

    def _rounds(self, run: DueRun, logs: Sequence[Head], places: dict[int, _Past], now_ms: int) -> Iterator[int]:
        """Yields the moments at which was looked, each after the logs were put to where they were then."""
        came = sorted((second * 1000, log.id, end) for log in logs for second, _, end in stretches(self._logs, log))
        at_ms = run.created_ms
        for ms, log_id, end in came:
            while at_ms + _ROUND_MS <= ms:
                at_ms += _ROUND_MS if ms - at_ms <= _SILENT_MS else min(_SILENT_MS, ms - at_ms)
                yield at_ms
            places[log_id].came(ms, end)
        last_ms = now_ms if run.ended_ms is None else run.ended_ms
        while at_ms < last_ms:
            at_ms = min(at_ms + _SILENT_MS, last_ms)
            yield at_ms
        yield max(at_ms, max((log.closed_ms or 0 for log in logs), default=0))


class _Past:
    """A log as it was at a moment."""

    def __init__(self, log: Head) -> None:
        self.log = log
        self.end_byte, self._appended_ms = log.start_byte, log.created_ms

    def came(self, ms: int, end: int) -> None:
        self.end_byte, self._appended_ms = end, ms

    def head(self, at_ms: int) -> WatchedLog:
        log, end = self.log, self.end_byte
        closed_ms = log.closed_ms if log.closed_ms is not None and log.closed_ms <= at_ms and end == log.end_byte else None
        return WatchedLog(
            *(log.version_id, log.id, log.worker, log.created_ms, self._appended_ms, log.start_byte, 0, end, 0, end),
            closed_ms,
        )


def _at(run: DueRun, at_ms: int) -> DueRun:
    """Returns the run as it was at a moment."""
    if run.ended_ms is None or run.ended_ms <= at_ms:
        return run
    return DueRun(
        run.id, run.uuid, run.number, run.created_ms, Status.RUNNING, None, run.started_ms, None,
        run.job_id, run.job_name, run.project_id, run.labels,
    )  # fmt: skip


def _span(low: int, high: int, _: Head) -> tuple[int, int]:
    return low, high
