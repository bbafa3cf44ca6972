"""Progress bars as data: what, how far, how fast, how long still; of the bar, and of the run where that can be told.

    progress = ProgressReader()
    for frame in frames:
        progress.take(frame)
    progress.bars

Frames in, values out. Of each label the latest state is kept, of at most MAX_BARS labels; of labels that count epochs, one. A
bar that was erased is gone.
"""

from __future__ import annotations

import re
from dataclasses import replace

from joblog.views.metrics.bars import LINE_CHARACTERS, Look, look_of
from joblog.views.metrics.counters import Span, counters_of
from joblog.views.metrics.quantities import duration
from joblog.views.metrics.quantities import number as plain_number
from joblog.views.redraws import Frame
from joblog.views.values import Progress

MAX_BARS = 32
MAX_LOOKS, MAX_LOOK_BYTES = 4096, 2_000_000
"""Kept: then all are forgotten."""
_LABEL_CHARACTERS = 80
_ERASING_BLANKS = 8
_OF_THE_RUN = 1.5
"""What is left is of the run when it is so many times what the bar's own iterations can take."""

_SCALE = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {"": 1.0, "k": 1024.0, "K": 1024.0, "M": 1024.0**2, "G": 1024.0**3, "T": 1024.0**4, "P": 1024.0**5}
_AMOUNT = re.compile(r"([-+]?[\d.,]+(?:e[-+]?\d+)?) ?([kKMGTP]?)(i?)[bB]?")
_PAIRS = re.compile(r"[\w/@.-]{1,60}+\s?[:=]\s?[-+]?[\d.]+(?:[eE][-+]?\d+)?(?=[\s|,\]:]|$)")
_YOLO = re.compile(r"\s*(\d+)/(\d+)(?:\s+[-+.\deE]+[KMG]?)+\s*")
_PERCENT_AT_END = re.compile(r":?\s\d{1,3}%\s{0,4}$")
_LEVEL = re.compile(r"^.{0,300}\b(?:INFO|DEBUG|NOTICE|WARNING)\b[\]:|\s-]*")
_COUNTS = re.compile(r"(?i)(epoch|step|iter|round|batch|轮|第)")
_REMAINING_ROW = re.compile(r"\s*(\d+)\s.*\s(\d+\.\d+[smh])\s*$")

_UNSEEN = Look()
_looks: dict[bytes, Look | None] = {}
_sizes = [0]


class ProgressReader:
    """Takes a log's frames in order; see the module."""

    def __init__(self) -> None:
        self._bars: dict[str, Progress] = {}
        self._epochs: tuple[float, float] | None = None
        self._remaining = False

    @property
    def waits(self) -> bool:
        """Whether the next line counts even if it draws nothing."""
        return self._remaining

    @property
    def bars(self) -> list[Progress]:
        """The latest state of each bar, the one that moved last at the end."""
        return list(self._bars.values())

    def take(self, frame: Frame) -> Progress | None:
        """Looks at the frame that comes next; returns the bar that it draws, if it does."""
        look = _look(frame)
        if look is None:
            return self._other(frame)
        if look.heads:
            self._remaining = True
            return None
        text = frame.text[:LINE_CHARACTERS]
        bar = self._of_run(_bar(text, look, frame), text, look)
        if bar is None:
            self._add_left(text, look)
            return None
        key = _key(bar.label)
        self._bars.pop(key, None)
        self._bars[key] = bar
        if len(self._bars) > MAX_BARS:
            del self._bars[next(iter(self._bars))]
        return bar

    def pass_over(self, frame: Frame) -> None:
        """Looks at the frame that comes next without keeping its bar, which nobody asks for."""
        look = _look(frame)
        if look is None:
            self._other(frame)
        elif look.heads:
            self._remaining = True

    def _other(self, frame: Frame) -> Progress | None:
        raw = frame.raw
        if self._remaining:
            return self._row(frame)
        if raw[:1] == b" " and len(raw) >= _ERASING_BLANKS and self._bars and raw.isspace():
            self._bars.popitem()
        return None

    def _row(self, frame: Frame) -> Progress | None:
        """Takes a row of a table whose last column is what remains."""
        row = _REMAINING_ROW.match(frame.text[:200])
        self._remaining = row is not None
        if row is not None:
            left = duration(row[2])
            self._bars.pop("Iter", None)
            self._bars["Iter"] = Progress(
                "Iter", float(row[1]), None, None, None, None, left, frame.line, frame.start, frame.end
            )
        return None

    def _of_run(self, bar: Progress | None, text: str, look: Look) -> Progress | None:
        """Returns the bar with what is left of the run, where its line, or its epoch's, tells how many epochs there are."""
        if bar is None:
            return None
        if look.counted and look.done == look.epoch and bar.done is not None and bar.total is not None:
            self._epochs = (bar.done, bar.total)
            return bar
        epochs = _epochs(text, look, bar.label) or (self._epochs if not look.counted else None)
        if epochs is None or bar.run_remaining_s is not None or bar.elapsed_s is None or bar.remaining_s is None:
            return bar
        size = bar.elapsed_s + bar.remaining_s
        return replace(bar, run_remaining_s=bar.remaining_s + max(epochs[1] - epochs[0], 0) * size)

    def _add_left(self, text: str, look: Look) -> None:
        """Takes what is left, said on a line of its own, for the bar that moved last."""
        seconds = duration(text[look.left[0] : look.left[1]]) if look.left is not None and look.done is None else None
        if seconds is None or not self._bars:
            return
        key, bar = self._bars.popitem()
        self._bars[key] = replace(bar, run_remaining_s=seconds) if look.whole else replace(bar, remaining_s=seconds)


def is_plain(frame: Frame) -> bool:
    """Whether a frame neither draws a bar nor erases one."""
    return _look(frame) is None and not frame.raw.isspace()


def progress_of(text: str, frame: Frame) -> Progress | None:
    """Returns the bar that a frame's text draws, None when it draws none."""
    look = look_of(text)
    return None if look is None else _bar(text[:LINE_CHARACTERS], look, frame)


def _look(frame: Frame) -> Look | None:
    outline = frame.outline
    look = _looks.get(outline, _UNSEEN)
    if look is _UNSEEN:
        look = look_of(frame.text)
        _sizes[0] += len(outline)
        if len(_looks) >= MAX_LOOKS or _sizes[0] > MAX_LOOK_BYTES:
            _looks.clear()
            _sizes[0] = len(outline)
        _looks[outline] = look
    return look


def _bar(text: str, look: Look, frame: Frame) -> Progress | None:
    done, total = _amount(text, look.done, look), _amount(text, look.total, look)
    percent = _number(text, look.percent)
    if done is None and percent is None:
        return None
    if look.counted and total is not None and done is not None and done > total:
        return None
    fraction = min(done / total, 1.0) if done is not None and total else None if percent is None else min(percent / 100, 1.0)
    if look.counted and look.total is None and look.left is None and percent is None:
        return None
    rate = _amount(text, look.rate, look)
    if rate is not None and look.unit.startswith("s/"):
        rate = 1 / rate if rate else None
    step = _seconds(text, look.step)
    rate = 1 / step if step else rate
    left = _seconds(text, look.left)
    if left is not None and done is not None and done == total and look.step is not None:
        left = None  # Keras says what it took
    each = _number(text, look.each)
    bar = Progress(
        _label(text, look), done, total, fraction, rate, _seconds(text, look.elapsed), left, frame.line, frame.start, frame.end
    )
    if left is None or not look.counted:
        return bar
    own = each * (total - done) if each is not None and total is not None and done is not None else None
    if look.whole:
        return replace(bar, run_remaining_s=left)
    if own is not None and look.epoch is not None and left > _OF_THE_RUN * own + 1:
        return replace(bar, remaining_s=own, run_remaining_s=left)
    return bar


def _label(text: str, look: Look) -> str:
    label = look.label if isinstance(look.label, str) else text[look.label[0] : look.label[1]]
    epoch = _number(text, look.epoch)
    if look.counted and look.done != look.epoch and epoch is not None and _is_epoch(label):
        return f"{label.rstrip(' :')} {epoch:g}"[-_LABEL_CHARACTERS:]
    label = _PERCENT_AT_END.sub("", label)
    row = _YOLO.fullmatch(label.rstrip(": "))
    if row is not None:
        return f"Epoch {row[1]}/{row[2]}"
    label = _PAIRS.sub("", _LEVEL.sub("", label[-400:]))
    label = " ".join(label.split()).strip(" :|[]=>-")
    label += "]" if label.count("[") > label.count("]") else ""
    return label[-_LABEL_CHARACTERS:] if any(map(str.isalpha, label)) else ""


def _is_epoch(label: str) -> bool:
    return "epoch" in label.lower() or "轮" in label


def _key(label: str) -> str:
    """Returns what bars that follow each other have in common: their labels, but for the number of the epoch or the step."""
    return re.sub(r"\d+(?:\.\d+)?", "#", label) if _COUNTS.search(label) else label


def _epochs(text: str, look: Look, label: str) -> tuple[float, float] | None:
    epoch, epochs = _number(text, look.epoch), _number(text, look.epochs)
    if epoch is None and not look.counted:
        counters = counters_of(label)
        epoch, epochs = _number(label, counters.epoch), _number(label, counters.epochs)
    return (epoch, epochs) if epoch is not None and epochs is not None else None


def _number(text: str, span: Span | None) -> float | None:
    return None if span is None else plain_number(text[span[0] : span[1]])


def _seconds(text: str, span: Span | None) -> float | None:
    return None if span is None else duration(text[span[0] : span[1]])


def _amount(text: str, span: Span | None, look: Look) -> float | None:
    words = "" if span is None else text[span[0] : span[1]].strip()
    if words.isdigit() and not look.size:
        return float(words)
    match = _AMOUNT.fullmatch(words)
    bare = None if match is None else plain_number(match[1])
    if match is None or bare is None:
        return None
    scale = _BINARY if match[3] or look.binary else _SCALE
    size = _SCALE[look.size[0]] if look.size and look.size[0] in _SCALE else 1.0
    return bare * scale[match[2]] * size
