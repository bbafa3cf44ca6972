"""A line's template: the line with what differs from one printing of it to the next masked. One masking for all that needs one.

    template(b"step 12/500 loss=0.53 (3.1s)")  ->  "step #/# loss=# (#)"

``#`` stands for a number with its unit, an id or an address, ``*`` for a time, a path, a link or a bar. Words stay, quoted ones
too: they are what tells lines apart. ``nan`` and ``inf`` are words. Nothing depends on what a digit is, so that lines which
differ in digits are masked once: see ``Masks``. Pure, and nothing but the standard library: the agent uses it.
"""

from __future__ import annotations

import re

LINE_BYTES = 2048
"""Of a longer line this much is looked at."""

TEMPLATE_BYTES = 512
"""No template is longer."""

MAX_MASKS, MAX_MASK_BYTES = 65_536, 16_000_000
"""What is remembered: then all is forgotten."""

_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
_ZERO_RUN = re.compile(rb"00+")
_ESCAPE = re.compile(
    rb"\x1b(?:\[[\x20-\x3f]{0,64}[\x40-\x7e]?|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)?|[\x20-\x2f]{0,8}[\x30-\x7e]?)"
)
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]+")

# In what follows a run of digits is one 0.
_UNIT = rb"(?:(?:[kKMGTP]i?[Bb]?(?:/s|ps)?|[Bb]|ms|us|ns|s|m|h|min|\xc2\xb5s)(?![A-Za-z0])|%)?"
_CLOCK = rb"0:0(?::0)?(?:[.,]0)?(?:Z|[+-]0(?::0)?)?"
_NAMED = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MASKED = re.compile(
    rb"(?P<w>(?:(?!" + _NAMED + rb"|[a-f]{8})(?<![\w~.\\/+@%=-])[A-Za-z_]+(?![\w~.:\\/+@%=-])[ ,:'\"()]*))"
    rb"|(?P<t>\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +)?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w{0,6} +0(?: 0)?"
    rb"(?:,? +" + _CLOCK + rb")?(?: [A-Z]{3,4})?(?: 0)?"
    rb"|0[-/]0[-/]0(?:[T ]" + _CLOCK + rb")?|0/0[ -]" + _CLOCK + rb"|0-0[ T]" + _CLOCK + rb"|0T0(?:\.0)?Z?|" + _CLOCK + rb")"
    rb"|(?P<u>\b[a-z][a-z+.-]{1,15}://[^\s'\"<>)\]}]+)"
    rb"|(?P<b>(?:0%)?\|[^|]{0,400}\|(?= {0,9}[0?])|\[[=>.#*_ -]{5,200}\]|\[[=>.#*_-]{2,200}>[=>.#*_ -]{0,200}\])"
    rb"|(?P<p>(?<![\w)\]/])(?:~|\.{1,2}|[A-Za-z]:)?[/\\][\w.+@%=~-]+(?:[/\\][\w.+@%=:~-]*)*"
    rb"|(?<![\w.+@%=~/\\-])[\w.+@%=~-]+(?:[/\\][\w.+@%=~-]+)+\.[A-Za-z]\w{0,11}(?![\w/]))"
    rb"|(?P<x>0x[0a-fA-F]+|(?<![A-Za-z0_])(?=[a-fA-F-]{0,40}0)(?:[0a-f]+|[0A-F]+)(?:-[0a-fA-F]+){0,8}(?![A-Za-z0_.])"
    rb"|(?<![A-Za-z_])[a-f]{8,40}(?![A-Za-z_])"
    rb"|(?<![A-Za-z0])(?=[A-Za-z]{0,40}0[A-Za-z]{1,40}0)[A-Za-z0]{6,}(?![A-Za-z0]))"
    rb"|(?P<n>(?:(?<![\w)\]])[-+])?\.?0(?:[.,]0)*(?:\.(?![A-Za-z_]))?(?:[eE][-+]?0)?" + _UNIT + rb")"
    rb"|(?P<q>(?<=[<,\[ ])\?(?=it/s|s/it|[,\]]))"
)
_INSTEAD = {"t": b"*", "u": b"*", "b": b"|*|", "p": b"*", "x": b"#", "n": b"#", "q": b"#"}
_LIST = re.compile(rb"#(?:[, ]+#)+")
_RULE = re.compile(rb"([=\-*_~.+])\1{3,}")
_BLANKS = re.compile(rb"[ \t]+")


def zeros(data: bytes) -> bytes:
    """Returns bytes with all digits as 0: as many as before."""
    return data.translate(_ZEROS)


def template(line: bytes) -> str:
    """Returns a line's template; its end of line, escapes and blanks at its ends are left out."""
    return masked(_ZERO_RUN.sub(b"0", zeros(line[:LINE_BYTES])))


def masked(short: bytes) -> str:
    """Returns the template of a line in which each run of digits is one 0."""
    if b"\x1b" in short:
        short = _ESCAPE.sub(b"", short)
    short = _MASKED.sub(_mask, _CONTROL.sub(b"", short).expandtabs(1))
    short = _BLANKS.sub(b" ", _RULE.sub(rb"\1\1\1", _LIST.sub(b"#", short))).strip()
    return short[:TEMPLATE_BYTES].decode("utf-8", "replace")


def _mask(match: re.Match[bytes]) -> bytes:
    group = match.lastgroup
    return match[0] if group == "w" else _INSTEAD[group or "n"]


class Masks:
    """Templates by the lines' outlines, remembered: a program prints the same lines over and over with other numbers in them.

    A line whose digits stand where another one's did costs one look-up; one whose numbers are longer or shorter, one more.
    Memory is bounded.
    """

    def __init__(self, max_bytes: int = MAX_MASK_BYTES) -> None:
        self._max_bytes = max_bytes
        self._exact: dict[bytes, str] = {}
        self._short: dict[bytes, str] = {}
        self._size = 0

    def of(self, outline: bytes) -> str:
        """Returns the template of a line whose digits are all 0."""
        known = self._exact.get(outline)
        if known is not None:
            return known
        short = _ZERO_RUN.sub(b"0", outline[:LINE_BYTES])
        text = self._short.get(short)
        return self._kept(outline, short, masked(short) if text is None else text)

    def known(self, outline: bytes) -> str | None:
        """Returns the same as far as it is remembered: two look-ups, where masking takes some 50 microseconds."""
        known = self._exact.get(outline)
        if known is not None:
            return known
        short = _ZERO_RUN.sub(b"0", outline[:LINE_BYTES])
        text = self._short.get(short)
        return None if text is None else self._kept(outline, short, text)

    def _kept(self, outline: bytes, short: bytes, text: str) -> str:
        outline = outline[:LINE_BYTES]
        self._size += len(outline) + len(short)
        if len(self._exact) >= MAX_MASKS or self._size > self._max_bytes:
            self._exact.clear()
            self._short.clear()
            self._size = len(outline) + len(short)
        self._exact[outline] = self._short[short] = text
        return text
