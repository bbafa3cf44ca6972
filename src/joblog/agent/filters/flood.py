"""Flood control: over a set rate, what is worth reading goes on and the rest is counted, exactly.

A bucket of bytes fills at the rate. While it has some, all passes: that is the head. When it is empty the flood begins:
lines that look like errors pass, the first of each kind (a line's template) passes, the rest is
withheld. It ends when the bucket is half full again, or with the log: then come a line that tells what is missing, a count
for each kind, and the tail, the last lines as they were. All wait until it is known that they are not the tail, so that
lines keep their order.

Pure: the time is an argument. Nothing is dropped in silence: what passes and what is withheld add up to what came.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from joblog.core.template import Masks, zeros

BURST_S = 10.0
"""What a job may print at once, in seconds of its rate: a table of hyperparameters is no flood."""

TAIL_LINES = 50
"""Last lines of a flood that are kept."""

TEMPLATES = 200
"""Kinds of lines counted one by one; what more there are are counted together."""

LINE_BYTES = 16 << 10
"""A longer line is taken in parts of this size, so that little is held."""

SHOWN_BYTES = 120
"""What is shown of a kind."""

_ERRORS = (
    *(b"error", b"exception", b"traceback", b"fatal", b"fail", b"panic", b"abort", b"critical"),
    *(b"out of memory", b"killed", b"signal", b"nan"),
)
"""What a line that looks like an error has one of, in any case; ``nan`` as a word."""

_OTHERS = "\n"
"""Stands for all kinds that are too many to be counted one by one; no template has a newline."""

MASKED_LINES = 2000
"""Lines of a flood that are masked; after them those alone are told apart that are like one of these. Masking takes 50
microseconds, which is nothing for lines that come again, and too long for a flood in which none does."""

MASK_BYTES = 1_000_000
"""What is remembered of lines that were masked."""

_NAN = re.compile(rb"\bnan\b")


@dataclass(frozen=True)
class Withheld:
    """``size_bytes`` that are missing before ``at_byte`` of the output with which this comes."""

    at_byte: int
    size_bytes: int


@dataclass(frozen=True)
class Passed:
    """What goes on, and what is missing in it; ``aside`` is what was withheld meanwhile, whole."""

    data: bytes
    withheld: tuple[Withheld, ...] = ()
    aside: bytes = b""


class Bucket:
    """Fills at a rate, up to ``BURST_S`` of it; several streams may share one."""

    def __init__(self, rate_bytes_s: float, now_s: float) -> None:
        """``now_s``: any clock that does not go back."""
        self._rate, self._most = rate_bytes_s, rate_bytes_s * BURST_S
        self._level, self._then_s = self._most, now_s

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return self._level <= 0

    @property
    def room_bytes(self) -> int:
        """How many bytes it has."""
        return max(int(self._level), 0)

    @property
    def half_full_s(self) -> float:
        """When it is half full again, if nothing is taken; a time that has passed if it is."""
        return self._then_s + (self._most / 2 - self._level) / self._rate

    def fill(self, now_s: float) -> None:
        """Fills it up to now."""
        self._level = min(self._most, self._level + max(now_s - self._then_s, 0) * self._rate)
        self._then_s = max(now_s, self._then_s)

    def take(self, size_bytes: int) -> None:
        """Takes from it, also what it does not have: a flood's end is not put off for ever."""
        self._level = max(self._level - size_bytes, -self._most)


_Line: TypeAlias = tuple[bytes, bool, str]
"""A line that waits, whether it passes if it turns out not to be the tail's, and its kind: its template."""


@dataclass
class _Flood:
    counts: dict[str, int] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    masked: int = 0
    tail: deque[_Line] = field(default_factory=deque)
    lines: int = 0
    size_bytes: int = 0


class Control:
    """Controls one stream of bytes."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._flood: _Flood | None = None
        self._line = b""  # the unfinished one, in a flood
        self._in_line = False  # its beginning has passed, so its end does
        self._last = b"\n"  # the last byte that passed
        self._aside: list[bytes] = []
        self._masks = Masks(MASK_BYTES)

    @property
    def ends_s(self) -> float | None:
        """When the flood ends if nothing more comes; None where there is none."""
        return None if self._flood is None else self._bucket.half_full_s

    @property
    def pending_bytes(self) -> int:
        """How many bytes came that have neither passed nor been told of."""
        flood = self._flood
        return 0 if flood is None else flood.size_bytes + sum(len(line) for line, _, _ in flood.tail) + len(self._line)

    def feed(self, data: bytes, now_s: float) -> Passed:
        """Returns what of ``data``, which came at ``now_s``, and of what waited goes on."""
        ended, room_bytes, head = self.wake(now_s), self._bucket.room_bytes, b""
        self._bucket.take(len(data))
        if self._flood is None:
            if not self._bucket.is_empty:
                if data:
                    self._in_line = data[-1:] not in (b"\n", b"\r")
                return self._passed(ended.data + data, ended.withheld)
            at = data.rfind(b"\n", 0, room_bytes) + 1  # a head is no shorter for having come all at once with the flood
            head, data = data[:at], data[at:]
            self._in_line = self._in_line and not head
            self._flood = _Flood()
        return self._passed(ended.data + head + b"".join(self._lines(data)), ended.withheld)

    def wake(self, now_s: float) -> Passed:
        """Ends a flood that is over by now, as ``end`` does."""
        self._bucket.fill(now_s)
        return self.end() if self._flood is not None and self._bucket.half_full_s <= now_s else Passed(b"")

    def end(self) -> Passed:
        """Ends the flood, if there is one: returns what it withheld, in words, and its tail."""
        flood, self._flood = self._flood, None
        line, self._line = self._line, b""
        if flood is None:
            return Passed(b"")
        tail = b"".join(text for text, _, _ in flood.tail) + line
        self._in_line = bool(tail) and tail[-1:] not in (b"\n", b"\r")
        if not flood.size_bytes:
            return self._passed(tail, ())
        before = b"" if self._last == b"\n" else b"\n"
        return self._passed(before + _summary(flood) + tail, (Withheld(len(before), flood.size_bytes),))

    def _passed(self, data: bytes, withheld: tuple[Withheld, ...]) -> Passed:
        aside, self._aside = b"".join(self._aside), []
        self._last = data[-1:] or self._last
        return Passed(data, withheld, aside)

    def _lines(self, data: bytes) -> list[bytes]:
        """Takes the lines of ``data``, in a flood; returns those that pass."""
        rest = self._line + data
        lowered = rest.lower()
        words = [word for word in _ERRORS if word in lowered]  # mostly none: so no line is looked at for them
        out, lines = list[bytes](), rest.splitlines(keepends=True)
        self._line = b"" if not lines or lines[-1][-1:] in (b"\n", b"\r") else lines.pop()
        if words or not self._take_known(lines, out):
            for line in lines:
                self._take(line, words, out)
        while len(self._line) > LINE_BYTES or (self._in_line and self._line):
            part, self._line = self._line[:LINE_BYTES], self._line[LINE_BYTES:]
            self._take(part, words, out)
        return out

    def _take_known(self, lines: list[bytes], out: list[bytes]) -> bool:
        """Takes many lines at once, none of which looks like an error, where all are of kinds that need no new example.

        Does what ``_take`` does with each, ten times as fast; a flood is mostly this. False, and nothing done, where it is not.
        """
        flood = self._flood
        assert flood is not None
        if len(lines) <= TAIL_LINES or self._in_line or max(map(len, lines)) > LINE_BYTES:
            return False
        kinds = [self._kind(line, flood) for line in lines]
        if unknown := set(kinds) - flood.shown:
            if len(flood.shown) < TEMPLATES:
                return False
            kinds = [_OTHERS if kind in unknown else kind for kind in kinds]
        for waiting in flood.tail:
            self._let_go(waiting, flood, out)
        gone, data = len(lines) - TAIL_LINES, b"".join(lines[:-TAIL_LINES])
        flood.lines, flood.size_bytes = flood.lines + gone, flood.size_bytes + len(data)
        for kind, number in Counter(kinds[:gone]).items():
            flood.counts[kind] = flood.counts.get(kind, 0) + number
        self._aside.append(data)
        flood.tail = deque((line, False, kind) for line, kind in zip(lines[gone:], kinds[gone:], strict=True))
        return True

    def _let_go(self, waiting: _Line, flood: _Flood, out: list[bytes]) -> None:
        """Passes a line that is not the tail's, or withholds it."""
        text, passes, kind = waiting
        if passes:
            out.append(text)
            return
        flood.lines, flood.size_bytes = flood.lines + 1, flood.size_bytes + len(text)
        flood.counts[kind] = flood.counts.get(kind, 0) + 1
        self._aside.append(text)

    def _take(self, line: bytes, words: Sequence[bytes], out: list[bytes]) -> None:
        flood = self._flood
        assert flood is not None
        parts = [line[at : at + LINE_BYTES] for at in range(0, len(line), LINE_BYTES)] if len(line) > LINE_BYTES else [line]
        flood.tail.extend([self._judged(part, words, flood) for part in parts])
        while len(flood.tail) > TAIL_LINES:
            self._let_go(flood.tail.popleft(), flood, out)

    def _judged(self, line: bytes, words: Sequence[bytes], flood: _Flood) -> _Line:
        if self._in_line:
            self._in_line = line[-1:] not in (b"\n", b"\r")
            return line, True, ""
        kind = self._kind(line, flood)
        if words and _looks_like_error(line.lower(), words):
            return line, True, kind
        if kind in flood.shown:
            return line, False, kind
        if len(flood.shown) >= TEMPLATES:
            return line, False, _OTHERS
        flood.shown.add(kind)
        return line, True, kind

    def _kind(self, line: bytes, flood: _Flood) -> str:
        outline = zeros(line.rstrip(b"\r\n"))
        known = self._masks.known(outline)
        if known is not None:
            return known
        if flood.masked >= MASKED_LINES:
            return _OTHERS
        flood.masked += 1
        return self._masks.of(outline)


def _looks_like_error(lowered: bytes, words: Sequence[bytes]) -> bool:
    return any(word in lowered and (word != b"nan" or _NAN.search(lowered)) for word in words)


def _summary(flood: _Flood) -> bytes:
    lines = [b"[joblog] %d bytes were not kept here (flood: %d lines)\n" % (flood.size_bytes, flood.lines)]
    others = flood.counts.pop(_OTHERS, 0)
    for kind, count in sorted(flood.counts.items(), key=lambda one: -one[1]):
        lines.append(b"[joblog] %d times: %b\n" % (count, kind.encode()[:SHOWN_BYTES]))
    if others:
        lines.append(b"[joblog] %d lines of other kinds\n" % others)
    return b"".join(lines)
