"""Colours and weights of text: SGR escapes read, and written again in one normal form.

A *pen* is that form: the parameters of the one SGR sequence that, after a reset, gives the same look, in a fixed order:
``"1;31"`` is bold red, ``""`` is plain. What hides text (conceal) or disturbs the reader (blink) has no place in a pen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

PLAIN = ""

_FLAGS = ("1", "2", "3", "4", "7", "9")
_OFF = {"22": ("1", "2"), "21": ("1",), "23": ("3",), "24": ("4",), "27": ("7",), "29": ("9",)}
_NUMBER = re.compile(r"[0-9]{1,3}", re.ASCII)
# A pen shows on blanks when it has a background, is reversed, underlined or struck through.
_ON_BLANKS = re.compile(r"(?:^|;)(?:4|7|9|4[0-8]|10[0-7])(?:;|$)")


@lru_cache(maxsize=4096)
def pen_after(pen: str, parameters: str) -> str:
    """Returns the pen that an SGR sequence with these parameters makes of ``pen``; what is not known is ignored."""
    flags, fore, back = _read(pen)
    numbers = iter(parameters.replace(":", ";").split(";"))
    for number in numbers:
        number = number.lstrip("0") or "0"
        if number == "0":
            flags, fore, back = set(), "", ""
        elif number in _FLAGS:
            flags.add(number)
        elif number in _OFF:
            flags.difference_update(_OFF[number])
        elif number in ("38", "48"):
            colour = _extended(numbers)
            fore, back = (
                (f"38;{colour}" if colour else fore, back) if number == "38" else (fore, f"48;{colour}" if colour else back)
            )
        elif number in ("39", "49"):
            fore, back = ("", back) if number == "39" else (fore, "")
        elif _is_colour(number, "3", "9"):
            fore = number
        elif _is_colour(number, "4", "10"):
            back = number
    return ";".join([*(flag for flag in _FLAGS if flag in flags), *filter(None, (fore, back))])


def shows_on_blanks(pen: str) -> bool:
    """Whether a blank in this pen can be seen."""
    return bool(pen) and _ON_BLANKS.search(pen) is not None


def escaped(text: str, spans: list[tuple[int, int, str]]) -> str:
    """Returns the text with its spans ``(start, end, pen)`` as SGR escapes, reset at the end; for a terminal only."""
    parts, at = [], 0
    for start, end, pen in spans:
        parts += [text[at:start], f"\x1b[{pen}m", text[start:end], "\x1b[0m"]
        at = end
    return "".join([*parts, text[at:]])


def _is_colour(number: str, *tens: str) -> bool:
    return number[:-1] in tens and number[-1] <= "7"


def _extended(numbers: Iterator[str]) -> str:
    """Reads what follows 38 or 48; nothing when it is cut short or out of range."""
    kind = next(numbers, "")
    size = {"5": 1, "2": 3}.get(kind, 0)
    parts = [next(numbers, "") for _ in range(size)]
    if not size or not all(_NUMBER.fullmatch(part) and int(part) < 256 for part in parts):
        return ""
    return ";".join([kind, *(str(int(part)) for part in parts)])


def _read(pen: str) -> tuple[set[str], str, str]:
    flags, fore, back = set[str](), "", ""
    numbers = iter(pen.split(";") if pen else ())
    for number in numbers:
        if number in _FLAGS:
            flags.add(number)
        elif number in ("38", "48"):
            colour = f"{number};{_extended(numbers)}"
            fore, back = (colour, back) if number == "38" else (fore, colour)
        elif _is_colour(number, "3", "9"):
            fore = number
        else:
            back = number
    return flags, fore, back
