"""The groups of an expression, as far as it matters which of them a number stands in."""

from __future__ import annotations

import re

from msgspec import Struct

_SYNTAX = re.compile(
    r"\\Q(?:.*?\\E|.*)"  # text that stands for itself
    r"|\\."
    r"|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]"  # a class
    r"|\(\?P?<|\(\?|\(|\)|\|",
    re.DOTALL,
)


class _Open(Struct):
    """Brackets that are open: the groups of this branch, and of the branch before it that has the most."""

    captures: bool
    count: int = 0
    most: int = 0


def groups_side_by_side(expression: str) -> int:
    """Returns how many groups one match can fill, those within another not counted, of an expression that RE2 takes.

    One in ``([0-9]+(\\.[0-9]+)?)``, and in ``a=([0-9]+)|b=([0-9]+)``; two in ``([0-9]+)/([0-9]+)``.
    """
    around = [_Open(captures=False)]
    for mark in _SYNTAX.findall(expression):
        inner = around[-1]
        if mark == "|":
            inner.count, inner.most = 0, max(inner.count, inner.most)
        elif mark == ")" and len(around) > 1:
            around.pop()
            around[-1].count += 1 if inner.captures else max(inner.count, inner.most)
        elif mark.startswith("("):
            around.append(_Open(captures=mark != "(?"))
    return max(around[0].count, around[0].most)
