"""How bytes come from the job's pipes into the spool. ``Straight``: the kernel moves them. Filters: ``filtered_intake.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from joblog.agent.run.pass_on import SharedMark
from joblog.agent.spool.spool import Spool

READ_BYTES = 256 << 10
"""One read takes all that a pipe holds; reading less does not improve the order, only costs."""


class Intake(Protocol):
    """Takes the job's bytes into the spool."""

    def receive(self, source: int, descriptor: int) -> bytes:
        """Takes what the pipe ``source`` holds; none at its end. They belong on joblog's own ``descriptor``."""

    def keep(self) -> None:
        """Sees to it that what was received is in the spool, or held back."""

    def passed_on(self) -> None:
        """Notes that what was received is on joblog's own descriptor, too."""

    def not_passed_on(self) -> Iterator[tuple[bytes, int]]:
        """Yields what a keeper before this one took and may not have passed on, and where it belongs."""

    @property
    def due_s(self) -> float | None:
        """When to ``wake`` it; None: not at all."""

    def wake(self) -> None:
        """Lets go of what was held back for long enough."""

    def end(self) -> None:
        """Lets go of everything."""


class Straight:
    """The intake without filters."""

    due_s = None

    def __init__(self, spool: Spool, mark: SharedMark) -> None:
        self._spool, self._mark, self._descriptor = spool, mark, 0

    def receive(self, source: int, descriptor: int) -> bytes:
        """Moves the bytes into the spool."""
        self._descriptor = descriptor
        self._mark.set(self._spool.end_byte, descriptor)
        return self._spool.take(source, READ_BYTES)

    def keep(self) -> None:
        """They are there."""

    def passed_on(self) -> None:
        """Moves the mark."""
        self._mark.set(self._spool.end_byte, self._descriptor)

    def not_passed_on(self) -> Iterator[tuple[bytes, int]]:
        """Yields what is in the spool behind the mark."""
        at, descriptor = self._mark.get()
        at = max(at, self._spool.start_byte)
        while descriptor and (data := self._spool.read(at, READ_BYTES)):
            at += len(data)
            yield data, descriptor

    def wake(self) -> None:
        """Nothing is held back."""

    def end(self) -> None:
        """Nothing is held back."""


class Filtering(Protocol):
    """Makes intakes that filter."""

    def prepare(self) -> None:
        """Makes the memory that the intakes of one process after the other share; raises OSError."""

    def intake(self, spool: Spool, limit_bytes: int) -> Intake:
        """Returns an intake that goes on where the one before it was; ``limit_bytes`` bounds what is set aside."""
