"""A curve in a terminal, drawn with braille dots: two columns and four rows of them in each character."""

from __future__ import annotations

import math
from collections.abc import Sequence

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


def plot(xs: Sequence[float], ys: Sequence[float | None], width: int = 72, height: int = 12) -> list[str]:
    """Returns the lines of a plot of ``width`` by ``height`` characters, with its highest and lowest values beside it."""
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if y is not None and math.isfinite(y)]
    if not points:
        return ["(no finite value)"]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    cells = [[0] * width for _ in range(height)]
    before: tuple[int, int] | None = None
    for x, y in points:
        at = _placed(x, left, right, width * 2 - 1), height * 4 - 1 - _placed(y, low, high, height * 4 - 1)
        for column, row in _between(before or at, at):
            cells[row // 4][column // 2] |= _DOTS[column % 2][row % 4]
        before = at
    names = [f"{high:.6g}", *[""] * (height - 2), f"{low:.6g}"]
    margin = max(len(name) for name in names)
    rows = ["".join(chr(0x2800 + cell) for cell in row).rstrip("\u2800") for row in cells]
    drawn = [f"{name:>{margin}} ┤{row}" for name, row in zip(names, rows, strict=True)]
    foot = f"{left:.6g}".ljust(width - len(f"{right:.6g}")) + f"{right:.6g}"
    return [*drawn, " " * margin + "  " + foot]


def _placed(value: float, low: float, high: float, most: int) -> int:
    return round((value - low) / (high - low) * most) if high > low else 0


def _between(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """Returns the dots of a straight line."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return [
        (round(start[0] + (end[0] - start[0]) * step / steps), round(start[1] + (end[1] - start[1]) * step / steps))
        for step in range(steps + 1)
    ]
