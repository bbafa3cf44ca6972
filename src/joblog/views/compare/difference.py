"""What one run printed and another did not: templates that are new, gone or change their counts, and changed values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from joblog.views.compare.changes import changed, importance, name_of
from joblog.views.compare.merging import LoggedTemplates, RunTemplate, RunTemplates, run_templates
from joblog.views.compare.ranking import PLAIN, TROUBLE, order, ranked
from joblog.views.compare.reader import Entry
from joblog.views.compare.values import END, LOOP, ChangedCount, ChangedValue, Difference, Template
from joblog.views.ranks import format_ranks
from joblog.views.values import Where
from joblog.views.why.pieces import text_of

MAX_VALUES, MAX_COUNTS = 50, 20
"""Of changed values, and of counts, so many are given."""

MIN_TIMES, MIN_MORE = 4, 10
"""A template is printed more, or less, often when it is so many times as often, and so many times more."""

_SETTINGS_COUNT = 3
"""A line that is printed more often than this by a rank says no settings."""


def difference(sides: Iterable[tuple[bool, int, Mapping[str, Entry]]], limit: int) -> Difference:
    """Compares two runs, from the templates of their ranks: whether they are the later run's, the rank, the templates.

    Of ``new`` and ``gone`` each are ``limit`` at most. The names of the runs are for whoever knows them.
    """
    runs = RunTemplates(), RunTemplates()
    for is_after, worker, entries in sides:
        runs[is_after].add(worker, entries)
    before, after = runs
    new = _missing(after, before)
    gone = _missing(before, after)
    pairs, new, gone = _paired(new, gone)
    values = [*pairs, *_values(before, after)]
    values.sort(key=lambda each: (importance(each.name), each.where.start_byte, each.name))
    new, gone = ranked(new), sorted(gone, key=_weight_and_place)
    return Difference(
        "", "", "", _parted(new), new[:limit], gone[:limit], values[:MAX_VALUES], _counts(before, after),
        len(new), len(gone), 0, 0,
    )  # fmt: skip


def odd_ranks(logs: Iterable[LoggedTemplates], limit: int) -> Difference:
    """Compares the ranks of one run: ``new`` is what a minority prints, ``gone`` what a minority does not; ``ranks`` is who."""
    run = run_templates(logs)
    total, new, gone = len(run.workers), list[Template](), list[Template]()
    for text, each in run.items.items():
        count = len(each.ranks)
        if 2 * count <= total and count < total:
            shown = run.shown(text)
            if total <= 2 or each.ranks != run.workers[:1] or shown.weight <= TROUBLE:  # the first one speaks for all
                new.append(shown)
        elif count < total:
            others = set(run.workers) - set(each.ranks)
            gone.append(replace(run.shown(text), ranks=format_ranks(others), rank_count=len(others)))
    new, gone = ranked(new), sorted(gone, key=_weight_and_place)
    return Difference("", "", "ranks", _parted(new), new[:limit], gone[:limit], [], [], len(new), len(gone), 0, 0)


def _missing(run: RunTemplates, other: RunTemplates) -> list[Template]:
    return [run.shown(text) for text in run.items if text not in other.items]


def _weight_and_place(template: Template) -> tuple[int, int, str]:
    return min(template.weight, PLAIN), template.first.start_byte, template.text


def _parted(new: Sequence[Template]) -> Template | None:
    """Returns the first of what is new, as far as positions tell it: warnings come and go, and are none."""
    telling = [each for each in new if each.weight <= TROUBLE] or list(new)
    return min(telling, key=lambda each: order(replace(each, weight=0)), default=None)


def _paired(new: list[Template], gone: list[Template]) -> tuple[list[ChangedValue], list[Template], list[Template]]:
    """Takes out what is new and gone by a word only: a setting whose value is no number, such as the optimizer."""
    names: dict[str, list[Template]] = {}
    for each in gone:
        if name := name_of(each.text):
            names.setdefault(name, []).append(each)
    values, paired = list[ChangedValue](), set[str]()
    for each in new:
        others = names.get(name_of(each.text), [])
        if (
            len(others) != 1
            or each.weight < PLAIN
            or max(each.count, others[0].count) > _SETTINGS_COUNT * max(each.rank_count, 1)
        ):
            continue
        changes = list(changed(others[0].line, each.line, each.text))
        if not changes and name_of(each.text):
            name = name_of(each.text)
            was, now = (one.line.partition(name)[2].lstrip(" :=") for one in (others[0], each))
            changes = [(name, was, now)]
        values += [ChangedValue(name, was[:200], now[:200], others[0].first, each.first) for name, was, now in changes]
        if changes:
            paired |= {"+" + each.text, "-" + others[0].text}
    left = [each for each in new if "+" + each.text not in paired]
    return values, left, [each for each in gone if "-" + each.text not in paired]


def _values(before: RunTemplates, after: RunTemplates) -> list[ChangedValue]:
    values = list[ChangedValue]()
    for text, now in after.items.items():
        was = before.items.get(text)
        if was is None or {LOOP, END} & {was.phase, now.phase} or not (_settles(was) and _settles(now)):
            continue
        places = _where(was), _where(now)
        for name, old, new in changed(text_of(was.entry.line), text_of(now.entry.line), text):
            values.append(ChangedValue(name, old[:200], new[:200], *places))
    return values


def _settles(each: RunTemplate) -> bool:
    return each.count <= _SETTINGS_COUNT * len(each.ranks)


def _where(each: RunTemplate) -> Where:
    entry = each.entry
    end_byte = entry.first_byte + len(entry.line)
    return Where(f"worker-{each.worker}", entry.first_line, entry.first_line + 1, entry.first_byte, end_byte)


def _counts(before: RunTemplates, after: RunTemplates) -> list[ChangedCount]:
    per_step = before.steps > 0 and after.steps > 0
    factor = after.steps / before.steps if per_step else 1.0
    counts = list[tuple[float, ChangedCount]]()
    for text, now in after.items.items():
        was = before.items.get(text)
        if was is None:
            continue
        looped = per_step and LOOP in (was.phase, now.phase)
        due = was.count * (factor if looped else len(after.workers) / max(len(before.workers), 1))
        low, high = sorted((due, float(now.count)))
        if high >= MIN_TIMES * max(low, 1) and high - low >= MIN_MORE:
            counts.append((high / max(low, 1), ChangedCount(text, was.count, now.count, looped, _where(now))))
    counts.sort(key=lambda each: (-each[0], each[1].text))
    return [each for _, each in counts[:MAX_COUNTS]]
