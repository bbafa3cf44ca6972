"""Flood control: over a set rate, what is worth reading goes on and the rest is counted, exactly.

A bucket of bytes fills at the rate. While it has some, all passes: that is the head. When it is empty the flood begins:
lines that look like errors pass, the first of each template (a line with its numbers taken out) passes, the last ones
wait to be the tail, the rest is withheld. It ends when the bucket is half full again, or with the log: then come a line
that tells what is missing, a count for each template, and the tail.

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
    """What goes on, and what is missing in it."""

    data: bytes
    withheld: tuple[Withheld, ...] = ()


@dataclass
class _Flood:
    counts: dict[bytes, int] = field(default_factory=dict)
    others: int = 0
    tail: deque[bytes] = field(default_factory=deque)
    lines: int = 0
    size_bytes: int = 0


class Control:
    """Controls one stream of bytes at ``rate_bytes_s``."""

    def __init__(self, rate_bytes_s: float, now_s: float) -> None:
        """``now_s``: any clock that does not go back."""
        self._rate, self._burst = rate_bytes_s, rate_bytes_s * BURST_S
        self._bucket, self._then_s = self._burst, now_s
        self._flood: _Flood | None = None
        self._line = b""  # the unfinished one, in a flood
        self._in_line = False  # its beginning has passed, so its end does

    def feed(self, data: bytes, now_s: float) -> Passed:
        """Returns what of ``data``, which came at ``now_s``, and of what waited goes on."""
        self._bucket = min(self._burst, self._bucket + max(now_s - self._then_s, 0) * self._rate)
        self._then_s = max(now_s, self._then_s)
        ended = Passed(b"")
        if self._flood is not None and self._bucket >= self._burst / 2:
            ended = self.end()
        self._bucket = max(self._bucket - len(data), -self._burst)
        if self._flood is None:
            if self._bucket > 0:
                self._in_line = bool(data) and data[-1:] not in (b"\n", b"\r")
                return Passed(ended.data + data, ended.withheld)
            self._flood = _Flood()
        return Passed(ended.data + b"".join(self._lines(data)), ended.withheld)

    def end(self) -> Passed:
        """Ends the flood, if there is one: returns what it withheld, in words, and its tail."""
        flood, self._flood = self._flood, None
        line, self._line = self._line, b""
        if flood is None:
            return Passed(line)
        tail = b"".join(flood.tail) + line
        self._in_line = bool(tail) and tail[-1:] not in (b"\n", b"\r")
        if not flood.size_bytes:
            return Passed(tail)
        return Passed(_summary(flood) + tail, (Withheld(0, flood.size_bytes),))

    def _lines(self, data: bytes) -> list[bytes]:
        """Returns those lines that pass in a flood."""
        out, rest, at = [], self._line + data, 0
        for found in _LINE_END.finditer(rest):
            out.extend(self._parts(rest[at : found.end()]))
            at = found.end()
        self._line = rest[at:]
        while len(self._line) > LINE_BYTES or (self._in_line and self._line):
            part, self._line = self._line[:LINE_BYTES], self._line[LINE_BYTES:]
            out.extend(self._parts(part))
        return out

    def _parts(self, line: bytes) -> list[bytes]:
        parts = [line[at : at + LINE_BYTES] for at in range(0, len(line), LINE_BYTES)]
        return [part for part in parts if self._passes(part)]

    def _passes(self, line: bytes) -> bool:
        """Returns whether a line passes at once; one that does not waits in the tail, or is withheld by one that does."""
        flood = self._flood
        assert flood is not None
        if self._in_line or _ERROR.search(line):
            self._in_line = self._in_line and line[-1:] not in (b"\n", b"\r")
            return True
        template = _NUMBER.sub(b"#", line.strip()[: 4 * SHOWN_BYTES])[:SHOWN_BYTES]
        if template not in flood.counts and len(flood.counts) < TEMPLATES:
            flood.counts[template] = 0
            return True
        flood.tail.append(line)
        if len(flood.tail) > TAIL_LINES:
            self._withhold(flood, flood.tail.popleft())
        return False

    def _withhold(self, flood: _Flood, line: bytes) -> None:
        template = _NUMBER.sub(b"#", line.strip()[: 4 * SHOWN_BYTES])[:SHOWN_BYTES]
        flood.lines, flood.size_bytes = flood.lines + 1, flood.size_bytes + len(line)
        if template in flood.counts:
            flood.counts[template] += 1
        else:
            flood.others += 1


def _summary(flood: _Flood) -> bytes:
    lines = [b"[joblog] %d bytes were not kept here (flood: %d lines)\n" % (flood.size_bytes, flood.lines)]
    for template, count in sorted(flood.counts.items(), key=lambda one: -one[1]):
        if count:
            lines.append(b"[joblog] %d times: %b\n" % (count, template))
    if flood.others:
        lines.append(b"[joblog] %d lines of other kinds\n" % flood.others)
    return b"".join(lines)
