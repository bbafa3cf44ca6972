"""What comparing gives, as values, with few imports: a client must start at once, also where it never asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from joblog.core.places import part
from joblog.views.values import Where

START, LOOP, END = "start", "loop", "end"
"""Phases of a log: before its first step or epoch, from there to the last one, behind it; nothing where it counts none."""


@dataclass(frozen=True)
class Template:
    """Lines that are alike once what varies is masked: ``text``. ``line`` is the first of them, of ``count`` on ``ranks``.

    ``first`` and ``last`` are where the first and the last stand, of the lowest rank that has one; ``phase`` is that of the
    first. ``at_ms`` is when that arrived, to the second, and ``step`` the step before it, where these were asked for and are
    known. ``weight`` is 0 for what speaks of a failure, and more the less a line does.
    """

    text: str
    line: str
    count: int
    ranks: str
    rank_count: int
    first: Where
    last: Where
    phase: str = ""
    weight: int = 0
    at_ms: int | None = None
    step: int | None = None


@dataclass(frozen=True)
class Templates:
    """The templates of a run, ``total`` of them, of ``lines`` lines; ``other_lines`` are of more templates than are kept.

    When ``unread_bytes`` is not 0, the same question again reads on.
    """

    items: list[Template]
    total: int
    lines: int
    other_lines: int
    read_bytes: int
    unread_bytes: int


@dataclass(frozen=True)
class ChangedValue:
    """What two runs print alike but for a value: its name, and what it was and is."""

    name: str
    before: str
    after: str
    where_before: Where
    where: Where


@dataclass(frozen=True)
class ChangedCount:
    """A template that was printed much more, or less, often: a step, where both runs count steps (``per_step``)."""

    text: str
    before: int
    after: int
    per_step: bool
    where: Where


@dataclass(frozen=True)
class Difference:
    """What a run printed that another one did not, and the other way round.

    ``before`` names what it is compared with, ``after`` the run: ``resnet/V0002``, or ranks of it. ``parted`` is the first line
    at which they part: one of ``new``, or the first that is missing. ``new_total`` and ``gone_total`` count all there are.
    ``against`` is how what it is compared with was chosen: ``named``, ``good`` (the last good run), ``earlier`` or ``ranks``.
    """

    before: str
    after: str
    against: str
    parted: Template | None
    new: list[Template]
    gone: list[Template]
    values: list[ChangedValue]
    counts: list[ChangedCount]
    new_total: int
    gone_total: int
    read_bytes: int
    unread_bytes: int
    before_version_id: int = 0

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.after} compared with {self.before}" + _CHOSEN.get(self.against, "")
        nothing = not (self.new or self.gone or self.values or self.counts)
        if nothing:
            yield from ("", "Both print the same, but for numbers, times and ids.")
        if self.parted is not None:
            yield from ("", f"They part at {_when(self.parted)}[{self._place(self.parted.first)}]", f"  | {self.parted.line}")
        yield from self._templates("New", self.new, self.new_total, self.after)
        yield from self._templates("Gone", self.gone, self.gone_total, self.before)
        if self.values:
            yield from ("", "Changed values:")
            for value in self.values:
                yield f"  {value.name}: {value.before} -> {value.after}  [{self._place(value.where)}]"
        if self.counts:
            yield from ("", "Printed more or less often:")
            for each in self.counts:
                much = ", by steps" if each.per_step else ""
                yield f"  {each.before}x -> {each.after}x{much}: {each.text}  [{self._place(each.where)}]"
        if self.unread_bytes:
            yield from ("", f"{self.unread_bytes} of {self.read_bytes + self.unread_bytes} bytes were not read yet; ask again.")

    def _templates(self, title: str, templates: list[Template], total: int, run: str) -> Iterator[str]:
        if not templates:
            return
        more = f", {len(templates)} of {total}" if total > len(templates) else ""
        yield from ("", f"{title}{more}:")
        for each in templates:
            yield f"  {each.count}x, {_ranks(each)}: {each.line}  [{self._place(each.first, run)}]"

    def _place(self, where: Where, run: str = "") -> str:
        return f"{_run(run or self.after)}/{where.task}{part(where.start_line, where.end_line)}"


@dataclass(frozen=True)
class NewLines:
    """The lines of a run that nobody printed in what it is compared with, those that speak of a failure first."""

    before: str
    against: str
    items: list[Template] = field(default_factory=list)
    total: int = 0


_CHOSEN = {"good": ", the last good run", "earlier": ", the run before", "ranks": ""}


def _when(template: Template) -> str:
    return "" if template.step is None else f"step {template.step} "


def _ranks(each: Template) -> str:
    return f"rank {each.ranks}" if each.rank_count == 1 else f"{each.rank_count} ranks ({each.ranks})"


def _run(name: str) -> str:
    """Returns the run of ``resnet/V0002`` or of ranks of it, ``resnet/V0002 ranks 0-3``."""
    return name.partition(" ")[0]
