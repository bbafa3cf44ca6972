"""What a process has done since it started, counted where it is done, for whoever watches it.

Counting is on the way of every append and every page, so it is a look-up and an addition under a lock, some hundred
nanoseconds. How the counts look outside is for the server to say (server/ops/metrics.py); the names are Prometheus' already, so
that one list is the reference for all.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

QUICK_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of durations: a page from memory takes less than the first, what waits for a store that is away more than the last."""


class Kind:
    """One thing that is counted (or, with ``bounds``, measured in seconds): its name, its meaning, the names of its labels.

    ``known`` are label values that exist from the start, with 0: an alert on a count that was never made would never fire.
    """

    def __init__(
        self,
        name: str,
        help: str,
        labels: Sequence[str] = (),
        *,
        bounds: Sequence[float] = (),
        known: Sequence[tuple[str, ...]] = (),
    ) -> None:
        self.name = name
        self.help = help
        self.labels = tuple(labels)
        self.bounds = tuple(bounds)
        self.known = tuple(known) if self.labels else ((),)


REQUESTS = Kind(
    "joblog_http_request_seconds",
    "time until an answer begins, by the route's template",
    ("method", "route", "status"),
    bounds=QUICK_S,
)
APPENDS = Kind(
    "joblog_appends_total",
    "appends by what became of them: taken, or repeated where all of it was held already",
    ("outcome",),
    known=(("taken",), ("repeated",)),
)
APPENDED_BYTES = Kind("joblog_appended_bytes_total", "bytes that appends have added, acknowledged")
RECORDS = Kind(
    "joblog_records_total",
    "records of collectors, over OpenTelemetry's protocol or Loki's, by what became of them: taken or refused",
    ("outcome",),
    known=(("taken",), ("refused",)),
)
COMMITS = Kind("joblog_commit_seconds", "time of a commit of appends, however many were grouped in it", bounds=QUICK_S)
COMMIT_FAILURES = Kind("joblog_commit_failures_total", "commits of appends that the catalog failed")
SEALED = Kind(
    "joblog_segments_total",
    "objects of logs that were written: by sealing tails, by packing small logs, by merging, or of a large append",
    ("by",),
    known=(("seal",), ("pack",), ("merge",), ("append",)),
)
ROUND_FAILURES = Kind("joblog_janitor_failures_total", "steps of the background loop that failed and are tried again")
OBJECT_CALLS = Kind(
    "joblog_object_store_seconds",
    "time of calls of the object store",
    ("call", "outcome"),
    bounds=QUICK_S,
    known=tuple((call, outcome) for call in ("put", "ranges", "get", "delete") for outcome in ("ok", "failed")),
)
DAMAGED = Kind("joblog_damaged_reads_total", "reads of sealed bytes that were missing or failed their checksum")
CLOSED = Kind(
    "joblog_logs_closed_total",
    "logs that were closed: complete, where byte count and CRC-32 of agent and server agree, or incomplete, or unproved",
    ("result",),
    known=(("complete",), ("incomplete",), ("unproved",)),
)
GAPS = Kind("joblog_gaps_total", "gaps that writers have reported, by reason", ("reason",), known=(("other",),))
GAP_BYTES = Kind("joblog_gap_bytes_total", "bytes that writers could not keep", ("reason",), known=(("other",),))
ALERTS = Kind("joblog_alerts_total", "alerts that rules have raised, those of muted rules too")
DELIVERIES = Kind(
    "joblog_alert_deliveries_total",
    "alerts that were sent, by what became of them: sent, tried again later, or failed for good",
    ("outcome",),
    known=(("sent",), ("again",), ("failed",)),
)
WATCH_FAILURES = Kind("joblog_watch_failures_total", "looks at runs that failed and are tried again")

KINDS = (
    *(REQUESTS, APPENDS, APPENDED_BYTES, RECORDS, COMMITS, COMMIT_FAILURES, SEALED),
    *(ROUND_FAILURES, OBJECT_CALLS, DAMAGED, CLOSED, GAPS, GAP_BYTES),
    *(ALERTS, DELIVERIES, WATCH_FAILURES),
)


_BY_NAME = {kind.name: kind for kind in KINDS}


class Distribution:
    """How many values there were up to each bound, and beyond the last; and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Counts a value; one that is equal to a bound is within it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> Distribution:
        """Returns the same, which stays as it is."""
        same = Distribution(self.bounds)
        same.counts, same.total = self.counts[:], self.total
        return same


class Tally:
    """All counts of a process. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Kind, dict[tuple[str, ...], int]] = {}
        self._taken: dict[Kind, dict[tuple[str, ...], Distribution]] = {}
        for kind in KINDS:
            if kind.bounds:
                self._taken[kind] = {labels: Distribution(kind.bounds) for labels in kind.known}
            else:
                self._counts[kind] = dict.fromkeys(kind.known, 0)

    def add(self, kind: Kind, *labels: str, count: int = 1) -> None:
        """Counts; ``labels`` are of the kind's, and never a name from outside."""
        with self._lock:
            counts = self._counts[kind]
            counts[labels] = counts.get(labels, 0) + count

    def distribution(self, kind: Kind, *labels: str) -> Distribution:
        """Returns what is measured with these labels, for the one thread that adds to it, and then needs no lock."""
        with self._lock:
            taken = self._taken[kind].get(labels)
            if taken is None:
                taken = self._taken[kind][labels] = Distribution(kind.bounds)
            return taken

    def took(self, kind: Kind, seconds: float, *labels: str) -> None:
        """Counts something that took so long."""
        taken = self.distribution(kind, *labels)
        with self._lock:
            taken.add(seconds)

    def given(self) -> tuple[list[tuple[str, list[str], int]], list[tuple[str, list[str], list[int], float]]]:
        """Returns what was counted, by the kinds' names, for another process to ``take``, and begins anew."""
        with self._lock:
            counts = [(kind.name, list(labels), n) for kind, each in self._counts.items() for labels, n in each.items() if n]
            durations = [
                (kind.name, list(labels), taken.counts, taken.total)
                for kind, each in self._taken.items()
                for labels, taken in each.items()
                if any(taken.counts)
            ]
            for kind in self._counts:
                self._counts[kind] = dict.fromkeys(self._counts[kind], 0)
            for each in self._taken.values():
                for taken in each.values():
                    taken.counts, taken.total = [0] * len(taken.counts), 0.0
        return counts, durations

    def take(
        self,
        counts: Iterable[tuple[str, tuple[str, ...], int]],
        durations: Iterable[tuple[str, tuple[str, ...], list[int], float]],
    ) -> None:
        """Adds what another process has ``given``; on the thread that answers requests, as their durations have no lock."""
        for name, labels, count in counts:
            self.add(_BY_NAME[name], *labels, count=count)
        for name, labels, taken, total in durations:
            distribution = self.distribution(_BY_NAME[name], *labels)
            with self._lock:
                distribution.counts = [a + b for a, b in zip(distribution.counts, taken, strict=True)]
                distribution.total += total

    def counts(self) -> Iterator[tuple[Kind, dict[tuple[str, ...], int]]]:
        """Yields what was counted, by labels."""
        for kind, counts in self._counts.items():
            with self._lock:
                copy = dict(counts)
            yield kind, copy

    def durations(self) -> Iterator[tuple[Kind, dict[tuple[str, ...], Distribution]]]:
        """Yields what was measured, by labels."""
        for kind, taken in self._taken.items():
            with self._lock:
                copy = {labels: each.copy() for labels, each in taken.items()}
            yield kind, copy
