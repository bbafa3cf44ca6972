"""The failures that a log speaks of: tracebacks grouped, with what caused them; crashes with their stack; single lines.

Bytes in, values out. A log is looked at in a window that its caller bounds; what is kept is MOST failures of TEXT_LINES lines
each. Ranks that share a log write their tracebacks across each other, with a mark each: these come apart again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from joblog.views.kinds import LOGGED, kind_of_exception, kind_of_line
from joblog.views.redraws import FRAME_BYTES, Frame

MOST = 200
"""Failures kept of a log: half of them the first, half of them the last."""

MAX_HITS = 40_000
"""Lines with a hint that are looked at: of more, half of them the first, half of them the last."""

TEXT_LINES = 60
MAX_OPEN = 64
LINE_CHARACTERS = 400

# Some of these stands in every line that speaks of a failure, in lower case; finding them is a hundred times as fast as the
# expressions that then look at the line.
_HINTS = (
    *(b"err", b"exception", b"traceback", b"out of memory", b"oom", b"fail", b"fatal", b"critical", b"severe", b"signal"),
    *(b"sigsegv", b"sigabrt", b"sigbus", b"sigterm", b"sigkill", b"fault", b"nan", b"non-finite", b"=inf", b": inf", b"-inf"),
    *(b"nccl warn", b"timed out", b"timeout", b"xid", b"ecc", b"terminate", b"what()", b"abort", b"refused", b"reset by"),
    *(b"no space", b"quota", b"enospc", b"killed", b"cancelled", b"preempt", b"allocat", b"bad_alloc", b"free()", b"malloc()"),
    *(b"corrupt", b"smash", b"panic", b"assert", b"illegal", b"_status_", b"broken pipe", b"no route", b"resolution"),
    *(b"not known", b"mpirun", b"primary job", b"exited with", b"prte", b"sanitizer", b"*** sig", b"due to time limit"),
)
_CODES = re.compile(rb"E[A-Z]\d{4}: ")
_CODE_BYTES = 8
_IDLE = 500
"""Lines after which a traceback that was not gone on with is taken to be over."""

_PREFIX = re.compile(
    r"\[rank\d+\]:? ?|\[default\d+\]:? ?|\d+: |\[\d+\](?:<std\w+>)?: ?|\(\w+ pid=\d+[^)]*\) ?|\[\d+,\d+\]<std\w+>: ?"
)
_HEADER = re.compile(r"(?P<before>.{0,120}?)(?P<group>\s{0,40}\+ Exception Group )?Traceback \(most recent call last\):\s*")
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:: .*|:)?")
_CHAINED = re.compile(
    r"(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):"
)
_STACK = re.compile(
    r"\s*(?:frame #\d+:|#\d+ +0x|#\d+ |\[\s*\d+\] |\[bt\]"
    r"|Exception raised from |C10_|File \"|Current thread 0x|Thread 0x|  what\(\):)|\s*what\(\):"
)
_IN_GROUP = re.compile(r"\s*[|+]")


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure, in the bytes ``[start_byte, end_byte)`` and raw lines ``[start_line, end_line)``.

    ``cause`` is the first of chained exceptions where there are several. ``after`` is how many ordinary lines came behind
    it; ``prefix`` the rank's mark that its lines begin with.
    """

    kind: str
    summary: str
    start_byte: int
    end_byte: int
    start_line: int
    end_line: int
    text: list[str]
    cause: str | None = None
    after: int = 0
    prefix: str = ""


@dataclass(slots=True)
class _Open:
    """A failure that is being read."""

    prefix: str
    frame: Frame
    kind: str | None = None  # of a line; None: a traceback
    end: int = 0
    end_line: int = 0
    text: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    state: str = "header"  # one of _STEPS
    ordinary: int = 0
    taken: int = 0

    def add(self, frame: Frame, text: str) -> None:
        self.end, self.end_line = frame.end, frame.line + 1
        if len(self.text) == TEXT_LINES:  # the first lines say what, the last ones why
            del self.text[TEXT_LINES // 4]
        self.text.append(text[:LINE_CHARACTERS])


def find_failures(data: bytes, at: int = 0, line: int = 0) -> list[Failure]:
    """Returns the failures that a part of a log speaks of, in its order; it begins at byte ``at``, in raw line ``line``."""
    finder, position, ends, hits = _Finder(), 0, _Ends(data), _hits(data)
    for number, hit in enumerate(hits):
        if hit < position:
            continue
        start = max(data.rfind(b"\n", position, hit), data.rfind(b"\r", position, hit), position - 1) + 1
        finder.ordinary += _frames_in(data, position, start)
        line += data.count(b"\n", position, start)
        position = start
        while position < len(data):
            end = ends.after(position)
            raw = data[position : min(end, position + FRAME_BYTES)].rstrip(b"\r\n")
            if raw.strip():
                while hits[number] < position and number < len(hits) - 1:
                    number += 1
                finder.take(Frame(at + position, at + end, line, raw), hinted=position <= hits[number] < end)
            line += data[end - 1] == 0x0A
            position = end
            if not finder.reading:
                break
    finder.ordinary += _frames_in(data, position, len(data))
    return finder.failures()


def _hits(data: bytes) -> list[int]:
    """Returns where a line may speak of a failure, in order."""
    lower, marks = data.lower(), bytearray(len(data))
    for hint in _HINTS:
        position, ends = lower.find(hint), _Ends(lower)
        while position >= 0:
            marks[position] = 1
            position = lower.find(hint, ends.after(position))
    for at in range(0, len(data), FRAME_BYTES):  # a piece at a time: other threads wait for each
        for match in _CODES.finditer(data, at, at + FRAME_BYTES + _CODE_BYTES):
            marks[match.start()] = 1
    first, last = list[int](), list[int]()
    position, end = marks.find(1), len(marks)
    while position >= 0 and len(first) < MAX_HITS // 2:
        first.append(position)
        position = marks.find(1, position + 1)
    while position >= 0 and len(last) < MAX_HITS // 2 and (end := marks.rfind(1, position, end)) >= 0:
        last.append(end)
    return first + last[::-1]


class _Ends:
    """The ends of frames, asked for from front to back: so the bytes are looked through once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._newline = self._carriage = -1

    def after(self, position: int) -> int:
        """Returns where the frame ends that a position is in, its end of line included."""
        data = self._data
        if self._newline < position:
            found = data.find(b"\n", position)
            self._newline = len(data) if found < 0 else found
        if self._carriage < position:
            found = data.find(b"\r", position)
            self._carriage = len(data) if found < 0 else found
        if self._carriage < self._newline - 1:
            return self._carriage + 1
        return min(self._newline + 1, len(data))  # with a carriage return right before it


def _frames_in(data: bytes, start: int, end: int) -> int:
    return data.count(b"\n", start, end) + data.count(b"\r", start, end) - data.count(b"\r\n", start, end)


class _Finder:
    """Takes frames in order; see the module."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._found: list[tuple[_Open, Failure]] = []
        self._taken = 0
        self.ordinary = 0

    @property
    def reading(self) -> bool:
        """Whether the next frame may belong to what was found."""
        return bool(self._open)

    def take(self, frame: Frame, *, hinted: bool) -> None:
        """Looks at the frame that comes next; only one with a hint can begin a failure."""
        self._taken += 1
        for idle in [prefix for prefix, open_ in self._open.items() if self._taken - open_.taken > _IDLE]:
            self._close(idle)
        text = frame.text
        mark = _PREFIX.match(text)
        prefix = mark[0] if mark else ""
        rest = text[len(prefix) :]
        open_ = self._open.get(prefix)
        if open_ is not None and self._goes_on(open_, frame, rest):
            return
        header = _HEADER.fullmatch(rest) if hinted else None
        if header is not None:
            self._begin(_Open(prefix, frame, state="group" if header["group"] else "header"), frame, rest)
            return
        kind = kind_of_line(rest) if hinted else None
        if kind is None:
            self.ordinary += 1
        else:
            self._begin(_Open(prefix, frame, kind, state="line"), frame, rest)

    def failures(self) -> list[Failure]:
        """Returns all that was found, in the log's order."""
        for prefix in list(self._open):
            self._close(prefix)
        found = sorted(self._found, key=lambda each: each[1].start_byte)
        return [replace(failure, after=self.ordinary - open_.ordinary) for open_, failure in found]

    def _begin(self, open_: _Open, frame: Frame, text: str) -> None:
        self._close(open_.prefix)
        if len(self._open) >= MAX_OPEN:
            self._close(next(iter(self._open)))
        open_.add(frame, text)
        open_.taken = self._taken
        self._open[open_.prefix] = open_

    def _goes_on(self, open_: _Open, frame: Frame, text: str) -> bool:
        """Adds a line to the failure that is open for its prefix; False when it is not part of it."""
        belongs = _STEPS[open_.state](open_, text)
        if belongs:
            open_.add(frame, text)
            open_.taken = self._taken
        else:
            self._close(open_.prefix)
        return belongs

    def _close(self, prefix: str) -> None:
        open_ = self._open.pop(prefix, None)
        if open_ is None:
            return
        if open_.state == "header":  # the words alone: nobody's traceback
            self.ordinary += 1
            return
        open_.ordinary = self.ordinary
        self._found.append((open_, _failure(open_)))
        if len(self._found) > MOST:
            del self._found[MOST // 2]


def _after_header(open_: _Open, text: str) -> bool:
    if not re.match(r"\s+(?:File \"|\[Previous line|.*\|)", text):
        return False
    open_.state = "stack"
    return True


def _in_stack(open_: _Open, text: str) -> bool:
    if text[:1] in (" ", "\t"):
        return True
    if not _EXCEPTION.fullmatch(text):
        return False
    open_.exceptions.append(text[:LINE_CHARACTERS])
    open_.state = "ended"
    return True


def _in_group(open_: _Open, text: str) -> bool:
    if not _IN_GROUP.match(text):
        return False
    inner = text.strip(" |+-")
    if re.match(r"[A-Za-z_][\w.]*(?:Error|Exception|Group|Interrupt|Exit): ", inner):
        open_.exceptions.insert(0, inner[:LINE_CHARACTERS])
    return True


def _after_end(open_: _Open, text: str) -> bool:
    """Behind the exception: the chain to another one, or the rest of a message."""
    if _CHAINED.fullmatch(text.strip()):
        open_.state = "chained"
        return True
    return False


def _after_chain(open_: _Open, text: str) -> bool:
    header = _HEADER.fullmatch(text)
    if header is not None:
        open_.state = "group" if header["group"] else "header_again"
    return header is not None


def _after_line(open_: _Open, text: str) -> bool:
    """Lines of the same kind, and the stack behind them, are one failure."""
    if _STACK.match(text):
        return True
    kind = kind_of_line(text)
    return kind is not None and kind == open_.kind and kind != LOGGED


_STEPS: dict[str, Callable[[_Open, str], bool]] = {
    "header": _after_header,
    "stack": _in_stack,
    "group": _in_group,
    "ended": _after_end,
    "chained": _after_chain,
    "header_again": _after_header,
    "line": _after_line,
}


def _failure(open_: _Open) -> Failure:
    if open_.kind is not None:
        said = [line.strip() for line in open_.text if line.strip()]
        summary = next((line for line in said if line.startswith("what():")), said[0] if said else "")
        kind, cause = open_.kind, None
    else:
        summary = open_.exceptions[-1] if open_.exceptions else "a traceback that was cut off"
        kind = kind_of_exception(summary)
        cause = open_.exceptions[0] if len(open_.exceptions) > 1 else None
        if cause is not None and kind_of_exception(cause) != kind and kind in ("python exception", "interrupted"):
            kind = kind_of_exception(cause)
    start = open_.frame
    return Failure(
        kind, summary[:LINE_CHARACTERS], start.start, open_.end, start.line, open_.end_line, open_.text, cause, 0, open_.prefix
    )
