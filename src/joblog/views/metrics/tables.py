"""Tables in text: a header, then rows of as many numbers under it, perhaps with a label before them; or cells between ``|``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from joblog.views.metrics.quantities import DOT_NUMBER

Span = tuple[int, int]

MAX_COLUMNS = 40
_CELL = re.compile(r"\S+(?: \S+)*")
_NUMBER = re.compile(rf"{DOT_NUMBER}(?:[%kKMGTsmh]|ms|GB|MB|GiB|MiB)?")
_CLOCK = re.compile(r"(?:\d+:)?\d+:\d\d(?:\.\d+)?|\d{1,9}/\d{1,9}|-{1,2}|N/A|n/a|None|No log")
_HEADING = re.compile(r"[A-Za-z#%_\u4e00-\u9fff][^=:|]{0,30}|[A-Za-z][\w()/@.:#-]{0,30}")
_KNOWN = re.compile(
    r"(?i)(?:train|val|valid|test|eval|avg|mean|box|cls|obj|dfl)?[_ ]?(?:loss|acc(?:uracy)?|error|score|reward|epoch"
    r"|iter(?:ation)?|steps?|auc|f1.*"
    r"|precision|recall|map\S*|ap\d*|rmse|mae|ppl|perplexity|lr|wer|cer|bleu|e|r|p|mse|dice|iou|miou|support|class"
    r"|test metric|validate metric)"
    r"|\S*(?:loss|acc|error|mAP|reward|metric)\S*(?: \S+)?|(?:training|validation|train|valid|test|loss) \S+"
)
_WORD_NUMBER = re.compile(r"(?:^|\s)[-+]?\d+(?:\.\d+|e-\d+)(?:$|\s)")
_CSV = re.compile(r"[\w./@%+-]{1,60}+(?:,[\w./@%+-]{1,60}+){1,60}")
_FIELD = re.compile(r"[^,]+")
_BAR = re.compile(r"(?<=\S):?\s++\d{1,3}%(?:\|| ━).*|:\s*+$")
_BARS = str.maketrans("│┃║", "|||")
RULE = re.compile(r"[\s|+\-=─━┄═╇╈┏┓┗┛┡┩├┤┼┌┐└┘╞╡╪:*#]{4,}")


@dataclass(frozen=True, slots=True)
class Cells:
    """A line's cells; ``numeric`` says which are numbers; ``ruled``: they stood between ``|``."""

    spans: tuple[Span, ...]
    numeric: tuple[bool, ...]
    ruled: bool


def cells_of(text: str) -> Cells | None:
    """Returns the cells of what may be a table's line."""
    text = text.translate(_BARS)
    stripped = text.strip()
    if stripped.startswith("|") and stripped.endswith("|") and stripped.count("|") >= 3:
        return _cells(text, _between(text), ruled=True)
    if _CSV.fullmatch(text) is not None:
        return _cells(text, [match.span() for match in _FIELD.finditer(text)][:MAX_COLUMNS], ruled=False)
    if text.count(" | ") >= 2 and (open_row := _open_row(text)) is not None:
        return open_row
    bar = _BAR.search(text)
    body = text[: bar.start()] if bar is not None else text
    spans = [match.span() for match in _CELL.finditer(body)] if "\t" not in body else _tabbed(body)
    return _cells(text, spans, ruled=False) if 2 <= len(spans) <= MAX_COLUMNS else None


def _open_row(text: str) -> Cells | None:
    """Returns the cells of a row without a bar at its ends, which are all numbers, or all without any."""
    cells = _cells(text, [match.span() for match in re.finditer(r"[^\s|](?:[^|]*[^\s|])?", text)][:MAX_COLUMNS], ruled=False)
    words = "".join(text[start:end] for start, end in cells.spans)
    return cells if all(cells.numeric) or not any(map(str.isdigit, words)) else None


def _between(text: str) -> list[Span]:
    borders = [at for at, character in enumerate(text) if character == "|"]
    spans = list[Span]()
    for low, high in pairwise(borders):
        inner = text[low + 1 : high]
        left = len(inner) - len(inner.lstrip())
        spans.append((low + 1 + left, low + 1 + max(len(inner.rstrip()), left)))
    return spans[:MAX_COLUMNS]


def _tabbed(text: str) -> list[Span]:
    return [match.span() for match in re.finditer(r"[^\s](?:[^\t]*[^\s])?", text)]


def _cells(text: str, spans: list[Span], *, ruled: bool) -> Cells:
    words = [text[start:end] for start, end in spans]
    numeric = tuple(_NUMBER.fullmatch(word) is not None or _CLOCK.fullmatch(word) is not None for word in words)
    return Cells(tuple(spans), numeric, ruled)


def heading_of(text: str, cells: Cells) -> tuple[str, ...]:
    """Returns the columns' names when the line is a table's header."""
    if any(cells.numeric) or len(cells.spans) < 2:
        return ()
    names = tuple(text[start:end].rstrip(":") for start, end in cells.spans)
    if cells.ruled and len(names) == 2:
        return ()
    if any(_WORD_NUMBER.search(name) for name in names):
        return ()
    if not all(_HEADING.fullmatch(name) for name in names) or not any(_KNOWN.fullmatch(name) for name in names):
        return ()
    return tuple(_balanced(name) for name in names)


def _balanced(name: str) -> str:
    """Returns ``P`` for ``Box(P``, ``mAP50-95`` for ``mAP50-95)``."""
    if name.count("(") == name.count(")"):
        return name
    return name.rstrip(")") if name.endswith(")") else name.rpartition("(")[2]


def row_of(text: str, cells: Cells, columns: int, label_columns: int) -> list[Span] | None:
    """Returns the spans of a row under so many columns, ``label_columns`` (0 or 1) of them words; None when it is none."""
    if cells.ruled:
        spans = list(cells.spans)
        return spans if len(spans) == columns and any(cells.numeric) else None
    flat = [
        (start + match.start(), start + match.end())
        for start, end in cells.spans
        for match in re.finditer(r"\S+", text[start:end])
    ]
    numbers = columns - label_columns
    if len(flat) < numbers:
        return None
    tail = flat[len(flat) - numbers :]
    head = flat[: len(flat) - numbers]
    if not all(_is_number(text[start:end]) for start, end in tail):
        return None
    if label_columns == 0:
        return tail if not head else None
    if not head or len(head) > 4 or _is_number(text[head[-1][0] : head[-1][1]]) or _is_number(text[head[0][0] : head[-1][1]]):
        return None
    return [(head[0][0], head[-1][1]), *tail]


def _is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None or _CLOCK.fullmatch(word) is not None
