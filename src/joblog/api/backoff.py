"""Pauses between tries: each twice as long as the one before."""

from __future__ import annotations

import os

from joblog.errors import JoblogError

MAX_RETRY_AFTER_S = 60.0
"""Longest pause that a server may ask an agent for: a wrong header must not end the log."""

_MAX_TRIES = 7
"""Counted no further, nor is the pause any longer then."""


class Backoff:
    """Pauses from ``first_s`` to ``most_s``; with ``least`` below 1 each by chance, from so much of it to all of it."""

    def __init__(self, first_s: float, most_s: float, *, least: float = 1.0) -> None:
        self._first_s, self._most_s, self._least = first_s, most_s, least
        self.tries = 0

    def pause_s(self) -> float:
        """Counts a try, and returns the pause behind it."""
        pause_s = min(self._first_s * (1 << self.tries), self._most_s)
        self.tries = min(self.tries + 1, _MAX_TRIES)
        return pause_s * jitter(self._least)

    def reset(self) -> None:
        """Begins anew, as a try has succeeded."""
        self.tries = 0


def jitter(least: float) -> float:
    """Returns a factor from ``least`` to 1, by chance: agents that start together do not call together for ever."""
    return least + (1 - least) * int.from_bytes(os.urandom(4), "big") / 0xFFFFFFFF


def asked_s(error: Exception) -> float:
    """Returns how long a server asks to be left alone, in seconds, ``MAX_RETRY_AFTER_S`` at most; 0 where it does not."""
    return min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S) if isinstance(error, JoblogError) else 0.0
