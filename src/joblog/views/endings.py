"""The end of a log: the failures that it speaks of, and its last lines as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from joblog.views.failures import Failure, find_failures
from joblog.views.terminal import Terminal
from joblog.views.values import Where

_LAST_LINES = 10
_LAST_BYTES = 8 * 1024


@dataclass(frozen=True)
class Ending:
    """What was seen in the end of a log; ``last_where`` is where the last lines are."""

    failures: list[Failure]
    last: list[str]
    last_where: Where


def ending(pieces: Iterable[bytes], low: int, line: int, end: Where) -> Ending:
    """Looks at the end of a log, which begins at byte ``low``, in raw line ``line``; ``end`` is where the log ends."""
    data = b"".join(pieces)
    last, where = _last(data, low, line, end)
    return Ending(find_failures(data, low, line), last, where)


def _last(data: bytes, low: int, line: int, end: Where) -> tuple[list[str], Where]:
    start = max(len(data) - _LAST_BYTES, 0)
    if start:
        start = data.find(b"\n", start) + 1 or start
    terminal = Terminal()
    shown = [each for each in terminal.feed(data[start:]) + terminal.finish() if each.text.strip()][-_LAST_LINES:]
    if not shown:
        return [], end
    base, before = low + start, line + data.count(b"\n", 0, start)
    end_line = max(each.end_line for each in shown)
    end_byte = max(each.end_byte for each in shown)
    where = Where(end.task, before + shown[0].start_line, before + end_line, base + shown[0].start_byte, base + end_byte)
    return [each.text for each in shown], where
