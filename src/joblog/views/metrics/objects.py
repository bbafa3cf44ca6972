"""Objects on a line, in JSON or as Python writes them: the numbers in them, with their names and where they stand.

Numbers may be quoted, or in the writing of NumPy, PyTorch and JAX: ``np.float64(0.5)``, ``tensor(0.5, device='cuda:0')``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from joblog.views.metrics.quantities import DOT_NUMBER, PLAIN_NUMBER

MAX_NUMBERS = 400
MAX_ELEMENTS = 32
"""Of a list."""
_DEPTH = 8

_TOKEN = re.compile(
    r"\s*+(?:(?P<string>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    rf"|(?P<number>{PLAIN_NUMBER}(?![\w.]))"
    r"|(?P<open>[{\[(]|(?:[A-Za-z_][\w.]{0,40})\()|(?P<close>[}\])])|(?P<colon>:)|(?P<comma>,)|"
    r"(?P<word>[A-Za-z_<][\w.<>-]*=?)|(?P<other>.))"
)
_QUOTED_NUMBER = re.compile(rf"['\"]\s*({DOT_NUMBER})\s*%?['\"]")


@dataclass(slots=True)
class Leaf:
    """A value: ``path`` are keys, as the places of their texts; ``start`` to ``end`` is the number, or the string's text."""

    path: tuple[tuple[int, int] | int, ...]
    start: int
    end: int
    is_number: bool


@dataclass(slots=True)
class _Level:
    closes: str
    keys: bool
    call: bool = False
    pairs: bool = False
    key: tuple[int, int] | None = None
    waiting: tuple[int, int] | None = None
    at: int = 0


@dataclass(slots=True)
class Leaves:
    """The leaves of the object that begins at ``start``; ``end`` is behind it."""

    leaves: list[Leaf] = field(default_factory=list)
    end: int = 0


def object_at(text: str, start: int) -> Leaves | None:
    """Reads the object that begins at ``start`` with a brace, or with ``OrderedDict([``; None when it is none."""
    leaves, levels, at = Leaves(), list[_Level](), start
    for _ in range(4 * MAX_NUMBERS):
        token = _TOKEN.match(text, at)
        if token is None:
            return None
        at = token.end()
        kind = token.lastgroup
        if kind == "open":
            if not _opened(token["open"], levels):
                return None
        elif kind == "close":
            if not levels or levels[-1].closes != token["close"]:
                return None
            levels.pop()
            if not levels:
                leaves.end = at
                return leaves if leaves.leaves else None
        elif kind == "other" or not _value(str(kind), token, levels, leaves):
            return None
    return None


def _opened(opening: str, levels: list[_Level]) -> bool:
    bracket = opening[-1]
    pairs = bracket == "[" and bool(levels) and levels[-1].pairs
    levels.append(
        _Level(
            {"{": "}", "[": "]", "(": ")"}[bracket],
            keys=bracket == "{",
            call=len(opening) > 1,
            pairs=opening == "OrderedDict(" or pairs,
        )
    )
    return len(levels) <= _DEPTH


def _value(kind: str, token: re.Match[str], levels: list[_Level], leaves: Leaves) -> bool:
    if not levels:
        return False
    level = levels[-1]
    if kind == "colon":
        if not level.keys or level.waiting is None:
            return False
        level.key, level.waiting = level.waiting, None
    elif kind == "comma":
        level.at, level.waiting = level.at + 1, None
        level.key = None if level.keys else level.key
    elif kind == "string":
        _string(token, levels, leaves)
    elif kind == "number" and level.keys and level.key is None:
        level.waiting = token.span("number")
    elif kind == "number":
        _add(levels, *token.span("number"), leaves, is_number=True)
    return True


def _string(token: re.Match[str], levels: list[_Level], leaves: Leaves) -> None:
    level = levels[-1]
    start, end = token.span("string")
    if level.closes == ")" and not level.call and len(levels) > 1 and levels[-2].pairs and level.at == 0:
        level.key = (start + 1, end - 1)
    elif level.keys and level.key is None:
        level.waiting = (start + 1, end - 1)
    else:
        _leaf(levels, start, end, token, leaves)


def _leaf(levels: list[_Level], start: int, end: int, token: re.Match[str], leaves: Leaves) -> None:
    quoted = _QUOTED_NUMBER.fullmatch(token["string"])
    if quoted is not None:
        _add(levels, start + quoted.start(1), start + quoted.end(1), leaves, is_number=True)
    else:
        _add(levels, start + 1, end - 1, leaves, is_number=False)


def _add(levels: list[_Level], start: int, end: int, leaves: Leaves, *, is_number: bool) -> None:
    path = list[tuple[int, int] | int]()
    for level in levels:
        if level.key is not None:
            path.append(level.key)
        elif level.closes == "]" and not level.pairs:
            if level.at >= MAX_ELEMENTS:
                return
            path.append(level.at)
        elif level.call and level.at > 0:
            return  # tensor(0.5, device=..., dtype=...)
    if len(leaves.leaves) < MAX_NUMBERS:
        leaves.leaves.append(Leaf(tuple(path), start, end, is_number))
