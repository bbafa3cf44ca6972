"""The templates of many ranks as those of a run, and in which phase of it each was printed first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from joblog.views.compare.ranking import FRAME, is_exception, is_frame, weight
from joblog.views.compare.reader import Entry
from joblog.views.compare.values import END, LOOP, START, Template, Templates
from joblog.views.ranks import format_ranks
from joblog.views.values import Where
from joblog.views.why.endings import step_of
from joblog.views.why.pieces import text_of

LINE_CHARACTERS = 400
"""What is shown of a line."""

LoggedTemplates = tuple[int, Mapping[str, Entry]]
"""A rank, and its log's templates."""

_STEP = re.compile(
    r"(?i)(?<![a-z])(?:(?:global_?)?step|iter(?:ation)?|epoch|batch|update|round)s?[\"']?\s?[:=\[(#]{0,2}\s?#|\|\*\| ?#/#"
)
_MIN_LOOP = 3
"""So often a line that counts steps is printed: then it is one of a loop."""


@dataclass(slots=True)
class RunTemplate:
    """A template over the ranks that printed it; ``first`` and ``last`` are in the log of ``worker``."""

    entry: Entry
    worker: int
    phase: str
    code: bool
    count: int = 0
    ranks: list[int] = field(default_factory=list)


@dataclass(slots=True)
class RunTemplates:
    """The templates of a run by their texts; ``steps`` is how often the line that counts its steps was printed."""

    items: dict[str, RunTemplate] = field(default_factory=dict)
    workers: list[int] = field(default_factory=list)
    steps: int = 0

    def add(self, worker: int, entries: Mapping[str, Entry]) -> None:
        """Adds a rank's log; ranks come in order."""
        first, end, steps = loop_of(entries)
        self.steps += steps
        self.workers.append(worker)
        frames = [entry for text, entry in entries.items() if is_frame(text)]
        below = {number + 1 for entry in frames for number in (entry.first_line, entry.last_line)}
        for text, entry in entries.items():
            known = self.items.get(text)
            if known is None:
                phase = "" if first < 0 else START if entry.first_byte < first else END if entry.first_byte > end else LOOP
                known = self.items[text] = RunTemplate(entry, worker, phase, entry.first_line in below)
            known.count += entry.count
            known.ranks.append(worker)

    def shown(self, text: str) -> Template:
        """Returns a template as it is answered."""
        each = self.items[text]
        entry, task = each.entry, f"worker-{each.worker}"
        line = text_of(entry.line)[:LINE_CHARACTERS].rstrip()
        first = Where(task, entry.first_line, entry.first_line + 1, entry.first_byte, entry.first_byte + len(entry.line))
        last = Where(task, entry.last_line, entry.last_line + 1, entry.last_byte, entry.last_byte + len(entry.line))
        ranks = format_ranks(each.ranks)
        weight_here = FRAME if each.code and not is_frame(text) and not is_exception(line) else weight(line)
        return Template(text, line, each.count, ranks, len(each.ranks), first, last, each.phase, weight_here)


def loop_of(entries: Mapping[str, Entry]) -> tuple[int, int, int]:
    """Returns where a log's first and last step are, -1 where it counts none, and how often a line counted one."""
    looped = [entry for text, entry in entries.items() if entry.count >= _MIN_LOOP and _STEP.search(text) is not None]
    if not looped:
        return -1, -1, 0
    return min(each.first_byte for each in looped), max(each.last_byte for each in looped), max(each.count for each in looped)


def run_templates(logs: Iterable[LoggedTemplates]) -> RunTemplates:
    """Returns the templates of a run, from those of its ranks."""
    run = RunTemplates()
    for worker, entries in logs:
        run.add(worker, entries)
    return run


def template_list(logs: Iterable[LoggedTemplates], limit: int) -> Templates:
    """Returns the ``limit`` templates of a run that were printed most often, of as many lines those that came first."""
    run = run_templates(logs)
    texts = sorted(run.items, key=lambda text: (-run.items[text].count, run.items[text].entry.first_byte, text))
    lines = sum(each.count for each in run.items.values())
    return Templates([run.shown(text) for text in texts[:limit]], len(texts), lines, 0, 0, 0)


def step_before(pieces: Iterable[bytes]) -> int | None:
    """Returns the last step that lines speak of, None when none does."""
    return step_of(text_of(b"".join(pieces)).splitlines())
