"""What every match of an expression contains: one of a few strings, found in the expression before any text is looked at.

The part of RE2's syntax that is understood here is small and exact: where anything else stands, nothing is claimed. A claim is
an upper bound: a text without any of the strings has no match, a text with one may have one.

Case: a *folded* string is compared with text of which bit 0x20 is set in every byte, which makes one of ``A`` and ``a``, and of
some other bytes, too. RE2 also takes U+017F for an s and U+212A for a k: ``wide`` says that such text is to be looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

MAX_STRINGS = 64
"""Strings of a set: so many are looked for at several gigabytes a second, more at a tenth of that."""

_MAX_BYTES = 2048
_MAX_CLASS = 8
_MAX_DEPTH = 50
"""Groups within groups: each is some calls deep."""

_MIN_BYTES = 2
"""Of a string that text is looked through for: what is shorter is everywhere."""

_CASE_BIT = 0x20
_FOLDING = re.compile(r"\(\?[a-zA-Z]*i")
_GROUP = re.compile(r"\?(?:P?<\w+>|([imsU]*)(?:-([imsU]+))?([:)]))")
_REPEAT = re.compile(r"\{(\d{1,4})(?:(,)(\d{1,4})?)?\}", re.ASCII)
_HEXADECIMAL = re.compile(r"x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})")
_PROPERTY = re.compile(r"[pP](?:[A-Z]|\{\^?\w+\})")
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "t": "\t", "r": "\r", "v": "\v"}
_CLASSES = "dDsSwW"
_ASSERTIONS = "bBAz"


class Literals(Struct, frozen=True):
    """Strings of which each match contains at least one."""

    strings: tuple[bytes, ...]
    """Not empty, in order, each of at least one byte, none with a newline."""
    folded: bool
    wide: bool
    """Folded, and U+017F or U+212A may stand for one of the letters."""
    exact: bool
    """Text that contains one of them has a match."""


def literals_of(source: str, *, regex: bool, ignore_case: bool) -> Literals | None:
    """Returns what each match contains, or None where nothing is known. ``source`` is an expression that RE2 takes."""
    folded = ignore_case or (regex and _FOLDING.search(source) is not None)
    parser = _Parser(source if regex else re.escape(source), folded, ignore_case)
    try:
        part = parser.whole()
    except _Unknown:
        return None
    strings = _better(part.exact, part.need)
    if not strings:
        return None
    exact = part.exact is not None and not folded and not parser.asserts
    if not exact and min(map(len, strings)) < _MIN_BYTES:
        return None
    wide = folded and any(letter in each for each in strings for letter in (b"k", b"s"))
    return Literals(tuple(sorted(strings)), folded, wide, exact)


class _Unknown(Exception):
    """The expression has something in it that is not understood here."""


class _Part(Struct, frozen=True):
    """What is known of a part of an expression: all that it matches, if that is little, or what each match contains."""

    exact: frozenset[bytes] | None
    need: frozenset[bytes] | None = None


_NOTHING = _Part(frozenset([b""]))
_ANYTHING = _Part(None)


def _better(one: frozenset[bytes] | None, other: frozenset[bytes] | None) -> frozenset[bytes] | None:
    """Returns which of two sets of strings is the better one to look for: with the longer strings, then the fewer."""

    def worth(strings: frozenset[bytes] | None) -> tuple[int, int]:
        return (min(min(map(len, strings)), 8), -len(strings)) if strings else (0, 0)

    best = max(one, other, key=worth)
    return best if worth(best)[0] else None


def _few(strings: Iterable[bytes]) -> frozenset[bytes] | None:
    some = frozenset(strings)
    return some if len(some) <= MAX_STRINGS and sum(map(len, some)) <= _MAX_BYTES else None


def _then(first: _Part, second: _Part) -> _Part:
    """Returns what is known of one part followed by another.

    Of a part that is not known as a whole ``need`` is the best so far, so strings are joined only as long as all is known.
    """
    if first.exact is not None and second.exact is not None and len(first.exact) * len(second.exact) <= MAX_STRINGS:
        both = _few(one + other for one in first.exact for other in second.exact)
        if both is not None:
            return _Part(both)
    need = _better(_better(first.exact, first.need), _better(second.exact, second.need))
    return _Part(None, need)


def _either(parts: list[_Part]) -> _Part:
    exact = [part.exact for part in parts if part.exact is not None]
    if len(exact) == len(parts):
        whole = _few(each for strings in exact for each in strings)
        if whole is not None:
            return _Part(whole)
    needs = [_better(part.exact, part.need) for part in parts]
    if not all(needs):
        return _ANYTHING
    return _Part(None, _few(each for strings in needs if strings for each in strings))


def _repeated(part: _Part, least: int, most: int | None) -> _Part:
    if most == 0:
        return _NOTHING
    if least == 0:
        return _either([_NOTHING, part]) if most == 1 else _ANYTHING
    whole = part
    for _ in range(min(least, _MAX_CLASS) - 1):
        whole = _then(whole, part)
    return whole if least == most and least <= _MAX_CLASS else _Part(None, _better(whole.exact, whole.need))


def _character(character: str, folded: bool, ignore_case: bool) -> _Part:
    """Returns what is known of one character that stands for itself."""
    try:
        encoded = character.encode()
    except UnicodeEncodeError:
        return _ANYTHING  # a surrogate, which is no text
    if ignore_case and len(encoded) > 1:
        return _ANYTHING  # its other cases differ in more than a bit
    if not folded:
        return _ANYTHING if encoded == b"\n" else _Part(frozenset([encoded]))
    encoded = bytes(each | _CASE_BIT for each in encoded)
    # In folded text a newline is an asterisk: what holds none lies within a line.
    return _ANYTHING if encoded == b"*" else _Part(frozenset([encoded]))


class _Parser:
    """Reads an expression that RE2 takes; raises _Unknown where it may mean what is not understood here."""

    def __init__(self, source: str, folded: bool, ignore_case: bool) -> None:
        self._source = source
        self._at = self._depth = 0
        self._folded = folded
        self._ignore_case = ignore_case
        self.asserts = False
        """Whether something in it matches nothing, in some places only."""

    def whole(self) -> _Part:
        part = self._choice()
        if self._at < len(self._source):
            raise _Unknown
        return part

    def _choice(self) -> _Part:
        """Reads up to the group's end. Flags that are set in it end with it."""
        ignore_case = self._ignore_case
        parts = [self._sequence()]
        while self._taken("|"):
            parts.append(self._sequence())
        self._ignore_case = ignore_case
        return parts[0] if len(parts) == 1 else _either(parts)

    def _sequence(self) -> _Part:
        """Joins what is known one after the other; where it breaks off, the best is kept, and strings begin anew."""
        best, run = _Part(None), _NOTHING
        broken = False
        while self._at < len(self._source) and self._source[self._at] not in "|)":
            part = self._repeats(self._atom())
            joined = _then(run, part)
            if joined.exact is None:
                best, run, broken = _then(best, joined), part if part.exact is not None else _NOTHING, True
            else:
                run = joined
        return _then(best, run) if broken else run

    def _repeats(self, part: _Part) -> _Part:
        while self._at < len(self._source):
            if self._taken("*"):
                part = _repeated(part, 0, None)
            elif self._taken("+"):
                part = _repeated(part, 1, None)
            elif self._taken("?"):
                part = _repeated(part, 0, 1)
            elif match := _REPEAT.match(self._source, self._at):
                self._at = match.end()
                least = int(match[1])
                part = _repeated(part, least, int(match[3]) if match[3] else None if match[2] else least)
            else:
                break
            self._taken("?")
        return part

    def _atom(self) -> _Part:
        character = self._next()
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escape()
        if character == ".":
            return _ANYTHING
        if character in "^$":
            self.asserts = True
            return _NOTHING
        if character in "*+?":
            raise _Unknown
        return self._literal(character)

    def _group(self) -> _Part:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _Unknown
        if self._source.startswith("?", self._at):
            match = _GROUP.match(self._source, self._at)
            if match is None:
                raise _Unknown
            self._at = match.end()
            outside = self._ignore_case
            if "i" in (match[1] or ""):
                self._ignore_case = True
            if "i" in (match[2] or ""):
                self._ignore_case = False
            if match[3] == ")":
                if self._source[self._at : self._at + 1] in tuple("*+?{"):
                    raise _Unknown  # RE2 repeats what stands before the flags
                self._depth -= 1
                return _NOTHING
            part = self._choice()
            self._ignore_case = outside
        else:
            part = self._choice()
        if not self._taken(")"):
            raise _Unknown
        self._depth -= 1
        return part

    def _class(self) -> _Part:
        """Reads ``[...]``: a few characters are strings, what is more is anything."""
        negated = self._taken("^")
        parts = list[_Part]()
        first = True
        while first or not self._taken("]"):
            first = False
            low = self._class_character()
            if self._source.startswith("-", self._at) and not self._source.startswith("-]", self._at):
                self._at += 1
                high = self._class_character()
                if low is None or high is None:
                    raise _Unknown
                characters = range(ord(low), min(ord(high), ord(low) + _MAX_CLASS) + 1)
                parts += [self._literal(chr(each)) for each in characters]
            else:
                parts.append(_ANYTHING if low is None else self._literal(low))
        return _ANYTHING if negated or len(parts) > _MAX_CLASS else _either(parts)

    def _class_character(self) -> str | None:
        """Reads one character of a class; None for what stands for several."""
        character = self._next()
        if character == "[" and self._source.startswith(":", self._at):
            raise _Unknown
        return self._escaped() if character == "\\" else character

    def _escape(self) -> _Part:
        if self._source[self._at : self._at + 1] in tuple(_ASSERTIONS):
            self._at += 1
            self.asserts = True
            return _NOTHING
        character = self._escaped()
        return _ANYTHING if character is None else self._literal(character)

    def _escaped(self) -> str | None:
        """Reads what follows a backslash: the character that it stands for, or None for one that stands for several."""
        if match := _HEXADECIMAL.match(self._source, self._at):
            self._at = match.end()
            return chr(min(int(match[1] or match[2], 16), 0x10FFFF))
        if match := _PROPERTY.match(self._source, self._at):
            self._at = match.end()
            return None
        character = self._next()
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character in _CLASSES:
            return None
        if character.isascii() and not character.isalnum():
            return character
        raise _Unknown

    def _literal(self, character: str) -> _Part:
        return _character(character, self._folded, self._ignore_case)

    def _next(self) -> str:
        if self._at >= len(self._source):
            raise _Unknown
        self._at += 1
        return self._source[self._at - 1]

    def _taken(self, character: str) -> bool:
        """Whether this character comes next, and is passed."""
        if not self._source.startswith(character, self._at):
            return False
        self._at += 1
        return True
