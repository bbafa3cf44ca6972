"""What a search looks at in one go and could match: a line, or a part of one that is too long to be held whole.

Parts of a line overlap by OVERLAP bytes, so that what lies across two of them is found in the second one. The byte on each side
of a part that is not the line's border is there for what a pattern asks of its surroundings: ``^``, ``$``, ``\\b``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from joblog.engine.patterns import MAX_PATTERN, MAX_SPANS, Pattern

OVERLAP = 4 * MAX_PATTERN + 96
"""Bytes. A literal is found wherever the parts lie; a match of a regular expression across two parts when it is not longer."""

_FAR = 1 << 62


class LinePart(Struct, frozen=True):
    """A line's bytes ``data[low:high]``, the first of ``data`` at ``start_byte``, with one byte around it where it goes on.

    A match counts that reaches beyond ``told_before`` and begins before ``told_from``: the others were in an earlier part.
    """

    number: int
    start_byte: int
    data: bytes
    low: int = 0
    high: int = _FAR
    told_before: int = -1
    told_from: int = _FAR

    @property
    def end(self) -> int:
        """Where in ``data`` the part ends."""
        return min(self.high, len(self.data))

    def matches(self, pattern: Pattern) -> bool:
        """Whether it has a match that was not in an earlier part."""
        if self.told_before < 0 and self.told_from == _FAR:
            return pattern.matches(self.data, self.low, self.end)
        return next(self._spans(pattern), None) is not None

    def spans(self, pattern: Pattern, over: Callable[[], bool]) -> list[tuple[int, int]]:
        """Returns the matches within ``data`` that are not empty, in order: MAX_SPANS at most, until it is ``over``."""
        spans = list[tuple[int, int]]()
        for first, past in self._spans(pattern):
            if first < past:
                spans.append((first, past))
            if len(spans) == MAX_SPANS or over():
                break
        return spans

    def _spans(self, pattern: Pattern) -> Iterator[tuple[int, int]]:
        for first, past in pattern.matches_of(self.data, self.low, self.end):
            if first >= self.told_from:
                return
            if past > self.told_before:
                yield first, past


def onwards(number: int, start_byte: int, data: bytes, looked: int, *, whole: bool) -> LinePart:
    """Returns a part of a line that is read forwards: ``data`` with the ``looked`` first bytes of it from the part before.

    Where it is not ``whole``, the line goes on behind it, and the last byte is left to the next part.
    """
    data = data.removesuffix(b"\n")
    return LinePart(number, start_byte, data, 1 if looked else 0, len(data) if whole else len(data) - 1, looked or -1)


def back(number: int, start_byte: int, data: bytes, looked: int, *, whole: bool, more: bool) -> LinePart:
    """Returns a part of a line that is read backwards: ``data`` with the ``looked`` last bytes of it from the part behind.

    Where it is not ``whole``, the line goes on before it, and the first byte is left to the next part; ``more``: behind it too.
    """
    data = data.removesuffix(b"\n")
    told_from = len(data) - looked if looked else _FAR
    return LinePart(number, start_byte, data, 0 if whole else 1, len(data) - 1 if more else len(data), told_from=told_from)
