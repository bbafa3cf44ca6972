"""What a rule is: something that is shown a run's new lines and how the run is, and says when it fires.

A rule holds what its author wrote and nothing else. What it has noticed in a run is its state there, a value that is kept with
the run's position, so that whoever goes on after a crash goes on with it. Rules read no clock and do no I/O.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from msgspec import Struct

from joblog.core.status import OVER, Status
from joblog.views.why.endings import step_of
from joblog.watch.body import RuleBody

MAX_TEXT = 500
"""Characters of a line that an alert shows."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")

_STEP_BYTES = 300
"""Of a block so much of its end is looked at for a step."""

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Sighting(Struct):
    """A line of a run's: ``text`` has no control characters, and ``MAX_TEXT`` characters at most."""

    worker: int
    line: int
    start_byte: int
    end_byte: int
    text: str


class Fired(NamedTuple):
    """A rule has found what it looks for: what, when, and the line that says so, if one does.

    ``what`` tells things that one rule finds apart: of these each is news, however soon it comes after another.
    """

    reason: str
    at_ms: int
    sighting: Sighting | None
    what: str = ""


class Resolved(NamedTuple):
    """What a rule had found is no longer so."""

    at_ms: int


Event = Fired | Resolved


class Block:
    """Whole lines of one log, from ``start_byte``, after ``start_line`` newlines; each ends with a newline in ``data``.

    A carriage return stands there as a newline, so that what is drawn over is a line, too. ``times`` are ``(byte, ms)``: what
    begins at a byte, or behind it, arrived at that moment.
    """

    def __init__(self, worker: int, start_byte: int, start_line: int, raw: bytes, times: Sequence[tuple[int, int]]) -> None:
        self.worker, self.start_byte, self.start_line = worker, start_byte, start_line
        self.data = raw.replace(b"\r", b"\n") if b"\r" in raw else raw
        if not self.data.endswith(b"\n"):
            self.data += b"\n"
        self._raw = raw
        self._bytes, self._times = [byte for byte, _ in times], [ms for _, ms in times]

    @property
    def times_ms(self) -> Sequence[int]:
        """When something of it arrived, in order."""
        return self._times

    @property
    def last_ms(self) -> int:
        """When the last of it arrived."""
        return self._times[-1]

    def at_ms(self, place: int) -> int:
        """When the byte at a place in ``data`` arrived."""
        return self._times[max(bisect_right(self._bytes, self.start_byte + place) - 1, 0)]

    def sighting(self, low: int, high: int) -> Sighting:
        """Returns the line ``data[low:high]``."""
        line = self.start_line + self._raw.count(b"\n", 0, low)
        return Sighting(self.worker, line, self.start_byte + low, self.start_byte + high, shown(self.data[low:high]))

    def line_at(self, place: int) -> tuple[int, int]:
        """Returns where the line begins and ends that has a byte."""
        return self.data.rfind(b"\n", 0, place) + 1, self.data.index(b"\n", place)

    @cached_property
    def step(self) -> int | None:
        """The last step that its end speaks of."""
        return step_of(self.data[-_STEP_BYTES:].decode("utf-8", "replace").split("\n"))

    @cached_property
    def lower(self) -> bytes:
        """``data`` with small letters."""
        return self.data.lower()

    def last_line(self) -> tuple[int, int] | None:
        """Returns where the last line that is not blank begins and ends; None where there is none."""
        high = len(self.data.rstrip())
        return (self.data.rfind(b"\n", 0, high) + 1, high) if high else None


class LogNow(NamedTuple):
    """One worker's log at a moment."""

    worker: int
    appended_ms: int
    end_byte: int
    closed: bool


class RunNow(NamedTuple):
    """A run at a moment: all that was printed until then has been read.

    ``watched_ms``: since when it was watched without a break: what it did before that, nobody saw. ``older``: it began before
    the rule was made.
    """

    now_ms: int
    status: Status
    reason: str | None
    started_ms: int
    ended_ms: int | None
    watched_ms: int
    logs: Sequence[LogNow]
    last_line: Callable[[], Sighting | None]
    older: bool = False

    @property
    def last(self) -> Sighting | None:
        """The last line that was printed."""
        return self.last_line()

    @property
    def over(self) -> bool:
        """Whether nothing runs any more, as far as is known."""
        return self.status in OVER


class RunRule:
    """Base of the kinds. ``takes`` are the parameters of a kind, ``State`` is what it notices in a run."""

    takes: ClassVar[frozenset[str]] = frozenset()
    reads: ClassVar[bool] = False
    """Whether it is shown lines."""
    State: ClassVar[type[Struct]]

    def __init__(self, body: RuleBody) -> None:
        """Raises Invalid, Missing, OutOfRange, with the parameter."""
        body.check(self.takes)
        self.body = body

    def read(self, state: Any, block: Block) -> Iterator[Event]:
        """Looks at new lines, each once, in the order of their log."""
        del state, block
        yield from ()

    def look(self, state: Any, run: RunNow) -> Iterator[Event]:
        """Looks at the run as it is now: every few seconds, and once when it is over."""
        del state, run
        yield from ()


def shown(raw: bytes | str, most: int = MAX_TEXT) -> str:
    """Returns text that a stranger wrote as a person may be shown it: no escapes, nothing invisible, of bounded length."""
    text = raw[: 8 * most].decode("utf-8", "replace") if isinstance(raw, bytes) else raw[: 8 * most]
    if not text.isprintable():
        text = _ESCAPE.sub("", text).replace("\t", " ")
        text = "".join(character for character in text if character.isprintable())
    text = text.strip()
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def lasted(ms: float) -> str:
    """Returns a duration in words: ``45 s``, ``12 min``, ``3.5 h``."""
    seconds = max(ms, 0) / 1000
    for size, unit in _UNITS:
        if seconds >= size * (2 if unit == "min" else 1) or unit == "s":
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return ""
