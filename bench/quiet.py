"""Whether a measurement was disturbed: what all processors did meanwhile, less what was done by what is measured.

Other programs on the machine do not slow down everything alike: a server that needs one processor loses less than one
that, with its client, fills two. So a ratio measured beside them would be wrong, and mostly in joblog's favour.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

QUIET_CORES = 0.15
"""Others may use so much: the kernel's own threads do, when much is written, and nothing measured shows it."""

_TRIES = 3

_PROBE_S = 0.3

_TICKS = os.sysconf("SC_CLK_TCK")

# Of the processors' times: user, nice, system, irq, softirq and steal; guests' are in the first two.
_BUSY = (0, 1, 2, 5, 6, 7)

T = TypeVar("T")


class Measured(msgspec.Struct, Generic[T], frozen=True):
    """A result, and how many processors others used while it came about."""

    result: T
    others: float


class Patience:
    """Waits for others to be done, but not for ever: so many seconds in all."""

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds

    def wait(self, servers: Iterable[int]) -> None:
        """Returns when the others are quiet, or at once when there is no patience left."""
        servers = list(servers)
        while self._left_s > 0 and measured(lambda: time.sleep(_PROBE_S), servers).others > QUIET_CORES:
            self._left_s -= _PROBE_S


def measured(measure: Callable[[], T], servers: Iterable[int]) -> Measured[T]:
    """Measures, with the servers of these process ids and with programs that are waited for."""
    servers = list(servers)
    begun, busy_s, own_s = time.monotonic(), _busy_s(), _own_s(servers)
    result = measure()
    others_s = (_busy_s() - busy_s) - (_own_s(servers) - own_s)
    return Measured(result, max(others_s / (time.monotonic() - begun), 0.0))


def quietly(measure: Callable[[], T], servers: Iterable[int], patience: Patience) -> Measured[T]:
    """Measures when others are quiet, and again when they were not; returns the least disturbed."""
    servers, tries = list(servers), []
    for _ in range(_TRIES):
        patience.wait(servers)
        tries.append(measured(measure, servers))
        if tries[-1].others <= QUIET_CORES:
            break
    return min(tries, key=lambda each: each.others)


def _busy_s() -> float:
    """Returns the time that all processors together were not idle."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(ticks[number] for number in _BUSY) / _TICKS


def _own_s(servers: Iterable[int]) -> float:
    """Returns the time of this process, of those it has waited for, and of the servers."""
    ended = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in ended) + sum(map(used_s, servers))


def used_s(pid: int) -> float:
    """Returns the processor seconds of a process and of its children, those that have ended among them."""
    process = Path(f"/proc/{pid}")
    try:
        children = (process / "task" / str(pid) / "children").read_text().split()
        words = (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # A child that has ended just now.
    return sum(map(int, words[11:15])) / _TICKS + sum(used_s(int(child)) for child in children)
