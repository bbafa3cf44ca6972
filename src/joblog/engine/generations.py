"""What the processes of one server tell each other without a word: how often the catalog was committed, and rights revoked.

Two numbers in memory that all of them map. The one process that writes raises them, behind the commit and before anybody is
answered; the others compare them before each look at what they remember, and so never answer from before what was acknowledged.
"""

from __future__ import annotations

import mmap
import os

_COMMITS, _REVOCATIONS = 0, 1
_BYTES = 16


class Generations:
    """The two numbers. ``descriptor`` is the memory's, for processes to inherit. One thread at a time may raise each."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Maps the memory of a descriptor; without one, new memory."""
        if descriptor is None:
            descriptor = os.memfd_create("joblog-generations", os.MFD_CLOEXEC)
            os.ftruncate(descriptor, _BYTES)
        self.descriptor = descriptor
        self._numbers = memoryview(mmap.mmap(descriptor, _BYTES)).cast("Q")

    @property
    def commits(self) -> int:
        """Grows with each commit."""
        return self._numbers[_COMMITS]

    @property
    def revocations(self) -> int:
        """Grows whenever what is remembered of tokens and users may be wrong."""
        return self._numbers[_REVOCATIONS]

    def committed(self) -> None:
        """Says that the catalog has changed: behind the commit."""
        self._numbers[_COMMITS] += 1

    def revoked(self) -> None:
        """Says that rights were taken back: behind the commit."""
        self._numbers[_REVOCATIONS] += 1
