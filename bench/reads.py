"""Reading pages: ModelArts' two log calls, beside nginx serving a file of the same size in the same minute."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from bench.logs import MadeLog
from bench.servers import Load
from bench.stage import Stage
from bench.table import Row
from joblog import lines

PAGE_LINES = 50
PAGE_BYTES = 2048

LINES_GOAL, BYTES_GOAL = 0.20, 0.25
LENGTH_GOAL = 1.5

_ASKS = 50_000
"""Random pages that are asked for in turn: about as many as one measurement takes."""

_CHECKED = 60
"""Answers that are compared with what the logs hold, before each measurement."""

_WARM_S = 1.0


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
        _beside_nginx(stage, what, [_latest_page(log) for log in logs], LINES_GOAL)


def pages(stage: Stage) -> None:
    """Pages of lines from anywhere."""
    for where, logs in (("tail", stage.made.tails), ("sealed", stage.made.sealed)):
        what = f"aom-log, random {PAGE_LINES} lines of {len(logs)} logs, {where}"
        _beside_nginx(stage, what, _random_pages(logs), LINES_GOAL)
    large = stage.made.large
    what = f"the same, {len(large)} logs of {large[0].end_byte / 1e6:.0f} MB: five times joblog's cache"
    _beside_nginx(stage, what, _random_pages(large), None)


def byte_pages(stage: Stage) -> None:
    """Bytes from anywhere."""
    for where, logs in (("tail", stage.made.tails), ("sealed", stage.made.sealed)):
        what = f"/log, random {PAGE_BYTES} bytes of {len(logs)} logs, {where}"
        _beside_nginx(stage, what, _random_bytes(logs), BYTES_GOAL)


def length(stage: Stage) -> None:
    """Pages of a log a thousand times as long as another: what counts is what is read, not what is held."""
    large = stage.made.large
    size = f"{large[0].end_byte / 1e6:.0f} MB"
    _lengths(stage, f"a {size} log", large[:1], LENGTH_GOAL)
    _lengths(stage, f"{len(large)} logs of {size}, beyond the cache too", large, None)


def _lengths(stage: Stage, beside: str, short: Sequence[MadeLog], goal: float | None) -> None:
    """Compares one reader's median time and sixteen readers' rate."""
    long = stage.made.long
    loads = [[_load(stage, _random_pages(logs), connections) for logs in (long, short)] for connections in (1, 16)]
    what = f"aom-log, random {PAGE_LINES} lines of a {long[0].end_byte / 1e9:.1f} GB log"
    one, sixteen = loads
    shown = [f"{each.median_ms:.2f} ms" for each in one]
    _add_length(stage, f"{what}: 1 reader, median", shown, beside, one[0].median_ms / one[1].median_ms, goal)
    shown = [f"{each.rate:,.0f}/s" for each in sixteen]
    _add_length(stage, f"{what}: 16 readers", shown, beside, sixteen[1].rate / sixteen[0].rate, goal)


def _add_length(stage: Stage, what: str, shown: list[str], beside: str, ratio: float, goal: float | None) -> None:
    aim, met = ("", None) if goal is None else (f"≤ {goal:.2f}", ratio <= goal)
    stage.add(Row(what, shown[0], f"{beside}: {shown[1]}", ratio, aim, met))


def _beside_nginx(stage: Stage, what: str, asks: Sequence[Ask], goal: float | None) -> None:
    size = _checked_size(stage, asks)
    file = [stage.nginx.file(size)]
    before = stage.wrk.run(stage.nginx.url, file, seconds=stage.seconds / 2).rate
    load = _load(stage, asks)
    after = stage.wrk.run(stage.nginx.url, file, seconds=stage.seconds / 2).rate
    ratio = load.rate / ((before + after) / 2)
    aim, met = ("", None) if goal is None else (f"≥ {goal:.2f}", ratio >= goal)
    shown = f"{load.rate:,.0f}/s, median {load.median_ms:.1f} ms, p99 {load.p99_ms:.1f} ms"
    stage.add(Row(what, shown, f"nginx, {size:,} bytes: {before:,.0f} and {after:,.0f}/s", ratio, aim, met))


def _load(stage: Stage, asks: Sequence[Ask], connections: int = 16) -> Load:
    measure = partial(
        stage.wrk.run,
        stage.joblog.url,
        [ask.path for ask in asks],
        token=stage.joblog.token,
        connections=connections,
    )
    measure(seconds=_WARM_S)
    return measure(seconds=stage.seconds)


def _checked_size(stage: Stage, asks: Sequence[Ask]) -> int:
    """Compares answers with what the logs hold; returns their mean size."""
    chosen = asks[:: max(len(asks) // _CHECKED, 1)]
    total = 0
    for ask in chosen:
        body = stage.joblog.get(ask.path)
        if not ask.right(body):
            raise RuntimeError(f"{ask.path} is answered wrongly: {body[:200]!r}...")
        total += len(body)
    return total // len(chosen)


def _latest_page(log: MadeLog) -> Ask:
    first = log.end_line - PAGE_LINES
    return Ask(f"{log.path}/aom-log?log_file={log.log_file}&lines={PAGE_LINES}", partial(_right_lines, log, first))


def _random_pages(logs: Sequence[MadeLog]) -> list[Ask]:
    chance, asks = random.Random(0), []
    for _ in range(_ASKS):
        log = chance.choice(logs)
        first = chance.randrange(log.end_line - PAGE_LINES)
        query = f"log_file={log.log_file}&base_line={log.created_ms * 10**6 + first}&lines={PAGE_LINES}&order=desc"
        asks.append(Ask(f"{log.path}/aom-log?{query}", partial(_right_lines, log, first)))
    return asks


def _random_bytes(logs: Sequence[MadeLog]) -> list[Ask]:
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
