"""What is read of a log as it grows, each time from where the last time ended: the bars that it draws, and its numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from joblog.views.encodings import GUESSED, Decoder
from joblog.views.metrics.counters import NONE, counters_of
from joblog.views.metrics.names import PHASE
from joblog.views.metrics.progress import ProgressReader, is_plain, progress_of
from joblog.views.metrics.readings import LineReader, MetricPattern, Reading
from joblog.views.metrics.shapes import EMPTY, shape_of
from joblog.views.prefix import SAMPLE_LINES, Sample, own
from joblog.views.redraws import Frame, Redraws
from joblog.views.values import Progress

# At the end of what lines begin with: a second bar, which is a table's; "[50] ", "100:  ", which count.
_BARS = re.compile(r"(?<=\|)\s*\|\s*$|^\s*\|\s*$")
_ROW = re.compile(r"[|+]\s*$")
_COUNT = re.compile(r"(?<![\w.:,-])\[?\s{0,8}\d{1,9}(?:\s?[/|]\s?[\d.]{1,12})?(?:\]|:(?!\d))\s*$")
_OWN_WORDS = re.compile(
    r"(?i)[{='\"]|[A-Za-z]:\s*\d+\.\d|^[0-9a-f]{12}: |^\s*\||epo[ckq]|step|\biter|loss|\bacc|round|batch"
    r"|\beta\b|\blearn\b|\d ?[kKMGT]i?B\b|\d%"
)
_MARK = re.compile(r"\((?:\S{1,60} )?pid=\d+(?:, ip=[\d.]+)?\)")
_STREAM = re.compile(r"<std(?:out|err)>:\s?")
_CLOCK = re.compile(r"\d:\d\d:\d\d")


MAX_QUIET, MAX_PREFIXES = 4096, 16
"""Outlines kept of lines that say nothing, and what lines begin with that have such: then all are forgotten."""


class _Known:
    """Outlines of lines that say nothing: ``quiet``, whatever was before; ``idle``: outside of tables and blocks."""

    def __init__(self) -> None:
        self.quiet, self.idle = {b""}, {b""}

    def add(self, outline: bytes, *, quiet: bool) -> None:
        """Takes one; of what is quiet nothing is said under a header either."""
        if len(self.idle) >= MAX_QUIET:
            self.quiet, self.idle = {b""}, {b""}
        self.idle.add(outline)
        if quiet:
            self.quiet.add(outline)


_NOTHING: frozenset[bytes] = frozenset()
_known: dict[bytes, _Known] = {}


def known_behind(prefix: bytes) -> _Known:
    """Returns what is known of lines that have a prefix of this outline before them."""
    known = _known.get(prefix)
    if known is None:
        if len(_known) >= MAX_PREFIXES:
            _known.clear()
        known = _known[prefix] = _Known()
    return known


@dataclass
class Watched:
    """How far a log was read, and the bars that it drew until there."""

    frames: Redraws = field(default_factory=Redraws)
    progress: ProgressReader = field(default_factory=ProgressReader)
    lines: LineReader = field(default_factory=LineReader)
    decoder: Decoder | None = None
    prefix: bytes | None = None
    encoding: str = GUESSED
    """What the log is written in, where somebody said it."""

    @property
    def at(self) -> int:
        """Where the log is read on: behind what was fed, also where a line of it still waits for its end."""
        return self.frames.at if self.decoder is None else self.decoder.at

    def seek(self, at: int, line: int) -> None:
        """Goes on at another place of the log, which is a border between lines."""
        self.frames, self.decoder = Redraws(at, line), None

    def feed(self, piece: bytes, known: Callable[[], Container[bytes]] = lambda: _NOTHING) -> Iterator[Frame]:
        """Yields the frames that end among the bytes that come next, without the prefix that most of them have.

        They are UTF-8 whatever the log is written in. Those whose outlines are ``known`` are left out.
        """
        if self.decoder is None:
            self.decoder = Decoder(self.frames.at, self.encoding)
        frames = self._read(piece, self.decoder, known)
        if self.prefix is None:
            first = list(islice(frames, SAMPLE_LINES))
            self.prefix = common_prefix(first)
            frames = chain(first, frames)
        if not self.prefix:
            return frames
        return (without_prefix(frame, self.prefix) for frame in frames)

    def _read(self, piece: bytes, decoder: Decoder, known: Callable[[], Container[bytes]]) -> Iterator[Frame]:
        for data, places in decoder.feed(piece):
            yield from self.frames.feed_some(data, known) if places is None else self.frames.feed_line(data, places[-1])


def common_prefix(frames: Sequence[Frame]) -> bytes:
    """Returns what most of a log's first lines begin with, all digits as 0, nothing where they begin with what they say."""
    sample, heads = Sample(), set[bytes]()
    for frame in frames:
        sample.add(frame.text)
    for frame in frames:
        for text in (sample.learnt(frame.text).text, own(frame.text).text):
            head = _outer(text, frames)
            head = head[: len(head.rstrip(" ")) + 1]  # more blanks are the line's own
            stream = _STREAM.match(frame.text, len(head)) if head else None
            coded = (head + (stream[0] if stream is not None else "")).encode()
            if head and frame.raw.startswith(coded):
                heads.add(frame.outline[: len(coded)])
    for head_bytes in sorted(heads, key=len, reverse=True):
        count = sum(frame.outline.startswith(head_bytes) for frame in frames)
        if count > 1 and 2 * count > len(frames):
            return head_bytes
    return b""


def _outer(head: str, frames: Sequence[Frame]) -> str:
    """Returns of what lines begin with that which is not of the program's own line: no count, table, value or phase."""
    bars = _BARS.sub("", head)
    same = len(frames) > 1 and all(frame.text.startswith(bars) for frame in frames)
    counted = bars if same else _COUNT.sub("", _ROW.sub("", bars))
    if (
        _OWN_WORDS.search(_MARK.sub("", counted)) is not None
        or PHASE.search(counted) is not None
        or counters_of(counted) is not NONE
    ):
        return ""
    return counted if same or any(map(str.isalpha, counted)) or _CLOCK.search(counted) is not None else ""


def without_prefix(frame: Frame, prefix: bytes) -> Frame:
    """Returns the frame without what it begins with, if it does."""
    if not frame.outline.startswith(prefix):
        return frame
    rest = frame.raw[len(prefix) :]
    return Frame(frame.start, frame.end, frame.line, rest, frame.outline[len(prefix) :], frame.outline)


def barred(pieces: Iterable[bytes], watched: Watched) -> tuple[Watched, list[Progress]]:
    """Reads on; returns how far, and the bars, the one that moved last at the end. One that is being drawn counts."""
    for piece in pieces:
        for frame in watched.feed(piece):
            watched.progress.take(frame)
    rest, bars = watched.frames.rest(), watched.progress.bars
    rest = without_prefix(rest, watched.prefix) if rest is not None and watched.prefix else rest
    now = progress_of(rest.text, rest) if rest is not None else None
    return watched, bars if now is None else [*(bar for bar in bars if bar.label != now.label), now]


def measured(
    pieces: Iterable[bytes], watched: Watched, patterns: Sequence[MetricPattern], *, ends: bool
) -> tuple[Watched, list[Reading]]:
    """Reads on; returns how far, and the numbers there. A line that has begun counts where the log ``ends`` with it."""
    readings, lines, progress = list[Reading](), watched.lines, watched.progress
    skipped = [_skipped(watched, patterns)]
    for frame in _frames(pieces, watched, lambda: skipped[0], ends=ends):
        outline = frame.outline if frame.whole is None else frame.whole
        if outline in skipped[0]:
            continue
        bar = None
        if patterns or lines.needs_bar(frame):
            bar = progress.take(frame)
        else:
            progress.pass_over(frame)
        new = lines.read(frame, bar, patterns)
        if new:
            readings += new
        elif bar is None and is_plain(frame):
            _remember(frame, outline, watched.prefix or b"")
        skipped[0] = _skipped(watched, patterns)
    return watched, readings + watched.lines.ends() if ends else readings


def _skipped(watched: Watched, patterns: Sequence[MetricPattern]) -> Container[bytes]:
    """Returns the outlines of lines that need not be looked at now."""
    if patterns or watched.prefix is None or watched.lines.waits or watched.progress.waits:
        return _NOTHING
    known = known_behind(watched.prefix)
    return known.quiet if watched.lines.within else known.idle


def _remember(frame: Frame, outline: bytes, prefix: bytes) -> None:
    """Keeps that a line, and whatever differs from it in digits only, neither draws nor says anything by itself."""
    shapes = [shape_of(frame, comma=comma) for comma in (False, True)]
    if all(shape.idle for shape in shapes):
        known_behind(prefix).add(outline, quiet=all(shape is EMPTY for shape in shapes))


def _frames(pieces: Iterable[bytes], watched: Watched, known: Callable[[], Container[bytes]], *, ends: bool) -> Iterator[Frame]:
    for piece in pieces:
        yield from watched.feed(piece, known)
    if ends and watched.decoder is not None:
        for data, places in watched.decoder.end():
            yield from watched.frames.feed(data) if places is None else watched.frames.feed_line(data, places[-1])
    rest = watched.frames.rest()
    if ends and rest is not None:
        yield without_prefix(rest, watched.prefix) if watched.prefix else rest
