"""What metrics, progress and the terminal's view say of a log, against what a person says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from joblog.views.metrics.metrics import MetricsReader, Series
from joblog.views.metrics.watched import Watched, barred, measured
from joblog.views.terminal.pages import shown_page
from joblog.views.terminal.terminal import Checkpoint
from joblog.views.values import Progress

_PIECE_BYTES = 64 * 1024


def metrics_faults(data: Mapping[str, Any], log: bytes) -> Iterator[str]:
    """Yields in words what the series are otherwise than wanted."""
    series = {each.name: each for each in read_series(log)}
    for wanted in data.get("series", ()):
        found = series.get(wanted["name"])
        if found is None:
            yield f"no series {wanted['name']!r}, but {sorted(series)}"
            continue
        values = [point.value for point in found.all_points]
        if not _near(values, wanted["values"], 1e-6):
            yield f"{wanted['name']} is {values}, not {wanted['values']}"
        steps = [point.step for point in found.all_points]
        if "steps" in wanted and not _near(steps, wanted["steps"], 1e-6):
            yield f"steps of {wanted['name']} are {steps}, not {wanted['steps']}"
        yield from _otherwise(found, wanted, ("unit", "axis"))
    yield from _others(data, series, [wanted["name"] for wanted in data.get("series", ())])


def progress_faults(data: Mapping[str, Any], log: bytes) -> Iterator[str]:
    """Yields in words what the bars are otherwise than wanted."""
    bars = {bar.label: bar for bar in read_bars(log)}
    for wanted in data.get("bars", ()):
        bar = bars.get(wanted["label"])
        if bar is None:
            yield f"no bar {wanted['label']!r}, but {list(bars)}"
            continue
        yield from _otherwise(bar, wanted, ("done", "total", "remaining_s", "run_remaining_s", "fraction"))
    yield from _others(data, bars, [wanted["label"] for wanted in data.get("bars", ())])


def plain_faults(data: Mapping[str, Any], log: bytes) -> Iterator[str]:
    """Yields in words what is shown otherwise than wanted."""
    page = shown_page(_pieces(log), Checkpoint(), 1_000_000, at_end=True, closed=True)
    lines = [line.text for line in page.lines]
    if lines != data["plain"]["lines"]:
        yield f"shown is {lines}, not {data['plain']['lines']}"


def read_series(log: bytes) -> list[Series]:
    """Returns the series of a log as the server reads them."""
    reader = MetricsReader()
    _, readings = measured(_pieces(log), Watched(), (), ends=True)
    for reading in readings:
        reader.add(reading, 0)
    return reader.series


def read_bars(log: bytes) -> list[Progress]:
    """Returns the bars of a log as the server reads them."""
    return barred(_pieces(log), Watched())[1]


def _pieces(log: bytes) -> Iterable[bytes]:
    return [log[at : at + _PIECE_BYTES] for at in range(0, len(log), _PIECE_BYTES)]


def _otherwise(found: object, wanted: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    for key in keys:
        value = getattr(found, key, None)
        if key not in wanted:
            continue
        within = 1.0 if key.endswith("remaining_s") else 1e-6
        same = value == wanted[key] if isinstance(wanted[key], str) else _near([value], [wanted[key]], within)
        if not same:
            yield f"{key} of {wanted.get('name', wanted.get('label'))!r} is {value}, not {wanted[key]}"


def _others(data: Mapping[str, Any], names: Iterable[str], wanted: Sequence[str]) -> Iterator[str]:
    more = sorted(set(names) - set(wanted)) if data.get("exactly") else []
    absent = [name for name in names if any(re.fullmatch(each, name) for each in data.get("absent", ()))]
    for name in [*more, *absent]:
        yield f"{name!r} is there"


def _near(some: Sequence[float | None], others: Sequence[float], within: float) -> bool:
    return len(some) == len(others) and all(map(_equal, some, others, [within] * len(some)))


def _equal(one: float | None, other: float, within: float) -> bool:
    if one is None or other != other:  # no step, or no number
        return other != other and (one is None or one != one)
    return one == other or (abs(one - other) <= max(within * abs(other), within if within == 1.0 else 1e-12))
