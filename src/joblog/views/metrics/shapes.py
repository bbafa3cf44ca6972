"""The shape of a line: where in it numbers stand, and what they are called. Lines that differ in digits only share one.

    shape = shape_of(frame, comma=False)
    for value in shape.values:
        value.name_in(text), text[value.start : value.end]

A program prints the same lines over and over with other numbers in them, so that nearly all lines are read from the shape of
one before: what is in this module is done once for each. Nothing here may depend on what a digit is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from joblog.views.metrics.counters import NONE, Counters, Span, counters_of
from joblog.views.metrics.leaves import leaves_of
from joblog.views.metrics.names import is_metric
from joblog.views.metrics.pairs import ValuePlace, columns_of, in_a_row, listed, named, pairs_of, values_first
from joblog.views.metrics.quantities import DOT_NUMBER
from joblog.views.metrics.tables import RULE, Cells, cells_of, heading_of
from joblog.views.redraws import Frame

LINE_CHARACTERS = 16_384
MAX_SHAPES, MAX_SHAPE_BYTES = 4096, 4_000_000
"""Kept: then all are forgotten."""

_BLANKED = re.compile(
    r"\d{4}[-/]\d\d?[-/]\d\d?(?:[T ]\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?|\d\d/\d\d(?: \d\d:\d\d:\d\d)"
    r"|(?<![\d.])(?:\d+:)?\d{1,2}:\d\d(?:[.,]\d+)?(?![\d:])|[(\[](?!epoch|step|iter)\w{1,60}+(?:\.\w{1,60}+)?:\d+"
    r"(?::\w{1,60}+)?[)\]]|https?://\S+|@\[[^\]]{0,80}\]"
)
_BAR = re.compile(r"\d{1,3}%\|[^|]{0,400}\|(?:\s*+[^\s\[]{1,40}+\s\[[^,\]]{0,60}(?:,\s*+[^,\]]{1,40})?)?")
_CALL = re.compile(r"(?<!\w)[A-Za-z_]\w{0,60}+\((?=[A-Za-z_]\w{0,60}+=)[^()]*+(?:\([^()]*+\)[^()]*+)*+\)?")
_SETTINGS = re.compile(
    r"(?<!\w)[A-Za-z_]\w{0,60}+=(?:True|False|None|(?![A-Za-z_][\w.]{0,60}+\()[A-Za-z'\"/][^\s,]*)(?=[,\s)]|$)"
)
_SECTION = re.compile(
    r"(?i)[\W\d_]*(?:(?:INFO|DEBUG|root)\W+)*(?P<phase>train(?:ing)?|val(?:idation)?|test(?:ing)?|eval(?:uation)?)"
    r"(?: (?:metrics|results?|phase|set|stats?|summary))?\W*"
)
_COCO = re.compile(r"\s*[A-Z][\w ]{1,40}\((?P<name>[A-Z]{2})\) @\[\s?(?P<of>[^\]]{1,80}?)\s?\]\s?=\s?(?P<value>-?\d+\.\d+)\s*$")
_ALONE = re.compile(r"\0{1,13} ?(?P<name>[A-Za-z][\w/-]{0,30}) (?P<value>-?\d{1,12}\.\d{3,20})\s*")
_BEGINS = re.compile(r"Result for \S+:\s*$")
_ENTRY_STEP = re.compile(r"(?i)(?:total_)?(?:timesteps|num_timesteps|steps)|epochs?")
MAX_IN_WORDS = 3
"""So many of a line's parts, each a name and a number, and that is what it is made of."""
MAX_SETTINGS = 3
"""So many settings that are no numbers, and a line is a list of settings."""
_DECIMAL_COMMA = re.compile(r"[=:：]\s*+[-+]?\d+,(?:\d{1,2}|\d{4,})(?![\d,]|\.\d)")
_DECIMAL_DOT = re.compile(r"[=:：]\s*+[-+]?\d+\.\d")


@dataclass(frozen=True, slots=True)
class LineShape:
    """See the module. ``whole``: what an object says is all that it says; ``message``: another line stands in it."""

    values: tuple[ValuePlace, ...] = ()
    counters: Counters = NONE
    section: str = ""
    cells: Cells | None = None
    heading: bool = False
    rule: bool = False
    whole: bool = False
    message: Span | None = None
    own_ms: Span | None = None
    commas: bool = False
    dots: bool = False
    begins: bool = False

    @property
    def idle(self) -> bool:
        """Whether a line says nothing where no table and no block is going on."""
        says = (
            self.values or self.section or self.heading or self.rule or self.begins or self.message or self.commas or self.dots
        )
        counts = self.counters.epoch is not None or self.counters.iteration is not None
        row = self.cells is not None and self.cells.ruled and len(self.cells.spans) == 2
        return not (says or counts or row)


EMPTY = LineShape()
"""Of a line that says nothing, whatever was before it."""
_shapes: dict[bytes | tuple[bytes, bool], LineShape] = {}
_sizes = [0]


def shape_of(frame: Frame, *, comma: bool) -> LineShape:
    """Returns the shape of a frame's line."""
    outline = frame.outline
    key = (outline, True) if comma else outline
    shape = _shapes.get(key)
    if shape is None:
        shape = _made(frame.text[:LINE_CHARACTERS], comma=comma)
        _sizes[0] += len(outline)
        if len(_shapes) >= MAX_SHAPES or _sizes[0] > MAX_SHAPE_BYTES:
            _shapes.clear()
            _sizes[0] = len(outline)
        _shapes[key] = shape
    return shape


def _made(text: str, *, comma: bool) -> LineShape:
    start = text.find("{")
    if start < 0 and "OrderedDict([" in text:
        start = text.find("OrderedDict([")
    if start >= 0:
        leaves = leaves_of(text, start)
        if leaves is not None:
            return LineShape(
                (*leaves[0], *_outside(text, leaves[4])), leaves[1], whole=True, message=leaves[2], own_ms=leaves[3]
            )
    if len(_SETTINGS.findall(text)) >= MAX_SETTINGS:
        return EMPTY
    blanked = _blanked(text)
    counters = counters_of(blanked)
    cells = cells_of(text)
    if cells is not None and heading_of(text, cells):
        return LineShape(cells=cells, heading=True)
    if RULE.fullmatch(text) is not None:
        return LineShape(rule=True)
    if _BEGINS.match(text) is not None:
        return LineShape(begins=True)
    blanked = _behind_name(blanked, counters) or _without(blanked, counters.spans)
    values = _values(text, blanked, counters, cells, comma=comma)
    section = None if values or counters.iteration else _SECTION.fullmatch(text)
    if not values and counters is NONE and section is None and not _is_row(cells):
        return EMPTY
    return LineShape(
        values, counters, section["phase"] if section is not None else "", cells,
        commas=_DECIMAL_COMMA.search(text) is not None, dots=_DECIMAL_DOT.search(text) is not None,
    )  # fmt: skip


def _behind_name(blanked: str, counters: Counters) -> str | None:
    """Returns a line whose step stands between a name and its value, with blanks in its place; None for any other."""
    if counters.word != "head" or counters.iteration is None or not blanked[: counters.iteration[0]].endswith("loss "):
        return None
    start, end = counters.iteration
    return f"{blanked[:start]}{' ' * (end - start)}{blanked[end:]}"


def _values(text: str, blanked: str, counters: Counters, cells: Cells | None, *, comma: bool) -> tuple[ValuePlace, ...]:
    if cells is not None and cells.ruled:
        return _entry(text, cells)
    coco = _COCO.match(text)
    if coco is not None:
        return (ValuePlace((coco["name"], " ", coco.span("of")), *coco.span("value")),)
    if text.count("|") >= 2:
        columns = columns_of(blanked)
        if columns:
            return (*columns, *values_first(blanked))
    if text.count(" : ") >= MAX_IN_WORDS and (columns := columns_of(blanked, " : ", MAX_IN_WORDS)):
        return tuple(columns)
    alone = _ALONE.fullmatch(blanked)
    if alone is not None:
        return (ValuePlace(named(blanked, *alone.span("name")), *alone.span("value")),)
    if text.count(", ") >= 2 and (columns := columns_of(blanked, ", ", MAX_IN_WORDS)):
        return tuple(columns)
    if entries := listed(blanked + " "):
        return tuple(entries)
    head = counters.phase
    places = (*pairs_of(blanked, head, comma=comma), *values_first(blanked))
    if counters.spans:
        known = {place.start for place in places}
        places = (*places, *(place for place in in_a_row(blanked, head) if place.start not in known))
    return places or (tuple(columns_of(blanked, ", ", 1)) if counters.spans else ())


def _outside(text: str, span: Span) -> tuple[ValuePlace, ...]:
    """Returns the values of a line that stand before and behind an object."""
    if not text[: span[0]].strip() or ":::MLL" in text[: span[0]]:
        return ()
    blanked = _without(_blanked(text), [span])
    return tuple(pairs_of(_without(blanked, counters_of(blanked).spans), "", comma=False))


def _is_row(cells: Cells | None) -> bool:
    """Whether a line may be a table's: of numbers, or of a name and what is called so."""
    return cells is not None and (any(cells.numeric) or (cells.ruled and len(cells.spans) == 2))


def _entry(text: str, cells: Cells) -> tuple[ValuePlace, ...]:
    """Returns the value of a row of two cells, a name and a number."""
    if len(cells.spans) != 2 or cells.numeric[0] or not cells.numeric[1]:
        return ()
    start, end = cells.spans[0]
    if not is_metric(text[start:end]) or _ENTRY_STEP.fullmatch(text[start:end]) is not None:
        return ()
    value = re.match(rf"{DOT_NUMBER}", text[cells.spans[1][0] : cells.spans[1][1]])
    return (
        (ValuePlace(named(text, start, end), cells.spans[1][0], cells.spans[1][0] + value.end()),) if value is not None else ()
    )


def _blanked(text: str) -> str:
    """Returns a line without bars, times, addresses, places in code and settings, each as many NULs."""
    if "%|" in text:
        text = _BAR.sub(_nuls, text)
    return _CALL.sub(_nuls, _BLANKED.sub(_nuls, text))


def _nuls(match: re.Match[str]) -> str:
    return chr(0) * len(match[0])


def _without(text: str, spans: Sequence[Span]) -> str:
    for start, end in spans:
        text = f"{text[:start]}{chr(0) * (end - start)}{text[end:]}"
    return text
