"""The bars and counters that programs draw, by their looks: where in a line how far it is, how fast, and the time left stand.

Of tqdm, Keras, rich, Lightning, pip, curl, wget, docker, apt, mmcv, progressbar2, enlighten; counts of epochs and iterations;
and what is left, in any writing. Nothing here may depend on what a digit is: lines that differ in digits only share a look.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from joblog.views.metrics.counters import Counters, Span, counters_of

LINE_CHARACTERS = 2000

_NUM = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_COUNT = rf"{_NUM}[kKMGTP]?i?B?"
_TIME = r"(?:\d{1,9} days?, )?(?:\d{1,9}:)?\d{1,2}:\d{2}"
_RATE = rf"(?P<rate>{_NUM}(?:[kKMGTP]i?)?|\?) ?(?P<unit>[^\s\],\d][^\s\],]{{0,19}}/s|s/[^\s\],]{{1,20}})"
_PERCENT = r"(?P<percent>\d{1,3}(?:\.\d{1,6})?)\s?[%％]"
_SIZE = r"[\d.,]{1,15} ?[kKMGT]?i?[bB]?"

_LEFT = (
    re.compile(
        r"(?i)(?<![A-Za-z])(?P<what>eta|remaining(?:[_ ]time)?|time[_ ](?:left|remaining)|estimated time(?: to finish"
        r"| remaining)?"
        r"|(?:预计)?剩余时间|预计剩余|剩余|预计还需|还需)"
        r"[\"']?\s*+[:：=]?\s*+[\"']?(?P<left>(?:\d{1,9} ?(?:days?|天),? ?)?(?:\d{1,9}:)?\d{1,2}:\d{2}"
        r"|(?:\d{1,9}(?:\.\d+)? ?(?:days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|ms|[dhms]|天|小时|分钟?|秒)"
        r"(?![A-Za-z]{2}),? ?(?:and )?){1,4})"
    ),
    re.compile(r"(?P<left>\d{1,6}\.\d+ (?:hours|minutes|seconds)) (?P<what>left)"),
    re.compile(r"\((?P<left>(?:\d{1,9}:)?\d{1,2}:\d{2}) (?P<what>remaining)\)"),
)
_EACH = re.compile(
    r"(?i)(?<![A-Za-z_])(?:time|batch_cost|batch_time|iter_time|avg_batch_cost)[:=]?\s{0,4}(?P<each>\d{1,9}\.\d{1,9})"
)

# tqdm and what is like it; Lightning's bar made with it: "Epoch 0:  45%|████▌     | 45/100 [00:10<00:12,  4.50it/s, loss=0.3]"
_TQDM = re.compile(
    rf"(?P<percent>\d{{1,3}})%\|[^|]{{0,400}}\|\s*+(?P<done>{_COUNT})/(?P<total>{_COUNT})"
    rf"\s*+\[(?P<elapsed>{_TIME})<(?P<left>{_TIME}|\?)(?:,\s*+{_RATE})?"
)
_TQDM_OPEN = re.compile(rf"(?<![\w.])(?P<done>{_COUNT}?)[A-Za-z]{{1,12}} \[(?P<elapsed>{_TIME}),\s*+{_RATE}")
_KERAS = re.compile(
    r"\s*+(?P<done>\d+)/(?P<total>\d+|Unknown) (?:\[[=>.]{3,}+\]|━{3,}+|(?=- \d+m?s))[\s-]*+(?:ETA: )?(?P<left>"
    r"(?:\d+:)?\d+:\d\d|\d+(?:\.\d+)?s)?"
    r"(?:\s(?:- )?(?P<step>\d+(?:\.\d+)?(?:us|ms|s))/(?:step|epoch))?"
)
_RICH = re.compile(r"[━╸╺]{4,}+")
_RICH_OF = re.compile(rf"(?<![\d.])(?P<done>{_NUM})/(?P<total>{_NUM})(?: (?P<size>[kKMGT]i?B))?\b")
_CLOCK = re.compile(_TIME)
_ANY_RATE = re.compile(_RATE)
_ANY_PERCENT = re.compile(r"(?<![\d.])(?P<percent>\d{1,3})%")

_OTHERS = (
    # mmcv, jagr: "[>>>>>    ] 3000/5000, 25.3 task/s, elapsed: 118s, ETA:    79s", "[>   ] 01.53% (10/653)"
    re.compile(
        rf"(?P<label>[^\[\]]{{0,60}})\[[>=#.\- ]{{5,}}+\]\s*+(?:{_PERCENT}\s*+)?\(?(?P<done>\d+)/(?P<total>\d+)(?:\)"
        rf"|,\s*+{_RATE})?"
    ),
    # espnet: "total [####....] 35.54%"
    re.compile(rf"(?P<label>[^\[\]]{{0,60}})\[[>=#.\- ]{{5,}}+\]\s*+{_PERCENT}"),
    # docker: "dc65f448a2e2: Downloading: [==>    ]  2.055MB/50.38MB"
    re.compile(
        rf"(?P<label>[0-9a-f]{{12}}: (?:Downloading|Extracting|Pushing|Verifying)):?\s*+(?:\[[=> ]{{2,}}+\])?\s*+"
        rf"(?P<done>{_SIZE})/(?P<total>{_SIZE})"
    ),
    # wget: "model.bin   45%[====>     ] 780,354   4.20MB/s    eta 2s", "  3100K .......... 60% 56.5M 1s"
    re.compile(rf"(?P<label>\S[^%]{{0,80}}?)\s{{0,80}}{_PERCENT}\[[=> +]{{2,}}+\]\s*+(?P<done>{_SIZE})\s"),
    re.compile(
        rf"\s{{0,8}}\d{{1,12}}K(?P<wget>(?: [. ,]{{10}}){{1,5}})\s*+{_PERCENT}\s*+[\d.,]+[KMG]?\s*+(?P<left>(?:\d+h)?"
        rf"(?:\d+m)?\d+s)?"
    ),
    # progressbar2: " 45% (45 of 100) |#####    | Elapsed Time: 0:00:10 ETA:   0:00:12", "53% |####   |  20.4 MiB   2.5 MiB/s"
    re.compile(rf"\s*+{_PERCENT}\s{{0,4}}\((?P<done>{_NUM}) of (?P<total>{_NUM})\)\s?\|"),
    re.compile(rf"\s*+{_PERCENT}\s{{0,4}}\|[#=█ >-]{{4,}}+\|\s*+(?P<done>{_SIZE})\s"),
    # what draws a bar between "|" behind a percentage: ProgressMeter.jl; MindFormers, the time left at the end
    re.compile(
        rf"(?P<label>[^|%\d]{{0,60}}(?:\d{{1,9}}[^|%\d]{{1,40}})?)(?<![\d.]){_PERCENT}\s?\|[█▉▊▋▌▍▎▏#=> .-]{{4,}}+\|"
        rf"(?:[^|]{{0,60}}?/s\S{{0,8}} {{1,4}}(?P<left>{_TIME})\b)?"
    ),
    # alive-progress: "training |██████   | 45/100 [45%] in 5.3s (~7s, 8.5/s)"
    re.compile(
        rf"(?P<label>[^|]{{0,60}})\|[█▉▊▋▌▍▎▏#=> .-]{{8,}}+\|\s*+(?P<done>\d+)/(?P<total>\d+) \[{_PERCENT}\]"
        r"(?: in \S{1,12} \([^)]{0,24}?(?:~|eta: ?)(?P<left>[\d:]{1,9}s?))?"
    ),
    # Spark: "[Stage 3:=====>     (45 + 8) / 200]"
    re.compile(r"\[(?P<label>Stage \d{1,9}):=*+>?\s*+\((?P<done>\d+) \+ \d+\) / (?P<total>\d+)\]"),
    # pv: "1.21GiB 0:00:12 [ 102MiB/s] [====>    ] 45% ETA 0:00:14"
    re.compile(rf"\s*+(?P<done>{_SIZE}) {_TIME} \[[^\[\]]{{1,16}}/s\] \[[>=#. -]{{5,}}+\]\s*+{_PERCENT}"),
    # pip, before rich: "|████▏     | 6.6MB 1.9MB/s eta 0:00:03"
    re.compile(rf"\s*+\|[█▉▊▋▌▍▎▏ #]{{8,}}+\|\s*+(?P<done>{_SIZE})\s"),
    # curl
    re.compile(
        r"\s{0,4}(?P<percent>\d{1,3})\s++(?P<total>[\d.]{1,8}[kMGT]?)\s++\d{1,3}\s++"
        r"(?P<done>[\d.]{1,8}[kMGT]?)\s++\d{1,3}\s++\S{1,8}\s++"
        r"(?P<curl>\S{1,8})\s++\S{1,8}\s++[\d:-]{5,12}\s++[\d:-]{5,12}\s++(?P<left>[\d:-]{5,12})\s++\S{1,8}\s*+$"
    ),
    re.compile(r"#{1,200}+\s++(?P<percent>\d{1,3}\.\d)%\s*+$"),
    # pyprind: "[ 30 %]   elapsed: 3.000 sec - eta: 7.000 sec"
    re.compile(rf"\s{{0,4}}\[\s?{_PERCENT}\](?! [A-Z])"),
    # "Progress: 12.5%", "下载进度：45%"
    re.compile(
        rf"(?i)(?:^|[\s\]])(?P<label>(?:\w{{1,12}} )?progress|\w{{0,6}}进度)\s{{0,2}}[:：]?\s{{0,2}}\[?\s{{0,2}}{_PERCENT}"
    ),
    # git, apt: "Receiving objects:  45% (450/1000)", "Reading database ... 45%"
    re.compile(rf"(?P<label>[A-Z][A-Za-z ]{{2,40}}):\s{{1,4}}{_PERCENT} \((?P<done>\d+)/(?P<total>\d+)\)"),
    re.compile(rf"\(?(?P<label>[A-Z][A-Za-z ]{{2,40}}) ?\.{{3}} ?{_PERCENT}\s*+$"),
    # rsync, conda, aria2, gradle, ninja
    re.compile(rf"\s{{2,16}}(?P<done>[\d,]{{1,20}})\s++{_PERCENT}\s++[\d.]+[kMG]?B/s\s++(?P<left>\d+:\d\d:\d\d)"),
    re.compile(rf"(?P<label>[^|]{{1,60}})\|[^|]{{1,20}}\| [#\d ]{{4,40}}+\|\s++{_PERCENT}\s*+$"),
    re.compile(rf"\[#[0-9a-f]{{6}} (?P<done>{_SIZE})/(?P<total>{_SIZE})\("),
    re.compile(rf"<[=-]{{4,40}}+> {_PERCENT}"),
    re.compile(r"\[(?P<done>\d{1,9})/(?P<total>\d{1,9})\] (?=[A-Z][a-z]+ing )"),
    # copies: "Completed 256.0 MiB/1.2 GiB (61.2 MiB/s) with", "Transferred:   1.2 GiB / 10 GiB, 12%, 100 MiB/s, ETA 1m29s",
    # "/ [5/10 files][  1.2 GiB/  2.4 GiB]  50% Done"
    re.compile(rf"(?P<label>Completed|Transferred):?\s++(?P<done>{_SIZE})\s?/\s?(?P<total>{_SIZE})(?=[,(\s])"),
    re.compile(rf"[-/|\\]\s\[\d{{1,9}}/\d{{1,9}} files\]\[\s*+(?P<done>{_SIZE})/\s*+(?P<total>{_SIZE})\]\s++{_PERCENT}"),
    re.compile(rf"\[\s{{0,2}}{_PERCENT}\] (?P<label>[A-Z]\S{{0,300}}(?: \S{{1,300}}){{0,8}})\s*+$"),
    # pip, where there is ASCII only
    re.compile(rf"\s*+-{{8,}}+ (?P<done>{_NUM})/(?P<total>{_NUM}) (?P<size>[kKMGT]i?B)"),
    # trainers: "'global_step/max_steps': '13/94'", '"current_steps": 3230, "total_steps": 3235'
    re.compile(r"['\"]global_step/max_steps['\"]: ['\"](?P<done>\d+)/(?P<total>\d+)"),
    re.compile(r"['\"]current_steps['\"]: (?P<done>\d+), ['\"]total_steps['\"]: (?P<total>\d+)"),
)
_SHARE = re.compile(rf"\s?[\[(]\s{{0,3}}{_PERCENT}\s?[\])]")
_COMPLETE = re.compile(rf"(?i)(?<![a-z])(?:complete|completed|progress|done):? {_PERCENT}")
_REMAINING_COLUMN = re.compile(r"\s*Iter\b.*Remaining Time")
_PARTS = re.compile(
    r"(?i)(?<![A-Za-z_])(?P<label>test|train|val|eval|validation|files?|samples?|进度)\s*+[:#=]?\s*+[\[(]?\s*+"
    r"(?P<done>\d+)\s*+(?:/|of)\s*+(?P<total>\d+)"
    r"(?![\d/]|\.\d)"
)
_OF_LEFT = re.compile(
    r"(?<![\w.])(?P<label>[A-Za-z]\w{1,30}):?\s{1,4}(?P<done>\d{1,3}(?:,\d{3}){1,4}|\d{1,12})\s?/\s?"
    r"(?P<total>\d{1,3}(?:,\d{3}){1,4}|\d{1,12})(?![\d/.])"
)
_EPOCH_NAME = re.compile(r"(?i)(?:(?:train(?:ing)?|test|val(?:id(?:ation)?)?)\s)?(?:epochs?|epoche|epoca)(?:\(\w+\))?")
_MIGHT = re.compile(
    r"[%％/]| of |(?i:eta|remaining|left|estimated)|剩余|还需|iter|[━╸╺]{4}"
    r"| \[\d+:\d\d|--:--:--|:\d\d\s{1,4}\d+:\d\d:|\(?\d+ of \d+|[│|][█▉▊▋▌▍▎▏ #]{8}"
)


@dataclass(frozen=True, slots=True)
class Look:
    """Where in a line a bar's parts stand. ``size`` is the unit of its counts; ``each``: seconds of an iteration."""

    label: Span | str = ""
    done: Span | None = None
    total: Span | None = None
    percent: Span | None = None
    rate: Span | None = None
    unit: str = ""
    elapsed: Span | None = None
    left: Span | None = None
    each: Span | None = None
    step: Span | None = None
    size: str = ""
    epoch: Span | None = None
    epochs: Span | None = None
    whole: bool = False  # what is left is of the run
    counted: bool = False  # a count on a line, which is a bar only up to its total
    binary: bool = False
    heads: bool = False  # a table whose last column is what remains


def look_of(text: str) -> Look | None:
    """Returns how a line draws a bar; None when it draws none."""
    text = text[:LINE_CHARACTERS]
    if _MIGHT.search(text) is None:
        return None
    if _REMAINING_COLUMN.match(text) is not None:
        return Look(heads=True)
    if "%|" in text and (tqdm := _TQDM.search(text)):
        return _look(tqdm, (0, tqdm.start()))
    if keras := _KERAS.match(text):
        return _look(keras, "", step=_span(keras, "step"))
    if "━" in text and (rich := _RICH.search(text)):
        return _rich(text, rich)
    if " [" in text and (tqdm := _TQDM_OPEN.search(text)):
        return _look(tqdm, (0, tqdm.start()))
    for other in _OTHERS:
        match = other.match(text) if not other.pattern.startswith(("(?i)", "['")) else other.search(text)
        if match is not None:
            return _other(text, match)
    return _counted(text)


def _look(match: re.Match[str], label: Span | str, step: Span | None = None) -> Look:
    known = match.re.groupindex
    done, total, percent, rate, elapsed, left = (
        _span(match, name) for name in ("done", "total", "percent", "rate", "elapsed", "left")
    )
    return Look(label, done, total, percent, rate, (match["unit"] or "") if "unit" in known else "", elapsed, left, step=step)


def _span(match: re.Match[str] | None, name: str) -> Span | None:
    return match.span(name) if match is not None and name in match.re.groupindex and match[name] is not None else None


def _rich(text: str, rich: re.Match[str]) -> Look:
    rest = rich.end()
    until = min(len(text), rest + 200)
    clocks = list(_CLOCK.finditer(text, rest, until))
    of, percent = _RICH_OF.search(text, rest, until), _ANY_PERCENT.search(text, rest, until)
    rate = _ANY_RATE.search(text, rest, until)
    return Look(
        (0, rich.start()), _span(of, "done"), _span(of, "total"), _span(percent, "percent"), _span(rate, "rate"),
        rate["unit"] if rate else "", clocks[0].span() if len(clocks) > 1 else None, clocks[-1].span() if clocks else None,
        size=(of["size"] or "") if of else "",
    )  # fmt: skip


def _other(text: str, match: re.Match[str]) -> Look:
    known = match.re.groupindex
    left = _span(match, "left") or _left(text)[0]
    label = "curl" if "curl" in known else "wget" if "wget" in known else match.span("label") if "label" in known else ""
    bar = _look(match, label)
    return Look(
        bar.label, bar.done, bar.total, bar.percent, bar.rate, bar.unit, bar.elapsed, left,
        size=(match["size"] or "") if "size" in known else "",
        binary="curl" in known,
    )  # fmt: skip


def _left(text: str) -> tuple[Span | None, bool]:
    """Returns where a line says what is left, and whether it says that it is of the run."""
    for each in _LEFT:
        match_left = each.search(text)
        if match_left is not None:
            return match_left.span("left"), "finish" in match_left["what"]
    return None, False


def _counted(text: str) -> Look | None:
    """Returns the look of a line that counts, or says what is left."""
    counters = counters_of(text)
    left, whole = _left(text)
    each = _span(_EACH.search(text), "each")
    percent = _span(_SHARE.match(text, counters.iteration[1]), "percent") if counters.iteration is not None else None
    if percent is None and counters.iterations is None and (complete := _COMPLETE.search(text)) is not None:
        percent = complete.span("percent")
    count = _count(text, counters, left or percent)
    parts = _PARTS.search(text) if count is None or count[2] is None else None
    if count is not None and parts is None:
        label, done, total = count
        whole = whole or done == counters.epoch
        return Look(
            label,
            done,
            total,
            percent,
            left=left,
            each=each,
            epoch=counters.epoch,
            epochs=counters.epochs,
            whole=whole,
            counted=True,
        )
    if parts is None and left is not None:
        parts = _OF_LEFT.search(text)
    if parts is not None:
        return Look(parts.span("label"), parts.span("done"), parts.span("total"), left=left, each=each, counted=True)
    return Look(left=left, whole=whole) if left is not None else None


def _count(text: str, counters: Counters, left: Span | None) -> tuple[Span | str, Span | None, Span | None] | None:
    """Returns the innermost count of a line: its label, how many, of how many."""
    if counters.within:
        return _epoch_label(text, counters), counters.iteration, counters.iterations
    if counters.bar is not None:
        return _word(text, counters), *counters.bar
    if counters.iteration is not None and (counters.iterations is not None or (left is not None and counters.epochs is None)):
        return _word(text, counters), counters.iteration, counters.iterations
    if counters.epochs is not None:
        return _epoch_word(text), counters.epoch, counters.epochs
    return None


def _epoch_label(text: str, counters: Counters) -> Span | str:
    assert counters.epoch is not None or counters.iteration is not None
    names = list(_EPOCH_NAME.finditer(text, 0, counters.epoch[0])) if counters.epoch is not None else []
    return names[-1].span() if names else "Epoch"


def _epoch_word(text: str) -> Span | str:
    word = _EPOCH_NAME.search(text)
    return word.span() if word is not None else "轮" if "轮" in text else "epoch"


def _word(text: str, counters: Counters) -> Span | str:
    """Returns the name of what is counted, as it is written."""
    if counters.word == "head":
        return "iteration"
    word = re.compile(rf"(?i){re.escape(counters.word)}s?(?:\(\w+\))?").search(text) if counters.word else None
    if counters.word == "step" and word is None:
        word = re.search("批次|步数|迭代次数|迭代|步", text)
    return word.span() if word is not None else counters.word
