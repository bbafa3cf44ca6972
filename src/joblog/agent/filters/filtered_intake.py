"""The intake through filters: exactly once, whatever is killed when.

The spool, and so the disk and the network, get what the filters let pass, and nothing else. What was taken from a pipe and
is not in the spool yet is in memory that the foreground process shares with its keepers (``Held``): a keeper that is killed
at any instruction leaves to the next one what it held back, and what it was about to write. Every step is a record, made
valid by one store:

    1. the kernel moves bytes from the pipe into ``raw``         killed after it: the next keeper takes them from there
    2. what comes of them, and what is held back, is a record    killed after it: the next keeper writes the rest of it
    3. it is appended to the spool                               killed in it: the spool's length says how much is missing
    4. they are passed on to joblog's stdout
"""

from __future__ import annotations

import errno
import mmap
import os
import pickle
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from joblog.agent.filters.chain import Sieves, new_sieves
from joblog.agent.filters.flood import Passed
from joblog.agent.filters.redact import Rule
from joblog.agent.filters.withheld_file import NOWHERE, Aside
from joblog.agent.run.intake import READ_BYTES
from joblog.agent.run.pass_on import STDERR, STDOUT, say
from joblog.agent.spool.spool import WITHHELD, Spool
from joblog.api.refs import Gap

_COUNTER = struct.Struct("q")

_STEP, _WRITTEN, _PASSED, _STREAM = range(4)
"""The counters' numbers; of the last there are two."""


@dataclass(frozen=True)
class _Record:
    """A step's outcome: ``data`` goes to ``at`` in the spool; ``sieves`` is what is held back after it."""

    data: bytes
    at: int
    lost_bytes: int
    gaps: tuple[Gap, ...]
    withheld_bytes: int
    aside: bytes
    aside_at: int
    sieves: bytes


class SharedPieces:
    """The memory that the foreground process shares with its keepers; no file has a name in it, none is on a disk.

    There are two of each, the record that is valid and the one that is made next; ``raw[step % 2]`` is what is not in the
    record of ``step`` yet.
    """

    def __init__(self) -> None:
        """Makes it; raises OSError."""
        self._raw, self._records = list[int](), list[int]()
        for number in (0, 1):
            self._raw.append(os.memfd_create(f"joblog-raw-{number}"))
            self._records.append(os.memfd_create(f"joblog-record-{number}"))
        self._counters = mmap.mmap(-1, (_STREAM + 2) * _COUNTER.size)

    def __del__(self) -> None:
        for file in (*self._raw, *self._records):
            os.close(file)

    @property
    def step(self) -> int:
        """How many records have become valid."""
        return self._get(_STEP)

    @property
    def written_step(self) -> int:
        """The last step whose bytes are in the spool."""
        return self._get(_WRITTEN)

    @property
    def passed_step(self) -> int:
        """The last step whose bytes are on joblog's own stdout or stderr, too."""
        return self._get(_PASSED)

    def written(self) -> None:
        """Says that the step's bytes are in the spool."""
        self._set(_WRITTEN, self.step)

    def passed_on(self) -> None:
        """Says that the step's bytes are on joblog's own stdout or stderr."""
        self._set(_PASSED, self.step)

    def descriptor(self, step: int) -> int:
        """Returns which of joblog's own descriptors the bytes go on to that were taken after ``step``."""
        return self._get(_STREAM + step % 2)

    def raw(self, step: int) -> bytes:
        """Returns what was taken after ``step``."""
        return _content(self._raw[step % 2])

    def receive(self, source: int, descriptor: int) -> bytes:
        """Moves what the pipe holds into ``raw``, in one call of the kernel's; from what is no pipe in two."""
        self._set(_STREAM + self.step % 2, descriptor)
        raw = self._raw[self.step % 2]
        try:
            os.splice(source, raw, READ_BYTES, offset_dst=0)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EPERM):
                raise
            data = os.read(source, READ_BYTES)
            os.pwrite(raw, data, 0)
        return self.raw(self.step)

    def record(self) -> bytes:
        """Returns the valid record; nothing before the first one."""
        return _content(self._records[self.step % 2])

    def commit(self, record: bytes) -> None:
        """Makes ``record`` the valid one, in which all that is in ``raw`` has gone."""
        following = self.step + 1
        for file, content in ((self._records[following % 2], record), (self._raw[following % 2], b"")):
            os.ftruncate(file, 0)
            os.pwrite(file, content, 0)
        self._set(_STEP, following)

    def _get(self, number: int) -> int:
        return int(_COUNTER.unpack_from(self._counters, number * _COUNTER.size)[0])

    def _set(self, number: int, value: int) -> None:
        # One aligned store: whoever is killed has made it or has not.
        _COUNTER.pack_into(self._counters, number * _COUNTER.size, value)


def _content(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


class Filters:
    """What is to be done: secrets masked that ``rules`` find, more than ``rate_bytes_s`` controlled."""

    def __init__(self, rules: Sequence[Rule] = (), rate_bytes_s: float | None = None) -> None:
        self._rules, self._rate_bytes_s = rules, rate_bytes_s
        self._taken: SharedPieces | None = None

    def prepare(self) -> None:
        """Makes the memory that the foreground process shares with its keepers; raises OSError."""
        self._taken = SharedPieces()

    def intake(self, spool: Spool, limit_bytes: int) -> Filtered:
        """Returns an intake that finishes what the one before it was about to write, and goes on."""
        assert self._taken is not None
        sieves = new_sieves(STDERR, self._rules, self._rate_bytes_s, time.monotonic())
        return Filtered(spool, self._taken, sieves, Aside(spool.place or NOWHERE, limit_bytes))


class Filtered:
    """The intake through filters."""

    def __init__(self, spool: Spool, taken: SharedPieces, sieves: Sieves, aside: Aside) -> None:
        """Finishes what a keeper before this one was about to write."""
        self._spool, self._taken, self._sieves, self._aside = spool, taken, sieves, aside
        if record := taken.record():
            saved: _Record = pickle.loads(record)  # noqa: S301 - memory that nobody else has
            self._sieves.load(saved.sieves)
            if taken.written_step < taken.step:
                self._write(saved)

    def receive(self, source: int, descriptor: int) -> bytes:
        """Moves the bytes into memory."""
        return self._taken.receive(source, descriptor)

    def keep(self) -> None:
        """Filters them and appends what passes."""
        taken = self._taken
        if data := taken.raw(taken.step):
            stream = taken.descriptor(taken.step) - STDOUT
            self._commit([self._sieves[stream].feed(data, time.monotonic())])

    def passed_on(self) -> None:
        """Counts the step."""
        self._taken.passed_on()

    def not_passed_on(self) -> Iterator[tuple[bytes, int]]:
        """Yields the last step's bytes, and those that no step was made of yet."""
        taken = self._taken
        if taken.passed_step < taken.step:
            yield taken.raw(taken.step - 1), taken.descriptor(taken.step - 1)
            taken.passed_on()
        if data := taken.raw(taken.step):
            self.keep()
            yield data, taken.descriptor(taken.step - 1)
            taken.passed_on()

    @property
    def due_s(self) -> float | None:
        """When the sieves are to be woken."""
        return self._sieves.due_s

    def wake(self) -> None:
        """Appends what was held back for long enough."""
        now_s = time.monotonic()
        self._commit([sieve.wake(now_s) for sieve in self._sieves])

    def end(self) -> None:
        """Appends all that was held back."""
        now_s = time.monotonic()
        self._commit([sieve.end(now_s) for sieve in self._sieves])
        if self._aside.message:
            say(self._aside.message)

    def _commit(self, passed: Sequence[Passed]) -> None:
        self._spool.settle()
        at, data, gaps = self._spool.end_byte, b"", list[Gap]()
        for each in passed:
            gaps.extend(Gap(at + len(data) + gap.at_byte, gap.size_bytes, WITHHELD) for gap in each.withheld)
            data += each.data
        record = _Record(
            data,
            at,
            self._spool.lost_bytes,
            tuple(gaps),
            self._sieves.withheld_bytes,
            b"".join(each.aside for each in passed),
            self._aside.size_bytes,
            self._sieves.dump(),
        )
        self._taken.commit(pickle.dumps(record))
        self._write(record)

    def _write(self, record: _Record) -> None:
        """Writes what of ``record`` is not written yet."""
        spool = self._spool
        done = max(spool.end_byte - record.at + spool.lost_bytes - record.lost_bytes, 0)
        spool.append_settled(record.data[done:])
        for gap in record.gaps:
            spool.note_gap(gap if gap.at_byte <= spool.end_byte else gap._replace(at_byte=spool.end_byte))
        spool.note_withheld(record.withheld_bytes)
        self._aside.write(record.aside, record.aside_at)
        self._taken.written()
