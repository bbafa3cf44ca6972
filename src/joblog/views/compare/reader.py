"""The templates of one log, read once as it grows: how often each was printed, and where first and last.

A piece is read as a whole: its digits become 0, it is cut into lines, and equal lines are counted, all by calls that are made
in C. Only lines that are new in a piece are looked at by themselves, so a gigabyte takes seconds. What redraws itself counts
line by line, as ``redraws`` has it. Memory is bounded by MAX_TEMPLATES; what is forgotten is counted in ``others``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from joblog.core.template import LINE_BYTES, Masks, zeros
from joblog.views.metrics.watched import common_prefix
from joblog.views.prefix import SAMPLE_LINES
from joblog.views.redraws import Frame

MAX_TEMPLATES = 4000
"""Of one log. The 14 logs of MLPerf that the tests have are made of 40 to 490 each."""

EXAMPLE_BYTES = 1024
"""What is kept of the first line of a template."""

SAMPLE_BYTES = 64 * 1024
"""What lines begin with is learnt from this much: a reader that began with less begins again (``young``)."""

_LINE_END = re.compile(rb"[\r\n](?=.)", re.DOTALL)
_masks = Masks()

_NOTABLE = re.compile(
    r"(?i)err(?:or|no)|exception|traceback|fatal|fail|panic|abort|critical|memory|kill|signal|\bnan\b|\binf\b|cannot|can't|unable"
    r"|denied|refused|time[d-]? ?out|not found|no such|missing|invalid|illegal|mismatch|corrupt|overflow|\bno space\b|warn"
)


@dataclass(slots=True)
class Entry:
    """What is known of a template: ``line`` is the first one; places are of the first and the last one's first byte."""

    line: bytes
    count: int
    first_byte: int
    first_line: int
    last_byte: int
    last_line: int


@dataclass
class TemplateReader:
    """Takes a log's bytes in order. ``at`` is how far it has come, ``lines`` how many lines it saw, empty ones left out.

    It is ``young`` where what lines begin with was learnt from so little that it is to be learnt again when there is more.
    """

    at: int = 0
    line: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    lines: int = 0
    others: int = 0
    ended: bool = False
    prefix: bytes | None = None
    young: bool = False
    _start: int = -1
    _waiting: bytes = b""

    def feed(self, data: bytes) -> None:
        """Takes the bytes that come next, cut anywhere."""
        start = self.at - len(self._waiting) if self._start < 0 else self._start
        self.at += len(data)
        skipped = self.at - len(data) - start - len(self._waiting)  # of a line that is longer than what is kept of it
        block = self._waiting + data
        cut = block.rfind(b"\n") + 1
        if not cut:
            ends = [match.end() for match in _LINE_END.finditer(block)] if b"\r" in block else []
            cut = ends[-1] if ends else 0
        rest = block[cut:]
        if cut:
            self._block(block[:cut], start, skipped)
            start, skipped = self.at - len(rest), 0
        if len(rest) > LINE_BYTES:
            self._start, self._waiting = start, rest[:LINE_BYTES]
        else:
            self._start, self._waiting = (start if skipped else -1), rest

    def end(self) -> None:
        """Takes what has begun and not ended as a line: the log is closed."""
        if self._waiting:
            start = self.at - len(self._waiting) if self._start < 0 else self._start
            self._block(self._waiting, start, 0)
        self._waiting, self.ended = b"", True

    def _block(self, block: bytes, start: int, skipped: int) -> None:
        """Counts the lines of a block, all of them whole; the first is longer by what was ``skipped`` of it."""
        outlines = zeros(block).splitlines()
        if self.prefix is None:
            self.prefix, self.young = _prefix(block.splitlines()), not _is_sample(block)
        lasts = dict(zip(outlines, range(len(outlines)), strict=True))  # in the order of their first lines
        counts = Counter(outlines)
        texts = {outline: text for outline in lasts if (text := _masks.of(outline.removeprefix(self.prefix)))}
        firsts = {
            text: outlines.index(outline) if counts[outline] > 1 else lasts[outline]
            for outline, text in reversed(texts.items())
            if text not in self.entries
        }  # of several outlines of one template the one that comes first
        places = _Places(block, outlines, start, skipped, self.line)
        where = places.of(sorted({*firsts.values(), *(lasts[outline] for outline in texts)}))
        for outline, text in texts.items():
            count, last = counts[outline], where[lasts[outline]]
            self.lines += count
            entry = self.entries.get(text)
            if entry is None:
                at = places.start(firsts.get(text, lasts[outline]))
                first = where[firsts.get(text, lasts[outline])]
                self._add(text, Entry(block[at : at + min(len(outline), EXAMPLE_BYTES)], count, *first, *last))
                continue
            entry.count += count
            if last[0] > entry.last_byte:
                entry.last_byte, entry.last_line = last
        self.line += block.count(b"\n") if b"\r" in block else len(outlines)

    def _add(self, text: str, entry: Entry) -> None:
        if len(self.entries) >= MAX_TEMPLATES:
            self._forget()
        if len(self.entries) >= MAX_TEMPLATES and (len(self.entries) >= 2 * MAX_TEMPLATES or _NOTABLE.search(text) is None):
            self.others += entry.count
            return
        self.entries[text] = entry

    def _forget(self) -> None:
        """Forgets the older half of what was printed once and names no trouble: the newest may be why a run ends."""
        once = [text for text, entry in self.entries.items() if entry.count == 1 and _NOTABLE.search(text) is None]
        for text in once[: (len(once) + 1) // 2]:
            self.others += self.entries.pop(text).count


class _Places:
    """Where the lines of a block are: those that are asked for from front to back are found in one pass."""

    def __init__(self, block: bytes, lines: Sequence[bytes], start: int, skipped: int, line: int) -> None:
        self._block, self._start, self._skipped, self._line = block, start, skipped, line
        self._redrawn = b"\r" in block
        whole = block.splitlines(keepends=True) if self._redrawn else lines
        self._starts = list(accumulate(map(len, whole), initial=0))

    def start(self, index: int) -> int:
        """Returns where a line begins in the block."""
        return self._starts[index] + (0 if self._redrawn else index)

    def of(self, indices: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Returns where lines begin, and their raw lines; ``indices`` rise."""
        places, newlines, counted = dict[int, tuple[int, int]](), 0, 0
        for index in indices:
            at = self.start(index)
            if self._redrawn:
                newlines += self._block.count(b"\n", counted, at)
                counted = at
            else:
                newlines = index
            places[index] = self._start + at + (self._skipped if index else 0), self._line + newlines
        return places


def read_templates(pieces: Iterable[bytes], reader: TemplateReader, *, closed_at: int) -> TemplateReader:
    """Reads on; a line that has begun counts where the log is closed with it, at byte ``closed_at`` (-1: it grows)."""
    first = b""
    for piece in pieces:
        if reader.prefix is None and not _is_sample(first + piece):
            first += piece
            continue
        reader.feed(first + piece)
        first = b""
    if first:
        reader.feed(first)
    if reader.at == closed_at and not reader.ended:
        reader.end()
    return reader


def _is_sample(block: bytes) -> bool:
    """Whether a log's first bytes are enough to learn what its lines begin with."""
    return len(block) >= SAMPLE_BYTES or block.count(b"\n") >= 4 * SAMPLE_LINES


def _prefix(lines: Sequence[bytes]) -> bytes:
    """Returns what most of a log's first lines begin with, all digits as 0."""
    first = [Frame(0, 0, 0, line) for line in lines[: 4 * SAMPLE_LINES] if line.strip()][:SAMPLE_LINES]
    return common_prefix(first) if len(first) == SAMPLE_LINES else b""
