"""A number that a run prints: beyond a bound, not finite, or not better for so many steps.

The number is read where it is printed: behind its name (``loss=2.3``, ``"loss": 2.3``, ``loss 2.3``; ``loss|train_loss`` is
any of these), or by an expression with one group. A name is found before it is looked at, so that a reading costs a
microsecond.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from joblog.engine.patterns import compiled
from joblog.errors import Invalid, Missing
from joblog.views.why.endings import step_of
from joblog.watch.body import RuleBody
from joblog.watch.groups import groups_side_by_side
from joblog.watch.match import Until
from joblog.watch.own_text import OwnText
from joblog.watch.rule import Block, Event, Fired, Resolved, RunRule

_NUMBER = (
    rb"[\"']?[ \t]{0,4}(?:[:=|]|[ \t])[ \t]{0,8}[\"']?"
    rb"([-+]?(?:\d{1,30}(?:[.,]\d{1,30})?(?:e[-+]?\d{1,4})?|\.\d{1,30}(?:e[-+]?\d{1,4})?|nan|inf(?:inity)?))(?![a-z0-9_]|\.[a-z0-9])"
)
"""What stands behind a name, in small letters."""

_NAME_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_./-")
_BOUNDS: dict[str, Callable[[float, float], bool]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
    "equals": operator.eq,
}
_MAX_NAME = 100

Reading = tuple[int, bytes]
"""Where in a block a number begins, and its text."""


class ValueState(Struct):
    """How many readings in a row are wrong; the best reading, its step, and how many readings and steps the last is behind."""

    wrong: int = 0
    firing: bool = False
    best: float | None = None
    best_step: int | None = None
    since_best: int = 0
    steps: int = 0
    stopped: bool = False


class ValueRule(RunRule):
    """See the module."""

    takes = frozenset(
        (*_BOUNDS, "pattern", "metric", "ignore_case", "regex", "until", "not_finite", "no_better_for", "goal", "points")
    )
    reads = True
    State = ValueState

    def __init__(self, body: RuleBody) -> None:
        super().__init__(body)
        if (body.metric is None) == (body.pattern is None):
            raise Missing("metric", "the number's name, or pattern, an expression with one group; one of the two")
        bounds = {name: getattr(body, name) for name in _BOUNDS if getattr(body, name) is not None}
        if not body.not_finite and body.no_better_for is None and not bounds:
            raise Missing("above", f"a bound ({', '.join(_BOUNDS)}), or not_finite, or no_better_for")
        if body.goal not in (None, "low", "high"):
            raise Invalid("goal", "low or high", body.goal)
        self._bounds = [(name, _BOUNDS[name], bound) for name, bound in bounds.items()]
        self._until = Until(body)
        names = [] if body.metric is None else [name.lower().encode() for name in body.metric.split("|") if name]
        if body.metric is not None and not (names and len(body.metric) <= _MAX_NAME and body.metric.isprintable()):
            raise Invalid("metric", f"1 to {_MAX_NAME} printable characters", body.metric)
        self._names = [re.compile(re.escape(name) + _NUMBER) for name in names]
        self._name = names[0].decode() if names else body.name
        self._expression, self._own = None, OwnText(body.pattern or "", regex=True)
        if body.pattern is not None:
            flags = "(?im)" if body.ignore_case else "(?m)"
            self._expression = compiled(flags + body.pattern, "a regular expression of RE2's", capture=True)
            if groups_side_by_side(body.pattern) != 1:
                raise Invalid("pattern", "an expression with one group, which is the number, else (?:...)", body.pattern)

    def read(self, state: ValueState, block: Block) -> Iterator[Event]:
        """Fires with the line whose reading makes it wrong for so many in a row."""
        if state.stopped or self._is_finite(state, block):
            return
        end = self._until.end(block)
        places, values = self._readings(block, end)
        if values and self.body.no_better_for is not None:
            self._note_best(state, block, places, values)
        if values and not (state.firing or state.wrong) and self._is_well(state, values):
            state.stopped = end < len(block.data)
            return
        for place, value in zip(places, values, strict=True):
            wrong = self._wrong(state, value)
            state.wrong = state.wrong + 1 if wrong else 0
            if state.wrong >= (self.body.points or 1) and not state.firing:
                low, high = block.line_at(place)
                if self._own.is_in(block.data[low:high]):
                    state.wrong -= 1
                    continue
                state.firing = True
                yield Fired(wrong, block.at_ms(place), block.sighting(low, high))
            elif state.firing and not wrong:
                state.firing = False
                yield Resolved(block.at_ms(place))
        state.stopped = end < len(block.data)

    def _is_finite(self, state: ValueState, block: Block) -> bool:
        """Whether nothing but NaN would be wrong, and there is none: then no number need be read."""
        only = self.body.not_finite and not self._bounds and self.body.no_better_for is None and not self.body.until
        return only and not (state.wrong or state.firing) and b"nan" not in block.lower and b"inf" not in block.lower

    def _is_well(self, state: ValueState, values: Sequence[float]) -> bool:
        """Whether none of some readings is wrong, without a look at each."""
        low, high = min(values), max(values)
        if math.isnan(sum(values)) or (self.body.not_finite and not math.isfinite(sum(values))):
            return False
        equal = self.body.equals is not None and self.body.equals in values
        return not (equal or self._wrong(state, low) or self._wrong(state, high))

    def _readings(self, block: Block, end: int) -> tuple[list[int], list[float]]:
        """Returns the numbers of a block in order, and where they begin."""
        places, values = list[int](), list[float]()
        for place, text in self._texts(block):
            if place >= end:
                break
            try:
                values.append(float(text))
            except ValueError:
                value = _number(text)
                if value is None:
                    continue
                values.append(value)
            places.append(place)
        return places, values

    def _texts(self, block: Block) -> Iterable[Reading]:
        if self._expression is not None:
            return _in_groups(self._expression, block.data)
        if len(self._names) == 1:
            return _behind(self._names[0], block.lower)
        return sorted({reading for name in self._names for reading in _behind(name, block.lower)})

    def _wrong(self, state: ValueState, value: float) -> str:
        """Returns what is wrong with a reading, nothing for one that is well."""
        if self.body.not_finite and not math.isfinite(value):
            return f"{self._name} is {value}"
        for name, beyond, bound in self._bounds:
            if beyond(value, bound):
                return f"{self._name} is {value:g}, {name.replace('_', ' ')} {bound:g}"
        if state.best is not None and self.body.no_better_for is not None and state.steps >= self.body.no_better_for:
            return f"{self._name} is not better than {state.best:g} for {state.steps} steps"
        return ""

    def _note_best(self, state: ValueState, block: Block, places: Sequence[int], values: Sequence[float]) -> None:
        """Notes the best of all readings, and how many steps the last one is behind it."""
        sign = -1 if self.body.goal == "high" else 1
        finite = [(sign * value, number) for number, value in enumerate(values) if math.isfinite(value)]
        best, number = min(finite, default=(math.inf, 0))
        if finite and (state.best is None or best < sign * state.best):
            state.best, state.since_best = sign * best, len(values) - 1 - number
            state.best_step = _step_at(block, places[number])
        else:
            state.since_best += len(values)
        step = block.step
        state.steps = step - state.best_step if step is not None and state.best_step is not None else state.since_best


def _step_at(block: Block, place: int) -> int | None:
    low, high = block.line_at(place)
    return step_of([block.data[low:high].decode("utf-8", "replace")])


def _in_groups(expression: Any, data: bytes) -> Iterator[Reading]:
    """Yields the group of each match that has one: the outermost, of the branch that matches."""
    for match in expression.finditer(data):
        group = next((number for number in range(1, expression.groups + 1) if match.group(number) is not None), 0)
        if group:
            yield match.start(group), match.group(group)


def _behind(name: re.Pattern[bytes], data: bytes) -> list[Reading]:
    """Returns the numbers that stand behind a name, both in small letters."""
    return [
        (match.start(1), match[1])
        for match in name.finditer(data)
        if not match.start() or data[match.start() - 1] not in _NAME_BYTES
    ]


def _number(text: bytes) -> float | None:
    """Returns a reading; None for what only looks like one."""
    try:
        return float(text.strip().replace(b",", b"."))
    except ValueError:
        return None
