"""What is read of a log as it grows, each time from where the last time ended: the bars that it draws, and its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from joblog.views.metrics import MetricPattern, Reading, reading_of
from joblog.views.progress import ProgressReader, progress_of
from joblog.views.redraws import Frame, Redraws
from joblog.views.values import Progress


@dataclass
class Watched:
    """How far a log was read, and the bars that it drew until there."""

    frames: Redraws = field(default_factory=Redraws)
    progress: ProgressReader = field(default_factory=ProgressReader)


def barred(pieces: Iterable[bytes], watched: Watched) -> tuple[Watched, list[Progress]]:
    """Reads on; returns how far, and the bars, the one that moved last at the end. One that is being drawn counts."""
    for piece in pieces:
        for frame in watched.frames.feed(piece):
            watched.progress.take(frame)
    rest, bars = watched.frames.rest(), watched.progress.bars
    now = progress_of(rest.text, rest) if rest is not None else None
    return watched, bars if now is None else [*(bar for bar in bars if bar.label != now.label), now]


def measured(
    pieces: Iterable[bytes], watched: Watched, patterns: Sequence[MetricPattern], *, ends: bool
) -> tuple[Watched, list[Reading]]:
    """Reads on; returns how far, and the numbers there. A line that has begun counts where the log ``ends`` with it."""
    readings = list[Reading]()
    for frame in _frames(pieces, watched.frames, ends=ends):
        reading = reading_of(frame, watched.progress.take(frame), patterns)
        if reading is not None:
            readings.append(reading)
    return watched, readings


def _frames(pieces: Iterable[bytes], frames: Redraws, *, ends: bool) -> Iterator[Frame]:
    for piece in pieces:
        yield from frames.feed(piece)
    rest = frames.rest()
    if ends and rest is not None:
        yield rest
