"""What a second process brings: servers of one and of two, each on logs of its own, in turns of a second.

The load has the same processors as the servers, so a rate says less than the processor time of a request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from bench import load
from bench.logs import MadeLog, Maker
from bench.quiet import measured, used_s
from bench.reads import Ask, latest_page, random_bytes, random_pages
from bench.servers import Joblog
from bench.stage import Stage
from bench.table import Row
from bench.writes import PROJECT, plan

_PROCESSES = (1, 2)
_LOGS, _LOG_BYTES = 60, 96 * 1024
_CONNECTIONS = 16
_APPEND_BYTES = 200

_TURN_S = 1.0

_START_S = 3.0
"""Until a second process answers, too."""


class _Place:
    """A server of so many processes."""

    def __init__(self, stage: Stage, processes: int) -> None:
        data = stage.directory / f"processes-{processes}"
        self._stage, maker = stage, Maker(data)
        try:
            self.logs = maker.tails("tail", stage.texts.stretches(_LOGS, _LOG_BYTES))
        finally:
            maker.close()
        self.joblog = Joblog(data, workers=processes)
        self.joblog.client.create_project(PROJECT)

    def read(self, of: Callable[[Sequence[MadeLog]], list[Ask]]) -> float:
        """Returns how many of these are answered in a second."""
        paths, joblog = [ask.path for ask in of(self.logs)], self.joblog
        return self._stage.wrk.run(joblog.url, paths, token=joblog.token, connections=_CONNECTIONS, seconds=_TURN_S).rate

    def append(self) -> float:
        """Returns how many appends are acknowledged in a second."""
        refs = [self.joblog.client.run(PROJECT, f"w-{time.time_ns()}").log.ref for _ in range(_CONNECTIONS)]
        return load.run(msgspec.structs.replace(plan(self._stage, self.joblog, refs, _APPEND_BYTES), seconds=_TURN_S)).rate


def processes(stage: Stage) -> None:
    """Reads and appends by servers of one and of two processes, in turn."""
    places = [_Place(stage, count) for count in _PROCESSES]
    asks: dict[str, Callable[[_Place], float]] = {
        "aom-log, latest 50 lines": lambda place: place.read(lambda logs: [latest_page(log) for log in logs]),
        "aom-log, random 50 lines": lambda place: place.read(random_pages),
        "/log, random 2048 bytes": lambda place: place.read(random_bytes),
        f"append of {_APPEND_BYTES} bytes": _Place.append,
    }
    try:
        time.sleep(_START_S)
        for what, ask in asks.items():
            _compare(stage, what, places, ask)
    finally:
        for place in places:
            place.joblog.stop()


def _compare(stage: Stage, what: str, places: Sequence[_Place], ask: Callable[[_Place], float]) -> None:
    pids = [place.joblog.pid for place in places]
    rates: list[list[float]] = [[] for _ in places]
    used: list[list[float]] = [[] for _ in places]
    others = []
    for turn in range(1 + max(round(stage.seconds), 1)):  # the first warms up
        for number, place in enumerate(places):
            cpu_s = used_s(pids[number])
            done = measured(lambda: ask(place), (*stage.servers, *pids))  # noqa: B023  # it is called here
            spent_s = used_s(pids[number]) - cpu_s
            if turn:
                rates[number].append(done.result)
                used[number].append(spent_s / (done.result * _TURN_S) * 1e3)
                others.append(done.others)
    (one, two), (one_ms, two_ms) = (tuple(map(median, each)) for each in (rates, used))
    shown = f"{two:,.0f}/s, {two_ms:.3f} CPU ms each"
    name = f"{what}, {_CONNECTIONS} connections, two processes"
    stage.add(Row(name, shown, f"one process: {one:,.0f}/s, {one_ms:.3f}", two / one, others=max(others)))
