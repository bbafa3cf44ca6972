"""The forms in which programs print a failure over several lines: what begins one.

Lines in, without what their log puts before each (see ``prefix``), in order:

    unfinished = opening(text, before)   a failure begins with this line, or None
    belongs(unfinished, text)            whether the next line is a part of it; None: only if a later one is (``parts``)
    said(unfinished)                     its kind, its message, and the message of its cause (``messages``)

Python's tracebacks as Python, IPython, rich, loguru, Ray and multiprocessing print them, chained, grouped, within each other,
SyntaxErrors that have no header; messages of several lines to their end, with the blocks of Paddle, MindSpore and CANN; stacks
of C++, glog, sanitizers, Java, Go, Rust, Julia, Fortran.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from joblog.views.why import marks
from joblog.views.why.kinds import (
    CRASH,
    EXCEPTION,
    KILLED,
    LAUNCHER,
    LOGGED,
    NAN,
    OUT_OF_MEMORY,
    is_echo,
    kind_of_exception,
    kind_of_line,
)

TEXT_LINES = 60
LINE_CHARACTERS = 400


@dataclass(slots=True)
class Unfinished:
    """A failure that is being read."""

    state: str
    kind: str | None = None
    """Of one that begins with a line; None of an exception with a traceback."""
    text: list[str] = field(default_factory=list)
    raised: list[list[str]] = field(default_factory=list)
    """The messages of exceptions, in order."""
    inner: bool = False
    """Whether the last of them is within the first, not behind it."""
    codes: list[str] = field(default_factory=list)
    block: list[str] = field(default_factory=list)
    """The lines of Paddle's summary."""
    name: str = ""
    behind: int = 0
    blanks: int = 0
    perhaps: int = 0
    missed: int = 0
    weak: int = 0
    """0: it ends a program; 1: it may; 2: something is said to be wrong; 3: somebody says that he minds not."""
    lookback: int = 0
    """Lines before the first that are a part of it."""

    def add(self, text: str) -> None:
        """Keeps a line: of many the first, which say what, and the last, which say why."""
        if len(self.text) == TEXT_LINES:
            del self.text[TEXT_LINES // 4]
        self.text.append(text[:LINE_CHARACTERS])
        self._code(text)

    def strip(self, after: Callable[[str], int | None]) -> None:
        """Takes what each line begins with off those that were kept before it was known."""
        self.text = [text[after(text) or 0 :] for text in self.text]

    def _code(self, text: str) -> None:
        code = marks.CODE.search(text) if "E" in text[:120] else None
        if code is not None and len(self.codes) < 4:
            self.codes.append(f"{code['code']}: {code['says'].strip()}"[:LINE_CHARACTERS])


def is_header(text: str) -> bool:
    """Whether a line ends with the words that begin a traceback."""
    before, words, after = text.rpartition(marks.HEADER)
    return bool(words) and not after.strip() and before.rstrip()[-1:] not in ("'", '"', "`")


def is_group(text: str) -> bool:
    return text.rpartition(marks.HEADER)[0].endswith("+ Exception Group ")


def mildness(reading: Unfinished, level: str) -> int:
    """Says how weak a failure is that is told at a level of no failure: that a program ended, or a loss, is told so."""
    if reading.state != "line":
        return 2
    if level == "INFO" and reading.kind == NAN:
        return 1
    return 2 if level == "INFO" and reading.kind in (CRASH, KILLED, LAUNCHER, OUT_OF_MEMORY) else 3


def opening(text: str, before: Sequence[str]) -> Unfinished | None:
    """Returns the failure that begins with a line, None when none does; ``before`` are the lines before it, in order."""
    for find in _OPENINGS:
        opened = find(text, before)
        if opened is not None:
            return opened
    return None


def _headed(text: str, before: Sequence[str]) -> Unfinished | None:
    if "Traceback (most recent call last)" not in text:
        return None
    ipython = marks.IPYTHON.fullmatch(text)
    if marks.PADDLE.fullmatch(text.strip()):
        return Unfinished("block", CRASH, lookback=_rules(before))
    if ipython is not None:
        return Unfinished("ipython", name=ipython["name"], lookback=_rules(before))
    if marks.RICH.fullmatch(text):
        return Unfinished("rich")
    if not is_header(text):
        return None
    return Unfinished("group" if is_group(text) else "header", weak=_weak_before(before), lookback=_remote(before))


def _rules(before: Sequence[str]) -> int:
    return int(bool(before) and marks.RULE.fullmatch(before[-1]) is not None)


def _remote(before: Sequence[str]) -> int:
    if before and before[-1].strip() == '"""' and len(before) > 1 and marks.REMOTE.fullmatch(before[-2].strip()):
        return 2
    return 0


def _weak_before(before: Sequence[str]) -> int:
    last = before[-1].strip() if before else ""
    if last.startswith(("Exception ignored in", "--- Logging error ---", "future: <", "Task exception was never")):
        return 3
    if last.startswith("Exception in thread"):
        return 1
    warned = re.match(r"(?:.{0,60}[\s\[|:<(-])?(?:WARN(?:ING)?|warn(?:ing)?)(?![A-Za-z])", last[:80])
    return 2 if warned is not None and "NCCL WARN" not in last else 0


def _syntax(text: str, before: Sequence[str]) -> Unfinished | None:
    if not marks.SYNTAX.match(text):
        return None
    for back, each in enumerate(reversed(before[-5:]), 1):
        if marks.FILE.match(each):
            return Unfinished("ended", raised=[[text[:LINE_CHARACTERS]]], lookback=back)
        if each[:1] not in (" ", "\t"):
            break
    return None


def _java(text: str, before: Sequence[str]) -> Unfinished | None:
    if not marks.JAVA.fullmatch(text) or kind_of_line(text) == LAUNCHER:
        return None
    record = (
        bool(before)
        and marks.RECORD.match(before[-1]) is not None
        and re.search(r"\b(?:ERROR|FATAL|SEVERE)\b", before[-1][:80])
    )
    return Unfinished("java", EXCEPTION, lookback=int(bool(record)), weak=max(_weak_before(before), 1))


def _other(text: str, _: Sequence[str]) -> Unfinished | None:
    for mark, state, kind, weak in _MARKED:
        if mark.match(text):
            return Unfinished(state, kind, weak=weak)
    if marks.PANICKED.match(text):
        return Unfinished("panicked" if text.rstrip().endswith(":") else "stacked", CRASH)
    if marks.JULIA.match(text):
        return Unfinished("julia", kind_of_exception(text, EXCEPTION), weak=1)
    return None


# What begins with a mark of its own: how its lines go on, its kind, how weak it is.
_MARKED = (
    (marks.SANITIZER, "sanitizer", CRASH, 0),
    (marks.FORTRAN_PLACE, "stacked", CRASH, 0),
    (marks.DOTNET, "java", EXCEPTION, 0),
    (marks.SPARK, "java", EXCEPTION, 2),
    (marks.MATLAB, "panicked", EXCEPTION, 0),
    (marks.RUBY, "stacked", EXCEPTION, 0),
    (marks.ELIXIR, "stacked", EXCEPTION, 0),
    (marks.LUA, "traced", EXCEPTION, 1),
    (marks.R_ERROR, "stacked", EXCEPTION, 0),
)


def _alone(text: str, before: Sequence[str]) -> Unfinished | None:
    """An exception without its traceback."""
    if not marks.ALONE.match(text) or kind_of_line(text) == LOGGED:
        return None
    frames = _frames(before)
    return Unfinished("ended", raised=[[text[:LINE_CHARACTERS]]], weak=int(not frames), lookback=frames)


def _frames(before: Sequence[str]) -> int:
    """Returns how many lines before an exception are of its stack, which somebody began otherwise than Python does."""
    indented = next((count for count, each in enumerate(reversed(before)) if each[:2] != "  "), len(before))
    return indented if any(marks.FILE.match(each) for each in before[len(before) - indented :]) else 0


def _line(text: str, _: Sequence[str]) -> Unfinished | None:
    kind = kind_of_line(text)
    if kind in (None, LOGGED) and marks.CHECK.search(text) and not is_echo(text):
        return Unfinished("stacked", CRASH, weak=1)
    if kind is None:
        return None
    if text.startswith("Primary job "):
        return Unfinished("line", kind, weak=3)
    given = kind == NAN or "NCCL WARN" in text or "Workers (tasks / actors) killed" in text  # by somebody else than who fails
    return Unfinished("line", kind, weak=_WEAK_KINDS.get(kind, int(given)))


_WEAK_KINDS = {LOGGED: 2, LAUNCHER: 2}
_OPENINGS: tuple[Callable[[str, Sequence[str]], Unfinished | None], ...] = (_headed, _syntax, _java, _other, _alone, _line)
