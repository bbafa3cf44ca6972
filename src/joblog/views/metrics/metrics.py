"""Numbers that a program prints, as series over steps and time, found without being told where.

    metrics = MetricsReader()
    for frame in frames:
        metrics.take(frame, at_ms, progress)
    metrics.series

Read are pairs, objects, columns, tables and sentences (``shapes``), in the context of the lines before (``readings``). Patterns
of one's own come before all these. A series is of one name and of one axis: what is printed for iterations and for epochs
comes apart. Its values are brought to one unit.

Frames in, values out. Memory is bounded: MAX_SERIES names, of each at most MAX_POINTS points; beyond it, of four
neighbours the lowest and the highest stay, so that peaks do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from joblog.views.metrics.axes import EPOCH, STEP
from joblog.views.metrics.quantities import Scale, unit_of
from joblog.views.metrics.readings import LineReader, MetricPattern, Reading
from joblog.views.redraws import Frame
from joblog.views.values import Progress

MAX_SERIES = 200
MAX_POINTS, MIN_POINTS = 8192, 64
"""Of a series; fewer than the former where a reader may keep fewer in all."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a step (None: none was printed) and a time (of its arrival, or its own), from the line at ``byte``."""

    step: float | None
    at_ms: int
    value: float
    byte: int


@dataclass(slots=True)
class Series:
    """A name's points in the order of the log; ``count`` is how many there were before they were thinned.

    ``axis`` is what their steps count, ``step`` or ``epoch``; ``piled``: their steps are a line's before, for several of them.
    """

    name: str
    points: list[Point] = field(default_factory=list)
    count: int = 0
    skip: int = 1
    pending: list[Point] = field(default_factory=list)
    waiting: int = 0
    axis: str = ""
    scale: Scale = field(default_factory=Scale)
    piled: bool = False

    @property
    def unit(self) -> str:
        """The unit of all its values, as it was first written; nothing when there is none."""
        return self.scale.unit.label if self.scale.unit is not None else ""

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
        """The points, with those that wait to be thinned; without steps, where several have the same one of a line before."""
        points = self.points + self.pending
        return [replace(point, step=None) for point in points] if self.piled else points


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
        self._lines = LineReader()
        self._series: dict[tuple[str, str], Series] = {}
        self._latest: dict[str, str] = {}

    @property
    def series(self) -> list[Series]:
        """The series, by name, those of one point among them; one over epochs beside one over steps says so."""
        named = [
            replace(each, name=f"{name} (epoch)") if axis == EPOCH and (name, STEP) in self._series else each
            for (name, axis), each in self._series.items()
        ]
        return sorted(named, key=lambda each: each.name)

    def take(self, frame: Frame, at_ms: int, progress: Progress | None = None) -> None:
        """Looks at the frame that comes next, which arrived at ``at_ms``; ``progress`` is the bar that it draws."""
        for reading in self._lines.read(frame, progress, self._patterns):
            self.add(reading, at_ms)

    def end(self, at_ms: int) -> None:
        """Takes what waits for lines that do not come any more."""
        for reading in self._lines.ends():
            self.add(reading, at_ms)

    def add(self, reading: Reading, at_ms: int, points: int = MAX_POINTS * MAX_SERIES) -> None:
        """Adds what was read in the frame that comes next, which arrived at ``at_ms``; keeps about ``points`` in all."""
        byte, own_ms, step, axis, values = reading
        told_before, axis = axis.startswith("~"), axis.lstrip("~")
        for name, value, unit in values:
            series = self._of(name, axis)
            if series is None:
                continue
            if told_before and series.points and series.points[-1].step == step:
                series.piled = True
            limit = max(min(points // len(self._series), MAX_POINTS), MIN_POINTS)
            value = series.scale.take(value, unit_of(unit))
            series.add(Point(step, at_ms if own_ms is None else own_ms, value, byte), limit)

    def _of(self, name: str, axis: str) -> Series | None:
        """Returns the series of a name over an axis; without one, that which had the last value."""
        axis = axis or self._latest.get(name, "")
        series = self._series.get((name, axis))
        if series is None and axis and (name, "") in self._series:
            series = self._series[name, axis] = self._series.pop((name, ""))
            series.axis = axis
        if series is None and len(self._series) >= MAX_SERIES:
            once = next((key for key, each in self._series.items() if each.count == 1), None)
            if once is None:
                return None
            del self._series[once]  # a setting, as likely as not
        if series is None:
            series = self._series[name, axis] = Series(name, axis=axis)
        self._latest[name] = axis
        return series
