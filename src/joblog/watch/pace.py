"""How often something happens in a run, learnt from the run itself: how long a silence says that it hangs.

A hung run is silent for longer than it ever was. The start is another matter (imports, compilation, loading of checkpoints),
so its silences are forgotten when the run has found its pace; pauses after that, for evaluations and checkpoints, are not.
"""

from __future__ import annotations

from msgspec import Struct

STEADY_EVENTS = 20
STEADY_MS = 600_000
"""A run has found its pace after so many events over so long."""

START_MS = 1_800_000
"""Before that so long a silence is no hang: tens of minutes of loading are usual for large models."""

FLOOR_MS = 600_000
"""A shorter silence never is: the first evaluation, or the first checkpoint, comes without a warning."""

FACTOR = 3
"""A pause is as long as others of its kind, but for a factor: storage is slow at times, an evaluation set larger."""


class RunPace(Struct):
    """When something last happened, and the longest pause since the run found its pace; times in milliseconds."""

    first_ms: int = 0
    last_ms: int = 0
    longest_ms: int = 0
    events: int = 0
    steady: bool = False

    def happened(self, at_ms: int) -> None:
        """Notes that it happened at a moment; one that is not later says nothing new."""
        if at_ms <= self.last_ms:
            return
        if not self.events:
            self.first_ms = at_ms
        elif self.steady:
            self.longest_ms = max(self.longest_ms, at_ms - self.last_ms)
        self.last_ms = at_ms
        self.events += 1
        if not self.steady and self.events >= STEADY_EVENTS and at_ms - self.first_ms >= STEADY_MS:
            self.steady = True

    def limit_ms(self, floor_ms: int = FLOOR_MS, factor: int = FACTOR) -> int:
        """Returns how long a silence says that it hangs."""
        return max(floor_ms, factor * self.longest_ms) if self.steady else max(floor_ms, START_MS)
