"""Metrics of two runs side by side: their values at equal steps, and how fast each went from step to step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from joblog.views.values import SeriesPoints

MAX_STEPS = 4
"""Equal steps of a series that are given: the first, the last, and some between."""

MAX_NAMES = 20
"""Series that are given: those with most equal steps, as a loss has them and a setting that is printed once has not."""

_SPEED = "steps per second"
_MIN_S = 10
"""Of a shorter time, whose moments are known to the second, no speed is told."""


@dataclass(frozen=True)
class MetricRow:
    """A metric at a step that both runs have (None: it is no mean of a step); a value that is no finite number is None."""

    name: str
    step: float | None
    before: float | None
    after: float | None


def side_by_side(before: Sequence[SeriesPoints], after: Sequence[SeriesPoints]) -> Iterator[MetricRow]:
    """Yields the values of the series that both runs have, at steps that both have; then how fast they went."""
    named = {each.name: each for each in before}
    both = [each for each in after if each.name in named]
    longest = sorted(both, key=lambda each: (-len(_equal_steps(named[each.name], each)), -each.count, each.name))[:MAX_NAMES]
    for series in [each for each in both if each in longest]:
        yield from _rows(named[series.name], series)
    speeds = _speed(before), _speed(after)
    if None not in speeds:
        yield MetricRow(_SPEED, None, *speeds)


def _equal_steps(before: SeriesPoints, after: SeriesPoints) -> list[float]:
    """Returns the steps that both have, the first first."""
    now = set(after.steps)
    return sorted(step for step in set(before.steps) if step is not None and step in now)


def _rows(before: SeriesPoints, after: SeriesPoints) -> Iterator[MetricRow]:
    was, now = (dict(zip(each.steps, each.values, strict=True)) for each in (before, after))
    steps = _equal_steps(before, after)
    broken = next((step for step in steps if (now[step] is None) != (was[step] is None)), None)
    spread = {steps[at * (len(steps) - 1) // max(MAX_STEPS - 1, 1)] for at in range(MAX_STEPS)} if steps else set[float]()
    for step in sorted(spread if broken is None else spread | {broken}):
        yield MetricRow(before.name, step, was[step], now[step])


def _speed(all_series: Sequence[SeriesPoints]) -> float | None:
    """Returns the steps per second of the series that has most points over steps."""
    stepped = [each for each in all_series if each.axis == "step" and len(each.steps) > 1]
    if not stepped:
        return None
    series = max(stepped, key=lambda each: (each.count, each.name))
    first, last, seconds = series.steps[0], series.steps[-1], (series.times_ms[-1] - series.times_ms[0]) / 1000
    return None if first is None or last is None or seconds < _MIN_S or last <= first else (last - first) / seconds
