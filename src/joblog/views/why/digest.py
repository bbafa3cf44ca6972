"""Why did it die: what the ends, the failures and the last lines of all ranks of a run come to, in so many bytes.

Every statement names the bytes that it rests on. A failure behind which the log went on as before was survived; exit
statuses and signals, where they are known, decide. Of the others the first in time is looked for among causes (``_weight``):
when one rank dies, the others fail too, of timeouts and lost connections, and their logs may arrive before its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from joblog.views.ranks import format_ranks, named_ranks
from joblog.views.values import Again, Digest, Ended, Failed, Where
from joblog.views.why.failures import GOING_ON, Failure
from joblog.views.why.kinds import CONNECTION, CRASH, HCCL, KILLED, LAST_WORDS, LAUNCHER, LOGGED, NAN, OUT_OF_MEMORY
from joblog.views.why.restarts import restart_helps

FINAL_LINES = 50
"""Ordinary lines behind a failure that is still taken for the end: a shell's last words, a launcher's summary."""

LAST_LINES = 8
"""Of a rank that ended badly, lines that may say why where none says so in a known way."""

SAME_MS = 10_000
"""Failures within so long of the first one may have arrived in another order than they happened."""

MIN_BYTES, MAX_BYTES, DEFAULT_BYTES = 1000, 1_000_000, 16_384
BYTES_PER_TOKEN = 3
"""Of a language model's budget, an estimate on the safe side: text has about 4, numbers and paths have fewer."""

_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")
# How many failures, lines of each, groups of ranks, last lines of each, characters of a line.
_SIZES = (
    (20, 60, 20, 10, 400),
    (10, 24, 12, 5, 300),
    (5, 14, 8, 4, 200),
    (3, 8, 4, 2, 160),
    (1, 4, 2, 1, 120),
    (1, 2, 1, 0, 80),
)
_MAX_AGAIN = 5
_CONFIGURED = re.compile(r"\bE[IJ]000[45]\b|ranktable|ncclInvalid(?:Usage|Argument)")
_ENDED = re.compile(
    r"(?:Aborted|Segmentation fault|Bus error|Floating point exception|Illegal instruction)(?: *\(core dumped\))?"
    r"|core dumped|Signal \d+ \(SIG"
)
_OF_A_TOOL = re.compile(
    r"^\S{1,80}: error: (?:unrecognized|ambiguous|invalid|argument|the following|one of the|expected)"  # a program's usage
    r"|^\S{1,200}(?::\d+|\(\d+\)): (?:fatal )?error: "  # a compiler's
    r"|\bLost task [\d.]{1,12} in stage "  # Spark's
)
_PEACEFUL = ("SIGTERM", "SIGINT", "SIGHUP")


@dataclass(frozen=True, slots=True)
class RankEnd:
    """What is known of one rank: how it ended by its own report (``status`` and so on; None where it made none), and its log.

    ``last`` are its last lines as shown, and where they are; ``step`` is the last step that it printed. ``failures`` have
    with each when it arrived.
    """

    worker: int
    status: str | None
    exit_code: int | None
    signal: str | None
    reason: str | None
    ended_ms: int | None
    closed: bool
    appended_ms: int
    last: list[str]
    last_where: Where
    failures: Sequence[tuple[Failure, int]] = ()
    read_bytes: int = 0
    unread_bytes: int = 0
    step: int | None = None

    @property
    def task(self) -> str:
        """``worker-3``."""
        return f"worker-{self.worker}"

    def how(self, now_ms: int, silent_ms: int) -> str:
        """Returns in a few words how it ended, or how it is."""
        if self.status in ("COMPLETED", "FAILED", "KILLED", "LOST"):
            why = f" ({self.reason})" if self.reason else ""
            if self.signal:
                return f"killed by {self.signal}{why}"
            if self.exit_code is not None:
                return f"ended with exit status {self.exit_code}{why}"
            return {"COMPLETED": "completed", "LOST": "lost: not heard of any more"}.get(self.status, self.status.lower()) + why
        if self.closed:
            return "ended, exit status not known"
        return "silent" if now_ms - self.appended_ms > silent_ms else "running"

    @property
    def ended_well(self) -> bool:
        """Whether it said that it completed."""
        return self.status == "COMPLETED" and not self.exit_code

    @property
    def ended_badly(self) -> bool:
        """Whether it said that it failed."""
        return bool(self.exit_code or self.signal) or self.status in ("FAILED", "KILLED")

    @property
    def going_on(self) -> bool:
        """Whether nothing says that it has ended."""
        return self.status is None and not self.closed

    def final(self, failure: Failure) -> bool:
        """Whether it may have ended by a failure of its log."""
        if self.ended_well or failure.weak > 2:
            return False
        if failure.kind == LAST_WORDS:
            return failure.after <= (LAST_LINES if self.ended_badly else 1) and not self.going_on
        if failure.weak == 2 or failure.kind in (LOGGED, NAN):
            return failure.after <= FINAL_LINES
        stopped = failure.settled and not failure.weak and not failure.went_on  # what the log did before, it did no more
        return failure.went_on <= GOING_ON and (self.ended_badly or stopped or failure.after <= FINAL_LINES)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier run of the job, and its first failure."""

    version_id: int
    version: str
    first: Failed


def digest(
    ends: Iterable[RankEnd], now_ms: int, *, silent_ms: int, max_bytes: int = DEFAULT_BYTES, earlier: Sequence[Earlier] = ()
) -> Digest:
    """Returns why a run died, as JSON of at most ``max_bytes`` (MIN_BYTES to MAX_BYTES)."""
    ranks = list(ends)
    groups = _failures(ranks)
    first = _first(groups)
    # Times say it to the second only, once a log is sealed: what the others follow from leads them.
    failures = sorted((failed for failed, _ in groups), key=lambda each: each is not first)
    endings = _endings(ranks, now_ms, silent_ms)
    again = [
        Again(each.version_id, each.version, each.first.where)
        for each in earlier
        if first is not None and same(each.first, first)
    ]
    whole = Digest(
        _verdict(first, ranks, now_ms, silent_ms, again), first, failures, endings,
        sum(rank.read_bytes for rank in ranks), sum(rank.unread_bytes for rank in ranks), again=again[:_MAX_AGAIN],
    )  # fmt: skip
    for sizes in _SIZES:
        trimmed = _trimmed(whole, *sizes)
        if len(json.dumps(asdict(trimmed), ensure_ascii=True)) <= max_bytes:
            return trimmed
    return replace(trimmed, first=None, failures=[], endings=[], again=[], verdict=whole.verdict[: MIN_BYTES // 6], cut=True)


def _again(first: Failed | None, earlier: Sequence[Earlier]) -> list[Again]:
    if first is None:
        return []
    return [Again(each.version_id, each.version, each.first.where) for each in earlier if same(each.first, first)]


def same(one: Failed, other: Failed) -> bool:
    """Whether two failures are the same but for their numbers."""
    return one.kind == other.kind and _alike(one.summary) == _alike(other.summary)


_Member = tuple[int, RankEnd, Failure | None]


def _failures(ranks: Sequence[RankEnd]) -> list[tuple[Failed, int]]:
    """Returns the failures of all ranks by time, the same of several ranks as one, each with its weight."""
    groups: dict[tuple[str, str, bool], list[_Member]] = {}
    for rank in ranks:
        for failure, at_ms in rank.failures:
            if failure.kind == LAST_WORDS and not rank.final(failure):
                continue
            key = failure.kind, _alike(failure.summary), rank.final(failure)
            groups.setdefault(key, []).append((at_ms, rank, failure))
        if rank.signal and rank.signal not in _PEACEFUL and not rank.ended_well:
            at_ms = rank.ended_ms or rank.appended_ms
            kind = OUT_OF_MEMORY if rank.reason == OUT_OF_MEMORY else "signal"
            groups.setdefault((kind, rank.how(at_ms, 0), True), []).append((at_ms, rank, None))
    alone = len(ranks) == 1
    failed = [(_failed(*key, members, alone=alone), min(map(_weight, members))) for key, members in groups.items()]
    return sorted(failed, key=lambda each: (not each[0].final, each[0].at_ms, each[0].where.task, each[0].where.start_byte))


def _weight(member: _Member) -> int:
    """Says how far it is from a cause: 0 a cause, 2 only that it ended, 4 that others did, 5 a tool's, 6 says so, 8 mild."""
    failure = member[2]
    if failure is None:
        return 0 if member[1].reason == OUT_OF_MEMORY else 8 if member[1].signal == "SIGABRT" else 2  # itself, having said why
    if failure.weak > 1:
        if failure.kind == LAST_WORDS:
            return 9
        of_a_tool = _OF_A_TOOL.search(failure.summary) is not None
        return 5 if of_a_tool else {LAUNCHER: 6, LOGGED: 7}.get(failure.kind, 8)
    if failure.kind in ("nccl", HCCL, CONNECTION):
        return 0 if _CONFIGURED.search(failure.summary + (failure.cause or "")) else 4 + failure.weak
    if failure.kind in (KILLED, LAUNCHER, "interrupted"):
        return 6
    ended = failure.kind == CRASH and len(failure.text) == 1 and _ENDED.search(failure.summary) is not None
    return 2 * max(failure.weak, int(ended))


def _failed(kind: str, alike: str, final: bool, members: list[_Member], *, alone: bool) -> Failed:
    at_ms, rank, failure = min(members, key=lambda each: (each[0], each[1].worker, each[2].start_byte if each[2] else 0))
    workers = {_rank(*each[1:], alone=alone) for each in members}
    ranks, count = format_ranks(workers), len(workers)
    if failure is None:
        helps, reason = restart_helps(kind, alike)
        return Failed(kind, alike, ranks, count, at_ms, final, rank.last_where, rank.last, None, helps, reason)
    where = Where(rank.task, failure.start_line, failure.end_line, failure.start_byte, failure.end_byte)
    helps, reason = restart_helps(kind, f"{failure.summary}\n{failure.cause or ''}\n{' '.join(failure.text[-12:])}")
    return Failed(
        failure.kind, failure.summary, ranks, count, at_ms, final, where, failure.text, failure.cause, helps, reason
    )  # fmt: skip


def _rank(rank: RankEnd, failure: Failure | None, *, alone: bool) -> int:
    """Returns whose failure it is: several ranks may share a log, and say which of them writes."""
    if failure is None or failure.rank is None or not (alone or failure.everywhere):
        return rank.worker
    return failure.rank


def _first(groups: Sequence[tuple[Failed, int]]) -> Failed | None:
    """Returns the failure that the others follow from, as far as times and kinds tell."""
    final = [each for each in groups if each[0].final]
    if not final:
        return None
    least = min(weight for _, weight in final)
    first = next(failed for failed, weight in final if weight == least)
    # A rank's signal and its own last words are one death: the words say more, unless they come much later.
    signals = [failed for failed, _ in final if failed.kind == "signal" and first.at_ms - failed.at_ms > SAME_MS]
    return signals[0] if signals and least == 0 else first


def _endings(ranks: Sequence[RankEnd], now_ms: int, silent_ms: int) -> list[Ended]:
    groups: dict[tuple[str, str], list[RankEnd]] = {}
    for rank in ranks:
        finals = [failure for failure, _ in rank.failures if rank.final(failure)]
        last = "" if rank.ended_well else _alike(finals[-1].summary if finals else "".join(rank.last[-1:]))
        groups.setdefault((rank.how(now_ms, silent_ms), last), []).append(rank)
    endings = [
        Ended(how, format_ranks(rank.worker for rank in group), len(group), group[0].last_where, group[0].last)
        for (how, _), group in groups.items()
    ]
    return sorted(endings, key=lambda each: each.count)  # the odd one out first


def _verdict(first: Failed | None, ranks: Sequence[RankEnd], now_ms: int, silent_ms: int, again: Sequence[Again]) -> str:
    if not ranks:
        return "There is no log."
    hows: dict[str, list[int]] = {}
    for rank in ranks:
        hows.setdefault(rank.how(now_ms, silent_ms), []).append(rank.worker)
    alone = len(ranks) == 1
    ends = "; ".join(_clause(how, workers, alone=alone) for how, workers in sorted(hows.items(), key=lambda each: len(each[1])))
    ended = f"{ends[:1].upper()}{ends[1:300]}."
    if first is not None:
        return " ".join([f"{_said_first(first, alone=alone)[:600].rstrip('.')}.", ended, *_more(first, again)])
    if all(rank.ended_well for rank in ranks):
        return f"Nothing failed: {ends[:300]}."
    stopped = _stopped(ranks, now_ms, silent_ms)
    return f"No failure was found in what was read. {stopped or ended}"


def _clause(how: str, workers: Sequence[int], *, alone: bool) -> str:
    """Returns how ranks ended, or are, as a clause: ``ranks 3,5 were killed by SIGTERM``."""
    one = alone or len(workers) == 1
    state = how.partition(" ")[0].rstrip(":")
    verb = {"killed": ("was", "were"), "lost": ("was", "were"), "silent": ("is", "are"), "running": ("is", "are")}.get(state)
    return f"{'it' if alone else named_ranks(workers)} {f'{verb[not one]} ' if verb else ''}{how}"


def _said_first(first: Failed, *, alone: bool) -> str:
    if first.kind == LAST_WORDS:
        return f"Nothing says for sure why; it may be this: {first.summary}"
    who = "rank " + first.ranks if first.ranks.isdigit() else "ranks " + first.ranks
    cause = f", caused by {first.cause}" if first.cause else ""
    if alone and first.ranks == first.where.task.rpartition("-")[2]:
        return f"Failed ({first.kind}): {first.summary}{cause}"
    return f"{who[0].upper()}{who[1:]} failed first ({first.kind}): {first.summary}{cause}"


def _more(first: Failed, again: Sequence[Again]) -> list[str]:
    sentences = list[str]()
    if again:
        sentences.append(f"It is the {_nth(len(again) + 1)} time: first in {again[0].version}.")
    if first.restart_helps is not None:
        sentences.append(f"A restart {'may help' if first.restart_helps else 'does not help'}: {first.restart_reason}.")
    return sentences


def _nth(number: int) -> str:
    return {2: "second", 3: "third", 4: "fourth", 5: "fifth"}.get(number, f"{number}th")


def _stopped(ranks: Sequence[RankEnd], now_ms: int, silent_ms: int) -> str:
    """Says of a run that hangs where each rank stopped, those that are behind first."""
    silent = [rank for rank in ranks if rank.how(now_ms, silent_ms) == "silent"]
    if not silent or any(rank.how(now_ms, silent_ms) == "running" for rank in ranks):
        return ""
    places: dict[str, list[RankEnd]] = {}
    for rank in sorted(silent, key=lambda each: (each.step is None, each.step or 0)):
        last = rank.last[-1].strip()[:80] if rank.last else "nothing"
        place = f"at its last line ({_alike(last)})" if rank.step is None else f"step {rank.step}"
        places.setdefault(place, []).append(rank)
    minutes = (now_ms - max(rank.appended_ms for rank in silent)) // 60_000
    parts = [_place(place, group) for place, group in list(places.items())[:8]]
    behind = next(iter(places.values()))
    who = f" {named_ranks(rank.worker for rank in behind)[:120].capitalize()} {'is' if len(behind) == 1 else 'are'} behind."
    only = len(places) == 1 or behind[0].step is None
    return f"Silent for {minutes} minutes: {'; '.join(parts)}.{'' if only else who}"


def _place(place: str, group: Sequence[RankEnd]) -> str:
    last = group[0].last[-1].strip()[:80] if group[0].last else "nothing"
    where = f"at {place} ({last})" if place.startswith("step ") else place
    return f"{named_ranks(rank.worker for rank in group)} {where}"


def _trimmed(whole: Digest, failures: int, text: int, endings: int, last: int, width: int) -> Digest:
    def line(each: str) -> str:
        return each if len(each) <= width else each[: width - 1] + "…"

    def failed(each: Failed) -> Failed:
        kept = (
            each.text
            if len(each.text) <= text
            else [*each.text[: text // 3], "…", *each.text[len(each.text) - text + text // 3 :]]
        )
        cause = None if each.cause is None else line(each.cause)
        return replace(each, summary=line(each.summary), cause=cause, text=[line(one) for one in kept])

    trimmed = replace(
        whole,
        verdict=whole.verdict[: max(width * 3, 240)],
        first=None if whole.first is None else failed(whole.first),
        failures=[failed(each) for each in whole.failures[:failures]],
        endings=[
            replace(each, lines=[line(one) for one in each.lines[len(each.lines) - last :]]) for each in whole.endings[:endings]
        ],
    )
    same = (trimmed.first, trimmed.failures, trimmed.endings) == (whole.first, whole.failures, whole.endings)
    return replace(trimmed, cut=not same)


def _alike(text: str) -> str:
    return _NUMBERS.sub("#", text)[:200]
