"""The failures that a log speaks of: tracebacks grouped, with what caused them; crashes with their stack; single lines.

Bytes in, in pieces cut anywhere, values out. The whole log is read, and as it grows, what is new of it only:

    reader = FailureReader()
    reader.feed(data)
    reader.failures

Most lines are never looked at (``hints``). Of the others, what their log puts before each is taken off (``prefix``), and what
belongs together (``forms``) is one failure; ranks, hosts and containers that share a log write across each other, and come
apart again. What is kept is MOST failures of TEXT_LINES lines each.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from joblog.views.forms import LINE_CHARACTERS, TEXT_LINES, Reading, adopt, belongs, is_header, opening, said, strays
from joblog.views.hints import Shapes, lines_of
from joblog.views.kinds import CRASH, LOGGED, kind_of_line
from joblog.views.prefix import NOTHING, SAMPLE_LINES, Cut, Facts, Sample, cuts, facts, own
from joblog.views.records import Record, record_of
from joblog.views.redraws import FRAME_BYTES, plain_text

__all__ = ("LINE_CHARACTERS", "MOST", "TEXT_LINES", "Failure", "FailureReader", "find_failures")

MOST = 200
"""Failures kept of a log: half of them the first, half of them the last."""

MAX_OPEN = 64
GOING_ON = 12
"""Lines as the log had them before a failure, behind it: the program went on."""

_IDLE = 500
"""Lines after which a failure that was not gone on with is taken to be over."""

_MAYBE = re.compile(
    r"Traceback|Error\b|Exception|Interrupt|Throwable|Failure|[Pp]anic|[Kk]illed|ERROR|FATAL|SEVERE|CRITICAL|[Ee]rror: |fatal|forrtl|At line"
    r"|what\(\)|Abort|[: ]F |F\d{4} |错误|失败|报错|异常|can't open|not found|No such file"
)
"""Some of it stands in whatever begins a failure behind a prefix."""

_LOOKED_AT = 32
"""Times that lines of one shape are looked at in vain before they count as quiet."""

_BEFORE = 6
_TAIL_BYTES = 8 * 1024
MAX_KNOWN = 4096
_OWN_HEAD = 64


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure, in the bytes ``[start_byte, end_byte)`` and raw lines ``[start_line, end_line)``.

    ``cause`` is the message of what it follows from, where there is one. ``after`` is how many ordinary lines came behind it,
    ``went_on`` how many of those were as lines before it; ``weak``: 0 it ends a program, 1 it may, 2 something is said to be
    wrong, 3 it is said to matter not. ``prefix`` is what its lines begin with, ``rank`` the rank that this says, which is one
    of the whole run's where it says so (``everywhere``).
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
    went_on: int = 0
    weak: int = 0
    rank: int | None = None
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    """A line: its bytes ``[start, end)``, its raw line, and its text."""

    start: int
    end: int
    line: int
    text: str


@dataclass(slots=True)
class _Piece:
    """A part of a log, cut into lines: where each begins (and the part ends), and their shapes."""

    data: bytes
    raws: list[bytes]
    starts: list[int]
    shapes: list[bytes]
    counted: int = 0
    newlines: int = 0

    def line(self, index: int, first: int, *, read: bool = True) -> _Line | None:
        """Returns a line, the first of them being raw line ``first``; None for what stands within an end of line."""
        start, end, base = self.starts[index], self.starts[index + 1], self.starts[0]
        if self.raws[index] == b"" and index and self.data[start - base - 1 : end - base] == b"\r\n":
            return None
        if self.data[end - base - 1 : end - base + 1] == b"\r\n":
            end += 1
        self.newlines += self.data.count(b"\n", self.counted, start - base)
        self.counted = start - base
        return _Line(start, end, first + self.newlines, _text(self.raws[index][:FRAME_BYTES]) if read else "")

    def before(self, index: int, count: int, line: _Line) -> _Line:
        """Returns a line that begins so many lines before another, empty ones left out, as far as they are here."""
        at, left = index, count
        while left and at:
            at -= 1
            left -= bool(self.raws[at].strip())
        newlines = self.data.count(b"\n", self.starts[at] - self.starts[0], self.starts[index] - self.starts[0])
        return _Line(self.starts[at], line.end, line.line - newlines, line.text)


@dataclass(slots=True)
class _Open:
    """A failure that is being read: what its lines begin with is known, or one of several."""

    reading: Reading
    starts: list[Cut]
    facts: Facts
    start: _Line
    end: _Line
    taken: int
    blanks: list[_Line] = field(default_factory=list)
    ordinary: int = 0
    recurring: int = 0
    shape: bytes = b""
    again: int = 0


class FailureReader:
    """Takes a log's bytes in order; see the module. It can be pickled."""

    def __init__(self, at: int = 0, line: int = 0) -> None:
        self.at = at
        self._line = line
        self._waiting = bytearray()
        self._dropped = 0
        self._shapes = Shapes()
        self._vain: dict[bytes, int] = {}
        self._before: list[str] = []
        self._sample = Sample()
        self._open: list[_Open] = []
        self._closed: list[tuple[_Open, Failure]] = []
        self._known: set[bytes] = set()
        self._before_piece: set[bytes] = set()
        self._piece_now, self._index, self._known_to = _Piece(b"", [], [at], []), 0, 0
        self._taken = self._ordinary = self._recurring = 0

    def feed(self, data: bytes) -> None:
        """Takes the bytes that come next."""
        start = self.at - len(self._waiting) - self._dropped
        self.at += len(data)
        if self._dropped or (len(self._waiting) >= FRAME_BYTES and data):
            data = self._end_long(data, start)
            start = self.at - len(data)
        elif self._waiting:
            data, self._waiting = bytes(self._waiting) + data, bytearray()
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if cut:
            self._piece(data[:cut], start)
        self._waiting += data[cut : cut + FRAME_BYTES - len(self._waiting)]
        self._dropped += len(data) - cut - len(self._waiting) if not self._dropped else 0

    def _end_long(self, data: bytes, start: int) -> bytes:
        """Takes what ends a line that is longer than is kept of one; returns what comes behind it."""
        ends = [end for end in (data.find(b"\n"), data.find(b"\r")) if end >= 0]
        if not ends:
            self._dropped += len(data)
            return b""
        raw, end = bytes(self._waiting), min(ends)
        self._waiting.clear()
        self._dropped = 0
        self._lines(_Piece(data[end : end + 1], [raw], [start, self.at - len(data) + end + 1], self._shapes.of(raw)[:1]), [0])
        return data[end + 1 :]

    @property
    def failures(self) -> list[Failure]:
        """All so far, in the log's order, those that may go on among them; a line that has begun counts."""
        rest = bytes(self._waiting)
        if not rest:
            return self._now()
        copy = self._copied()
        copy._lines(_Piece(b"", [rest], [copy.at - len(rest) - copy._dropped, copy.at], copy._shapes.of(rest)[:1]), [0])
        return copy._now()

    def _copied(self) -> FailureReader:
        copy: FailureReader = pickle.loads(pickle.dumps(self))  # noqa: S301  # one's own
        return copy

    def _now(self) -> list[Failure]:
        for each in self._open:
            each.ordinary, each.recurring = self._ordinary, self._recurring
        rest = [(each, failure) for each in self._open if (failure := self._failure(each)) is not None]
        found = sorted([*self._closed, *rest], key=lambda each: each[1].start_byte)
        counted = [self._counted(open_, failure) for open_, failure in found]
        return counted if len(counted) <= MOST else [*counted[: MOST // 2], *counted[-MOST // 2 :]]

    def _counted(self, open_: _Open, failure: Failure) -> Failure:
        pending = _pending(open_) if open_ in self._open else 0
        return replace(failure, after=self._ordinary - open_.ordinary + pending, went_on=self._recurring - open_.recurring)

    def _piece(self, data: bytes, start: int) -> None:
        known = set(self._shapes.quiet)
        shapes = self._shapes.of(data)[:-1]
        loud = self._shapes.loud
        at = [] if loud.isdisjoint(shapes) else [index for index, shape in enumerate(shapes) if shape in loud]
        if not at and not self._open:
            self._pass(shapes)
            tail = data[-_TAIL_BYTES:]
            self._remember(lines_of(tail)[0][int(len(tail) < len(data)) : -1])
            self._line += data.count(b"\n")
            return
        raws, starts = lines_of(data)
        self._before_piece = known
        self._lines(_Piece(data, raws[:-1], [start + each for each in starts], shapes), at)

    def _lines(self, piece: _Piece, at: Sequence[int]) -> None:
        """Takes lines; ``at`` are the indexes of those that may begin a failure."""
        self._piece_now, self._known_to = piece, 0
        index, count, seen = 0, len(piece.raws), 0
        hits = iter([*at, count])
        hit = next(hits)
        while index < count:
            if not self._open and index < hit:
                self._pass(piece.shapes[index:hit])
                index = hit
                continue
            self._index, hinted = index, index == hit
            if hinted:
                hit = next(hits)
                hinted = not piece.shapes or piece.shapes[index] in self._shapes.loud
                if not hinted and not self._open:
                    self._pass(piece.shapes[index : index + 1])
                    index += 1
                    continue
            if not self._again(piece, index):
                self._remember(piece.raws[max(seen, index - SAMPLE_LINES) : index])
                line = piece.line(index, self._line)
                if line is not None and (line.text.strip() or self._open):
                    self._take(line, hinted=hinted)
                seen = index
            index += 1
        self._remember(piece.raws[max(seen, count - SAMPLE_LINES) :])
        self._line += piece.data.count(b"\n")

    def _again(self, piece: _Piece, index: int) -> bool:
        """Takes a line that is the last one of an open failure again but for its numbers, of which there may be millions."""
        open_ = self._open[-1] if self._open else None
        if open_ is None or open_.reading.state != "line" or open_.shape != piece.shapes[index] or open_.again < TEXT_LINES:
            return False
        line = piece.line(index, self._line, read=False)
        if line is not None:
            self._taken += 1
            open_.end, open_.taken = line, self._taken
        return True

    def _pass(self, shapes: Sequence[bytes]) -> None:
        """Counts lines that are not looked at."""
        others = shapes.count(b"")
        if self._closed:
            self._recurring += sum(map(self._known.__contains__, shapes))
            others += sum(map(_is_epilogue, shapes))
        self._taken += len(shapes)
        self._ordinary += len(shapes) - others

    def _remember(self, raws: Sequence[bytes]) -> None:
        for raw in raws[-SAMPLE_LINES:]:
            if raw.strip():
                text = _text(raw[:400])
                self._sample.add(text)
                self._before.append(text)
        del self._before[:-_BEFORE]

    def _take(self, line: _Line, *, hinted: bool) -> None:
        """Looks at a line; only one with a hint can begin a failure."""
        self._taken += 1
        for open_ in [each for each in self._open if self._taken - each.taken > _IDLE]:
            self._close(open_)
        text = line.text
        record = record_of(text) if text.startswith("{") else None
        if record is not None and record.raw:
            text, record = record.text, None
        if any(self._goes_on(open_, line, text) for open_ in reversed(self._open[:])) or not text.strip():
            return
        opened = hinted and (self._opens_record(line, record) if record is not None else self._opens(line, text))
        if not opened:
            shape = self._shape
            self._ordinary += not _is_epilogue(shape)
            self._recurring += shape in self._known
            if hinted:
                self._was_vain()

    @property
    def _shape(self) -> bytes:
        return self._piece_now.shapes[self._index] if self._piece_now.shapes else b""

    def _was_vain(self) -> None:
        count = self._vain[self._shape] = self._vain.get(self._shape, 0) + 1
        if count >= _LOOKED_AT:
            self._shapes.loud.discard(self._shape)
            self._shapes.quiet.add(self._shape)
            self._vain.clear()

    def _opens(self, line: _Line, text: str) -> bool:
        """Begins a failure with a line, if it is one's first."""
        if kind_of_line(text) is None and _MAYBE.search(text) is None:
            return False
        for head in self._heads(text):
            rest = text[len(head.text) :]
            before = [each[end:] for each in self._before if (end := head.after(each)) is not None]
            said_by = facts(head.text)
            reading = opening(rest, before)
            if reading is None and said_by.level == "FATAL" and rest.strip():
                reading = Reading("line", CRASH)
            if reading is not None:
                if said_by.mild and (reading.state == "line" or said_by.level.startswith("WARN")):
                    reading.weak = max(reading.weak, 3 if reading.state == "line" else 2)
                self._begin(line, rest, reading, head, said_by)
                return True
        return False

    def _heads(self, text: str) -> list[Cut]:
        """Returns what a line may begin with: what the lines before it say, what says so itself, nothing."""
        learnt = self._sample.learnt(text)
        heads = sorted({learnt, own(text)}, key=lambda cut: -len(cut.text))
        return [*(cut for cut in heads if cut.text), NOTHING]

    def _begin(self, line: _Line, rest: str, reading: Reading, head: Cut, said_by: Facts) -> None:
        if len(self._open) >= MAX_OPEN:
            self._close(self._open[0])
        starts = [head] if head.text else [NOTHING]
        if is_header(rest) and not rest.lstrip(" +").startswith(("Traceback", "Exception Group")):
            # what stands before the words may be of each line, or of this one
            at = len(head.text) + rest.rindex("Traceback (most")
            starts = [*cuts(line.text, at), NOTHING]
        elif head.text:
            starts = [head, NOTHING] if not self._sample_has(head) else [head]
        elif reading.state in ("line", "stacked"):
            starts = [*cuts(line.text, min(_OWN_HEAD, len(line.text))), NOTHING]
        open_ = _Open(reading, starts, said_by, line, line, self._taken)
        if reading.lookback:
            self._look_back(open_, reading.lookback)
        reading.add(rest)
        for each in self._open[:]:  # a failure of the same stream is over
            if each.starts[0].text == starts[0].text and len(each.starts) == 1:
                self._close(each)
        self._open.append(open_)

    def _sample_has(self, head: Cut) -> bool:
        return any(head.after(each) is not None for each in self._before)

    def _look_back(self, open_: _Open, count: int) -> None:
        for text in self._before[-count:]:
            open_.reading.add(text)
        open_.start = self._piece_now.before(self._index, count, open_.start)

    def _opens_record(self, line: _Line, record: Record) -> bool:
        """Begins and ends a failure with a record of a structured log."""
        inner = FailureReader()
        for each in record.text.split("\n"):
            inner._take(_Line(0, 0, 0, each), hinted=True)
        found = [failure for failure in inner._now() if failure.weak < 2] or inner._now()
        first = record.text.split("\n", 1)[0]
        if not found and not record.bad:
            return False
        best = found[0] if found else Failure(kind_of_line(first) or LOGGED, first[:LINE_CHARACTERS], 0, 0, 0, 0, [], weak=2)
        weak = max(best.weak, 0 if record.bad or not record.level else 2)
        reading = Reading("over", best.kind, weak=weak)
        for each in record.text.split("\n"):
            reading.add(each)
        open_ = _Open(reading, [NOTHING], Facts(level=record.level), line, line, self._taken)
        failure = Failure(
            best.kind, best.summary, line.start, line.end, line.line, line.line + 1, reading.text, best.cause, weak=weak
        )
        self._keep(open_, failure)
        return True

    def _goes_on(self, open_: _Open, line: _Line, text: str) -> bool:
        """Adds a line to a failure that is open; False when it is not part of it."""
        for head in open_.starts:
            end = head.after(text)
            if end is None:
                continue
            part = belongs(open_.reading, text[end:])
            if part:
                self._add(open_, line, text[end:], head)
                return True
            if part is None:
                open_.blanks.append(line)
                return not text[end:].strip()
            if len(open_.starts) == 1 or not head.text:
                break
        else:
            return False  # another stream's
        if not text.strip():
            return False
        if not (len(open_.starts) > 1 and open_.reading.state == "header") and not strays(open_.reading):
            self._close(open_)
        return False

    def _add(self, open_: _Open, line: _Line, rest: str, head: Cut) -> None:
        if len(open_.starts) > 1 and rest.strip():
            open_.starts = [head]
            open_.reading.strip(head.after)
            open_.facts = facts(head.text) if head.text else open_.facts
        for blank in open_.blanks:
            end = head.after(blank.text)
            adopt(open_.reading, blank.text[end or 0 :])
        open_.blanks.clear()
        open_.reading.add(rest)
        open_.again = open_.again + 1 if open_.shape == self._shape else 0
        open_.end, open_.taken, open_.shape = line, self._taken, self._shape

    def _close(self, open_: _Open) -> None:
        self._open.remove(open_)
        failure = self._failure(open_)
        if failure is None:
            self._ordinary += 1
        else:
            self._keep(open_, failure)

    def _keep(self, open_: _Open, failure: Failure) -> None:
        open_.ordinary, open_.recurring = self._ordinary, self._recurring
        self._ordinary += _pending(open_)
        self._know(max(self._index - (failure.end_line - failure.start_line) - 1, 0))
        self._closed.append((open_, failure))
        if len(self._closed) > MOST:
            del self._closed[MOST // 2]

    def _know(self, index: int) -> None:
        """Takes the shapes of the lines before a failure as those that its log has while it goes on."""
        self._known |= self._before_piece
        self._known.update(self._piece_now.shapes[self._known_to : index])
        self._known_to = max(self._known_to, index)
        if len(self._known) > MAX_KNOWN:
            self._known = set(self._before_piece)

    def _failure(self, open_: _Open) -> Failure | None:
        reading = open_.reading
        if reading.state == "header" or (reading.state == "ipython" and not reading.raised and len(reading.text) < 3):
            return None  # the words alone: nobody's traceback
        found, start, end = said(reading), open_.start, open_.end
        return Failure(
            found.kind, found.summary[:LINE_CHARACTERS], start.start, end.end, start.line, end.line + 1, reading.text, found.cause,
            prefix=open_.starts[0].text, weak=reading.weak, rank=open_.facts.rank, everywhere=open_.facts.everywhere,
        )  # fmt: skip


def _pending(open_: _Open) -> int:
    """Returns how many lines behind a failure were not known to be no part of it."""
    return sum(bool(line.text.strip()) for line in open_.blanks)


def _is_epilogue(shape: bytes) -> bool:
    """Whether a line is of a program that says its last words after the one that failed."""
    return shape.startswith((b"wandb: ", b"srun: ", b"slurmstepd: "))


def _text(raw: bytes) -> str:
    """Returns a line's text: UTF-8, or what is written in China where it is not."""
    if raw.isascii():
        return plain_text(raw)
    try:
        raw.decode()
    except UnicodeDecodeError:
        try:
            return plain_text(raw.decode("gb18030").encode())
        except UnicodeDecodeError:
            pass
    return plain_text(raw)


def find_failures(data: bytes, at: int = 0, line: int = 0) -> list[Failure]:
    """Returns the failures that a part of a log speaks of, in its order; it begins at byte ``at``, in raw line ``line``."""
    reader = FailureReader(at, line)
    reader.feed(data)
    return reader.failures
