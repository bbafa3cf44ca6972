"""Why did it die: what the ends, the failures and the last lines of all ranks of a run come to, in so many bytes.

Every statement names the bytes that it rests on. The first failure in time is looked for among those behind which a log
said little more, so that one that was caught and survived is not taken for the end; and among kinds that are causes: when
one rank dies, the others fail too, of timeouts and lost connections, and their logs may arrive before its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from joblog.views.failures import Failure
from joblog.views.kinds import CONSEQUENCES, KILLED, LOGGED, OUT_OF_MEMORY
from joblog.views.ranks import format_ranks, named_ranks
from joblog.views.values import Digest, Ended, Failed, Where

FINAL_LINES = 50
"""Ordinary lines behind a failure that is still taken for the end: a shell's last words, a launcher's summary."""

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
_PEACEFUL = ("SIGTERM", "SIGINT", "SIGHUP")


@dataclass(frozen=True, slots=True)
class RankEnd:
    """What is known of one rank: how it ended by its own report (``status`` and so on; None where it made none), and its log.

    ``last`` are its last lines as shown, and where they are. ``failures`` have with each when it arrived.
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


def digest(ends: Iterable[RankEnd], now_ms: int, *, silent_ms: int, max_bytes: int = DEFAULT_BYTES) -> Digest:
    """Returns why a run died, as JSON of at most ``max_bytes`` (MIN_BYTES to MAX_BYTES)."""
    ranks = list(ends)
    failures = _failures(ranks)
    first = _first(failures)
    # Times say it to the second only, once a log is sealed: what the others follow from leads them.
    failures.sort(key=lambda each: each is not first)
    endings = _endings(ranks, now_ms, silent_ms)
    whole = Digest(
        _verdict(first, ranks, now_ms, silent_ms), first, failures, endings,
        sum(rank.read_bytes for rank in ranks), sum(rank.unread_bytes for rank in ranks),
    )  # fmt: skip
    for sizes in _SIZES:
        found = _trimmed(whole, *sizes)
        if len(json.dumps(asdict(found), ensure_ascii=True)) <= max_bytes:
            return found
    return replace(found, first=None, failures=[], endings=[], verdict=whole.verdict[: MIN_BYTES // 6], cut=True)


def _failures(ranks: Sequence[RankEnd]) -> list[Failed]:
    """Returns the failures of all ranks by time, the same of several ranks as one."""
    groups: dict[tuple[str, str, bool], list[tuple[int, RankEnd, Failure | None]]] = {}
    for rank in ranks:
        for failure, at_ms in rank.failures:
            final = failure.after <= FINAL_LINES and not rank.ended_well
            groups.setdefault((failure.kind, _alike(failure.summary), final), []).append((at_ms, rank, failure))
        if rank.signal and rank.signal not in _PEACEFUL and not rank.ended_well:
            at_ms = rank.ended_ms or rank.appended_ms
            kind = OUT_OF_MEMORY if rank.reason == OUT_OF_MEMORY else "signal"
            groups.setdefault((kind, rank.how(at_ms, 0), True), []).append((at_ms, rank, None))
    found = [_failed(*key, members) for key, members in groups.items()]
    return sorted(found, key=lambda each: (not each.final, each.at_ms, each.where.task, each.where.start_byte))


def _failed(kind: str, alike: str, final: bool, members: list[tuple[int, RankEnd, Failure | None]]) -> Failed:
    at_ms, rank, failure = min(members, key=lambda each: (each[0], each[1].worker, each[2].start_byte if each[2] else 0))
    workers = {each[1].worker for each in members}
    if failure is None:
        return Failed(kind, alike, format_ranks(workers), len(workers), at_ms, final, rank.last_where, rank.last)
    where = Where(rank.task, failure.start_line, failure.end_line, failure.start_byte, failure.end_byte)
    return Failed(
        failure.kind, failure.summary, format_ranks(workers), len(workers), at_ms, final, where, failure.text, failure.cause
    )


def _first(failures: Sequence[Failed]) -> Failed | None:
    """Returns the failure that the others follow from, as far as times and kinds tell."""
    final = [each for each in failures if each.final]
    if not final:
        return None
    causes = [each for each in final if each.kind not in CONSEQUENCES]
    if causes:
        # A rank's signal and its own last words are one death: the words say more.
        near = [each for each in causes if each.at_ms - causes[0].at_ms <= SAME_MS]
        return next((each for each in near if each.kind != "signal"), causes[0])
    return next((each for each in final if each.kind not in (LOGGED, KILLED)), final[0])


def _endings(ranks: Sequence[RankEnd], now_ms: int, silent_ms: int) -> list[Ended]:
    groups: dict[tuple[str, str], list[RankEnd]] = {}
    for rank in ranks:
        finals = [failure for failure, _ in rank.failures if failure.after <= FINAL_LINES]
        said = "" if rank.ended_well else _alike(finals[-1].summary if finals else "".join(rank.last[-1:]))
        groups.setdefault((rank.how(now_ms, silent_ms), said), []).append(rank)
    endings = [
        Ended(how, format_ranks(rank.worker for rank in group), len(group), group[0].last_where, group[0].last)
        for (how, _), group in groups.items()
    ]
    return sorted(endings, key=lambda each: each.count)  # the odd one out first


def _verdict(first: Failed | None, ranks: Sequence[RankEnd], now_ms: int, silent_ms: int) -> str:
    if not ranks:
        return "There is no log."
    hows: dict[str, list[int]] = {}
    for rank in ranks:
        hows.setdefault(rank.how(now_ms, silent_ms), []).append(rank.worker)
    ends = "; ".join(f"{named_ranks(workers)} {how}" for how, workers in sorted(hows.items(), key=lambda each: len(each[1])))
    if first is not None:
        who = "rank " + first.ranks if first.ranks.isdigit() else "ranks " + first.ranks
        cause = f", caused by {first.cause}" if first.cause else ""
        said = f"{who[0].upper()}{who[1:]} failed first ({first.kind}): {first.summary}{cause}"
        return f"{said[:600].rstrip('.')}. {ends[:300]}."
    if all(rank.ended_well for rank in ranks):
        return f"Nothing failed: {ends[:300]}."
    return f"No failure was found in what was read. {ends[:300]}."


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

    found = replace(
        whole,
        verdict=whole.verdict[: max(width * 3, 240)],
        first=None if whole.first is None else failed(whole.first),
        failures=[failed(each) for each in whole.failures[:failures]],
        endings=[
            replace(each, lines=[line(one) for one in each.lines[len(each.lines) - last :]]) for each in whole.endings[:endings]
        ],
    )
    same = (found.first, found.failures, found.endings) == (whole.first, whole.failures, whole.endings)
    return replace(found, cut=not same)


def _alike(text: str) -> str:
    return _NUMBERS.sub("#", text)[:200]
