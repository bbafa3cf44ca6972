"""What a request costs as more ask at once, and as there are more logs."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench import load
from bench.logs import MadeLog, Maker
from bench.reads import Ask, checked_size, latest_page, random_bytes, random_pages
from bench.servers import Joblog, Load
from bench.stage import Stage
from bench.table import Row
from bench.writes import PROJECT, plan, written

CONNECTIONS = (1, 16, 64)

FEW, MANY, MANY_QUICK = 100, 100_000, 10_000
_RANKS = 100
_LOG_BYTES = 8 * 1024
_WARM_S = 1.0


def connections(stage: Stage) -> None:
    """The three calls by which joblog is judged, by one client, by 16, by 64 at once."""
    logs = stage.made.sealed
    for what, asks in (("aom-log, random 50 lines", random_pages(logs)), ("/log, random 2048 bytes", random_bytes(logs))):
        checked_size(stage, asks)
        for count in CONNECTIONS:
            found = stage.quietly(partial(_read, stage, stage.joblog, asks, count))
            seen = found.result
            shown = f"{seen.rate:,.0f}/s; median {seen.median_ms:.2f}, p99 {seen.p99_ms:.2f} ms"
            stage.add(Row(f"{what}: {count} connection{'s'[: count - 1]}", shown, others=found.others))
    for count in CONNECTIONS:
        appended = stage.quietly(partial(written, stage, count, 200))
        result = appended.result
        shown = f"{result.rate:,.0f}/s; median {result.median_ms:.2f}, p99 {result.p99_ms:.2f} ms"
        stage.add(Row(f"append of 200 bytes: {count} connection{'s'[: count - 1]}", shown, others=appended.others))


def many(stage: Stage) -> None:
    """The same calls where there are a thousand times as many logs; and how such a server starts."""
    count = MANY_QUICK if stage.quick else MANY
    few, lots = (_Place(stage, name, number) for name, number in (("few", FEW), ("many", count)))
    try:
        for what, measure in (("aom-log, latest 50 lines of any log", _pages), ("append of 200 bytes to a new log", _appends)):
            for readers in (1, 16):
                near, far = (stage.quietly(partial(measure, stage, place, readers), place.joblog.pid) for place in (few, lots))
                ratio = far.result / near.result
                name = f"{what}, {count:,} logs: {readers} connection{'s'[: readers - 1]}, median"
                beside = f"{FEW} logs: {near.result:.2f} ms"
                stage.add(Row(name, f"{far.result:.2f} ms", beside, ratio, others=max(near.others, far.others)))
        for what, of in (("start of a server until it answers", "start_s"), ("its memory then", "memory_mb")):
            near_, far_ = (getattr(place, of) for place in (few, lots))
            unit = "s" if of == "start_s" else "MB"
            shown, beside = f"{far_:.2f} {unit}", f"{FEW} logs: {near_:.2f} {unit}"
            stage.add(Row(f"{what}, {count:,} logs", shown, beside, far_ / near_))
    finally:
        few.joblog.stop()
        lots.joblog.stop()


class _Place:
    """A server of its own, on a data directory with so many logs."""

    def __init__(self, stage: Stage, name: str, count: int) -> None:
        data = stage.directory / name
        self.logs = _made(stage, data, count)
        begun = time.perf_counter()
        self.joblog = Joblog(data)
        self.joblog.get("/readyz")
        self.joblog.client.create_project(PROJECT)
        self.start_s = time.perf_counter() - begun
        self.memory_mb = self.joblog.memory().now_bytes / 1e6


def _made(stage: Stage, data: Path, count: int) -> list[MadeLog]:
    """Makes the logs in memory, where a commit waits for no disk, and puts them there."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="joblog-bench-", dir=memory if memory.is_dir() else None) as name:
        maker = Maker(Path(name) / "data")
        try:
            made = maker.ranks(count, _RANKS, stage.texts.stretch(0, _LOG_BYTES))
        finally:
            maker.close()
        shutil.copytree(Path(name) / "data", data)
    return made


def _pages(stage: Stage, place: _Place, count: int) -> float:
    chosen = random.Random(count).sample(place.logs, min(len(place.logs), 20_000))
    return _read(stage, place.joblog, [latest_page(log) for log in chosen], count).median_ms


def _appends(stage: Stage, place: _Place, count: int) -> float:
    refs = [place.joblog.client.run(PROJECT, f"{count}-{time.time_ns()}-{number}").log.ref for number in range(count)]
    return load.run(plan(stage, place.joblog, refs, 200)).median_ms


def _read(stage: Stage, joblog: Joblog, asks: Sequence[Ask], count: int) -> Load:
    paths = [ask.path for ask in asks]
    for seconds in (_WARM_S, stage.seconds):
        seen = stage.wrk.run(joblog.url, paths, token=joblog.token, connections=count, seconds=seconds)
    return seen
