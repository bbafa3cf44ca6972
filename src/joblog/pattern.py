"""What a search looks for: a literal, or a regular expression of RE2's, which takes linear time whatever is written in it.

A match lies within one line, as with grep. Whole blocks of lines are looked through at once; what is found there is looked at
again line by line, so that a block gives what its lines would give. The one door to re2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import re2

from joblog.errors import Invalid, Missing

LONGEST_PATTERN = 1000
"""Characters. RE2 bounds its own memory, 8 MiB, by refusing what would need more."""

MOST_SPANS = 100
"""Matches of one line that are told."""

# Anchors that mean the text's borders where ^ and $ mean a line's: in a block they are not a line's. What looks like one, even
# where it is none (within [...]), costs the slower way, nothing else.
_TEXT_ANCHOR = re.compile(r"\\[Az]|\(\?[a-zA-Z]*-[a-zA-Z]*m")


class Pattern:
    """Finds lines. May be used by several threads."""

    def __init__(self, text: str, *, regex: bool, ignore_case: bool) -> None:
        """Raises Missing, Invalid."""
        if not text:
            raise Missing("pattern", f"1 to {LONGEST_PATTERN} characters")
        if len(text) > LONGEST_PATTERN:
            raise Invalid("pattern", f"1 to {LONGEST_PATTERN} characters")
        if not regex and "\n" in text:
            raise Invalid("pattern", "within one line")
        flags = b"(?i)" if ignore_case else b""
        source = text.encode() if regex else re2.escape(text.encode())
        self._line = _compiled(source, flags)
        self._block = None if regex and _TEXT_ANCHOR.search(text) else _compiled(b"(?m)(?:" + source + b")", flags)

    def lines(self, data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yields where each line that matches begins and ends, its newline not counted, in order.

        ``[start, end)`` is whole lines: it begins at a line's beginning and ends after a newline.
        """
        at = start
        while at < end:
            first, last = at, data.index(b"\n", at)
            if self._block is not None:
                found = self._block.search(data, at, end)
                if found is None or found.start() >= end:
                    return
                first = data.rfind(b"\n", at, found.start()) + 1 or at
                last = data.index(b"\n", found.start())
            if self._line.search(data[first:last]) is not None:
                yield first, last
            at = last + 1

    def matches(self, data: bytes, low: int, high: int) -> bool:
        """Whether ``data[low:high]``, within one line, has a match; the bytes around it are its surroundings."""
        return self._line.search(data, low, high) is not None

    def matches_of(self, data: bytes, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Yields the matches in ``data[low:high]``, one after the other."""
        return (match.span() for match in self._line.finditer(data, low, high))


def _compiled(source: bytes, flags: bytes) -> re2._Regexp:
    options = re2.Options()
    options.never_nl = True
    options.log_errors = False
    re2.purge()  # its cache would hold on to 128 automata of up to 8 MiB each
    try:
        return re2.compile(flags + source, options)
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        raise Invalid("pattern", f"a regular expression of RE2's ({said})") from error
