"""A log cut into frames: what stands between two newlines or carriage returns, without escapes; incrementally.

A line that redraws itself is many frames, each with its own bytes: this is the view that unfolds what the terminal's view
folds, and what progress and metrics are read from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from joblog.core import lines

FRAME_BYTES = 64 * 1024
"""Of a longer frame this much is looked at; its range is whole."""

_ENDS = re.compile(rb"[\r\n]")
_ESCAPES = re.compile(
    rb"\x1b(?:\[[\x20-\x3f]{0,255}[\x40-\x7e]?|[PX^_\]][^\x07\x18\x1a\x1b\n]*(?:\x07|\x1b\\)?|[\x20-\x2f]{0,8}[\x30-\x7e]?)"
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_C1 = dict.fromkeys(range(0x80, 0xA0))


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes ``[start, end)``, its end of line included, in raw line ``line``; ``raw`` is without that end."""

    start: int
    end: int
    line: int
    raw: bytes

    @property
    def text(self) -> str:
        """The frame without escapes and controls, decoded."""
        return plain_text(self.raw)


class Redraw(NamedTuple):
    """A frame's text, the raw line it is in, and its bytes ``[start, end)``."""

    text: str
    line: int
    start: int
    end: int


def plain_text(raw: bytes) -> str:
    """Returns bytes as text without escapes and controls."""
    if b"\x1b" in raw:
        raw = _ESCAPES.sub(b"", raw)
    text = lines.text(_CONTROLS.sub(b"", raw))
    return text if text.isascii() else text.translate(_C1)


class Redraws:
    """Takes bytes in pieces, cut anywhere; gives the frames that are whole. Memory is bounded by one frame."""

    def __init__(self, at: int = 0, line: int = 0) -> None:
        self.at = at
        self.line = line
        self._start = at
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Takes the bytes that come next; yields the frames that end among them, empty ones left out."""
        at, base = 0, self.at
        self.at += len(data)
        for found in _ENDS.finditer(data):
            end = found.end()
            frame = self._frame(data[at : found.start()], base + end)
            at = end
            if frame is not None:
                yield frame
            self._start = base + end
            self.line += found[0] == b"\n"
        if len(self._waiting) < FRAME_BYTES:
            self._waiting += data[at : at + FRAME_BYTES - len(self._waiting)]

    def rest(self) -> Frame | None:
        """Returns the frame that has begun and not ended, as far as it has come; None when there is none."""
        return Frame(self._start, self.at, self.line, bytes(self._waiting)) if self._waiting else None

    def _frame(self, raw: bytes, end: int) -> Frame | None:
        if self._waiting:
            raw = bytes(self._waiting) + raw[: FRAME_BYTES - len(self._waiting)]
            self._waiting.clear()
        return Frame(self._start, end, self.line, raw[:FRAME_BYTES]) if raw else None


def redraws(pieces: Iterable[bytes], at: int, count: int) -> list[Redraw]:
    """Returns up to ``count`` frames of a log from byte ``at`` on, the one among them that has begun and not ended."""
    splitter, frames = Redraws(at), list[Frame]()
    for piece in pieces:
        frames += splitter.feed(piece)
        if len(frames) >= count:
            break
    else:
        rest = splitter.rest()
        frames += [] if rest is None else [rest]
    return [Redraw(frame.text, frame.line, frame.start, frame.end) for frame in frames[:count]]
