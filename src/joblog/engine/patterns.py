"""What a search looks for: a literal, or a regular expression of RE2's, which takes linear time whatever is written in it.

A match lies within one line, as with grep. Whole blocks of lines are looked through at once for the strings of which a match
must contain one (``literals``), which costs a tenth of what RE2 does, and RE2 decides on the lines that have one. Where there
are no such strings, or they are on most lines, RE2 looks through the block, and again at the lines where it finds something,
so that a block gives what its lines would give. The one door to re2 and to ahocorasick_rs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import ahocorasick_rs
import re2

from joblog.core.words import Clues, clues_of
from joblog.engine.literals import Literals, literals_of
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

# Blocks are looked through for strings in windows, so that what is on every line is soon noticed. Where the strings cost more
# than RE2 would have, the rest of the block is left to it; costs are in bytes that RE2 looks through meanwhile: of a line that
# has a string and no match, and of a further string on a line; a line that matches takes RE2 alone so much longer.
_FIRST_WINDOW_BYTES = 16 * 1024
_WINDOW_BYTES = 64 * 1024
_LINE_COST, _PLACE_COST, _HIT_COST = 1800, 136, 2500

# Strings that are not text: with these beside them two strings are found two to ten times as fast.
_SELDOM = tuple(bytes([0xF8 + each, 0xFF, 0xFE, 0xFD]) for each in range(4))

# What RE2 takes for a k and an s, besides those, where case does not matter.
_WIDE_LETTERS = ("\u212a".encode(), "\u017f".encode())
_WIDE_FINDER = ahocorasick_rs.BytesAhoCorasick(_WIDE_LETTERS)

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
        literals = literals_of(text, regex=regex, ignore_case=ignore_case)
        self._strings = _Strings(literals) if literals else None
        self.clues = _clues(literals) if literals else None
        """By which the words of segments say where lines can match; None: anywhere."""
        self._exact = literals is not None and literals.exact
        self.part_bytes = max(_WORK // self._line.programsize, _MIN_PART_BYTES)
        """What may be looked through in one go; between two such parts a search can be ended."""

    def lines(self, data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yields where each line that matches begins and ends, its newline not counted, in order.

        ``[start, end)`` is whole lines: it begins at a line's beginning and ends after a newline.
        """
        at, window_bytes = start, _FIRST_WINDOW_BYTES
        while self._strings is not None and at < end:
            past = end if end - at <= window_bytes else data.find(b"\n", at + window_bytes - 1) + 1
            places = self._strings.places(data, at, past)
            if places is None:
                break
            worth, lines = past - at, 0
            for place in places:
                if place < at:
                    continue
                first = data.rfind(b"\n", at, place) + 1 or at
                last = data.index(b"\n", place)
                at, lines = last + 1, lines + 1
                if self._exact or self._line.search(data[first:last]) is not None:
                    worth += _HIT_COST
                    yield first, last
                else:
                    worth -= _LINE_COST
            if (len(places) - lines) * _PLACE_COST > worth:
                at = past
                break
            at, window_bytes = past, _WINDOW_BYTES
        yield from self._lines_by_re2(data, at, end)

    def _lines_by_re2(self, data: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
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


def _clues(literals: Literals) -> Clues | None:
    return clues_of([*literals.strings, *_WIDE_LETTERS] if literals.wide else literals.strings)


class _Strings:
    """Finds strings in blocks, at several gigabytes a second."""

    def __init__(self, literals: Literals) -> None:
        self._count = len(literals.strings)
        # Leftmost matches, unlike all, are found with vector instructions, of few strings only where these begin differently.
        more = _SELDOM if 1 < self._count < len(_SELDOM) else ()
        self._finder = ahocorasick_rs.BytesAhoCorasick([*literals.strings, *more], ahocorasick_rs.MatchKind.LeftmostFirst)
        self._wide = literals.wide
        self._numpy: Any = import_module("numpy") if literals.folded else None  # takes long to load, and few ask for it

    def places(self, data: bytes, low: int, high: int) -> list[int] | None:
        """Returns where strings begin within ``[low, high)``, in order; None if there is text that may stand for others.

        Those that overlap with one before them are left out: they are on the same line.
        """
        if self._numpy is None:
            text = memoryview(data)[low:high]
        else:
            if self._wide and not (window := data[low:high]).isascii() and _WIDE_FINDER.find_matches_as_indexes(window):
                return None
            text = self._numpy.bitwise_or(self._numpy.frombuffer(data, "u1", high - low, low), self._numpy.uint8(0x20))
        count = self._count
        return [low + first for which, first, _ in self._finder.find_matches_as_indexes(text) if which < count]


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
