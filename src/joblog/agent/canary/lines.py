"""The lines that a canary's job prints, and what becomes of them: the program that prints, and the judge of what came.

A line says its number, when it was printed and a CRC-32 of itself, so that one that was changed on its way is known as such.
``python -m joblog.agent.canary.lines RATE COUNT SIZE`` prints.
"""

from __future__ import annotations

import re
import sys
import threading
import time
import zlib
from collections.abc import Iterator

MIN_LINE_BYTES = 48

# Seconds; what a follower sees is mostly between a tenth and one.
BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_LINE = re.compile(rb"canary ([0-9]{1,15}) ([0-9]{1,20}) x* ([0-9a-f]{8})\n")

FAULTS = ("missing", "repeated", "out_of_order", "wrong", "late")


def line(number: int, time_ms: int, size_bytes: int) -> bytes:
    """Returns a line of that size, newline and all, or as short as it can be."""
    begin = b"canary %d %d " % (number, time_ms)
    begin += b"x" * (size_bytes - len(begin) - 10) + b" "
    return begin + b"%08x\n" % zlib.crc32(begin)


def parsed(text: bytes) -> tuple[int, int] | None:
    """Returns number and time (ms) of a line; None for what is none of ours, or was changed."""
    match = _LINE.fullmatch(text)
    if match is None or int(match[3], 16) != zlib.crc32(text[:-9]):
        return None
    return int(match[1]), int(match[2])


class Totals:
    """What all rounds have found. For any thread; ``by`` is ``follow`` or ``query``, how the lines were got."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.lines = {"follow": 0, "query": 0}
        self.faults = {(fault, by): 0 for fault in FAULTS for by in self.lines}
        self.rounds = {"complete": 0, "incomplete": 0, "interrupted": 0}
        self.delays = [0] * (len(BOUNDS_S) + 1)
        self.delay_sum_s = self.slowest_s = 0.0

    def line(self, by: str) -> None:
        """Counts a line."""
        with self._lock:
            self.lines[by] += 1

    def fault(self, fault: str, by: str, count: int = 1) -> None:
        """Counts something that is wrong."""
        with self._lock:
            self.faults[fault, by] += count

    def delay(self, seconds: float) -> None:
        """Counts how long a line took from its printing to the follower."""
        with self._lock:
            self.delays[next((n for n, bound in enumerate(BOUNDS_S) if seconds <= bound), len(BOUNDS_S))] += 1
            self.delay_sum_s += seconds
            self.slowest_s = max(self.slowest_s, seconds)

    def round(self, result: str) -> None:
        """Counts a round."""
        with self._lock:
            self.rounds[result] += 1

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong."""
        return not any(self.faults.values()) and not self.rounds["incomplete"]


class Judge:
    """Takes one round's lines as they come, in pieces of any size."""

    def __init__(self, by: str, totals: Totals, count: int, late_s: float | None = None) -> None:
        self._by, self._totals, self._late_s = by, totals, late_s
        self._seen = bytearray(count)
        self._rest = b""
        self.highest = -1

    def take(self, data: bytes, now_ms: int) -> None:
        """Takes what came."""
        for text in self._lines(data):
            record = parsed(text)
            if record is None or record[0] >= len(self._seen):
                self._totals.fault("wrong", self._by)
                continue
            self._line(*record, now_ms)

    def finish(self) -> None:
        """Says that nothing more comes: what did not is missing."""
        self._totals.fault("missing", self._by, self._seen.count(0))
        if self._rest:
            self._totals.fault("wrong", self._by)

    def _lines(self, data: bytes) -> Iterator[bytes]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        return (text + b"\n" for text in whole)

    def _line(self, number: int, time_ms: int, now_ms: int) -> None:
        self._totals.line(self._by)
        if self._seen[number]:
            self._totals.fault("repeated", self._by)
        elif number < self.highest:
            self._totals.fault("out_of_order", self._by)
        self._seen[number] = 1
        self.highest = max(self.highest, number)
        if self._late_s is not None:
            delay_s = max(now_ms - time_ms, 0) / 1000
            self._totals.delay(delay_s)
            if delay_s > self._late_s:
                self._totals.fault("late", self._by)


def print_lines(rate: float, count: int, size_bytes: int) -> None:
    """Prints ``count`` lines, ``rate`` a second."""
    began_s = time.monotonic()
    for number in range(count):
        left_s = began_s + number / rate - time.monotonic()
        if left_s > 0:
            time.sleep(left_s)
        sys.stdout.buffer.write(line(number, time.time_ns() // 1_000_000, size_bytes))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    print_lines(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
