"""Numbers as written, and units brought to one."""

from __future__ import annotations

import math

import pytest

from joblog.views.metrics.quantities import Scale, duration, number, unit_of


@pytest.mark.parametrize(
    ("text", "comma", "value"),
    [
        ("1,234", False, 1234), ("1,234,567.5", False, 1234567.5), ("0,5", False, 0), ("0,5", True, 0.5),
        ("1.234", True, 1234),
        ("1.234,5", True, 1234.5), ("1e-3", False, 1e-3), ("1.e-3", False, 1e-3), ("-inf", False, -math.inf),
        ("x", False, None),
    ],
)  # fmt: skip
def test_numbers(text: str, comma: bool, value: float | None) -> None:
    """Separators of thousands, decimal commas where the log has them."""
    assert number(text, comma=comma) == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:12", 12), ("1:02:03", 3723), ("1 day, 2:03:04", 93784), ("2 days, 16:23:34.5", 231814.5), ("1h02m", 3720),
        ("0h11m", 660), ("3m 13s", 193), ("1 hour, 31 minutes and 58.52 seconds", 5518.52), ("79s", 79), ("33.5 hours", 120600),
        ("1 天 1:02:03", 90123), ("5分钟", 300), ("soon", None),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    """Clocks and words, in English and Chinese."""
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("written", "values", "unit"),
    [
        ([(950, "ms"), (1.2, "s"), (1, "min")], [950, 1200, 60_000], "ms"),
        ([(512, "MiB"), (1.5, "GiB")], [512, 1536], "MiB"),
        ([(980, "tokens/s"), (1.2, "k tokens/s")], [980, 1200], "tokens/s"),
        ([(980, ""), (1.2, "k")], [980, 1200], ""),
        ([(4.61, "G"), (900, "M")], [4.61, 0.9], "G"),
        ([(95.3, "%"), (0.96, "")], [95.3, 96], "%"),
        ([(0.81, ""), (88, "%")], [0.81, 0.88], ""),
        ([(12, ""), (88, "%")], [12, 88], ""),
        ([(5, "ms"), (3, "MB")], [5, 3], "ms"),
    ],
)
def test_a_series_has_one_unit(written: list[tuple[float, str]], values: list[float], unit: str) -> None:
    """The first one; what is of another kind stays as it is."""
    scale = Scale()
    assert [scale.take(value, unit_of(each)) for value, each in written] == pytest.approx(values)
    assert scale.unit is not None
    assert scale.unit.label == unit
