"""Appending: acknowledged, that is durable, bytes and appends; beside what SQLite alone does on this disk."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from bench import load
from bench.bare import commits
from bench.logs import MIB
from bench.servers import Joblog
from bench.stage import Stage
from bench.table import Row
from joblog.client import LogRef

PROJECT = "written"
REAL_PROJECT = "real"

LARGE_GOAL_MB = 150
SMALL_GOAL = 5000
SIZE_GOAL = 9
"""Before what is old is compressed anew."""

_BODIES = 64
_BULK_BYTES = 8 * MIB
"""As ``joblog import`` sends them."""


def small(stage: Stage) -> None:
    """Short appends of many writers: what a cluster that prints now and then does."""
    found = stage.quietly(lambda: written(stage, 64, 200))
    result = found.result
    one, many = (_bare(stage, 200, group) for group in (1, 64))
    what = "appends of 200 bytes, 64 writers"
    beside = f"bare SQLite commits: {one:,.0f}/s one by one, {many:,.0f}/s by 64"
    shown, goal = f"{result.rate:,.0f}/s, {_waits(result)}", f"≥ {SMALL_GOAL:,}/s"
    stage.add(Row(what, shown, beside, result.rate / many, goal, result.rate >= SMALL_GOAL, found.others))


def large(stage: Stage) -> None:
    """Appends of 64 KiB, and those of an import."""
    size = 64 * 1024
    found = stage.quietly(lambda: written(stage, 16, size))
    result = found.result
    rate = result.rate * size / 1e6
    one, many = (_bare(stage, size, group) * size / 1e6 for group in (1, 16))
    what = "appends of 64 KiB, 16 writers"
    beside = f"bare SQLite commits: {one:,.0f} MB/s one by one, {many:,.0f} MB/s by 16"
    shown, goal = f"{rate:,.0f} MB/s, {_waits(result)}", f"≥ {LARGE_GOAL_MB} MB/s"
    stage.add(Row(what, shown, beside, rate / many, goal, rate >= LARGE_GOAL_MB, found.others))
    found = stage.quietly(lambda: written(stage, 1, _BULK_BYTES))
    result = found.result
    shown = f"{result.rate * _BULK_BYTES / 1e6:,.0f} MB/s, {_waits(result)}"
    stage.add(Row("appends of 8 MiB, 1 writer (joblog import)", shown, others=found.others))


def size(stage: Stage) -> None:
    """What the real logs take when they are sealed and merged."""
    raw = 0
    for number, text in enumerate(stage.texts.all):
        _imported(stage, f"text-{number}", text)
        raw += len(text)
    stage.settled()
    stored = stage.stored_bytes(REAL_PROJECT)
    shown = f"{stored / 1e3:,.0f} KB, 1/{raw / stored:.1f}"
    goal = (f"≤ 1/{SIZE_GOAL}", raw / stored >= SIZE_GOAL) if stage.texts.real else ("", None)
    stage.add(Row("sealed and merged size of the logs", shown, f"raw: {raw / 1e3:,.0f} KB", None, *goal))


def written(stage: Stage, writers: int, body_bytes: int) -> load.Result:
    """Appends from so many writers, each to a log of its own; raises RuntimeError when something is not held."""
    refs = _new_logs(stage, f"w{writers}", writers)
    result = load.run(plan(stage, stage.joblog, refs, body_bytes))
    held = [stage.joblog.client.status(ref).end_byte for ref in refs]
    if held != result.ends:
        raise RuntimeError(f"acknowledged up to {result.ends}, held up to {held}")
    return result


def plan(stage: Stage, joblog: Joblog, refs: Sequence[LogRef], body_bytes: int) -> load.Plan:
    """Returns what writers are to do: appends of so many bytes, each to a log of its own."""
    address = urlsplit(joblog.url)
    bodies = stage.directory / "bodies"
    bodies.write_bytes(b"".join(stage.texts.pieces(_BODIES if body_bytes < MIB else 1, body_bytes)))
    return load.Plan(
        host=address.hostname or "",
        port=address.port or 0,
        token=joblog.token,
        paths=[ref.path for ref in refs],
        bodies=str(bodies),
        body_bytes=body_bytes,
        seconds=stage.seconds,
    )


def _new_logs(stage: Stage, name: str, count: int) -> list[LogRef]:
    stage.joblog.client.create_project(PROJECT)
    # Without a run id each call makes a new version: a measurement that is repeated begins with empty logs.
    return [stage.joblog.client.run(PROJECT, f"{name}-{number}").log.ref for number in range(count)]


def _waits(result: load.Result) -> str:
    return f"median {result.median_ms:.1f} ms, p99 {result.p99_ms:.1f} ms"


def _bare(stage: Stage, row_bytes: int, group: int) -> float:
    return commits(stage.directory / "bare.db", stage.texts.pieces(1, row_bytes)[0], group, stage.seconds / 2)


def _imported(stage: Stage, name: str, text: bytes) -> None:
    """Puts a whole log in and closes it, as ``joblog import`` does."""
    client = stage.joblog.client
    client.create_project(REAL_PROJECT)
    ref, at = client.run(REAL_PROJECT, name).log.ref, 0
    while at < len(text):
        at = client.append(ref, at, text[at : at + _BULK_BYTES]).end_byte
    closed = client.close_log(ref, end_byte=len(text), crc32=zlib.crc32(text))
    if closed.complete is not True:
        raise RuntimeError(f"{name} is not complete")
