"""The corpus of strangers' logs: what each view says of them against what a person says. See README.md.

``python -m tests.field.score [VIEW...]`` prints a score for each view, and what is wrong.
"""

from __future__ import annotations

import base64
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from joblog.views.values import Digest, Where
from joblog.views.why.digest import RankEnd, digest
from joblog.views.why.endings import ending
from tests.field.figures import metrics_faults, plain_faults, progress_faults

HERE = Path(__file__).parent
INPUTS = HERE.parents[2] / "shared" / "field" / "inputs"
VIEWS = ("why", "metrics", "progress", "plain")

_NOW = 1_700_000_000_000
_HOUR_MS = 3_600_000
_HELPS = {True: "yes", False: "no", None: None}


@dataclass(frozen=True)
class Case:
    """A log, or one for each rank, and what a person reads out of it."""

    name: str
    view: str
    data: Mapping[str, Any]

    @property
    def path(self) -> str:
        """``why/NAME``."""
        return f"{self.view}/{self.name}"

    @property
    def present(self) -> bool:
        """Whether its bytes are here: those of handed inputs may be elsewhere."""
        return "input" not in self.data or (INPUTS / self.data["input"]).exists()

    @property
    def logs(self) -> dict[int, bytes]:
        """The bytes of each rank's log."""
        if "ranks" in self.data:
            return {int(rank): text.encode() for rank, text in self.data["ranks"].items()}
        if "input" in self.data:
            return {0: (INPUTS / self.data["input"]).read_bytes()}
        if "log_base64" in self.data:
            return {0: base64.b64decode(self.data["log_base64"])}
        return {0: self.data["log"].encode()}

    def of_rank(self, key: str, rank: int) -> Any:
        """Returns what is given for all ranks, or for one."""
        value = self.data.get(key)
        return value.get(str(rank)) if isinstance(value, dict) else value


def cases(view: str | None = None) -> list[Case]:
    """Returns all cases, or those of a view."""
    files = sorted((HERE / "cases").glob(f"{view or '*'}/*.toml"))
    return [Case(path.stem, path.parent.name, tomllib.loads(path.read_text())) for path in files]


def known_wrong() -> dict[str, str]:
    """Returns the reasons why cases are wrong, by their paths."""
    return tomllib.loads((HERE / "known_wrong.toml").read_text())


def wrong(case: Case) -> list[str]:
    """Returns in words what a view says otherwise than a person; nothing when it is right."""
    return list(_JUDGES[case.view](case))


def digest_of(case: Case) -> Digest:
    """Returns why it died."""
    ends = [_rank_end(case, rank, data) for rank, data in case.logs.items()]
    return digest(ends, _NOW + _HOUR_MS, silent_ms=300_000)


def _rank_end(case: Case, rank: int, data: bytes) -> RankEnd:
    at_ms = _NOW + 1000 * (case.of_rank("arrived", rank) or 0)
    code, signal = case.of_rank("exit", rank), case.of_rank("signal", rank)
    status = None if code is None and signal is None else "KILLED" if signal else "FAILED" if code else "COMPLETED"
    where = Where(f"worker-{rank}", data.count(b"\n"), data.count(b"\n"), len(data), len(data))
    seen = ending([data], 0, 0, where)
    return RankEnd(
        rank, status, code, signal, case.of_rank("reason", rank), at_ms if status else None,
        status is not None or not case.data.get("open"), at_ms, seen.last, seen.last_where,
        [(failure, at_ms) for failure in seen.failures], len(data), step=seen.step,
    )  # fmt: skip


def _why(case: Case) -> Iterator[str]:
    wanted, said = case.data["why"], digest_of(case)
    first = said.first
    yield from (
        f"verdict without {words!r}: {said.verdict!r}" for words in wanted.get("verdict", ()) if words not in said.verdict
    )
    if wanted.get("none") and first is not None:
        yield f"nothing failed, but first is {first.kind}: {first.summary!r}"
    elif first is None and set(wanted) - {"verdict", "none"}:
        yield f"nothing was seen: {said.verdict!r}"
    elif first is not None:
        yield from _other_words(wanted, f"{first.summary}\n{first.cause or ''}")
        lines = [first.where.start_line + 1, first.where.end_line]
        said_of_it = {"kind": first.kind, "lines": lines, "rank": first.ranks, "restart": _HELPS[first.restart_helps]}
        for key, value in said_of_it.items():
            if key in wanted and wanted[key] != value:
                yield f"{key} {value!r}, not {wanted[key]!r}"


def _other_words(wanted: Mapping[str, Any], message: str) -> Iterator[str]:
    causes = wanted.get("cause", [])
    for cause in [causes] if isinstance(causes, str) else causes:
        if cause not in message:
            yield f"{cause!r} is not in {message!r}"
    for words in wanted.get("not", ()):
        if words in message:
            yield f"{words!r} is in {message!r}"


_JUDGES: dict[str, Callable[[Case], Iterator[str]]] = {
    "why": _why,
    "metrics": lambda case: metrics_faults(case.data, case.logs[0]),
    "progress": lambda case: progress_faults(case.data, case.logs[0]),
    "plain": lambda case: plain_faults(case.data, case.logs[0]),
}


@cache
def scores() -> dict[str, tuple[int, dict[str, list[str]]]]:
    """Returns for each view how many cases are present, and what is wrong of them, by path."""
    found = dict[str, tuple[int, dict[str, list[str]]]]()
    for view in VIEWS:
        present = [case for case in cases(view) if case.present]
        found[view] = len(present), {case.path: faults for case in present if (faults := wrong(case))}
    return found


def main() -> None:
    """Prints the score of each view, and what is wrong."""
    chosen = sys.argv[1:] or VIEWS
    for view in chosen:
        count, faults = scores()[view]
        for path, words in faults.items():
            print(f"{path}: {'; '.join(words)}")
        right = count - len(faults)
        print(f"{view}: {right} of {count}, {100 * right / max(count, 1):.1f}%\n")


if __name__ == "__main__":
    main()
