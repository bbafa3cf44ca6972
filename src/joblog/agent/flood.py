"""Flood control: over a set rate, what is worth reading goes on and the rest is counted, exactly.

A bucket of bytes fills at the rate. While it has some, all passes: that is the head. When it is empty the flood begins:
lines that look like errors pass, the first of each template (a line with its numbers taken out) passes, the rest is
withheld. It ends when the bucket is half full again, or with the log: then come a line that tells what is missing, a count
for each template, and the tail, the last lines as they were. All wait until it is known that they are not the tail, so that
lines keep their order.

Pure: the time is an argument. Nothing is dropped in silence: what passes and what is withheld add up to what came.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

BURST_S = 10.0
"""What a job may print at once, in seconds of its rate: a table of hyperparameters is no flood."""

TAIL_LINES = 50
"""Last lines of a flood that are kept."""

TEMPLATES = 200
"""Templates counted one by one; what more there are are counted together."""

LINE_BYTES = 16 << 10
"""A longer line is taken in parts of this size, so that little is held."""

SHOWN_BYTES = 120
"""What is shown of a template."""

_ERROR = re.compile(
    rb"error|exception|traceback|fatal|fail|panic|abort|critical|\bnan\b|out of memory|killed|signal", re.IGNORECASE
)
_NUMBER = re.compile(rb"0x[0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")
_LINE_END = re.compile(rb"[\r\n]")


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


@dataclass
class _Flood:
    counts: dict[bytes, int] = field(default_factory=dict)
    others: int = 0
    tail: deque[tuple[bytes, bool]] = field(default_factory=deque)  # and whether it passes if it is not the tail
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

    @property
    def ends_s(self) -> float | None:
        """When the flood ends if nothing more comes; None where there is none."""
        return None if self._flood is None else self._bucket.half_full_s

    @property
    def pending_bytes(self) -> int:
        """How many bytes came that have neither passed nor been told of."""
        flood = self._flood
        return 0 if flood is None else flood.size_bytes + sum(len(line) for line, _ in flood.tail) + len(self._line)

    def feed(self, data: bytes, now_s: float) -> Passed:
        """Returns what of ``data``, which came at ``now_s``, and of what waited goes on."""
        ended = self.wake(now_s)
        self._bucket.take(len(data))
        if self._flood is None:
            if not self._bucket.is_empty:
                if data:
                    self._in_line = data[-1:] not in (b"\n", b"\r")
                return self._passed(ended.data + data, ended.withheld)
            self._flood = _Flood()
        return self._passed(ended.data + b"".join(self._lines(data)), ended.withheld)

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
        tail = b"".join(line for line, _ in flood.tail) + line
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
        out, rest, at = list[bytes](), self._line + data, 0
        for found in _LINE_END.finditer(rest):
            self._take(rest[at : found.end()], out)
            at = found.end()
        self._line = rest[at:]
        while len(self._line) > LINE_BYTES or (self._in_line and self._line):
            part, self._line = self._line[:LINE_BYTES], self._line[LINE_BYTES:]
            self._take(part, out)
        return out

    def _take(self, line: bytes, out: list[bytes]) -> None:
        flood = self._flood
        assert flood is not None
        for at in range(0, len(line), LINE_BYTES):
            part = line[at : at + LINE_BYTES]
            flood.tail.append((part, self._passes(part, flood)))
        while len(flood.tail) > TAIL_LINES:
            part, passes = flood.tail.popleft()
            if passes:
                out.append(part)
            else:
                self._withhold(part, flood)

    def _passes(self, line: bytes, flood: _Flood) -> bool:
        if self._in_line or _ERROR.search(line):
            self._in_line = self._in_line and line[-1:] not in (b"\n", b"\r")
            return True
        template = _template(line)
        if template in flood.counts or len(flood.counts) >= TEMPLATES:
            return False
        flood.counts[template] = 0
        return True

    def _withhold(self, line: bytes, flood: _Flood) -> None:
        flood.lines, flood.size_bytes = flood.lines + 1, flood.size_bytes + len(line)
        self._aside.append(line)
        template = _template(line)
        if template in flood.counts:
            flood.counts[template] += 1
        else:
            flood.others += 1


def _template(line: bytes) -> bytes:
    return _NUMBER.sub(b"#", line.strip()[: 4 * SHOWN_BYTES])[:SHOWN_BYTES]


def _summary(flood: _Flood) -> bytes:
    lines = [b"[joblog] %d bytes were not kept here (flood: %d lines)\n" % (flood.size_bytes, flood.lines)]
    for template, count in sorted(flood.counts.items(), key=lambda one: -one[1]):
        if count:
            lines.append(b"[joblog] %d times: %b\n" % (count, template))
    if flood.others:
        lines.append(b"[joblog] %d lines of other kinds\n" % flood.others)
    return b"".join(lines)
