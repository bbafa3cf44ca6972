"""The time, as a catalog or an engine takes it for an argument."""

from __future__ import annotations


class Clock:
    """The time in milliseconds, which a test moves."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms
