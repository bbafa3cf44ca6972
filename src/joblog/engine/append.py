"""Appending: what many writers send is committed in groups, each byte once, in order, durable before the answer.

One thread takes whatever has come in while the last commit ran, appends it in one transaction and tells the writers. So the
rate of fsyncs is the disk's and the rate of appends is not bound to it. An append that begins before the log's end is a
repeat: what is held must be equal, the rest is taken. Comparing may need sealed bytes, so it is never done in the transaction.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from msgspec import Struct

from joblog.catalog.database import Transaction
from joblog.catalog.logs import Logs, append, pack
from joblog.core.counters import COMMIT_FAILURES, COMMITS, Tally
from joblog.core.lines import Bytes
from joblog.core.logs import Growth, Head
from joblog.engine.read import PageReader
from joblog.errors import BeyondEnd, Busy, Closed, Different, JoblogError, NotFound, Unavailable

# One transaction takes at most so much, so that the first in it does not wait for ever.
_GROUP_BYTES = 16 * 1024 * 1024

# Repeats are compared in parts of this size.
_COMPARE_BYTES = 1024 * 1024

Outcome = tuple[bool, Head] | JoblogError
"""Whether an append was taken and the log's head behind it; or why it failed."""


class _Pending(Struct):
    log_id: int
    at: int | None
    data: Bytes
    done: Callable[[Outcome], None]


class Appender:
    """The one writer of appends. ``deliver`` runs the calls that tell writers, for instance on an event loop."""

    def __init__(
        self,
        logs: Logs,
        reader: PageReader,
        *,
        clock_ms: Callable[[], int],
        queue_bytes: int,
        deliver: Callable[[Callable[[], None]], None] = lambda tell: tell(),
        tally: Tally | None = None,
    ) -> None:
        """Starts the thread."""
        self._logs = logs
        self._reader = reader
        self._clock_ms = clock_ms
        self._room = self._all_room = queue_bytes
        self._tally = tally or Tally()
        self._lock = threading.Lock()
        self._deliver = deliver
        self._waiting: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="joblog-ingest", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """How many bytes are waiting for their commit."""
        return self._all_room - self._room

    def append(self, log_id: int, at: int, data: Bytes) -> Head:
        """Appends and returns the log's head behind it; blocks until the bytes are durable.

        Raises BeyondEnd, Different, Closed, Busy, NotFound, Unavailable.
        """
        while data:
            answer: Future[Outcome] = Future()
            self.submit(log_id, at, data, answer.set_result)
            outcome = answer.result()
            if isinstance(outcome, JoblogError):
                raise outcome
            taken, head = outcome
            if taken:
                return head
            repeated = self.repeated(head, at, data)
            at, data = at + repeated, data[repeated:]
        return self._logs.head(log_id)

    def submit(self, log_id: int, at: int | None, data: Bytes, done: Callable[[Outcome], None]) -> None:
        """Queues an append; ``done`` is told when it is durable, or why it is not. Raises Busy when the queue is full.

        With ``at`` None it goes to where the log ends then. It may not be taken all the same: the log is closed, or another
        node was first.
        """
        with self._lock:
            if self._room < len(data):
                raise Busy("too many appends are waiting for the disk")
            self._room -= len(data)
        self._waiting.put(_Pending(log_id, at, data, done))

    def repeated(self, head: Head, at: int, data: Bytes) -> int:
        """Returns how many bytes of an append at ``at`` the log holds already; blocks while it compares.

        Bytes that retention has removed count as held. Raises BeyondEnd, Different, and Closed when something is left.
        """
        if at > head.end_byte:
            raise BeyondEnd(f"the log ends at {head.end_byte}, the append starts at {at}", head.end_byte)
        length = min(head.end_byte - at, len(data))
        low = max(at, head.start_byte)
        while low < at + length:
            high = min(low + _COMPARE_BYTES, at + length)
            page = self._reader.read(head, partial(_kept, low, high))
            if page.data != data[page.start_byte - at : high - at]:
                raise Different(f"bytes {low} to {high} are held, and differ", head.end_byte)
            low = high
        if head.closed and length < len(data):
            raise Closed(f"the log is closed at {head.end_byte}", head.end_byte)
        return length

    def close(self) -> None:
        """Commits what is waiting and ends the thread."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            group, last = self._group(first)
            outcomes = self._commit(group)
            with self._lock:
                self._room += sum(len(each.data) for each in group)
            self._deliver(partial(self._tell, group, outcomes))
            if last:
                return

    def _group(self, first: _Pending) -> tuple[list[_Pending], bool]:
        group, size = [first], len(first.data)
        while size < _GROUP_BYTES:
            try:
                each = self._waiting.get_nowait()
            except queue.Empty:
                break
            if each is None:
                return group, True
            group.append(each)
            size += len(each.data)
        return group, False

    def _commit(self, group: list[_Pending]) -> list[Outcome]:
        packed = [pack(each.data) for each in group]
        by_log: dict[int, list[int]] = {}
        for number, each in enumerate(group):
            by_log.setdefault(each.log_id, []).append(number)
        parts = {log_id: [(group[number].at, packed[number]) for number in numbers] for log_id, numbers in by_log.items()}
        began_s = time.perf_counter()
        try:
            with self._logs.transaction() as tx:
                done = append(tx, parts, self._clock_ms())
                for log_id, numbers in by_log.items():
                    _tell_growth(tx, [group[number].data for number in numbers], done[log_id])
        except Exception as error:  # noqa: BLE001  # whatever failed, each writer must hear of it
            self._tally.add(COMMIT_FAILURES)
            failed = error if isinstance(error, JoblogError) else Unavailable(f"the catalog failed: {error!r}")
            return [failed] * len(group)
        self._tally.took(COMMITS, time.perf_counter() - began_s)
        outcomes: dict[int, Outcome] = {}
        for log_id, numbers in by_log.items():
            head = done[log_id]
            outcomes.update(dict.fromkeys(numbers, head) if isinstance(head, NotFound) else zip(numbers, head, strict=True))
        return [outcomes[number] for number in range(len(group))]

    def _tell(self, group: Sequence[_Pending], outcomes: Sequence[Outcome]) -> None:
        for each, outcome in zip(group, outcomes, strict=True):
            each.done(outcome)


def _tell_growth(tx: Transaction, parts: Sequence[Bytes], outcomes: Sequence[tuple[bool, Head]] | NotFound) -> None:
    if isinstance(outcomes, NotFound):
        return
    taken = [(part, head) for part, (fits, head) in zip(parts, outcomes, strict=True) if fits]
    if taken:
        head = taken[-1][1]
        data = tuple(part for part, _ in taken)
        tx.grew(Growth(head, head.end_byte - sum(map(len, data)), data))


def _kept(low: int, high: int, log: Head) -> tuple[int, int]:
    return max(low, log.start_byte), high
