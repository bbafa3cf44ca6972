"""One run under watch: how far its logs were read, what each rule has noticed, which alerts came of it.

All of it is one value, kept with the alerts it led to in one transaction: whoever goes on after a crash reads again what came
after that, notices the same, and finds its alerts there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, Protocol

import msgspec
from msgspec import Struct, field

from joblog.catalog.database import Value as Column
from joblog.catalog.watching import DueRun, NewAlert, RuleRow, WatchedLog
from joblog.core.status import OVER
from joblog.engine.patterns import Pattern
from joblog.errors import Invalid
from joblog.watch.blocks import READ_BYTES
from joblog.watch.fold import Fold
from joblog.watch.match import MatchRule
from joblog.watch.quiet import QuietHours
from joblog.watch.rule import Block, Event, Fired, LogNow, RunNow, RunRule, Sighting

_SETTLE_MS = 600_000
"""Of a run that is over, logs that are not closed are read for so long."""

_SINCE = 32
"""More than there are statuses: see ``watch_run.settled``."""


@lru_cache(maxsize=256)
def any_of(expressions: tuple[str, ...]) -> Pattern | None:
    """Returns what finds lines that any of some expressions finds; None where that would be too large."""
    try:
        return Pattern("|".join(expressions), regex=True, ignore_case=False)
    except Invalid:
        return None


class ReadsBlocks(Protocol):
    """What ``Blocks`` does, of logs as they are, and ``Replay``, of logs as they were."""

    def begin(self, head: WatchedLog, since_ms: int) -> int: ...

    def read(self, head: WatchedLog, at: int) -> tuple[Block | None, int]: ...


class LiveRule(NamedTuple):
    """A rule as it is stored, and what it is; ``receivers`` are ``(shown, sealed address)``."""

    row: RuleRow
    rule: RunRule
    receivers: Sequence[tuple[str, bytes]]


class _Noticed(Struct):
    """What one rule has noticed; ``state`` is of the rule's own kind."""

    state: msgspec.Raw
    fold: Fold = field(default_factory=Fold)
    pending: Fired | None = None


class _Kept(Struct):
    """What is kept: positions by log, what rules have noticed by their ids, the run's last line and step."""

    places: dict[int, int] = field(default_factory=dict)
    rules: dict[int, _Noticed] = field(default_factory=dict)
    last: Sighting | None = None
    step: int | None = None


class _InRun:
    """A rule in this run."""

    def __init__(self, live: LiveRule, noticed: _Noticed | None) -> None:
        self.live = live
        kind = live.rule.State
        self.state = kind() if noticed is None else msgspec.json.decode(noticed.state, type=kind)
        self.fold = Fold() if noticed is None else noticed.fold
        self.again = False
        self.pending = None if noticed is None else noticed.pending
        self.expression = live.rule.expression if isinstance(live.rule, MatchRule) else ""
        quiet = live.rule.body.quiet
        self.quiet = None if quiet is None else QuietHours(quiet)


class RunWatch:
    """See the module. Used by one thread."""

    def __init__(self, run: DueRun, saved: str | None, now_ms: int) -> None:
        self.run = run
        self._kept = _Kept() if saved is None else msgspec.json.decode(saved, type=_Kept)
        self._rules: dict[int, _InRun] = {}
        self._new: list[NewAlert] = []
        self._resolved = False
        self.chosen_of: Sequence[LiveRule] | None = None
        """The rules out of which those for this run were chosen."""
        self._last: Callable[[], Sighting] | None = None
        self.unsaved_bytes = 0
        self.saved_ms = now_ms
        self.behind = False

    def take_rules(self, rules: Iterable[LiveRule]) -> None:
        """Watches for these rules from now on; those that it knows go on."""
        ended_ms = self.run.ended_ms
        wanted = {live.row.id: live for live in rules if ended_ms is None or ended_ms >= live.row.created_ms}
        for gone in self._rules.keys() - wanted.keys():
            del self._rules[gone]
        for number, live in wanted.items():
            known = self._rules.get(number)
            if known is None:
                self._rules[number] = _InRun(live, self._kept.rules.get(number))
            else:
                known.live = live

    def look(self, run: DueRun, heads: Sequence[WatchedLog], blocks: ReadsBlocks, now_ms: int, watched_ms: int) -> None:
        """Reads what is new in the run's logs, and has the rules look at it; ``behind`` says whether something is left."""
        self.run, self.behind = run, False
        rules = [each for each in self._rules.values() if each.live.rule.reads]
        since_ms = min((each.live.row.created_ms for each in self._rules.values()), default=0)
        for head in heads:
            at = self._kept.places.get(head.id)
            if at is None:
                at = self._kept.places[head.id] = blocks.begin(head, since_ms)
            if rules and at < head.end_byte:
                self._read(head, at, blocks, rules)
        if not self.behind:
            self._judge(heads, now_ms, watched_ms)

    def _judge(self, heads: Sequence[WatchedLog], now_ms: int, watched_ms: int) -> None:
        """Has the rules look at the run as it is now, all of which was read."""
        run = self.run
        logs = [LogNow(each.worker, each.appended_ms, each.end_byte, each.closed_ms is not None) for each in heads]
        started_ms = run.created_ms if run.started_ms is None else run.started_ms
        now = RunNow(now_ms, run.status, run.reason, started_ms, run.ended_ms, watched_ms, logs, self._last_line)
        newest_ms = max((each.appended_ms for each in heads), default=0)
        for each in self._rules.values():
            made_ms = each.live.row.created_ms
            if run.created_ms >= made_ms:
                self._take(each, each.live.rule.look(each.state, now))
            elif now.over or newest_ms >= made_ms:  # what was silent by then is nobody's concern, most likely for days
                self._take(each, each.live.rule.look(each.state, now._replace(watched_ms=max(watched_ms, made_ms), older=True)))
            if each.fold.overdue(now_ms) and each.pending is not None:
                each.fold.begin(each.pending)
                self._new.append(self._alert(each, each.pending))

    def settled(self, heads: Sequence[WatchedLog], now_ms: int) -> int | None:
        """Returns what says that the run was watched to its end, None while it was not."""
        run = self.run
        if self.behind or run.status not in OVER or run.ended_ms is None:
            return None
        closed = all(head.closed_ms is not None for head in heads)
        return run.ended_ms * _SINCE + run.status if closed or now_ms - run.ended_ms > _SETTLE_MS else None

    @property
    def has_news(self) -> bool:
        """Whether there is an alert that is no row yet, or one that is no longer so and does not say it."""
        return bool(self._new) or self._resolved

    def changes(self) -> list[NewAlert | dict[str, Column]]:
        """Returns what became of alerts since the last ``saved``, in the order in which it is to be written."""
        again: list[NewAlert | dict[str, Column]] = [
            {
                "alert_key": self._key(each, each.fold.episode),
                "last_ms": each.fold.last_ms,
                "resolved_ms": each.fold.resolved_ms,
                "times": each.fold.times,
            }
            for each in self._rules.values()
            if each.again
        ]
        return [*self._new, *again]

    def state(self) -> str:
        """Returns what is to be kept."""
        self._last_line()
        self._kept.rules = {
            number: _Noticed(
                msgspec.Raw(msgspec.json.encode(each.state)), each.fold, each.pending if each.fold.pending else None
            )
            for number, each in self._rules.items()
        }
        return msgspec.json.encode(self._kept).decode()

    def saved(self, now_ms: int) -> None:
        """Notes that all is kept."""
        self._new, self._resolved, self.unsaved_bytes, self.saved_ms = [], False, 0, now_ms
        for each in self._rules.values():
            each.again = False

    def _read(self, head: WatchedLog, at: int, blocks: ReadsBlocks, rules: Sequence[_InRun]) -> None:
        block, after = blocks.read(head, at)
        self._kept.places[head.id] = after
        if block is None:
            return
        self.unsaved_bytes += after - at
        self.behind = self.behind or head.end_byte - at > READ_BYTES
        self._note(block)
        for each in self._looking(rules, block):
            self._take(each, each.live.rule.read(each.state, block))

    def _looking(self, rules: Sequence[_InRun], block: Block) -> Iterator[_InRun]:
        """Yields those that need look at a block: of many expressions one search says that there is nothing for them."""
        expressions = tuple(expression for each in rules if (expression := each.expression))
        together = any_of(expressions) if len(expressions) > 1 else None
        none = together is not None and next(together.lines(block.data, 0, len(block.data)), None) is None
        return (each for each in rules if not (none and each.expression))

    def _note(self, block: Block) -> None:
        """Keeps the run's last line, and its last step."""
        last = block.last_line()
        if last is not None:
            self._last = partial(block.sighting, *last)
        self._kept.step = self._kept.step if block.step is None else block.step

    def _last_line(self) -> Sighting | None:
        """Returns the run's last line, made of its block when somebody asks for it."""
        if self._last is not None:
            self._kept.last, self._last = self._last(), None
        return self._kept.last

    def _take(self, each: _InRun, events: Iterable[Event]) -> None:
        for event in events:
            was_ms = each.fold.resolved_ms
            if isinstance(event, Fired):
                each.pending = event
            if each.fold.take(event) and isinstance(event, Fired):
                self._new.append(self._alert(each, event))
            elif each.fold.episode:
                each.again = True
                self._resolved = self._resolved or was_ms != each.fold.resolved_ms

    def _alert(self, each: _InRun, fired: Fired) -> NewAlert:
        row, run, seen = each.live.row, self.run, fired.sighting
        values: dict[str, Column] = {
            "rule_id": row.id,
            "rule_name": row.name,
            "kind": each.live.rule.body.kind,
            "project_id": run.project_id,
            "job_id": run.job_id,
            "version_id": run.id,
            "worker": None if seen is None else seen.worker,
            "alert_key": self._key(each, each.fold.episode),
            "fired_ms": fired.at_ms,
            "last_ms": fired.at_ms,
            "resolved_ms": None,
            "times": 1,
            "reason": fired.reason,
            "line": None if seen is None else seen.line,
            "start_byte": None if seen is None else seen.start_byte,
            "end_byte": None if seen is None else seen.end_byte,
            "line_text": "" if seen is None else seen.text,
            "step": self._kept.step,
        }
        muted = row.muted_ms > fired.at_ms
        due_ms = fired.at_ms if each.quiet is None else each.quiet.tells_ms(fired.at_ms)
        return NewAlert(values, () if muted else each.live.receivers, due_ms)

    def _key(self, each: _InRun, episode: int) -> str:
        """Returns what names an alert for ever: the run, the rule, and the how manieth it is there."""
        return f"{self.run.uuid}-{each.live.row.id}-{episode}"
