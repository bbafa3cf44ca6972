"""A log cut into frames: what stands between two newlines or carriage returns, without escapes; incrementally.

A line that redraws itself is many frames, each with its own bytes: this is the view that unfolds what the terminal's view
folds, and what progress and metrics are read from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from joblog.core import lines

BLOCK_LINES = 256
"""Lines of which it is looked at once which of them say anything."""

FRAME_BYTES = 64 * 1024
"""Of a longer frame this much is looked at; its range is whole."""

_ENDS = re.compile(rb"[\r\n]")
_NEWLINE = 0x0A
_ESCAPES = re.compile(
    rb"\x1b(?:\[[\x20-\x3f]{0,255}[\x40-\x7e]?|[PX^_\]][^\x07\x18\x1a\x1b\n]*(?:\x07|\x1b\\)?|[\x20-\x2f]{0,8}[\x30-\x7e]?)"
)
_CONTROLS = bytes((*range(0x09), *range(0x0B, 0x20), 0x7F))
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_C1 = dict.fromkeys(range(0x80, 0xA0))


@dataclass(slots=True)
class Frame:
    """The bytes ``[start, end)``, its end of line included, in raw line ``line``; ``raw`` is without that end."""

    start: int
    end: int
    line: int
    raw: bytes
    _text: str | None = field(default=None, init=False, repr=False, compare=False)
    _outline: bytes | None = field(default=None, repr=False, compare=False)
    whole: bytes | None = field(default=None, repr=False, compare=False)
    """The outline with what was taken off before ``raw``; None where nothing was."""

    @property
    def text(self) -> str:
        """The frame without escapes and controls, decoded."""
        if self._text is None:
            self._text = plain_text(self.raw)
        return self._text

    @property
    def outline(self) -> bytes:
        """``raw`` with all digits as 0: frames that differ in digits only have the same."""
        if self._outline is None:
            self._outline = self.raw.translate(_DIGITS)
        return self._outline


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
    text = lines.text(raw.translate(None, _CONTROLS))
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
        for match in _ENDS.finditer(data):
            end = match.end()
            if end - at > 1 or self._waiting:
                frame = self._frame(data[at : end - 1], base + end)
                if frame is not None:
                    yield frame
            at = end
            self._start = base + end
            self.line += data[end - 1] == _NEWLINE
        if len(self._waiting) < FRAME_BYTES:
            self._waiting += data[at : at + FRAME_BYTES - len(self._waiting)]

    def feed_some(self, data: bytes, known: Callable[[], Container[bytes]]) -> Iterator[Frame]:
        """Takes the bytes that come next; yields the frames that end among them but for those whose outlines are ``known``.

        What is known is asked for again behind each frame that is yielded. It has the empty outline.
        """
        first = _ENDS.search(data) if self._waiting else None
        at = first.end() if first is not None else 0
        if at or self._waiting:
            yield from self.feed(data[:at] if at else data)
            data = data[at:] if at else b""
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not cut:
            yield from self.feed(data)
            return
        base, line, counted, start = self.at, self.line, 0, 0
        lined = data[:cut] if b"\r" not in data else data[:cut].replace(b"\r", b"\n")
        texts, outlines = lined.split(b"\n")[:-1], lined.translate(_DIGITS).split(b"\n")
        self.at, self.line, self._start = base + cut, line + data.count(b"\n", 0, cut), base + cut
        index = 0
        while index < len(texts):
            skipped, until = known(), min(index + BLOCK_LINES, len(texts))
            for each in [each for each in range(index, until) if outlines[each] not in skipped]:
                if each > index:
                    start += sum(map(len, texts[index:each])) + each - index
                text = texts[each]
                end = start + len(text) + 1
                line, counted = line + data.count(b"\n", counted, start), start
                index = each + 1
                if len(text) > FRAME_BYTES:
                    yield Frame(base + start, base + end, line, text[:FRAME_BYTES])
                elif text:
                    yield Frame(base + start, base + end, line, text, outlines[each])
                start = end
                if known() is not skipped:
                    break
            else:
                start += sum(map(len, texts[index:until])) + until - index
                index = until
        yield from self.feed(data[cut:])

    def feed_line(self, data: bytes, end: int) -> list[Frame]:
        """Takes the text of a line that is written in the log's bytes up to ``end`` otherwise."""
        start = self.at
        frames = list(self.feed(data))
        for frame in frames:
            frame.start, frame.end = min(frame.start, max(end - 1, start)), min(frame.end, end)
        if frames:
            frames[-1].end = end
        self.at = self._start = end
        return frames

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
