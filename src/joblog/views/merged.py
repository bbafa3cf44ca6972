"""Lines of many ranks as one: in the order of their arrival, those that many ranks said alike said once.

The order is (second of arrival, rank, position). Seconds, because that is what stays of arrival times when a log is sealed:
so the order is the same for ever, and a place in it, ``Place``, can be gone on from years later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from joblog.errors import Invalid
from joblog.views.ranks import format_ranks
from joblog.views.redraws import plain_text
from joblog.views.values import MergedLine

_CURSOR = re.compile(r"(\d{1,12})\.(\d{1,6})\.(\d{1,19})", re.ASCII)
# What ranks put before a line that is the same otherwise: their own mark, the time.
_MARK = re.compile(
    r"\s*(?:\[(?:rank|default|worker-)?(\d{1,9})\]|rank ?(\d{1,9})|(\d{1,9}))(?:<std\w+>)?(?::|\s|$):?\s*", re.IGNORECASE
)
_TIME = re.compile(r"[\[(]?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?[\])]?\s*")


Placed = tuple[int, int, int, int, bytes]
"""A line's second, worker, start, end and bytes; these are ordered as the merged view is."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the merged order: behind the line that begins at that byte of that worker's log."""

    second: int = 0
    worker: int = 0
    byte: int = 0

    @property
    def cursor(self) -> str:
        """As a page's ``next`` has it."""
        return f"{self.second}.{self.worker}.{self.byte}"


def parse_place(text: str) -> Place:
    """Reads a page's ``next``; raises Invalid."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise Invalid("cursor", "the next of an earlier page", text)
    return Place(int(match[1]), int(match[2]), int(match[3]))


def merged_lines(batches: Iterable[Sequence[Placed]], collapse_s: int) -> list[MergedLine]:
    """Returns lines as they are shown; with ``collapse_s`` what several ranks said alike within so many seconds stands once."""
    slots: dict[int, list[tuple[int, MergedLine]]] = {}
    for batch in batches:
        for placed in batch:
            slots.setdefault(placed[0] // collapse_s if collapse_s else 0, []).append((placed[1], _line(placed)))
    if not collapse_s:
        return [line for slot in slots.values() for _, line in slot]
    return [line for slot in slots.values() for line in collapsed(slot)]


def _line(placed: Placed) -> MergedLine:
    second, worker, start, end, data = placed
    text = plain_text(data.rstrip(b"\r\n").rpartition(b"\r")[2])
    return MergedLine(text, str(worker), 1, second * 1000, f"worker-{worker}", start, end)


def collapsed(lines: Iterable[tuple[int, MergedLine]]) -> list[MergedLine]:
    """Returns lines ``(worker, line)`` with those that several ranks said alike as one, where the first of them stands.

    The same line twice of one rank stays twice: its n-th is the n-th of the others.
    """
    groups: dict[tuple[str, int], tuple[MergedLine, list[int]]] = {}
    times: dict[tuple[str, int], int] = {}
    for worker, line in lines:
        text = without_mark(line.text, worker)
        number = times[text, worker] = times.get((text, worker), 0) + 1
        groups.setdefault((text, number), (line, []))[1].append(worker)
    return [
        MergedLine(line.text, format_ranks(workers), len(workers), line.at_ms, line.task, line.start_byte, line.end_byte)
        for line, workers in groups.values()
    ]


def without_mark(text: str, worker: int) -> str:
    """Returns a line without the rank's own mark and the time that it begins with."""
    match = _MARK.match(text)
    if match is not None and int(match[1] or match[2] or match[3]) == worker:
        text = text[match.end() :]
    return _TIME.sub("", text, count=1) if _TIME.match(text) else text
