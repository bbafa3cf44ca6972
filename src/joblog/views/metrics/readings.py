"""A log's numbers, line after line: what was said lines before counts, an epoch, a section, a table's header."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from joblog.views.metrics.axes import EPOCH, STEP, Axes
from joblog.views.metrics.counters import Counters, counters_of
from joblog.views.metrics.names import PHASE, is_metric, phase_before
from joblog.views.metrics.quantities import duration, number
from joblog.views.metrics.shapes import EMPTY, LINE_CHARACTERS, LineShape, shape_of
from joblog.views.metrics.tables import heading_of, row_of
from joblog.views.redraws import Frame
from joblog.views.values import Progress

MAX_MATCHES = 200
"""Of one's own pattern on a line: to find the next one may mean to look through the rest of it."""

MAX_BLOCK = 200
"""Values of a table or a result of many lines, which have their step together."""

_WRAPPED = 8
"""Blanks that the rest of a wrapped line begins with."""

_ROWS_APART = 50
"""Lines between two rows of a table, at most."""

_STEP_COLUMN = re.compile(r"(?i)#|step|steps|iter(?:ation)?|batch")
_EPOCH_COLUMN = re.compile(r"(?i)e|epoch|epochs")
_LABEL_COLUMN = re.compile(r"(?i)class|category|name|metric|dataset|label|layer|.* metric")
_BLOCK_STEPS = ("total_timesteps", "training_iteration", "timesteps_total", "steps", "total timesteps", "iterations")
_RATIO = re.compile(r"(\d+)/(\d+)")
_TQDM = re.compile(r"\d%\|")

Reading = tuple[int, int | None, float | None, str, list[tuple[str, float, str]]]
"""A frame's first byte, the time that it gives itself, its step and what that counts (``step``, ``epoch``; ``~`` before it:
told by a line before), and the names, values and units in it. A plain tuple, as there are tens of thousands of them that go
from one process to another."""


class MetricPattern(Protocol):
    """A compiled expression, of any library; its named groups are metrics, or ``name`` and ``value``, and ``step``."""

    def finditer(self, text: str, /) -> Iterator[Any]:
        """Yields its matches, which have ``groupdict``."""


@dataclass(slots=True)
class _Table:
    """A header, and how many lines ago its last row was."""

    names: tuple[str, ...]
    since: int = 0


@dataclass(slots=True)
class LineReader:
    """Takes frames in order; see the module. Memory is bounded."""

    axes: Axes = field(default_factory=Axes)
    phase: str = ""
    commas: int = 0
    dots: int = 0
    _table: _Table | None = None
    _block: list[tuple[int, tuple[str, float, str]]] = field(default_factory=list)
    _in_block: bool = False
    _group: str = ""
    _block_epoch: float | None = None
    _counted: tuple[int, float, str] | None = None

    @property
    def waits(self) -> bool:
        """Whether values wait for their step: the next line counts even if it says nothing."""
        return bool(self._block)

    @property
    def within(self) -> bool:
        """Whether a table or a block is going on, of which a line may be a part."""
        return self._table is not None or self._in_block

    def needs_bar(self, frame: Frame) -> bool:
        """Whether the bar that a frame draws says its step; else its counters do."""
        shape = shape_of(frame, comma=self.commas > self.dots)
        return shape.counters.iteration is None or shape.message is not None or b"%|" in frame.raw

    def read(self, frame: Frame, bar: Progress | None, patterns: Sequence[MetricPattern] = ()) -> list[Reading]:
        """Returns what the frame that comes next says, and what lines before it have said, of which the step is known now."""
        if patterns and (own := _matched(frame.text[:LINE_CHARACTERS], patterns)):
            return [_own_reading(frame, own, bar)]
        shape = shape_of(frame, comma=self.commas > self.dots)
        if shape is EMPTY and bar is None and not self._block:
            return []
        text = frame.text[:LINE_CHARACTERS]
        if shape.commas or shape.dots:
            before = self.commas > self.dots
            self.commas += shape.commas
            self.dots += shape.dots
            if (self.commas > self.dots) != before:
                shape = shape_of(frame, comma=not before)
        if shape.message is not None:
            return self._message(frame, text[shape.message[0] : shape.message[1]], bar)
        return self._shaped(frame, text, shape, bar)

    def ends(self) -> list[Reading]:
        """Returns what waited for its step when the log ends."""
        return self._flushed()

    def _message(self, frame: Frame, message: str, bar: Progress | None) -> list[Reading]:
        inner = Frame(frame.start, frame.end, frame.line, message.encode(errors="replace"))
        return self._shaped(frame, inner.text, shape_of(inner, comma=self.commas > self.dots), bar)

    def _shaped(self, frame: Frame, text: str, shape: LineShape, bar: Progress | None) -> list[Reading]:
        if shape.heading and shape.cells is not None:
            self._table = _Table(heading_of(text, shape.cells))
            return self._flushed()
        if shape.rule or shape.begins:
            flushed = self._flushed()
            self._in_block = shape.begins
            return flushed
        if shape.section:
            self.phase = shape.section
        row = self._row(frame, text, shape)
        if row is not None:
            return [row]
        if shape.cells is not None and shape.cells.ruled and len(shape.cells.spans) == 2:
            return self._entry(frame, text, shape)
        indented = self._in_block and text[:1] in (" ", "\t")
        flushed = self._flushed() if self._block and not indented else []
        if indented:
            self._block += [(frame.start, each) for each in self._values(text, shape, "")][: MAX_BLOCK - len(self._block)]
            self._block_step(text)
            return flushed
        return flushed + self._line(frame, text, shape, bar)

    def _line(self, frame: Frame, text: str, shape: LineShape, bar: Progress | None) -> list[Reading]:
        counters, phase = shape.counters, self.phase
        drawn = bar is not None and _TQDM.search(text) is not None
        if bar is not None and (counters.iteration is None or (drawn and counters.within)):
            step, axis = self._barred(bar, text, counters)
            if drawn and (phase_match := PHASE.search(bar.label)):
                phase = phase_match[1]
        else:
            step, axis = self.axes.read(counters, text)
        if not shape.values:
            if step is not None and not drawn:
                self.axes.headed, self.axes.head = True, axis
                if axis == EPOCH:
                    self.phase = ""
            return []
        if step is None:
            step, axis = self._gone_on(frame, text) or self._inherited(shape)
        else:
            self._counted = (frame.line, step, axis) if shape.counters.iteration is not None else None
            self.axes.headed = self.axes.headed and shape.whole
        values = self._values(text, shape, phase)
        return [(frame.start, self._own_ms(text, shape), step, axis, values)] if values else []

    def _gone_on(self, frame: Frame, text: str) -> tuple[float, str] | None:
        """Returns the step of the line before, of which this one is the rest: a handler wrapped it."""
        if self._counted is None or frame.line != self._counted[0] + 1 or not text[:_WRAPPED].isspace():
            return None
        self._counted = (frame.line, *self._counted[1:])
        return self._counted[1:]

    def _inherited(self, shape: LineShape) -> tuple[float | None, str]:
        """Returns the step that lines before have told, for one that tells none."""
        axes = self.axes
        if shape.whole and not axes.headed:
            return None, ""
        if axes.epoch is not None and not (axes.headed and axes.head == STEP):
            return axes.epoch, "~" + EPOCH
        return axes.step, "~" + STEP if axes.step is not None else ""

    def _barred(self, bar: Progress, text: str, counters: Counters) -> tuple[float | None, str]:
        """Returns the step of a line that draws a bar; one that begins again goes on where the one before ended."""
        named = counters.iteration is not None and not counters.within
        if named or bar.done is None:
            return self.axes.read(counters, text)
        label = counters_of(bar.label)
        epoch = number(bar.label[label.epoch[0] : label.epoch[1]]) if label.epoch is not None else None
        if epoch is not None:
            self.axes.epoch = epoch
        key = re.sub(r"\d+(?:\.\d+)?", "#", bar.label) + f"\0bar{bar.total}"
        counts_epochs = _EPOCH_COLUMN.fullmatch(bar.label) is not None
        if counts_epochs:
            self.axes.epoch = bar.done
            return bar.done, EPOCH
        step = self.axes.moved(key, bar.done, bar.total, epoch, within=epoch is not None)
        self.axes.step = step
        return step, STEP

    def _values(self, text: str, shape: LineShape, phase: str) -> list[tuple[str, float, str]]:
        values = list[tuple[str, float, str]]()
        comma = self.commas > self.dots
        for value in shape.values:
            words, unit, name = text[value.start : value.end], value.unit, value.name
            if unit == "duration":
                amount, unit = duration(words), "s"
            else:
                amount = number(words, comma=comma)
            if amount is None:
                continue
            if not isinstance(name, str):
                name = value.name_in(text)
            if phase and value.free:
                name = phase_before(name, phase) + name
            values.append((name[:64], amount, unit))
        return values

    def _own_ms(self, text: str, shape: LineShape) -> int | None:
        if shape.own_ms is None:
            return None
        own = text[shape.own_ms[0] : shape.own_ms[1]]
        return int(own) if own.isdigit() else None

    def _entry(self, frame: Frame, text: str, shape: LineShape) -> list[Reading]:
        """Takes a row of two cells, which is a part of a block."""
        assert shape.cells is not None
        (low, high), (start, end) = shape.cells.spans
        name = text[low:high]
        if start == end:
            self._group = name
            return []
        if not text[:low].endswith("  "):
            self._group = ""
        if name.lower() in _BLOCK_STEPS[:1] + _BLOCK_STEPS[3:] and name.lower() != "iterations":
            self._set_step(number(text[start:end]))
        if _EPOCH_COLUMN.fullmatch(name):
            self._block_epoch = number(text[start:end])
        for label, amount, unit in self._values(text, shape, ""):
            self._block.append((frame.start, (f"{self._group}{label}"[:64], amount, unit)))
        return self._flushed() if len(self._block) >= MAX_BLOCK else []

    def _block_step(self, text: str) -> None:
        name, _, amount = text.strip().partition(":")
        if name in _BLOCK_STEPS:
            self._set_step(number(amount.strip()))

    def _set_step(self, step: float | None) -> None:
        if step is not None:
            self.axes.step = step
            self.axes.headed = True

    def _flushed(self) -> list[Reading]:
        block, self._block, self._in_block, self._group = self._block, [], False, ""
        step = self.axes.step if self.axes.headed else None
        epoch, self._block_epoch = self._block_epoch, None
        if step is None and epoch is not None:
            return [(at, None, epoch, EPOCH, [value]) for at, value in block]
        return [(at, None, step, STEP if step is not None else "", [value]) for at, value in block]

    def _row(self, frame: Frame, text: str, shape: LineShape) -> Reading | None:
        """Returns what a row under the last header says; None where it is none."""
        table, cells = self._table, shape.cells
        if table is None:
            return None
        table.since += 1
        if table.since > _ROWS_APART:
            self._table = None
        if cells is None or not any(cells.numeric):
            return None
        for columns, labels in ((len(table.names), 0), (len(table.names), 1), (len(table.names) + 1, 1)):
            spans = row_of(text, cells, columns, labels)
            if spans is not None:
                table.since = 0
                names = table.names if columns == len(table.names) else ("", *table.names)
                return self._under(frame, [text[start:end] for start, end in spans], names)
        return None

    def _under(self, frame: Frame, words: Sequence[str], names: Sequence[str]) -> Reading | None:
        label, labelled, step, axis, values = "", False, None, "", list[tuple[str, float, str]]()
        alone = sum(_LABEL_COLUMN.fullmatch(name) is None for name in names) == 1
        for name, word in zip(names, words, strict=True):
            ratio = _RATIO.fullmatch(word)
            amount = number(ratio[1] if ratio else word.rstrip("%kKMGTsmhBi"))
            if amount is None:
                label, labelled = label if labelled else word, True
                continue
            labelled = False
            if _STEP_COLUMN.fullmatch(name):
                step, axis = amount, STEP
            elif _EPOCH_COLUMN.fullmatch(name):
                self.axes.epoch = amount
                step, axis = (step, axis) if axis == STEP else (amount, EPOCH)
            elif is_metric(name) and not ratio:
                values.append((_labelled(label, name, alone=alone, metric="metric" in names[0].lower()), amount, _suffix(word)))
        if step is None and self.axes.epoch is not None:
            step, axis = self.axes.epoch, "~" + EPOCH
        return (frame.start, None, step, axis, values) if values else None


def _labelled(label: str, name: str, *, alone: bool, metric: bool) -> str:
    if metric and label:
        return label if alone else f"{label}/{name}"
    return f"{label} {name}" if label else name


def _suffix(word: str) -> str:
    return word[len(word.rstrip("%kKMGTsmhBi")) :] if not word.isalpha() else ""


def _matched(text: str, patterns: Sequence[MetricPattern]) -> list[tuple[str, float, str]]:
    values: list[tuple[str, float, str]] = []
    for pattern in patterns:
        for match in islice(pattern.finditer(text), MAX_MATCHES):
            groups = {name: value for name, value in match.groupdict().items() if value is not None}
            if "name" in groups and "value" in groups:
                groups[groups.pop("name")] = groups.pop("value")
            values += [(name, amount, "") for name, value in groups.items() if (amount := number(value)) is not None]
    return values


def _own_reading(frame: Frame, values: list[tuple[str, float, str]], bar: Progress | None) -> Reading:
    steps = {name.lower(): value for name, value, _ in values}
    for name, axis in (("global_step", STEP), ("step", STEP), ("iteration", STEP), ("iter", STEP), ("epoch", EPOCH)):
        if name in steps:
            return frame.start, None, steps[name], axis, [each for each in values if each[0].lower() != name]
    return frame.start, None, bar.done if bar is not None else None, STEP, values
