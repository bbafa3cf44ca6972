"""What a job's bytes pass through before they are kept: secrets are masked, then floods are controlled.

One sieve for each stream (a pipe), so that the lines of one are not cut by those of another; the streams share the flood
limit. A sieve holds bytes back: an unfinished line, since a secret may go on in it, and a flood's tail. ``due_s`` says when
it is to be woken to let go of them.

Pure: the time is an argument. What it holds is in ``dump``, from which another process goes on.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace

from joblog.agent.filters.flood import Bucket, Control, Passed
from joblog.agent.filters.redact import Redactor, Rule

HOLD_S = 1.0
"""Longest that an unfinished line is held back: a prompt, or a line of dots, is to be seen while it stands there. Whoever
writes one secret in two pieces further apart than this has the first one shown."""


class Sieve:
    """One stream's."""

    def __init__(self, rules: Sequence[Rule], bucket: Bucket | None) -> None:
        self.redactor = Redactor(rules) if rules else None
        self.control = None if bucket is None else Control(bucket)
        self.held_s: float | None = None  # since when the redactor holds something back

    @property
    def due_s(self) -> float | None:
        """When to ``wake`` it; None: not at all."""
        ends_s = self.control.ends_s if self.control else None
        release_s = None if self.held_s is None else self.held_s + HOLD_S
        return min((at_s for at_s in (ends_s, release_s) if at_s is not None), default=None)

    def feed(self, data: bytes, now_s: float) -> Passed:
        """Returns what of ``data`` goes on, and of what was held back."""
        if self.redactor is None:
            return self._controlled(data, now_s)
        out = self.redactor.feed(data)
        if not self.redactor.holds:
            self.held_s = None
        elif self.held_s is None or out:
            self.held_s = now_s
        return self._controlled(out, now_s)

    def wake(self, now_s: float) -> Passed:
        """Lets go of what was held back for long enough."""
        if self.redactor and self.held_s is not None and now_s >= self.held_s + HOLD_S:
            self.held_s = None
            return self._controlled(self.redactor.release(), now_s)
        return self.control.wake(now_s) if self.control else Passed(b"")

    def end(self, now_s: float) -> Passed:
        """Lets go of everything, at the stream's end."""
        last = self._controlled(self.redactor.flush() if self.redactor else b"", now_s)
        self.held_s = None
        if self.control is None:
            return last
        ended = self.control.end()
        moved = [replace(gap, at_byte=gap.at_byte + len(last.data)) for gap in ended.withheld]
        return Passed(last.data + ended.data, (*last.withheld, *moved), last.aside + ended.aside)

    def _controlled(self, data: bytes, now_s: float) -> Passed:
        return self.control.feed(data, now_s) if self.control else Passed(data)


class Sieves:
    """All streams' together."""

    def __init__(self, sieves: Sequence[Sieve]) -> None:
        self._sieves = sieves

    def __getitem__(self, stream: int) -> Sieve:
        return self._sieves[stream]

    def __iter__(self) -> Iterator[Sieve]:
        return iter(self._sieves)

    @property
    def due_s(self) -> float | None:
        """When the first of them is to be woken."""
        return min((sieve.due_s for sieve in self._sieves if sieve.due_s is not None), default=None)

    @property
    def withheld_bytes(self) -> int:
        """How many bytes came that have neither gone on nor been told of, by flood control."""
        return sum(sieve.control.pending_bytes for sieve in self._sieves if sieve.control)

    def dump(self) -> bytes:
        """Returns what they hold; ``load`` goes on with it."""
        redactors = [sieve.redactor.state if sieve.redactor else None for sieve in self._sieves]
        return pickle.dumps((redactors, [(sieve.control, sieve.held_s) for sieve in self._sieves]))

    def load(self, dumped: bytes) -> None:
        """Goes on with what others held, which were of the same filters."""
        redactors, others = pickle.loads(dumped)  # noqa: S301  # written by this program into memory that nobody else has
        for sieve, state, (control, held_s) in zip(self._sieves, redactors, others, strict=True):
            if sieve.redactor:
                sieve.redactor.resume(state)
            sieve.control, sieve.held_s = control, held_s


def new_sieves(streams: int, rules: Sequence[Rule], rate_bytes_s: float | None, now_s: float) -> Sieves:
    """Returns a sieve for each of so many streams: one that masks what ``rules`` find, and controls more than the rate."""
    bucket = None if rate_bytes_s is None else Bucket(rate_bytes_s, now_s)
    return Sieves([Sieve(rules, bucket) for _ in range(streams)])
