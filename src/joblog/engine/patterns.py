"""What a search looks for: a literal, or a regular expression of RE2's, which takes linear time whatever is written in it.

A match lies within one line, as with grep. Whole blocks of lines are looked through at once; what is found there is looked at
again line by line, so that a block gives what its lines would give. The one door to re2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import re2

from joblog.errors import Invalid, Missing

MAX_PATTERN = 1000
"""Characters."""

MAX_PROGRAM = 4000
"""Instructions that a regular expression may compile to: 1000 literal characters of three bytes, ``.{0,400}``."""

# Parsing an expression holds the interpreter's lock, so what takes long to parse is refused unparsed: this much takes 20 ms.
_MAX_REPEATS = 1000
_MAX_CLASSES = 50
_REPEAT = re.compile(r"\{(\d*),?(\d*)\}", re.ASCII)
_CLASS = re.compile(r"\\[pP]")

# The first attempt at compiling fails within milliseconds where the program would be huge: with what matching may have, 8 MiB,
# a hundred ``a{0,1000}`` take a minute. The second one is what is used.
_MEMORY_BYTES = (512 * 1024, 8 * 1024 * 1024)

_WORK = 16 * 1024 * 1024
"""Instructions times bytes of one call of RE2's: half a second at worst, when its automaton does not fit into its memory."""

_MIN_PART_BYTES = 8 * 1024

MAX_SPANS = 100
"""Matches of one line that are told."""

# Anchors that mean the text's borders where ^ and $ mean a line's: in a block they are not a line's. What looks like one, even
# where it is none (within [...]), costs the slower way, nothing else.
_TEXT_ANCHOR = re.compile(r"\\[Az]|\(\?[a-zA-Z]*-[a-zA-Z]*m")


class Pattern:
    """Finds lines. May be used by several threads."""

    def __init__(self, text: str, *, regex: bool, ignore_case: bool) -> None:
        """Raises Missing, Invalid."""
        if not text:
            raise Missing("pattern", f"1 to {MAX_PATTERN} characters")
        if len(text) > MAX_PATTERN:
            raise Invalid("pattern", f"1 to {MAX_PATTERN} characters")
        if not regex and "\n" in text:
            raise Invalid("pattern", "within one line")
        flags = b"(?i)" if ignore_case else b""
        source = text.encode() if regex else re2.escape(text.encode())
        allowed = "a regular expression of RE2's"
        self._line = compiled(flags + source, allowed)
        block = regex and _TEXT_ANCHOR.search(text)
        self._block = None if block else compiled(flags + b"(?m)(?:" + source + b")", allowed)
        self.part_bytes = max(_WORK // self._line.programsize, _MIN_PART_BYTES)
        """What may be looked through in one go; between two such parts a search can be ended."""

    def lines(self, data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yields where each line that matches begins and ends, its newline not counted, in order.

        ``[start, end)`` is whole lines: it begins at a line's beginning and ends after a newline.
        """
        at = start
        while at < end:
            first, last = at, data.index(b"\n", at)
            if self._block is not None:
                match = self._block.search(data, at, end)
                if match is None or match.start() >= end:
                    return
                first = data.rfind(b"\n", at, match.start()) + 1 or at
                last = data.index(b"\n", match.start())
            if self._line.search(data[first:last]) is not None:
                yield first, last
            at = last + 1

    def matches(self, data: bytes, low: int, high: int) -> bool:
        """Whether ``data[low:high]``, within one line, has a match; the bytes around it are its surroundings."""
        return self._line.search(data, low, high) is not None

    def matches_of(self, data: bytes, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Yields the matches in ``data[low:high]``, one after the other."""
        return (match.span() for match in self._line.finditer(data, low, high))


def compiled(source: bytes | str, allowed: str, *, capture: bool = False, program: int = MAX_PROGRAM) -> re2._Regexp:
    """Compiles an expression, within milliseconds; raises Invalid for one that RE2 or the bounds refuse.

    ``allowed`` is what an expression must be; without ``capture`` its groups are only brackets, which costs matching nothing.
    """
    text = source if isinstance(source, str) else source.decode()
    repeats = sum(max(int(low or 0), int(high or 0)) for low, high in _REPEAT.findall(text))
    if repeats > _MAX_REPEATS or len(_CLASS.findall(text)) > _MAX_CLASSES:
        raise Invalid("pattern", f"an expression with repetitions of {_MAX_REPEATS} and {_MAX_CLASSES} \\p in all, at most")
    options = re2.Options()
    options.never_nl = True
    options.log_errors = False
    options.never_capture = not capture
    try:
        for options.max_mem in _MEMORY_BYTES:
            re2.purge()  # its cache would hold on to 128 automata of up to 8 MiB each
            pattern = re2.compile(source, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        raise Invalid("pattern", f"{allowed} ({reason})") from error
    if pattern.programsize > program:
        raise Invalid("pattern", f"an expression of at most {program} instructions", pattern.programsize)
    return pattern
