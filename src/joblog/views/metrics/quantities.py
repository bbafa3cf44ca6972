"""Numbers as programs write them: thousands separators, decimal commas, percent, units, durations of several parts.

A unit is of a family, in which it has a factor: ``950ms`` and ``1.2s`` are of one, ``980 tokens/s`` and ``1.2k tokens/s`` of
another. ``Scale`` brings the values of a series to the unit that it began with.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

EXPONENT = r"(?:[eE][-+]?\d{1,4})?"
_NAN = r"(?i:nan|inf(?:inity)?)(?![\w.])"
DOT_NUMBER = rf"[-+]?(?:\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?(?![\d,])|\d+(?:\.\d*)?{EXPONENT}|\.\d+{EXPONENT}|{_NAN})"
PLAIN_NUMBER = rf"[-+]?(?:\d+(?:\.\d*)?{EXPONENT}|\.\d+{EXPONENT}|{_NAN})"
"""Without thousands separators: where a comma stands between numbers."""
COMMA_NUMBER = rf"[-+]?(?:\d{{1,3}}(?:\.\d{{3}})+(?:,\d+)?(?![\d.])|\d+(?:,\d+)?{EXPONENT}|{_NAN})"

_TIMES = {
    **dict.fromkeys(("ns",), 1e-9),
    **dict.fromkeys(("us", "µs", "μs"), 1e-6),
    **dict.fromkeys(("ms", "毫秒"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "秒"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "分钟", "分"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "小时"), 3600.0),
    **dict.fromkeys(("d", "day", "days", "天"), 86400.0),
}
_LETTERS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {letter: math.pow(1024, power) for power, letter in enumerate(("", "K", "M", "G", "T", "P"))} | {"k": 1024.0}
_RATES = (
    r"(?:it|its|iters?|steps?|samples?|tokens?|toks?|tok|imgs?|images?|records?|words?"
    r"|frames?|utts?|ticks?|examples?|task|batch)"
)
_UNIT = (
    r"(?:[%％]|(?:[kKMGTP]i?)?[bB](?:/s(?:ec)?)?|[kKMGT]?(?:FLOP[sS]?)(?:/s)?"
    rf"|[kKMG]?\s?{_RATES}/s(?:ec(?:ond)?)?|s(?:ec)?/{_RATES}"
    r"|(?:ns|us|µs|μs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|days?|d|毫秒|秒|分钟|小时|天)|[kKMGTPx])"
)
UNIT = rf"(?:[ ]?(?P<unit>{_UNIT})(?![\w./%-]|\s?[=:：]))?"
"""Behind a number, in one group."""

DURATION = (
    r"(?:\d{1,9}\s?(?:days?|d|天),?\s{1,4})?(?:\d{1,9}\s?(?:hours?|hrs?|h|小时)(?![A-Za-z]{2})[ ,]{0,3})?"
    r"(?:\d{1,9}\s?(?:minutes?|mins?|min|m|分钟|分)(?![A-Za-z])[ ,]{0,3}(?:and )?)?(?:\d{1,9}(?:\.\d{1,9})?\s?"
    r"(?:seconds?|secs?|sec|s|秒)(?![A-Za-z]))?"
)
"""``1h02m``, ``3m 13s``, ``1 hour, 31 minutes and 58.52 seconds``; may match nothing."""

_PART = re.compile(r"(\d+(?:\.\d+)?)\s?([a-zA-Z]+|小时|分钟|分|秒|天)")
_CLOCK = re.compile(r"(?:(\d{1,9})\s?(?:days?|天),?\s*)?((?:\d{1,9}:)?\d{1,9}:\d{2}(?:\.\d+)?|\d{1,9}:\d{2}(?:\.\d+)?)")


class Unit(NamedTuple):
    """A unit as written, its family, and its factor there."""

    label: str
    family: str
    factor: float


BARE = Unit("", "", 1.0)
SECONDS = Unit("s", "time", 1.0)


@lru_cache(maxsize=512)
def unit_of(text: str) -> Unit:
    """Returns what a unit means; what is not known is its own family."""
    text = text.strip()
    if not text:
        return BARE
    if text in ("%", "％"):
        return Unit("%", "%", 1.0)
    if text in _TIMES:
        return Unit(text, "time", _TIMES[text])
    size = re.fullmatch(r"([kKMGTP]?)(i?)([bB])(/s(?:ec)?)?", text)
    if size is not None:
        return Unit(text, "bytes" + ("/s" if size[4] else ""), (_BINARY if size[2] else _LETTERS)[size[1]])
    if text in _LETTERS:
        return Unit(text, "", _LETTERS[text])
    scaled = re.fullmatch(r"([kKMGT])\s?(\S+/\S+|FLOP.*)", text)
    if scaled is not None:
        return Unit(text, scaled[2], _LETTERS[scaled[1]])
    return Unit(text, text, 1.0)


def number(text: str, *, comma: bool = False) -> float | None:
    """Returns a number as written, None when it is none; ``comma``: the log writes decimals with a comma."""
    if "," not in text and not comma:
        try:
            return float(text)
        except ValueError:
            return None
    if comma and ("," in text or "." in text):
        text = text.replace(".", "").replace(",", ".") if "," in text or re.search(r"\.\d{3}(?!\d)", text) else text
    elif "," in text:
        text = text.replace(",", "") if text.lstrip("+-")[:1] != "0" else text.partition(",")[0]
    try:
        return float(text)
    except ValueError:
        return None


def duration(text: str) -> float | None:
    """Returns seconds of a clock or a duration, ``1 day, 2:03:04``, ``0h11m``, ``7.000 sec``; None when it is none."""
    clock = _CLOCK.match(text)
    if clock is not None:
        seconds = 0.0
        for part in clock[2].split(":"):
            seconds = seconds * 60 + float(part)
        return seconds + 86400.0 * int(clock[1] or 0)
    parts = [(float(amount), _TIMES.get(unit.lower())) for amount, unit in _PART.findall(text)]
    known = [amount * factor for amount, factor in parts if factor is not None]
    return sum(known) if known else None


class Scale:
    """The unit of a series, which its first value has given."""

    __slots__ = ("least", "unit")

    def __init__(self) -> None:
        self.unit: Unit | None = None
        self.least = True  # no value yet was beyond 1: they may be fractions

    def take(self, value: float, unit: Unit) -> float:
        """Returns a value in the series' unit; one of another family stays as it is."""
        own = self.unit
        if own is None:
            own = self.unit = unit
        if own is not unit:
            value = self._converted(value, own, unit)
        if abs(value) > 1:
            self.least = False
        return value

    def _converted(self, value: float, own: Unit, unit: Unit) -> float:
        if own.family == unit.family:
            return value if own.factor == unit.factor else value * unit.factor / own.factor
        if own.family == "%" and unit.family == "" and abs(value) <= 1:
            return value * 100
        if unit.family == "%" and own.family == "" and self.least:
            return value / 100
        if own.family == "" and own.label == "":
            return value * unit.factor if unit.family != "time" and unit.factor != 1.0 else value
        return value
