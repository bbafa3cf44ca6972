"""How far a log is, line after line: epochs, and iterations that go on where the epoch before ended."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from joblog.views.metrics.counters import Counters
from joblog.views.metrics.quantities import number

STEP, EPOCH = "step", "epoch"
"""What a step counts: iterations of the run, or epochs."""

MAX_KINDS = 64
"""Of counters, each of which has its own place."""


@dataclass(slots=True)
class _Place:
    """Where a kind of counter was last: in which epoch, at which of how many, and how many were in the epochs before."""

    epoch: float | None
    at: float
    total: float | None
    before: float
    first: float


@dataclass(slots=True)
class Axes:
    """See the module. ``epoch`` and ``step`` are the latest, None before the first; ``headed``: a line said nothing but what
    ``head`` counts."""

    epoch: float | None = None
    step: float | None = None
    headed: bool = False
    head: str = ""
    _places: dict[str, _Place] = field(default_factory=dict)

    def read(self, counters: Counters, text: str) -> tuple[float | None, str]:
        """Returns the step that a line's counters tell, and its axis; None when they tell none."""
        epoch = _number(text, counters.epoch)
        if epoch is not None:
            self.epoch = epoch
        at = _number(text, counters.iteration)
        if at is None:
            return (epoch, EPOCH) if epoch is not None else (None, "")
        if counters.absolute:
            self.step = at
            return at, STEP
        key = f"{counters.word}\0{counters.phase}"
        step = self.moved(key, at, _number(text, counters.iterations), epoch, within=counters.within)
        if not counters.phase.lower().startswith(("val", "test", "eval")):
            self.step = step
        return step, STEP

    def moved(self, key: str, at: float, total: float | None, epoch: float | None, *, within: bool) -> float:
        """Returns the iteration of the run that a counter of this kind tells: what was before its epoch, and ``at``."""
        if epoch is None:
            epoch = self.epoch
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= MAX_KINDS:
                self._places.clear()
            first = (math.floor(epoch) - 1) * total if within and epoch is not None and total and epoch >= 2 else 0.0
            self._places[key] = _Place(epoch, at, total, first, first)
            return first + at
        size = place.total or place.at
        later = 0.0 if epoch is None or place.epoch is None else math.floor(epoch) - math.floor(place.epoch)
        if later > 0 and (at <= place.at or (within and total)):
            place.before += later * size
        elif later < 0 or (later == 0 and at < place.at and epoch is not None and place.epoch is not None):
            place.before = place.first if later else place.before
        elif later == 0 and at < place.at and (total or 2 * at <= place.at):
            place.before += size
        place.epoch, place.at, place.total = epoch if epoch is not None else place.epoch, at, total
        return place.before + at


def _number(text: str, span: tuple[int, int] | None) -> float | None:
    return None if span is None else number(text[span[0] : span[1]])
