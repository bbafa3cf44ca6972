"""Reading pages: ModelArts' two log calls, beside nginx serving a file of the same size in the same minute."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import msgspec

from bench.logs import MadeLog
from bench.quiet import QUIET_CORES, Measured, measured
from bench.servers import Load
from bench.stage import Stage
from bench.table import Row
from joblog.core import lines

PAGE_LINES = 50
PAGE_BYTES = 2048

LINES_GOAL, BYTES_GOAL = 0.20, 0.25
LENGTH_GOAL = 1.5

_ASKS = 50_000
"""Random pages that are asked for in turn: about as many as one measurement takes."""

_CHECKED = 60
"""Answers that are compared with what the logs hold, before each measurement."""

_WARM_S = 1.0

_TRIES = 2
"""Seconds are measured so many times as often when other programs disturb them."""


class Ask(msgspec.Struct, frozen=True):
    """A request, and how to tell whether the body of its answer is right."""

    path: str
    right: Callable[[bytes], bool]


class _LineAnswer(msgspec.Struct):
    content: str
    lines: int


class _ByteAnswer(msgspec.Struct):
    log: str
    end_byte: int
    count: int


def latest(stage: Stage) -> None:
    """The latest page of every log in turn: what viewers ask for all day."""
    for where, logs in (("tail", stage.made.tails), ("sealed", stage.made.sealed)):
        what = f"aom-log, latest {PAGE_LINES} lines, {len(logs)} logs in turn, {where}"
        _beside_nginx(stage, what, [latest_page(log) for log in logs], LINES_GOAL)


def pages(stage: Stage) -> None:
    """Pages of lines from anywhere."""
    for where, logs in (("tail", stage.made.tails), ("sealed", stage.made.sealed)):
        what = f"aom-log, random {PAGE_LINES} lines of {len(logs)} logs, {where}"
        _beside_nginx(stage, what, random_pages(logs), LINES_GOAL)
    large = stage.made.large
    what = f"the same, {len(large)} logs of {large[0].end_byte / 1e6:.0f} MB: five times joblog's cache"
    _beside_nginx(stage, what, random_pages(large), None)


def byte_pages(stage: Stage) -> None:
    """Bytes from anywhere."""
    for where, logs in (("tail", stage.made.tails), ("sealed", stage.made.sealed)):
        what = f"/log, random {PAGE_BYTES} bytes of {len(logs)} logs, {where}"
        _beside_nginx(stage, what, random_bytes(logs), BYTES_GOAL)


def length(stage: Stage) -> None:
    """Pages of a log a thousand times as long as another: what counts is what is read, not what is held."""
    large = stage.made.large
    size = f"{large[0].end_byte / 1e6:.0f} MB"
    _lengths(stage, f"a {size} log", large[:1], LENGTH_GOAL)
    _lengths(stage, f"{len(large)} logs of {size}, beyond the cache too", large, None)


def _lengths(stage: Stage, beside: str, short: Sequence[MadeLog], goal: float | None) -> None:
    """Compares one reader's median time and sixteen readers' rate."""
    long = stage.made.long
    asks = [random_pages(logs) for logs in (long, short)]
    what = f"aom-log, random {PAGE_LINES} lines of a {long[0].end_byte / 1e9:.1f} GB log"
    for connections, kind in ((1, "1 reader, median"), (16, "16 readers")):
        both = [_long_load(stage, each, connections) for each in asks]
        far, near = (each.result for each in both)
        if connections == 1:
            ratio, shown = far.median_ms / near.median_ms, [f"{each.median_ms:.2f} ms" for each in (far, near)]
        else:
            ratio, shown = near.rate / far.rate, [f"{each.rate:,.0f}/s" for each in (far, near)]
        aim, met = ("", None) if goal is None else (f"≤ {goal:.2f}", ratio <= goal)
        others = max(each.others for each in both)
        stage.add(Row(f"{what}: {kind}", shown[0], f"{beside}: {shown[1]}", ratio, aim, met, others))


def _beside_nginx(stage: Stage, what: str, asks: Sequence[Ask], goal: float | None) -> None:
    size = checked_size(stage, asks)
    _load(stage, asks, _WARM_S)
    pairs = _pairs(stage, asks, stage.nginx.file(size))
    ratio = median(pair.ratio for pair in pairs)
    rate, median_ms, p99_ms, nginx = (
        median(values)
        for values in zip(*((each.ours.rate, each.ours.median_ms, each.ours.p99_ms, each.nginx) for each in pairs), strict=True)
    )
    aim, met = ("", None) if goal is None else (f"≥ {goal:.2f}", ratio >= goal)
    shown = f"{rate:,.0f}/s, median {median_ms:.1f} ms, p99 {p99_ms:.1f} ms"
    others = max(pair.others for pair in pairs)
    stage.add(Row(what, shown, f"nginx, {size:,} bytes: {nginx:,.0f}/s", ratio, aim, met, others))


class _Pair(msgspec.Struct, frozen=True):
    """A second of each."""

    ours: Load
    nginx: float
    others: float

    @property
    def ratio(self) -> float:
        return self.ours.rate / self.nginx


def _pairs(stage: Stage, asks: Sequence[Ask], file: str) -> list[_Pair]:
    """Measures nginx and joblog in turn, a second each, more often when others disturb it; returns the least disturbed."""
    wanted = max(round(stage.seconds), 1)
    pairs: list[_Pair] = []
    while sum(pair.others <= QUIET_CORES for pair in pairs) < wanted and len(pairs) < _TRIES * wanted:
        stage.patience.wait(stage.servers)
        theirs = measured(partial(stage.wrk.run, stage.nginx.url, [file], seconds=1), stage.servers)
        ours = measured(partial(_load, stage, asks, 1), stage.servers)
        pairs.append(_Pair(ours.result, theirs.result.rate, max(ours.others, theirs.others)))
    return sorted(pairs, key=lambda pair: pair.others)[:wanted]


def _long_load(stage: Stage, asks: Sequence[Ask], connections: int) -> Measured[Load]:
    checked_size(stage, asks)
    _load(stage, asks, _WARM_S, connections)
    return stage.quietly(partial(_load, stage, asks, stage.seconds, connections))


def _load(stage: Stage, asks: Sequence[Ask], seconds: float, connections: int = 16) -> Load:
    paths = [ask.path for ask in asks]
    return stage.wrk.run(stage.joblog.url, paths, token=stage.joblog.token, connections=connections, seconds=seconds)


def checked_size(stage: Stage, asks: Sequence[Ask]) -> int:
    """Compares answers with what the logs hold; returns their mean size."""
    chosen = asks[:: max(len(asks) // _CHECKED, 1)]
    total = 0
    for ask in chosen:
        body = stage.joblog.get(ask.path)
        if not ask.right(body):
            raise RuntimeError(f"{ask.path} is answered wrongly: {body[:200]!r}...")
        total += len(body)
    return total // len(chosen)


def latest_page(log: MadeLog) -> Ask:
    first = log.end_line - PAGE_LINES
    return Ask(f"{log.path}/aom-log?log_file={log.log_file}&lines={PAGE_LINES}", partial(_right_lines, log, first))


def random_pages(logs: Sequence[MadeLog]) -> list[Ask]:
    chance, asks = random.Random(0), []
    for _ in range(_ASKS):
        log = chance.choice(logs)
        first = chance.randrange(log.end_line - PAGE_LINES)
        query = f"log_file={log.log_file}&base_line={log.created_ms * 10**6 + first}&lines={PAGE_LINES}&order=desc"
        asks.append(Ask(f"{log.path}/aom-log?{query}", partial(_right_lines, log, first)))
    return asks


def random_bytes(logs: Sequence[MadeLog]) -> list[Ask]:
    chance, asks = random.Random(0), []
    for _ in range(_ASKS):
        log = chance.choice(logs)
        start = chance.randrange(log.end_byte - PAGE_BYTES)
        query = f"log_file={log.log_file}&start_byte={start}&offset={PAGE_BYTES}"
        asks.append(Ask(f"{log.path}/log?{query}", partial(_right_bytes, log)))
    return asks


def _right_lines(log: MadeLog, first: int, body: bytes) -> bool:
    answer = msgspec.json.decode(body, type=_LineAnswer)
    return (answer.lines, answer.content) == (PAGE_LINES, lines.text(log.lines(first, PAGE_LINES)))


def _right_bytes(log: MadeLog, body: bytes) -> bool:
    answer = msgspec.json.decode(body, type=_ByteAnswer)
    start = answer.end_byte - answer.count
    return PAGE_BYTES - 6 <= answer.count <= PAGE_BYTES and answer.log == lines.text(log.bytes(start, answer.end_byte))
