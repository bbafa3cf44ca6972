"""The numbers that stand behind their names: ``loss=0.5``, ``loss: tensor(0.5)``, ``loss is 0.5``, ``Loss 0.5 (0.6)``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from joblog.views.metrics.names import PHASE, is_metric, name_before, phase_before, phase_of, subject_before
from joblog.views.metrics.quantities import COMMA_NUMBER, DOT_NUMBER, DURATION, EXPONENT, PLAIN_NUMBER, UNIT

Span = tuple[int, int]

MAX_SIGNS = 400
"""Looked at on a line: what may stand between a name and a value."""
MAX_ELEMENTS = 32
"""Of a list."""
NAME_WITHIN = 300
"""Characters before a sign in which its name is looked for."""
_CALL_CHARACTERS = 400

_WRAP = r"\[{0,2}(?:[A-Za-z_][\w.]{0,30}\()?[\[(]{0,2}[\"']?"


def _pair(number: str) -> re.Pattern[str]:
    return re.compile(
        r"(?P<sign>(?<=[^\s=:<>!])[\"']?\s{0,40}+(?:=(?!=)|:(?![:/])|：|＝)\s{0,40}+|(?<=[\w\0'])\s(?:is|was|of"
        r"|improved to)\s|\s?[为是]\s?"
        r"|(?<=[A-Za-z@%\d_./'-])\s{1,40}+)"
        rf"(?P<wrap>{_WRAP})\s*+(?:\d+\s?/\s?\d+\s?\((?P<percent>\d+(?:\.\d+)?)(?=\s?%\))"
        r"|(?P<duration>(?=\d+\s?(?:h|m|d|分|小|天))(?=\d+\s?[a-z分小时天]+,?\s?(?:and )?\d)" + DURATION + ")"
        rf"|(?P<value>{number}){UNIT})(?![\w]|[.:/-]\d|\.\w|-[A-Za-z])"
    )


_PAIRS = {False: _pair(DOT_NUMBER), True: _pair(COMMA_NUMBER)}
_ELEMENT = re.compile(rf"(?:\s*,)?\s*(?:[A-Za-z_][\w.]{{0,30}}\()?(?P<value>{PLAIN_NUMBER})\)?")
_MEAN = re.compile(r"\s*\(\s*[-+]?[\d.]+(?:[eE][-+]?\d+)?\s*\)")
_BARE = re.compile(
    r"(?i)(?:.*[\s_/-])?(?:loss(?:_\w+)?|acc|accuracy|acc@\d|top-?\d|lr|lrate|learning_rate|ppl|perplexity|mfu|bleu|wer"
    r"|cer|f1|auc|map|norm|gnorm"
    r"|grad_norm|throughput|utts/s|took|time|data|reward|score|error|dice|iou|miou|损失|准确率|精度)"
)
_PHASE_AFTER = re.compile(r"(?i)\s?\((train(?:ing)?|val(?:id(?:ation)?)?|test|eval)\)")
_CONTAINER = re.compile(r"([A-Za-z_]\w{0,40})\[$")
_THINGS = "examples?|samples?|tokens?|words?|images?|imgs?|batch(?:es)?|iters?|steps?|frames?"
_VALUE_FIRST = re.compile(
    r"(?<![\w.=:])(?P<value>\d+\.\d+)(?P<unit>%?) (?P<name>avg loss|avg|rate|bf16 MFU|tok/s)(?![\w/=:])"
    rf"|(?<=[(;,|])\s?(?P<amount>\d+\.\d+) (?P<per>(?:{_THINGS})/s(?:ec)?|s(?:ec)?/(?:{_THINGS}))(?![\w/])"
)
_COLUMN = re.compile(
    rf"\s*+(?P<name>[A-Za-z_%][^|:=]{{0,60}}?)\s{{0,40}}(?:[:=]|\s(?=[-+.\d]|(?i:nan|inf)))\s*+"
    rf"(?P<value>{DOT_NUMBER}){UNIT}\s*(?:\([^()]*\))?\s*(?:±.*)?\.?"
)
_ENTRY = re.compile(rf"(?P<name>[A-Za-z_][\w/%.@-]{{0,40}}+)\s{{1,12}}+(?P<value>{PLAIN_NUMBER}){UNIT}(?!\S)")
_LATER = re.compile(r"(?: \d{1,2}[ms](?!\w)){1,2}")
_LISTED = re.compile(
    rf"[\s\0]*+(?:[A-Za-z_][\w/%.@-]{{0,40}}+\s{{1,12}}+(?:{PLAIN_NUMBER}(?:[a-zA-Z%]{{1,3}})?|\d+[hm] \d+[ms]"
    rf"(?: \d+s)?)[\s\0]++){{4,60}}"
)
_NEXT = re.compile(
    rf"(?<![^\s\0:])(?P<name>[A-Za-z_][\w/%.@-]{{1,40}}+)\s{{1,4}}+(?P<value>[-+]?\d+\.\d+{EXPONENT}){UNIT}(?=[\s,;/|\0]|$)"
)
_BETWEEN = re.compile(r"[\s,;/|\0]{1,12}")
_OF = re.compile(r"\d\s*/\s*\d")


@dataclass(frozen=True, slots=True)
class ValuePlace:
    """A number: its name, or the places of the name's parts where it has digits; its place; its unit, or ``duration``."""

    name: str | tuple[str | Span, ...]
    start: int
    end: int
    unit: str = ""
    free: bool = False  # a phase of the section may come before its name

    def moved(self, by: int) -> ValuePlace:
        """Returns it as it stands in a text that has ``by`` characters more before it."""
        name = (
            self.name
            if isinstance(self.name, str)
            else tuple(part if isinstance(part, str) else (part[0] + by, part[1] + by) for part in self.name)
        )
        return replace(self, name=name, start=self.start + by, end=self.end + by)

    def name_in(self, text: str) -> str:
        """Returns the name on a line of the form."""
        if isinstance(self.name, str):
            return self.name
        return " ".join("".join(part if isinstance(part, str) else text[part[0] : part[1]] for part in self.name).split())


def named(text: str, start: int, end: int, before: str = "", after: str = "") -> str | tuple[str | Span, ...]:
    """Returns a name, or where it stands if it has digits, which differ on other lines of the form."""
    name = text[start:end]
    owner = name.find("'s ")
    if not any(map(str.isdigit, name)):
        return before + " ".join(name.replace("'s ", " ").split()) + after
    places: list[Span] = [(start, end)] if owner < 0 else [(start, start + owner), (start + owner + 2, end)]
    parts: list[str | Span] = [before, *places, after]
    return tuple(part for part in parts if part)


def columns_of(text: str, separator: str = "|", least: int = 2) -> list[ValuePlace]:
    """Returns the values of a line's columns between separators, nothing where there are fewer than ``least``."""
    at, places, columns = 0, list[ValuePlace](), 0
    if separator != "|" and "[" in text:
        return []
    phase = ""
    for part in text.split(separator):
        column = None if _OF.search(part) else _COLUMN.fullmatch(part)
        if column is not None and is_metric(column["name"].strip()):
            columns += 1
            start = column.start("name")
            before = phase_before(column["name"].strip(), phase)
            name = named(text, at + start, at + start + len(column["name"].rstrip()), before)
            places.append(_value(name, at, column, free=not phase))
        else:
            phase = phase or phase_of(part)
            places += [each.moved(at) for each in pairs_of(part, phase, comma=False)]
        at += len(part) + len(separator)
    return places if columns >= least else []


def _value(name: str | tuple[str | Span, ...], at: int, match: re.Match[str], *, free: bool) -> ValuePlace:
    start, end = match.span("value")
    return ValuePlace(name, at + start, at + end, match["unit"] or "", free)


def listed(text: str) -> list[ValuePlace]:
    """Returns the values of a line that is names and numbers alone: ``tick 1  kimg 4.0  sec/tick 40.1  gpumem 9.10``."""
    if _LISTED.fullmatch(text) is None:
        return []
    places = list[ValuePlace]()
    for match in _ENTRY.finditer(text):
        more = _LATER.match(text, match.end())
        if is_metric(match["name"]):
            start, end = match.span("value")
            unit = (match["unit"] or "") if more is None else "duration"
            places.append(ValuePlace(named(text, *match.span("name")), start, end if more is None else more.end(), unit))
    return places


def in_a_row(text: str, phase: str) -> list[ValuePlace]:
    """Returns the values of names and numbers that follow each other without a sign: ``Sup 1.35 Unsup 0.19 mIoU 88.1``."""
    rows, end = list[list[re.Match[str]]](), -1
    for match in islice(_NEXT.finditer(text), MAX_SIGNS):
        if end < 0 or _BETWEEN.fullmatch(text, end, match.start()) is None:
            rows.append([])
        rows[-1].append(match)
        end = match.end()
    return [
        _value(named(text, *match.span("name"), phase_before(match["name"], phase)), 0, match, free=not phase)
        for row in rows
        if len(row) > 1
        for match in row
        if is_metric(match["name"])
    ]


def pairs_of(text: str, phase: str, *, comma: bool) -> Iterator[ValuePlace]:
    """Yields the values of a line, ``phase`` being that which its beginning tells."""
    scan = _Scan(text, phase)
    at, signs = 0, 0
    while signs < MAX_SIGNS and (match := _PAIRS[comma].search(text, at)) is not None:
        at, signs = match.end(), signs + 1
        places = list(scan.values(match))
        if places:
            at = scan.at
            yield from places
        elif match["sign"].isspace():
            at = max(match.end("wrap"), match.start() + 1)  # the number may be a part of the next one's name


class _Scan:
    """What is known of a line up to ``at``: the phase, and what the values stand in."""

    def __init__(self, text: str, phase: str) -> None:
        self._text, self._phase, self._container = text, phase, ""
        self.at = 0

    def values(self, match: re.Match[str]) -> Iterator[ValuePlace]:
        """Yields the values that a match has, none where it is no metric's; ``at`` is behind them."""
        text, sign = self._text, match["sign"].strip(" \t\"'")
        low = max(self.at, match.start("sign") - NAME_WITHIN)
        before = text[low : match.start("sign")]
        place = subject_before(before) if sign in ("is", "was", "为", "是") else name_before(before)
        if place is None:
            return
        start, end = low + place[0], low + place[1]
        name = " ".join(text[start:end].split())
        if not _is_value(name, sign, match, text) or not is_metric(name):
            return
        self._look(text[self.at : start])
        after = _PHASE_AFTER.match(text, match.end())
        label = phase_before(name, self._phase if after is None else after[1])
        own = PHASE.match(name)
        if own is not None and own.end() < len(name):
            self._phase = own[1]
        prefix = label + (f"{self._container}/" if self._container else "")
        self.at = match.end()
        free = not self._phase and bool(phase_before(name, "val"))
        if match["duration"] is not None:
            yield ValuePlace(named(text, start, end, prefix), *match.span("duration"), "duration", free)
        elif match["percent"] is not None:
            yield ValuePlace(named(text, start, end, prefix), *match.span("percent"), "%", free)
        elif "[" in match["wrap"]:
            yield from self._elements(match, (start, end), prefix, free=free)
        else:
            yield _value(named(text, start, end, prefix), 0, match, free=free)
            self._pass(match)

    def _look(self, before: str) -> None:
        """Looks at what stands between the value before and the next one's name."""
        if "]" in before or ")" in before:
            self._container = ""
        inside = _CONTAINER.search(before)
        if inside is not None:
            self._container = inside[1]
            before = before[: inside.start()]
        self._phase = phase_of(before, last=bool(self.at)) or self._phase

    def _elements(self, match: re.Match[str], name: Span, prefix: str, *, free: bool) -> Iterator[ValuePlace]:
        text, at, spans = self._text, match.start("value"), list[Span]()
        if match["wrap"].count("[") > 1:
            return
        while len(spans) < MAX_ELEMENTS and (element := _ELEMENT.match(text, at)) is not None:
            spans.append(element.span("value"))
            at = element.end()
        self.at = max(at, match.end())
        for number, (start, end) in enumerate(spans):
            yield ValuePlace(named(text, *name, prefix, f"[{number}]" if len(spans) > 1 else ""), start, end, "", free)

    def _pass(self, match: re.Match[str]) -> None:
        """Passes over what belongs to a value: its mean in parentheses, the rest of a call."""
        if match["wrap"].rstrip("\"'").endswith("(") and len(match["wrap"]) > 1:
            closed = self._text.find(")", match.end(), match.end() + _CALL_CHARACTERS)
            self.at = closed + 1 if closed >= 0 else match.end()
            return
        mean = _MEAN.match(self._text, match.end())
        if mean is not None:
            self.at = mean.end()


def _is_value(name: str, sign: str, match: re.Match[str], text: str) -> bool:
    """Whether what a sign stands between is a name and its value."""
    if sign in ("=", ":", "：", "＝"):
        return text[match.end() : match.end() + 1] != ":" or "." in (match["value"] or ".")
    if _BARE.fullmatch(name) is not None:
        return True
    if sign in ("is", "was", "为", "是"):
        return "." in (match["value"] or "")
    return sign == "" and "[" not in match["wrap"] and _MEAN.match(text, match.end()) is not None


def values_first(text: str) -> Iterator[ValuePlace]:
    """Yields what stands before its name: ``36.9% bf16 MFU``."""
    for match in _VALUE_FIRST.finditer(text):
        if match["name"] is not None:
            yield ValuePlace(named(text, *match.span("name")), *match.span("value"), match["unit"])
        else:
            yield ValuePlace(named(text, *match.span("per")), *match.span("amount"))
