"""Numbers that a program prints, as series over steps and time, found without being told where.

    metrics = MetricsReader()
    for frame in frames:
        metrics.take(frame, at_ms, progress)
    metrics.series

Read are MLPerf's ``:::MLLOG`` lines, JSON and Python dictionaries on a line, columns between ``|``, and ``name=value``,
``name: value`` wherever they stand; bare ``loss 0.3`` for the names that training code prints so. Patterns of one's own come
before all these. A step is what stands on the same line under one of its names, else the count of the progress bar there.

Frames in, values out. Memory is bounded: MAX_SERIES names, of each at most MAX_POINTS points; beyond it, of four
neighbours the lowest and the highest stay, so that peaks do.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from joblog.views.redraws import Frame
from joblog.views.values import Progress

MAX_SERIES = 200
MAX_POINTS, MIN_POINTS = 8192, 64
"""Of a series; fewer than the former where a reader may keep fewer in all."""
MAX_MATCHES = 200
"""Of one's own pattern on a line: to find the next one may mean to look through the rest of it."""

_LINE_CHARACTERS = 16_384

_VALUE = r"[-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|(?i:nan|inf(?:inity)?)\b)"
# After a value: the end, a separator, or a unit. So 12:30, 1.2.3, 10.0.0.1, 3/10 and 2026-11-22 are no values.
_UNIT = r"(?:us|ms|s|m|h|x|K|k|M|G|B|KB|MB|GB|MiB|GiB|it/s|s/it|samples/s|tokens/s|TFLOPs?)"
_AFTER = rf"(?=\s|[,;)\]}}|'\"]|$|%|{_UNIT}(?:[\s,;)\]}}|]|$)|\.(?:\s|$))"
_PAIR = re.compile(
    r"(?<![\w@./-])(?P<name>[A-Za-z_][\w@./-]{0,63}+)(?P<sign>[\"']?(?:\s\(\w{1,8}\))?\s?[=:]\s*+[\"']?|\s++\[?)"
    rf"(?P<value>{_VALUE}){_AFTER}"
)
_QUALIFIER = re.compile(
    r"(?i)(?:(?:train|training|val|valid|validation|test|eval|dev|avg|average|mean|total|grad|lm|learning|best|ema|max|min) )+$"
)
# Names that training code prints without a sign between them and their value.
_BARE = frozenset(
    (
        *(
            "loss",
            "acc",
            "accuracy",
            "acc@1",
            "acc@5",
            "top1",
            "top5",
            "lr",
            "lrate",
            "learning_rate",
            "ppl",
            "perplexity",
            "mfu",
        ),
        *(
            "bleu",
            "wer",
            "f1",
            "auc",
            "map",
            "grad_norm",
            "throughput",
            "utts/s",
            "took",
            "time",
            "data",
            "epoch",
            "step",
            "iter",
        ),
        "iteration",
    )
)
# What stands before a colon and a number, and is no metric: a file and its line, a device and its number.
_NO_METRIC = re.compile(
    r"(?i).*\.(?:py|cpp|cc|cxx|cu|cuh|hpp|h|c|so|go|rs|ipynb)"
    r"|cuda|npu|gpu|device|rank|line|port|pid|https?|localhost|eta"
)
_COLUMN = re.compile(
    rf"\s*(?P<name>[A-Za-z_][^|:=]{{0,60}}?)\s*(?:[:=]|\s(?=[-+.\d]|(?i:nan|inf)))\s*(?P<value>{_VALUE})(?:\s?(?:%|{_UNIT}))?\s*"
)
_OF = re.compile(r"\d\s*/\s*\d")
_MLLOG = re.compile(r":::MLL(?:OG)? (?=\{)")
_STEPS = ("global_step", "global_steps", "step", "steps", "iter", "iteration", "it", "update", "num_updates", "step_num")
_OUTER = ("epoch", "epoch_num", "samples_count", "samples")
_TIMES = ("time_ms", "timestamp", "ts", "asctime", "created")


class MetricPattern(Protocol):
    """A compiled expression, of any library; its named groups are metrics, or ``name`` and ``value``, and ``step``."""

    def finditer(self, text: str, /) -> Iterator[Any]:
        """Yields its matches, which have ``groupdict``."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a step (None: none was printed) and a time (of its arrival, or its own), from the line at ``byte``."""

    step: float | None
    at_ms: int
    value: float
    byte: int


@dataclass(slots=True)
class Series:
    """A name's points in the order of the log; ``count`` is how many there were before they were thinned."""

    name: str
    points: list[Point] = field(default_factory=list)
    count: int = 0
    skip: int = 1
    pending: list[Point] = field(default_factory=list)
    waiting: int = 0

    def add(self, point: Point, limit: int = MAX_POINTS) -> None:
        """Adds a point; when there are more than ``limit``, neighbours give way to their extremes."""
        self.count += 1
        if self.skip == 1:
            self.points.append(point)
        else:
            self.pending.append(point)
            self.waiting += 1
            if len(self.pending) == 4:
                self.pending = _extremes(self.pending)
            if self.waiting >= 2 * self.skip:
                self.points += _extremes(self.pending)
                self.pending, self.waiting = [], 0
        while len(self.points) > limit:
            self.points = [kept for at in range(0, len(self.points), 4) for kept in _extremes(self.points[at : at + 4])]
            self.skip *= 2

    @property
    def all_points(self) -> list[Point]:
        """The points, those among them that wait to be thinned."""
        return self.points + self.pending


def _extremes(points: Sequence[Point]) -> list[Point]:
    """Returns the lowest and the highest in their order; what is no number is kept as it is the news."""
    odd = [point for point in points if not math.isfinite(point.value)]
    low, high = min(points, key=_height), max(points, key=_height)
    kept = {id(point) for point in (odd[0] if odd else low, high if not odd or odd[0] is not high else low)}
    return [point for point in points if id(point) in kept][:2]


def _height(point: Point) -> float:
    return point.value if math.isfinite(point.value) else -math.inf


class MetricsReader:
    """Takes a log's frames in order; see the module."""

    def __init__(self, patterns: Sequence[MetricPattern] = ()) -> None:
        self._patterns = patterns
        self._series: dict[str, Series] = {}

    @property
    def series(self) -> list[Series]:
        """The series, by name, those of one point among them."""
        return sorted(self._series.values(), key=lambda each: each.name)

    def take(self, frame: Frame, at_ms: int, progress: Progress | None = None) -> None:
        """Looks at the frame that comes next, which arrived at ``at_ms``; ``progress`` is the bar that it draws."""
        reading = reading_of(frame, progress, self._patterns)
        if reading is not None:
            self.add(reading, at_ms)

    def add(self, reading: Reading, at_ms: int, points: int = MAX_POINTS * MAX_SERIES) -> None:
        """Adds what was read in the frame that comes next, which arrived at ``at_ms``; keeps about ``points`` in all."""
        byte, own_ms, step, values = reading
        for name, value in values:
            series = self._series.get(name)
            if series is None:
                if len(self._series) >= MAX_SERIES:
                    continue
                series = self._series[name] = Series(name)
            limit = max(min(points // len(self._series), MAX_POINTS), MIN_POINTS)
            series.add(Point(step, at_ms if own_ms is None else own_ms, value, byte), limit)


Reading = tuple[int, int | None, float | None, list[tuple[str, float]]]
"""A frame's first byte, the time that it gives itself, its step, and the names and values in it. A plain tuple, as there are
tens of thousands of them that go from one process to another."""


def reading_of(frame: Frame, progress: Progress | None, patterns: Sequence[MetricPattern] = ()) -> Reading | None:
    """Returns what a frame has of numbers, None when nothing; ``progress`` is the bar that it draws."""
    if not patterns and b"=" not in frame.raw and b":" not in frame.raw and b"|" not in frame.raw and b" " not in frame.raw:
        return None
    text = frame.text[:_LINE_CHARACTERS]
    if progress is not None and "%|" in text:
        text = text[text.rfind("%|") :]  # a bar's label is no metric
        if "=" not in text and ": " not in text:
            return None
    own_ms, found = None, _matched(text, patterns) if patterns else []
    if not found:
        found, own_ms = read_line(text)
    step, found = _step(found)
    if step is None and progress is not None:
        step = progress.done
    return (frame.start, own_ms, step, found) if found else None


def _matched(text: str, patterns: Sequence[MetricPattern]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for pattern in patterns:
        for match in islice(pattern.finditer(text), MAX_MATCHES):
            groups = {name: value for name, value in match.groupdict().items() if value is not None}
            if "name" in groups and "value" in groups:
                groups[groups.pop("name")] = groups.pop("value")
            found += [(name, value) for name, text_value in groups.items() if (value := _number(text_value)) is not None]
    return found


def read_line(text: str) -> tuple[list[tuple[str, float]], int | None]:
    """Returns the names and values on a line, and the time that it gives itself, if it does."""
    mllog = _MLLOG.search(text)
    start, end = text.find("{"), text.rfind("}")
    if mllog is not None and mllog.end() < end:
        return _mllog(text[mllog.end() : end + 1])
    if 0 <= start < end and (found := _object(text[start : end + 1])):
        return list(_flat(found, "")), None
    if text.count("|") >= 2:
        columns = [None if _OF.search(part) else _COLUMN.fullmatch(part) for part in text.split("|")]
        if sum(column is not None for column in columns) >= 2:
            found_columns = list[tuple[str, float]]()
            for part, column in zip(text.split("|"), columns, strict=True):
                found_columns += _pairs(part) if column is None else [(column["name"].strip(), float(column["value"]))]
            return found_columns, None
    return list(_pairs(text)), None


def _pairs(text: str) -> Iterator[tuple[str, float]]:
    for match in _PAIR.finditer(text):
        name, sign = match["name"], match["sign"]
        if (not sign.strip(" [\t") and name.lower() not in _BARE) or _NO_METRIC.fullmatch(name):
            continue
        before = _QUALIFIER.search(text, max(match.start() - 32, 0), match.start())
        yield (before[0] if before else "") + name, float(match["value"])


def _mllog(payload: str) -> tuple[list[tuple[str, float]], int | None]:
    found = _object(payload)
    metadata = found.get("metadata")
    own_ms, value = found.get("time_ms"), found.get("value")
    key = str(found.get("key", ""))[:64]
    values = dict(_flat({key: value} if not isinstance(value, dict) else value, f"{key}/" if isinstance(value, dict) else ""))
    if isinstance(metadata, dict):
        for name in ("step", "step_num", "samples_count", "epoch_num"):
            if (step := _real(metadata.get(name))) is not None:
                values["step"] = step
                break
    return list(values.items()), own_ms if isinstance(own_ms, int) else None


def _object(text: str) -> dict[str, Any]:
    """Reads an object in JSON or in Python's own writing; nothing when it is neither."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        if len(text) > 4096 or "'" not in text:
            return {}
        try:
            found = ast.literal_eval(re.sub(r"(?<=[:\s\[,])(-?)(nan|inf)\b", r"\g<1>1e999", text))
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return {}
    return found if isinstance(found, dict) else {}


def _flat(found: dict[Any, Any], prefix: str, depth: int = 0) -> Iterator[tuple[str, float]]:
    for key, value in found.items():
        name = f"{prefix}{key}"[:64]
        if isinstance(value, dict) and depth < 2:
            yield from _flat(value, f"{name}/", depth + 1)
        elif (number := _real(value)) is not None:
            yield name, number


def _real(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _step(found: Iterable[tuple[str, float]]) -> tuple[float | None, list[tuple[str, float]]]:
    """Takes the step out of what a line says: a step's name, else an epoch's (which stays a series of its own)."""
    found = list(found)
    by_name = {name.lower(): value for name, value in found}
    for name in _STEPS:
        if name in by_name:
            return by_name[name], [each for each in found if each[0].lower() != name and each[0].lower() not in _TIMES]
    kept = [each for each in found if each[0].lower() not in _TIMES]
    return next((by_name[name] for name in _OUTER if name in by_name), None), kept
