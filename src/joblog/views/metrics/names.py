"""What a number on a line is called: the words before it, train or validation, and what is no metric at all."""

from __future__ import annotations

import re

PHASE = re.compile(
    r"(?i)(?<![\w./-])(train(?:ing|_inner)?|val(?:id(?:ation)?)?|test(?:ing)?|eval(?:uat(?:e|ion))?|dev|cv"
    r"|Saving dict|训练集|验证集|测试集|训练(?=[：:\s])|验证(?=[：:\s])|测试(?=[：:\s]))(?![\w./-]|\s?=)"
)
_PHASED = re.compile(
    r"(?i)(?:^|[\W_\d])(?:train|training|trained|val|valid|validation|test|eval|evaluation|dev|learn)(?=$|[\W_\d])|训练|验证|测试"
)

# Names that are the same in training and in validation: no phase before them.
_SHARED = re.compile(
    r"(?i)(?:epochs?|(?:cur(?:rent)?[_ ])?(?:lr|learning[_ ]rate|lrate)(?:_\d+|\[\d+\])?|学习率|.*time.*|.*(?:sec"
    r"|second)s?(?:$|[/_].*)"
    r"|(?:(?:max|peak|gpu|cuda|reserved|allocated|active|used|free)[_ ])*mem(?:ory)?.*"
    r"|took|eta|speed|throughput|ips|fps|wall|elapsed.*|grad[_ ]?(?:norm|scale).*|gnorm"
    r"|best.*|.*step.*|.*/s)"
)
_TRAINING = re.compile(r"(?i)train|训练")
_RATE = re.compile(r"(?i)epochs?|(?:cur(?:rent)?[_ ])?(?:lr|learning[_ ]rate|lrate).*|学习率|best.*")
_NO_METRIC = re.compile(
    r"(?i).*\.(?:py|cpp|cc|cxx|cu|cuh|hpp|h|c|so|go|rs|ipynb)"
    r"|(?:.*\s)?(?:cuda|npu|gpu|tpu|device|rank|local_rank|line|lineno|port|pid|tid|https?|localhost|eta|version|date"
    r"|commit|host|ip|node|seed"
    r"|uid|gpus|(?:receiving|counting|compressing|unpacking) objects|resolving deltas|updating files|dataloader"
    r"|num_proc|num_workers|global[_ ]steps?|num_updates|current_steps|betas?|mom|remaining"
    r"|remaining[_ ]time|time left|left|total_steps|max_steps|iters|timestamp|ts|time_ms|seqnum|errno|code|status"
    r"|剩余时间|预计剩余时间|进度|日期|版本|时间戳)"
)
_STOPS = frozenset(
    (
        *(
            "with",
            "at",
            "is",
            "was",
            "are",
            "the",
            "a",
            "an",
            "and",
            "to",
            "for",
            "from",
            "on",
            "by",
            "reached",
            "got",
            "has",
            "have",
        ),
        *(
            "after",
            "before",
            "over",
            "until",
            "improved",
            "saved",
            "saving",
            "using",
            "finished",
            "done",
            "end",
            "when",
            "in",
            "into",
        ),
        *(
            "info",
            "debug",
            "warning",
            "warn",
            "error",
            "root",
            "notice",
            "trace",
            "its",
            "this",
            "that",
            "set",
            "completed",
            "now",
        ),
        *("->", "=>", "-", "*", "+", "or", "if", "as", "be", "than", "results", "result", "metrics"),
    )
)
_SEPARATORS = re.compile(r"[,;，；。|()\[\]{}<>（）【】\t\"\x00：]|\s{2,}|(?<=\s)-(?=\s)|[:.!]\s|=|\s-{2,}|—")
_PAREN = re.compile(r"^(?P<name>.*\S)\s?\((?P<unit>[^()]{1,24})\)$", re.DOTALL)
_LAST = re.compile(r"[^\W\d][\w@./%'#+&-]*$|[A-Za-z_][\w@./%'#+&-]*$")
_FOR = re.compile(r"\s(?:for|at|in|on)$")
_QUANTITY = re.compile(r"\d[\d.,]{0,20}[A-Za-z]{0,8}/[A-Za-z]")
_MEASURED = re.compile(r"(?i)\w*(?:loss|acc|accuracy|error|reward)")
_WORDS = 6
_NAME_CHARACTERS = 64


def name_before(raw: str) -> tuple[int, int] | None:
    """Returns which part of a text, which ends where the sign of a value stands, is the value's name."""
    end = len(raw.rstrip(" \t\"'"))
    text = raw[max(end - 200, 0) : end]
    base = end - len(text)
    paren = _PAREN.match(text[-120:]) if text.endswith(")") else None
    body_end = len(text) - (len(paren[0]) - len(paren["name"])) if paren is not None else len(text)
    starts = [match.end() for match in _SEPARATORS.finditer(text, 0, body_end)]
    start = starts[-1] if starts else 0
    words = [(match.start(), match[0]) for match in re.finditer(r"\S+", text[start:body_end])]
    kept = words[-_WORDS:]
    return _rest_of(text, start, body_end, base, kept)


def _rest_of(text: str, start: int, body_end: int, base: int, words: list[tuple[int, str]]) -> tuple[int, int] | None:
    stops = [number for number in range(len(words)) if _stops(words, number)]
    if stops:
        words = words[stops[-1] + 1 :]
    if not words:
        return None
    at, last = words[-1]
    word = _LAST.search(last)
    if word is None:
        return None
    begun = last[: word.start()].rstrip("'\"`*-+@#%(")
    first = start + (at + word.start() if begun else words[0][0])
    if body_end - first > _NAME_CHARACTERS:
        return None
    while text[first] in "'\"`*-+":
        first += 1
    return (base + first, base + len(text)) if first < body_end else None


def subject_before(raw: str) -> tuple[int, int] | None:
    """Returns what a sentence is about: "Loss is 0.5", "The objective for 'output' for minibatches 40-49 is 0.5"."""
    bare = raw.rstrip("\0 ")
    if bare == raw.rstrip(" "):
        return name_before(raw)
    bare = _FOR.sub("", bare)
    starts = [match.end() for match in _SEPARATORS.finditer(bare, max(len(bare) - 200, 0))]
    start = starts[-1] if starts else 0
    start += len(bare) - start - len(bare[start:].lstrip())
    start += len(bare[start : start + 4]) if bare[start : start + 4].lower() == "the " else 0
    return (start, len(bare)) if 0 < len(bare) - start <= _NAME_CHARACTERS else None


def phase_of(text: str, *, last: bool = False) -> str:
    """Returns the first, or the last, phase that a text tells; nothing when it tells none."""
    phases = PHASE.findall(text)
    phase = phases[-1 if last else 0] if phases else ""
    return "eval" if phase == "Saving dict" else phase


def _stops(words: list[tuple[int, str]], number: int) -> bool:
    """Whether a name begins only behind a word: not behind that of "loss after forward pass"."""
    word = words[number][1]
    if number and word.lower() in ("after", "before", "over") and _MEASURED.fullmatch(words[number - 1][1]):
        return False
    return _ends_a_name(word, last=number == len(words) - 1)


def _ends_a_name(word: str, *, last: bool) -> bool:
    """Whether what is called so begins only behind this word."""
    bare = word.strip("'\"`.:")
    if _QUANTITY.match(bare):
        return True
    return bare.lower() in _STOPS or (not any(map(str.isalpha, bare)) and (last or not bare.isdigit()))


def is_metric(name: str) -> bool:
    """Whether what is called so can be one."""
    return _NO_METRIC.fullmatch(name) is None


def phase_before(name: str, phase: str) -> str:
    """Returns the phase that belongs before a name, nothing when the name says it itself or has none."""
    if not phase or _PHASED.search(name):
        return ""
    if _SHARED.fullmatch(name) is not None and (_TRAINING.match(phase) or _RATE.fullmatch(name)):
        return ""
    return f"{phase} "
