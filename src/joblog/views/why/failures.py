"""The failures that a log speaks of: tracebacks grouped, with what caused them; crashes with their stack; single lines.

Bytes in, in pieces cut anywhere, values out. The whole log is read, and as it grows, what is new of it only:

    reader = FailureReader()
    reader.feed(data)
    reader.failures

Most lines are never looked at (``hints``). Of the others, what their log puts before each is taken off (``prefix``), and what
belongs together (``forms``) is one failure; ranks, hosts and containers that share a log write across each other, and come
apart again. What is kept is MAX_FAILURES failures of TEXT_LINES lines each.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import replace

from joblog.views.prefix import NOTHING, SAMPLE_LINES, Cut, HeadFacts, Sample, cuts, facts, marked_cuts, own
from joblog.views.redraws import FRAME_BYTES
from joblog.views.why.failure import Failure, OpenFailure
from joblog.views.why.forms import LINE_CHARACTERS, TEXT_LINES, Unfinished, is_header, mildness, opening
from joblog.views.why.hints import Shapes, is_epilogue, lines_of
from joblog.views.why.kinds import CRASH, LOGGED, kind_of_line
from joblog.views.why.last_words import KEPT, LastWords, last_words
from joblog.views.why.parts import belongs, strays
from joblog.views.why.pieces import LogPiece, PieceLine, text_of
from joblog.views.why.records import Record, record_within

__all__ = ("LINE_CHARACTERS", "MAX_FAILURES", "TEXT_LINES", "Failure", "FailureReader", "find_failures")

MAX_FAILURES = 200
"""Failures kept of a log: half of them the first, half of them the last."""

MAX_OPEN = 64
GOING_ON = 12
"""Lines as the log had them before a failure, behind it: the program went on."""

_IDLE = 500
"""Lines after which a failure that was not gone on with is taken to be over."""

_MAYBE = re.compile(
    r"Traceback|Error\b|Exception|Interrupt|Throwable|Failure|[Pp]anic|[Kk]illed|ERROR|FATAL|SEVERE|CRITICAL|[Ee]rror: |fatal"
    r"|forrtl|At line|Check failed"
    r"|what\(\)|Abort|[: ]F |F\d{4} |错误|失败|报错|异常|can't open|not found|No such file|denied|unbound|closed by"
)
"""Some of it stands in whatever begins a failure behind a prefix."""

_LOOKED_AT = 32
"""Times that lines of one shape are looked at in vain before they count as quiet."""

_BEFORE = 6
_TAIL_BYTES = 8 * 1024
MAX_KNOWN = 4096
_OWN_HEAD = 64


class FailureReader:
    """Takes a log's bytes in order; see the module. It can be pickled."""

    def __init__(self, at: int = 0, line: int = 0) -> None:
        self.at = at
        self._line = line
        self._waiting = bytearray()
        self._dropped = 0
        self._shapes = Shapes()
        self._vain: dict[bytes, int] = {}
        self._before: list[tuple[str, int]] = []  # texts, and where each begins
        self._tail = b""
        self._sample = Sample()
        self._open: list[OpenFailure] = []
        self._closed: list[tuple[OpenFailure, Failure]] = []
        self._words: list[LastWords] = []
        self._known: set[bytes] = set()
        self._before_piece: set[bytes] = set()
        self._piece_now, self._index, self._known_to = LogPiece(b"", [], [at], []), 0, 0
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
        cut = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1  # behind a carriage return a newline may come
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
        self._lines(LogPiece(data[end : end + 1], [raw], [start, self.at - len(data) + end + 1], self._shapes.of(raw)[:1]), [0])
        return data[end + 1 :]

    @property
    def failures(self) -> list[Failure]:
        """All so far, in the log's order, those that may go on among them; a line that has begun counts."""
        rest = bytes(self._waiting)
        if not rest:
            return self._now()
        ended = copy.deepcopy(self)
        ended._lines(LogPiece(b"", [rest], [ended.at - len(rest) - ended._dropped, ended.at], ended._shapes.of(rest)[:1]), [0])
        return ended._now()

    @property
    def reasons(self) -> list[Failure]:
        """All failures, and behind them the log's last words, where none is near its end."""
        failures = self.failures
        if any(failure.weak < 3 and failure.after <= GOING_ON for failure in failures):
            return failures
        return failures + [words.after(self._ordinary, self._recurring) for words in self._words]

    def settle(self) -> None:
        """Forgets what only more bytes would be looked at with."""
        self._shapes, self._vain, self._known, self._before_piece = Shapes(), {}, set(), set()
        self._sample, self._before, self._tail, self._piece_now = Sample(), [], b"", LogPiece(b"", [], [self.at], [])

    def _now(self) -> list[Failure]:
        for each in self._open:
            each.ordinary, each.recurring = self._ordinary, self._recurring
        rest = [(each, failure) for each in self._open if (failure := each.failure) is not None]
        pairs = sorted([*self._closed, *rest], key=lambda each: each[1].start_byte)
        counted = [self._counted(open_, failure) for open_, failure in pairs]
        return counted if len(counted) <= MAX_FAILURES else [*counted[: MAX_FAILURES // 2], *counted[-MAX_FAILURES // 2 :]]

    def _counted(self, open_: OpenFailure, failure: Failure) -> Failure:
        pending = open_.pending if open_ in self._open else 0
        return replace(failure, after=self._ordinary - open_.ordinary + pending, went_on=self._recurring - open_.recurring)

    def _piece(self, data: bytes, start: int) -> None:
        known = set(self._shapes.quiet)
        shapes = self._shapes.of(data)[:-1]
        loud = self._shapes.loud
        at = [] if loud.isdisjoint(shapes) else [index for index, shape in enumerate(shapes) if shape in loud]
        if not at and not self._open:
            self._pass(shapes)
            tail = data[-_TAIL_BYTES:]
            raws, starts = lines_of(tail)
            first = int(len(tail) < len(data))
            self._remember(raws[first:-1], [start + len(data) - len(tail) + each for each in starts[first:]])
            self._tail = (self._tail + tail)[-_TAIL_BYTES:]
            self._line += data.count(b"\n")
            return
        raws, starts = lines_of(data)
        self._before_piece = known
        self._lines(LogPiece(data, raws[:-1], [start + each for each in starts], shapes), at)

    def _lines(self, piece: LogPiece, at: Sequence[int]) -> None:
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
                self._remember_of(piece, seen, index)
                line = piece.line(index, self._line)
                if line is not None and (line.text.strip() or self._open):
                    self._take(line, hinted=hinted)
                seen = index
            index += 1
        self._remember_of(piece, seen, count)
        self._tail = (self._tail + piece.data)[-_TAIL_BYTES:]
        self._piece_now, self._index, self._known_to = LogPiece(b"", [], [self.at], []), 0, 0
        self._line += piece.data.count(b"\n")

    def _again(self, piece: LogPiece, index: int) -> bool:
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
            others += sum(map(is_epilogue, shapes))
        self._taken += len(shapes)
        self._ordinary += len(shapes) - others

    def _remember_of(self, piece: LogPiece, low: int, high: int) -> None:
        low = max(low, high - SAMPLE_LINES)
        self._remember(piece.raws[low:high], piece.starts[low:high])

    def _remember(self, raws: Sequence[bytes], starts: Sequence[int]) -> None:
        for raw, start in list(zip(raws, starts, strict=False))[-SAMPLE_LINES:]:
            if raw.strip():
                text = text_of(raw[:400])
                self._sample.add(text)
                self._before.append((text, start))
        del self._before[:-_BEFORE]

    def _take(self, line: PieceLine, *, hinted: bool) -> None:
        """Looks at a line; only one with a hint can begin a failure."""
        self._taken += 1
        for open_ in [each for each in self._open if self._taken - each.taken > _IDLE]:
            self._close(open_)
        text = line.text
        record = record_within(text, hinted=hinted)
        if record is not None and record.raw:
            text, record = record.text, None
        if any(self._goes_on(open_, line, text) for open_ in reversed(self._open[:])) or not text.strip():
            return
        opened = hinted and (self._opens_record(line, record) if record is not None else self._opens(line, text))
        if not opened:
            shape = self._shape
            self._ordinary += not is_epilogue(shape)
            self._recurring += shape in self._known
            if hinted:
                self._was_vain(line)

    @property
    def _shape(self) -> bytes:
        return self._piece_now.shapes[self._index] if self._piece_now.shapes else b""

    def _was_vain(self, line: PieceLine) -> None:
        words = last_words(line)
        if words is not None:
            self._words = [*self._words[1 - KEPT :], LastWords(words, self._ordinary, self._recurring)]
        count = self._vain[self._shape] = self._vain.get(self._shape, 0) + 1
        if count >= _LOOKED_AT:
            self._shapes.loud.discard(self._shape)
            self._shapes.quiet.add(self._shape)
            self._vain.clear()

    def _opens(self, line: PieceLine, text: str) -> bool:
        """Begins a failure with a line, if it is one's first."""
        heads = self._sample.heads(text)
        if _MAYBE.search(text) is None and all(kind_of_line(text[len(head.text) :]) is None for head in heads):
            return False
        for head in heads:
            rest = text[len(head.text) :]
            before = [each[end:] for each, _ in self._before if (end := head.after(each)) is not None]
            said_by = facts(head.text)
            reading = opening(rest, before)
            if reading is None and said_by.level == "FATAL" and rest.strip():
                reading = Unfinished("line", CRASH)
            if reading is not None and reading.kind == LOGGED and not head.text and len(heads) > 1 and self._sample.erring:
                continue  # a level that most lines have says nothing
            if reading is not None:
                if said_by.mild and (reading.state == "line" or said_by.level.startswith("WARN")):
                    reading.weak = max(reading.weak, mildness(reading, said_by.level))
                self._begin(line, rest, reading, head, said_by)
                return True
        return False

    def _begin(self, line: PieceLine, rest: str, reading: Unfinished, head: Cut, said_by: HeadFacts) -> None:
        if len(self._open) >= MAX_OPEN:
            self._close(self._open[0])
        starts = self._starts(line.text, rest, reading, head)
        open_ = OpenFailure(reading, starts, said_by, line, line, self._taken)
        open_.settled = self._ordinary - len(self._shapes.quiet) >= GOING_ON
        if reading.lookback:
            self._look_back(open_, reading.lookback)
        reading.add(rest)
        for each in self._open[:]:  # a failure of the same stream is over
            if each.starts[0].text == starts[0].text and len(each.starts) == 1:
                self._close(each)
        self._open.append(open_)

    def _starts(self, text: str, rest: str, reading: Unfinished, head: Cut) -> list[Cut]:
        """Returns what the lines of a failure may begin with, the longest first: its next line says which it is."""
        if is_header(rest) and not rest.lstrip(" +").startswith("Exception Group"):
            # what stands before the words may be of each line, or of this one
            lost = own(self._before[-1][0]) if self._before and "%|" in text else NOTHING  # a bar began the line anew
            return [*cuts(text, len(head.text) + rest.rindex("Traceback (most")), *([lost] if lost.text else []), NOTHING]
        learnt = self._sample.learnt(text)
        if learnt.text:
            return [head, learnt] if len(head.text) > len(learnt.text) else [learnt]
        if head.text:
            return [head, NOTHING] if not self._sample_has(head) else [head]
        if reading.state in ("line", "stacked") and reading.kind != LOGGED:
            return [*marked_cuts(text, min(_OWN_HEAD, len(text))), NOTHING]
        return [NOTHING]

    def _sample_has(self, head: Cut) -> bool:
        return any(head.after(each) is not None for each, _ in self._before)

    def _look_back(self, open_: OpenFailure, count: int) -> None:
        behind = self._before[-count:]
        for text, _ in behind:
            open_.reading.add(text)
        if behind:
            first, piece = behind[0][1], self._piece_now
            base = piece.starts[0] - len(self._tail)
            newlines = (self._tail + piece.data).count(b"\n", max(first - base, 0), open_.start.start - base)
            open_.start = replace(open_.start, start=first, line=open_.start.line - newlines)

    def _opens_record(self, line: PieceLine, record: Record) -> bool:
        """Begins and ends a failure with a record of a structured log."""
        inner = FailureReader()
        for each in record.text.split("\n"):
            inner._take(PieceLine(0, 0, 0, each), hinted=True)
        failures = [failure for failure in inner._now() if failure.weak < 2] or inner._now()
        first = record.text.split("\n", 1)[0]
        if not failures and not record.bad:
            return False
        best = (
            failures[0] if failures else Failure(kind_of_line(first) or LOGGED, first[:LINE_CHARACTERS], 0, 0, 0, 0, [], weak=2)
        )
        weak = max(best.weak, 0 if record.bad or not record.level else 2)
        reading = Unfinished("over", best.kind, weak=weak)
        for each in record.text.split("\n"):
            reading.add(each)
        open_ = OpenFailure(reading, [NOTHING], HeadFacts(level=record.level), line, line, self._taken)
        failure = Failure(
            best.kind, best.summary, line.start, line.end, line.line, line.line + 1, reading.text, best.cause, weak=weak
        )
        self._keep(open_, failure)
        return True

    def _goes_on(self, open_: OpenFailure, line: PieceLine, text: str) -> bool:
        """Adds a line to a failure that is open; False when it is not part of it."""
        for head in open_.starts:
            end = head.after(text)
            if end is None:
                continue
            part = belongs(open_.reading, text[end:])
            if part:
                open_.add(line, text[end:], head)
                open_.again = open_.again + 1 if open_.shape == self._shape else 0
                open_.taken, open_.shape = self._taken, self._shape
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

    def _close(self, open_: OpenFailure) -> None:
        self._open.remove(open_)
        failure = open_.failure
        if failure is None:
            self._ordinary += 1
        else:
            self._keep(open_, failure)

    def _keep(self, open_: OpenFailure, failure: Failure) -> None:
        open_.ordinary, open_.recurring = self._ordinary, self._recurring
        self._ordinary += open_.pending
        self._know(max(self._index - (failure.end_line - failure.start_line) - 1, 0))
        self._closed.append((open_, failure))
        if len(self._closed) > MAX_FAILURES:
            del self._closed[MAX_FAILURES // 2]

    def _know(self, index: int) -> None:
        """Takes the shapes of the lines before a failure as those that its log has while it goes on."""
        self._known |= self._before_piece
        self._known.update(self._piece_now.shapes[self._known_to : index])
        self._known_to = max(self._known_to, index)
        if len(self._known) > MAX_KNOWN:
            self._known = set(self._before_piece)


def find_failures(data: bytes, at: int = 0, line: int = 0) -> list[Failure]:
    """Returns the failures that a part of a log speaks of, in its order; it begins at byte ``at``, in raw line ``line``."""
    reader = FailureReader(at, line)
    reader.feed(data)
    return reader.failures
