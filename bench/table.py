"""The table: one row for each thing measured, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One measurement. ``joblog`` and ``beside`` are for people; ``ratio`` is what the goal is about."""

    what: str
    joblog: str
    beside: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    memory: str = ""


_HEADS = ("what", "joblog", "beside it", "ratio", "goal", "met", "server memory: now, peak")


def markdown(rows: Iterable[Row]) -> str:
    """Renders the table."""
    lines = [_line(_HEADS), _line("---" for _ in _HEADS)]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = "" if row.met is None else "yes" if row.met else "**no**"
        lines.append(_line((row.what, row.joblog, row.beside, ratio, row.goal, met, row.memory)))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
