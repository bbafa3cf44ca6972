"""A pattern in the lines of a run: at once, or so often in so long."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from joblog.engine.patterns import Pattern
from joblog.errors import Missing
from joblog.watch.body import RuleBody, needs
from joblog.watch.own_text import OwnText
from joblog.watch.rule import Block, Event, Fired, RunRule, lasted

PATTERN_TAKES = frozenset(("pattern", "regex", "ignore_case", "until"))


_END_BYTES = 100
"""Of a block so much of its end is looked at first for a last line."""


class Until:
    """Finds where a rule is to look no further."""

    def __init__(self, body: RuleBody) -> None:
        self._pattern = Pattern(body.until, regex=body.regex, ignore_case=body.ignore_case) if body.until else None

    def end(self, block: Block) -> int:
        """Returns up to where in a block is looked: where the line begins that says to stop, or its end."""
        if self._pattern is None:
            return len(block.data)
        return next((low for low, _ in self._pattern.lines(block.data, 0, len(block.data))), len(block.data))


class Searched:
    """Finds a rule's lines in blocks, but for those that are the rule's own text."""

    def __init__(self, body: RuleBody) -> None:
        needs("pattern", body.pattern, "what to look for, 1 to 1000 characters")
        text = body.pattern or ""
        self.pattern = Pattern(text, regex=body.regex, ignore_case=body.ignore_case)
        self._literal = None if body.regex or body.ignore_case else text.encode()
        self._own = OwnText(text, regex=body.regex)
        self.end = Until(body).end

    def last(self, block: Block, end: int) -> int | None:
        """Returns where the last line before a place begins that matches; mostly the end is enough to find it."""
        for since in (max(block.data.rfind(b"\n", 0, max(end - _END_BYTES, 0)) + 1, 0), 0):
            matches = self.pattern.lines(block.data, since, end)
            starts = [low for low, high in matches if not self._own.is_in(block.data[low:high])]
            if starts or not since:
                return starts[-1] if starts else None
        return None

    def lines(self, block: Block, end: int) -> Iterator[tuple[int, int]]:
        """Yields where the lines before a place begin and end that match."""
        if not end or (self._literal is not None and self._literal not in block.data):
            return
        for low, high in self.pattern.lines(block.data, 0, end):
            if not self._own.is_in(block.data[low:high]):
                yield low, high


class MatchState(Struct):
    """When the last matches came, as far as they count; ``stopped``: the pattern that ends it has come."""

    times_ms: list[int] = field(default_factory=list)
    stopped: bool = False


class MatchRule(RunRule):
    """See the module."""

    takes = PATTERN_TAKES | {"count", "within_s"}
    reads = True
    State = MatchState

    def __init__(self, body: RuleBody) -> None:
        super().__init__(body)
        self._searched = Searched(body)
        self._count = body.count or 1
        self._within_ms = int((body.within_s or 0) * 1000)
        if self._within_ms and self._count == 1:
            raise Missing("count", "how many lines must match within_s, 2 at least")

    @property
    def expression(self) -> str:
        """The expression that a block must match to be looked at; nothing where it is looked at anyway, or quickly."""
        body = self.body
        if body.until or not body.regex:
            return ""
        return f"(?i:{body.pattern})" if body.ignore_case else f"(?:{body.pattern})"

    def read(self, state: MatchState, block: Block) -> Iterator[Event]:
        """Fires with the line that makes it so often."""
        if state.stopped:
            return
        end = self._searched.end(block)
        for low, high in self._searched.lines(block, end):
            at_ms = block.at_ms(low)
            if self._count == 1:
                yield Fired(f"a line matches {self.body.pattern}", at_ms, block.sighting(low, high))
                continue
            since_ms = at_ms - self._within_ms if self._within_ms else 0
            state.times_ms = [*(each for each in state.times_ms[-self._count :] if each >= since_ms), at_ms]
            if len(state.times_ms) >= self._count:
                state.times_ms = []
                within = f" in {lasted(self._within_ms)}" if self._within_ms else ""
                yield Fired(f"{self._count} lines match {self.body.pattern}{within}", at_ms, block.sighting(low, high))
        state.stopped = end < len(block.data)
