"""Expressions for metrics from outside: as large, and as many matches of a line, as a rendering has time for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from joblog.engine.patterns import compiled
from joblog.errors import Invalid, OutOfRange
from joblog.views.metrics.readings import MetricPattern

MAX_PATTERNS = 10
MAX_CHARACTERS = 500

MAX_GROUPS = 20
"""Of one expression: each takes time with every byte that is looked at."""

MAX_PROGRAM = 500
"""Instructions of one expression."""

_MAX_MATCHES = 100
_LINE_WORK = 1024 * 1024
"""Instructions times characters that one line takes: 20 ms. Each match may have looked at all that follows it."""

_READ_WORK = 256 * 1024 * 1024
"""Instructions times bytes of one rendering: some seconds."""

_ALLOWED = "an RE2 expression with named groups: (?P<loss>...), or (?P<name>...) and (?P<value>...)"


def metric_patterns(texts: Sequence[str]) -> list[tuple[str, MetricPattern]]:
    """Returns expressions for metrics; raises Invalid, OutOfRange."""
    if len(texts) > MAX_PATTERNS or any(len(text) > MAX_CHARACTERS for text in texts):
        raise OutOfRange("pattern", f"at most {MAX_PATTERNS} expressions of at most {MAX_CHARACTERS} characters")
    return [(text, _Bounded(text)) for text in texts]


def readable_bytes(patterns: Sequence[tuple[str, MetricPattern]], most: int) -> int:
    """Returns how much of its logs one rendering may read with these expressions: ``most``, less with large ones."""
    program = sum(pattern.program for _, pattern in patterns if isinstance(pattern, _Bounded))
    return min(most, _READ_WORK // max(program, 1))


class _Bounded:
    """A pattern that finds no more in a line than there is time for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._pattern = compiled(text, _ALLOWED, capture=True, program=MAX_PROGRAM)
        self.program: int = self._pattern.programsize
        if not self._pattern.groupindex:
            raise Invalid("pattern", _ALLOWED, text)
        if self._pattern.groups > MAX_GROUPS:
            raise Invalid("pattern", f"an expression of at most {MAX_GROUPS} groups; (?:...) is none", text)

    def __reduce__(self) -> tuple[Callable[[str], _Bounded], tuple[str]]:
        return _again, (self.text,)  # RE2's own cannot be pickled

    def finditer(self, text: str) -> Iterator[Any]:
        """Yields the first matches."""
        most = _LINE_WORK // (self.program * max(len(text), 1))
        return islice(self._pattern.finditer(text), min(max(most, 1), _MAX_MATCHES))


@lru_cache(MAX_PATTERNS)
def _again(text: str) -> _Bounded:
    """Compiles an expression for the process that computes with it, once for all the pieces of a log."""
    return _Bounded(text)
