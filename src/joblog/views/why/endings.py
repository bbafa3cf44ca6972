"""The end of a log: the failures that it speaks of, and its last lines as a terminal shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from joblog.views.terminal.terminal import Terminal
from joblog.views.values import Where
from joblog.views.why.failures import Failure, FailureReader

_LAST_LINES = 10
_LAST_BYTES = 8 * 1024
_STEP = re.compile(
    r"(?i)(?<![a-z])(?:global_?step|step|iteration|iter|num_updates|update)s?[\"']?\s{0,4}[:=\[#]{0,2}\s{0,12}(\d{1,12})(?!\.?\d)"
)


@dataclass(frozen=True)
class Ending:
    """What was seen in the end of a log; ``last_where`` is where the last lines are."""

    failures: list[Failure]
    last: list[str]
    last_where: Where
    step: int | None = None


def read_on(pieces: Iterable[bytes], reader: FailureReader, *, ends: bool) -> tuple[FailureReader, list[Failure]]:
    """Reads on; returns how far, and the failures so far. A log that ``ends`` there is read no more, and kept small."""
    for piece in pieces:
        reader.feed(piece)
    failures = reader.reasons
    if ends:
        reader.settle()
    return reader, failures


def last_lines(pieces: Iterable[bytes], low: int, line: int, end: Where) -> Ending:
    """Returns the last lines of a log, the end of which begins at byte ``low``, in raw line ``line``."""
    last, where = _last(b"".join(pieces), low, line, end)
    return Ending([], last, where, step_of(last))


def ending(pieces: Iterable[bytes], low: int, line: int, end: Where) -> Ending:
    """Looks at the end of a log, which begins at byte ``low``, in raw line ``line``; ``end`` is where the log ends."""
    data = b"".join(pieces)
    last, where = _last(data, low, line, end)
    reader = FailureReader(low, line)
    reader.feed(data)
    return Ending(reader.reasons, last, where, step_of(last))


def step_of(last: Sequence[str]) -> int | None:
    """Returns the last step that lines speak of, None when none does."""
    steps = [match for text in last for match in _STEP.finditer(text[:2000])]
    return int(steps[-1][1]) if steps else None


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
