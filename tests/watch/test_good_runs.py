"""The rules that most have, over real logs of runs that ended well: nothing fires.

The clock is the logs' own: MLPerf's lines say when they were printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from joblog.catalog.watching import DueRun, NewAlert, RuleRow, WatchedLog
from joblog.core.status import Status
from joblog.watch.body import encoded
from joblog.watch.rule import Block
from joblog.watch.rules import rule_of, usual_rules
from joblog.watch.run_watch import LiveRule, RunWatch

ROUND_MS = 5000

_TIME = re.compile(rb'"time_ms": (\d{13})')


class Printed:
    """A log in memory, as what reads logs gives it."""

    def __init__(self, data: bytes) -> None:
        self._data, self._line = data, 0

    def begin(self, head: WatchedLog, since_ms: int) -> int:
        return head.start_byte

    def read(self, head: WatchedLog, at: int) -> tuple[Block | None, int]:
        raw = self._data[at : head.end_byte]
        line, self._line = self._line, self._line + raw.count(b"\n")
        return Block(0, at, line, raw, [(at, head.appended_ms)]), head.end_byte


def printed(data: bytes) -> list[tuple[int, int]]:
    """Returns ``(ms, end)``: what stands before a byte was printed at a moment."""
    times, end, last_ms = list[tuple[int, int]](), 0, 0
    for line in data.splitlines(keepends=True):
        end += len(line)
        match = _TIME.search(line)
        last_ms = max(last_ms, int(match[1]) if match else 0)
        if last_ms:
            times.append((last_ms, end))
    return times


def fired(data: bytes) -> list[tuple[object, object]]:
    """Returns what the usual rules say of a run that printed it and completed."""
    times = printed(data)
    begun_ms, ended_ms = times[0][0] - 1000, times[-1][0] + 1000
    rules = [
        LiveRule(RuleRow(at, "lab", body.name, encoded(body), b"", 0, 0), rule_of(body), ())
        for at, body in enumerate(usual_rules())
    ]
    watch, blocks, alerts = RunWatch(a_run(begun_ms, None), None, begun_ms), Printed(data), list[tuple[object, object]]()
    for at_ms, appended_ms, end in rounds(times, begun_ms, ended_ms):
        over = at_ms >= ended_ms
        run = a_run(begun_ms, ended_ms if over else None)
        watch.run = run
        watch.take_rules(rules)
        head = WatchedLog(1, 1, 0, begun_ms, appended_ms, 0, 0, end, 0, end, at_ms if over else None)
        watch.look(run, [head], blocks, at_ms, 0)
        alerts += [(each.values["rule_name"], each.values["reason"]) for each in watch.changes() if isinstance(each, NewAlert)]
        watch.saved(at_ms)
    return alerts


def rounds(times: list[tuple[int, int]], begun_ms: int, ended_ms: int) -> Iterator[tuple[int, int, int]]:
    """Yields moments of looking, when the last bytes had come by then, and where they ended."""
    at_ms, appended_ms, end = begun_ms, begun_ms, 0
    for ms, after in times:
        while at_ms + ROUND_MS <= ms:
            at_ms += ROUND_MS
            yield at_ms, appended_ms, end
        appended_ms, end = ms, after
    yield ended_ms, appended_ms, end


def a_run(begun_ms: int, ended_ms: int | None) -> DueRun:
    status = Status.RUNNING if ended_ms is None else Status.COMPLETED
    return DueRun(1, "uuid", 1, begun_ms, status, None, begun_ms, ended_ms, 1, "job", "lab", {})


def test_no_false_alarm_on_good_runs(real_logs: Callable[[], Iterator[tuple[str, bytes]]]) -> None:
    """Start-up, evaluations, checkpoints, the end: pauses of up to seventeen minutes."""
    alarms = {name: fired(data) for name, data in real_logs() if printed(data)}
    assert len(alarms) > 10
    assert {name: found for name, found in alarms.items() if found} == {}
