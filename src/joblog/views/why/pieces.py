"""A part of a log as it is read: cut into lines, each with its place, without their ends."""

from __future__ import annotations

from dataclasses import dataclass

from joblog.views.redraws import FRAME_BYTES, plain_text


@dataclass(frozen=True, slots=True)
class PieceLine:
    """A line: its bytes ``[start, end)``, its raw line, and its text."""

    start: int
    end: int
    line: int
    text: str


@dataclass(slots=True)
class LogPiece:
    """A part of a log, cut into lines: where each begins (and the part ends), and their shapes."""

    data: bytes
    raws: list[bytes]
    starts: list[int]
    shapes: list[bytes]
    counted: int = 0
    newlines: int = 0

    def line(self, index: int, first: int, *, read: bool = True) -> PieceLine | None:
        """Returns a line, the first of them being raw line ``first``; None for what stands within an end of line."""
        start, end, base = self.starts[index], self.starts[index + 1], self.starts[0]
        if self.raws[index] == b"" and index and self.data[start - base - 1 : end - base] == b"\r\n":
            return None
        if self.data[end - base - 1 : end - base + 1] == b"\r\n":
            end += 1
        self.newlines += self.data.count(b"\n", self.counted, start - base)
        self.counted = start - base
        return PieceLine(start, end, first + self.newlines, text_of(self.raws[index][:FRAME_BYTES]) if read else "")


def text_of(raw: bytes) -> str:
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
