"""Progress bars as data: what, how far, how fast, how long still. Of tqdm, Keras, rich, Lightning; and ``step 3/10``.

    progress = ProgressReader()
    for frame in frames:
        progress.take(frame)
    progress.bars

Frames in, values out. Of each label the latest state is kept, of at most MAX_BARS labels.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

from joblog.views.redraws import Frame
from joblog.views.values import Progress

MAX_BARS = 32
_LABEL_CHARACTERS = 80

_NUM = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_COUNT = rf"{_NUM}[kKMGTP]?i?B?"
_TIME = r"(?:\d{1,9} days?, )?(?:\d{1,9}:)?\d{1,2}:\d{2}"
_RATE = rf"(?P<rate>{_NUM}(?:[kKMGTP]i?)?|\?) ?(?P<unit>[^\s\],\d][^\s\],]{{0,19}}/s|s/[^\s\],]{{1,20}})"

# tqdm, and Lightning's bar made with it: "Epoch 0:  45%|████▌     | 45/100 [00:10<00:12,  4.50it/s, loss=0.3]"
_TQDM = re.compile(
    rf"(?P<percent>\d{{1,3}})%\|[^|]{{0,400}}\|\s*(?P<done>{_COUNT})/(?P<total>{_COUNT})"
    rf"\s*\[(?P<elapsed>{_TIME})<(?P<left>{_TIME}|\?)(?:,\s*{_RATE})?"
)
# tqdm without a total: "45it [00:10,  4.50it/s]"
_TQDM_OPEN = re.compile(rf"(?<![\w.])(?P<done>{_COUNT}?)[A-Za-z]{{1,12}} \[(?P<elapsed>{_TIME}),\s*{_RATE}")
# rich, and Lightning's bar of it: "Working... ━━━━━╸━━━━  45% 0:00:12", "Epoch 0/9 ━━━━ 45/100 0:00:10 • 0:00:12 4.50it/s"
_RICH = re.compile(r"[━╸╺]{4,}")
# Keras: "45/100 [=====>....] - ETA: 12s - loss: 0.3", Keras 3: "45/100 ━━━━━ 12s 120ms/step - loss: 0.3"
_KERAS = re.compile(r"\s*(?P<done>\d+)/(?P<total>\d+|Unknown) (?:\[(?P<bar>[=>.]{3,})\]|━{3,})\s*(?P<rest>.{0,300})")
_KERAS_EPOCH = re.compile(r"\s*Epoch (?P<done>\d+)/(?P<total>\d+)\s*")
# Counters: "Epoch [3/10], Step [45/100]", "iter  45/100", "Epoch: [3]  [ 45/1000]  eta: 0:01:02"
_COUNTER = re.compile(
    r"(?i)\b(?P<label>epochs?|steps?|iter(?:ation)?s?|batch(?:es)?|test|train|val|eval|validation|files?|samples?)\b"
    r"[:#=]?\s*+(?P<outer>\[\d+\]\s*+)?[\[(]?\s*+(?P<done>\d+)\s*(?:/|of)\s*(?P<total>\d+)\b(?!/|\.\d)"
)
_ETA = re.compile(rf"(?i)\beta\b:?\s*(?P<left>{_TIME}|\d+(?:\.\d+)?\s?(?:ms|s|m|h))")
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3})%")
_OF = re.compile(rf"(?<![\d.])(?P<done>{_NUM})/(?P<total>{_NUM})\b")
_CLOCK = re.compile(_TIME)
_RATE_ALONE = re.compile(_RATE)
_KERAS_LEFT = re.compile(rf"(?P<left>{_TIME}|\d+(?:\.\d+)?s)\b")
_KERAS_STEP = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s)/(?:step|epoch)")
_SCALE = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY: dict[str, float] = {letter: math.pow(1024, power) for power, letter in enumerate(" KMGTP")} | {
    "": 1.0,
    "k": 1024.0,
}
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class ProgressReader:
    """Takes a log's frames in order; see the module."""

    def __init__(self) -> None:
        self._bars: dict[str, Progress] = {}

    @property
    def bars(self) -> list[Progress]:
        """The latest state of each bar, the one that moved last at the end."""
        return list(self._bars.values())

    def take(self, frame: Frame) -> Progress | None:
        """Looks at the frame that comes next; returns the bar that it draws, if it does."""
        if b"/" not in frame.raw and b"%" not in frame.raw and b" of " not in frame.raw:
            return None
        found = progress_of(frame.text, frame)
        if found is not None:
            self._bars.pop(found.label, None)
            self._bars[found.label] = found
            if len(self._bars) > MAX_BARS:
                del self._bars[next(iter(self._bars))]
        return found


def progress_of(text: str, frame: Frame) -> Progress | None:
    """Returns the bar that a frame's text draws, None when it draws none."""
    text = text[:2000]
    if "%|" in text and (tqdm := _TQDM.search(text)):
        label, clocks = text[: tqdm.start()], (tqdm["elapsed"], tqdm["left"])
        return _bar(frame, label, tqdm["done"], tqdm["total"], (tqdm["rate"], tqdm["unit"]), clocks)
    if keras := _KERAS.match(text):
        return _keras(frame, keras)
    if "━" in text and (rich := _RICH.search(text)):
        return _rich(frame, text[: rich.start()], text[rich.end() :][:200])
    if " [" in text and (tqdm := _TQDM_OPEN.search(text)):
        return _bar(frame, text[: tqdm.start()], tqdm["done"], None, (tqdm["rate"], tqdm["unit"]), (tqdm["elapsed"], None))
    if epoch := _KERAS_EPOCH.fullmatch(text):
        return _bar(frame, "Epoch", epoch["done"], epoch["total"])
    counters = list(_COUNTER.finditer(text))
    if counters and int(counters[-1]["done"]) <= int(counters[-1]["total"]):
        innermost, eta = counters[-1], _ETA.search(text)
        return _bar(
            frame, innermost["label"], innermost["done"], innermost["total"], clocks=(None, eta["left"] if eta else None)
        )
    return None


def _rich(frame: Frame, label: str, rest: str) -> Progress:
    clocks = _CLOCK.findall(rest)
    of, percent, rate = _OF.search(rest), _PERCENT.search(rest), _RATE_ALONE.search(rest)
    done, total = (of["done"], of["total"]) if of else (None, None)
    speed = (rate["rate"], rate["unit"]) if rate else (None, None)
    found = _bar(frame, label, done, total, speed, (clocks[0] if len(clocks) > 1 else None, clocks[-1] if clocks else None))
    if found.fraction is not None or percent is None:
        return found
    return replace(found, done=None, total=None, fraction=min(int(percent[1]) / 100, 1.0))


def _keras(frame: Frame, keras: re.Match[str]) -> Progress:
    rest = keras["rest"]
    eta = _ETA.search(rest) or _KERAS_LEFT.match(rest)
    step = _KERAS_STEP.search(rest)
    total = None if keras["total"] == "Unknown" else keras["total"]
    left = eta["left"] if eta and keras["done"] != total else None
    found = _bar(frame, "", keras["done"], total, clocks=(None, left))
    seconds = float(step[1]) * _SECONDS[step[2]] if step else 0.0
    return replace(found, rate=1 / seconds) if seconds else found


def _bar(
    frame: Frame,
    label: str,
    done: str | None,
    total: str | None,
    speed: tuple[str | None, str | None] = (None, None),
    clocks: tuple[str | None, str | None] = (None, None),
) -> Progress:
    done_n, total_n = _number(done), _number(total)
    fraction = min(done_n / total_n, 1.0) if done_n is not None and total_n else None
    rate, unit = _number(speed[0]), speed[1]
    if rate is not None and unit is not None and unit.startswith("s/"):
        rate = 1 / rate if rate else None
    label = label.strip().rstrip(":").strip()[-_LABEL_CHARACTERS:]
    times = _seconds(clocks[0]), _seconds(clocks[1])
    return Progress(label, done_n, total_n, fraction, rate, *times, frame.line, frame.start, frame.end)


def _number(text: str | None) -> float | None:
    if not text or text == "?":
        return None
    bare = text.removesuffix("B")
    scale = _BINARY if bare.endswith("i") else _SCALE
    bare = bare.removesuffix("i")
    letter = bare[-1] if bare[-1:].isalpha() else ""
    return float(bare.removesuffix(letter)) * scale.get(letter, 1.0)


def _seconds(text: str | None) -> float | None:
    if not text or text == "?":
        return None
    days, _, clock = text.rpartition(", ")
    seconds = 86400.0 * int(days.split()[0]) if days else 0.0
    if ":" in clock:
        parts = [int(part) for part in clock.split(":")]
        return seconds + sum(part * math.pow(60, power) for power, part in enumerate(reversed(parts)))
    number = re.match(r"[\d.]+", clock)
    return float(number[0]) * _SECONDS[clock[number.end() :].strip()] if number else None
