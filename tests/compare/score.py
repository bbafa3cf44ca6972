"""Where among the new lines of a failed run the one stands that a person calls its cause: ``python -m tests.compare.score``.

Pairs are made by running real programs; and strangers' failed logs (tests/field) are compared with all strangers' good ones.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblog.views.compare.difference import difference
from joblog.views.compare.reader import Entry, TemplateReader, read_templates
from joblog.views.compare.values import Difference, Template
from tests.field.score import cases

HERE = Path(__file__).parent
RUN_S = 60.0
SHOWN = 200


@dataclass(frozen=True)
class Place:
    """Where the cause stands among the new lines, from 0 (None: nowhere), and which lines lead."""

    name: str
    place: int | None
    first: Sequence[str]


def pairs() -> Mapping[str, Mapping[str, Any]]:
    """Returns the pairs by name."""
    table: Mapping[str, Mapping[str, Any]] = tomllib.loads((HERE / "pairs.toml").read_text())["pairs"]
    return table


def run(pair: Mapping[str, Any], name: str, seed: int, *, well: bool) -> list[bytes]:
    """Runs a pair's program, well or not; returns what each rank printed."""
    ranks = pair.get("ranks", 1)
    with tempfile.TemporaryDirectory() as directory:
        words = ["--style", pair["style"], "--seed", str(seed), "--dir", directory]
        if not well:
            words += pair.get("arguments") or ["--fault", pair.get("fault", name)]
        environ = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
        environ |= {"WORLD_SIZE": str(ranks), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "always"}
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.compare.programs.train", *words], cwd=HERE.parents[1],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ | {"RANK": str(rank)},
            )
            for rank in range(ranks)
        ]  # fmt: skip
        return [process.communicate(timeout=RUN_S)[0] for process in processes]


def templates(data: bytes) -> Mapping[str, Entry]:
    """Returns a log's templates."""
    return read_templates([data], TemplateReader(), closed_at=len(data)).entries


def compared(before: Sequence[bytes], after: Sequence[bytes]) -> Difference:
    """Compares what two runs printed."""
    sides = [
        (is_after, rank, templates(data))
        for is_after, logs in ((False, before), (True, after))
        for rank, data in enumerate(logs)
    ]
    return difference(sides, SHOWN)


def placed(name: str, new: Sequence[Template], cause: str) -> Place:
    """Finds the cause among new lines."""
    place = next((at for at, each in enumerate(new) if re.search(cause, each.line)), None)
    return Place(name, place, [each.line[:100] for each in new[:6]])


def pair_places(names: Sequence[str]) -> Iterator[Place]:
    """Yields where the causes of these pairs stand."""
    good = dict[tuple[str, int], list[bytes]]()
    for name, pair in ((name, pairs()[name]) for name in names):
        key = pair["style"], pair.get("ranks", 1)
        if key not in good:
            good[key] = run(pair, name, 1, well=True)
        yield placed(name, compared(good[key], run(pair, name, 2, well=False)).new, pair["cause"])


def field_places() -> Iterator[Place]:
    """Yields the same of strangers' failed logs: against all strangers' logs of runs that did not fail."""
    usual = dict[str, Entry]()
    for case in [*cases("metrics"), *cases("progress"), *(case for case in cases("why") if case.data["why"].get("none"))]:
        for data in case.logs.values() if case.present else ():
            usual.update(templates(data))
    for case in cases("why"):
        causes = case.data["why"].get("cause")
        if causes is None or not case.present:
            continue
        logs = [(True, rank, templates(data)) for rank, data in sorted(case.logs.items())]
        known = {text: usual[text] for _, _, entries in logs for text in entries if text in usual}
        sides = [(False, 0, known), *logs]
        pattern = "|".join(map(re.escape, [causes] if isinstance(causes, str) else causes))
        yield placed(case.name, difference(sides, SHOWN).new, pattern)


def share(places: Sequence[Place], most: int) -> float:
    """Returns the share of causes that are among the first so many lines."""
    return sum(each.place is not None and each.place < most for each in places) / len(places)


def main() -> int:
    """Prints the scores, and what is not among the first five."""
    for title, places in (("pairs", list(pair_places(list(pairs())))), ("strangers' logs", list(field_places()))):
        shares = ", ".join(f"{share(places, most):.1%} among the first {most}" for most in (1, 5, 20))
        sys.stdout.write(f"{title}: {len(places)} causes, {shares}\n")
        for each in places:
            if each.place is None or each.place >= 5:
                sys.stdout.write(f"  {each.name}: {each.place}\n" + "".join(f"      {line}\n" for line in each.first))
    return 0


if __name__ == "__main__":
    sys.exit(main())
