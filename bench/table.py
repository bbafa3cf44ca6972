"""The table: one row for each thing measured, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bench.quiet import QUIET_CORES


class Row(msgspec.Struct, frozen=True):
    """One measurement. ``joblog`` and ``beside`` are for people; ``others`` is how many processors other programs used."""

    what: str
    joblog: str
    beside: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    others: float | None = None
    memory: str = ""


_HEADS = ("what", "joblog", "beside it", "ratio", "goal", "met", "others' cores", "server memory: now, peak")


def markdown(rows: Iterable[Row]) -> str:
    """Renders the table."""
    lines = [_line(_HEADS), _line("---" for _ in _HEADS)]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = "" if row.met is None else "yes" if row.met else "**no**"
        if met and row.others is not None and row.others > QUIET_CORES:
            met = "?"
        others = "" if row.others is None else f"{row.others:.2f}"
        lines.append(_line((row.what, row.joblog, row.beside, ratio, row.goal, met, others, row.memory)))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
