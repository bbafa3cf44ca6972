"""What fires again and again is told once: while it keeps coming it is counted in the alert that is there.

After a pause it is told anew. The pause that makes it new grows with each alert of one rule in one run, so that what comes and
goes is told some ten times in a week, not every few minutes.
"""

from __future__ import annotations

from msgspec import Struct

from joblog.watch.rule import Event, Fired, Resolved

FOLD_MS = 600_000
MAX_FOLD_MS = 86_400_000


class Fold(Struct):
    """One rule's alerts in one run: ``episode`` counts them, ``times`` is how often the last one came, ``last_ms`` when.

    ``pending``: it fired within the pause and has not been resolved since; then it is told when the pause is over.
    """

    episode: int = 0
    times: int = 0
    last_ms: int = 0
    resolved_ms: int | None = None
    pending: bool = False
    what: str = ""

    @property
    def pause_ms(self) -> int:
        """How long it must not have come to be told anew."""
        return min(FOLD_MS << min(max(self.episode - 1, 0), 20), MAX_FOLD_MS)

    def take(self, event: Event) -> bool:
        """Takes what a rule says; returns whether it is a new alert."""
        if isinstance(event, Resolved):
            self.pending = False
            if self.episode and self.resolved_ms is None:
                self.resolved_ms = self.last_ms = max(event.at_ms, self.last_ms)
            return False
        if not self.episode or event.what != self.what or event.at_ms - self.last_ms >= self.pause_ms:
            self.begin(event)
            return True
        self.pending = self.resolved_ms is not None
        self.times += 1
        if not self.pending:
            self.last_ms = max(event.at_ms, self.last_ms)
        return False

    def overdue(self, now_ms: int) -> bool:
        """Whether what fired within the pause goes on when that is over: then it is a new alert."""
        return self.pending and now_ms - self.last_ms >= self.pause_ms

    def begin(self, event: Fired) -> None:
        """Makes it a new alert."""
        self.episode += 1
        self.times, self.last_ms, self.resolved_ms, self.pending = 1, event.at_ms, None, False
        self.what = event.what
