"""Logs that are not UTF-8: what they are written in, guessed or said, for views alone; the bytes stay the bytes.

A BOM says it, or where the NULs stand, or what is valid. UTF-16 comes of PowerShell's ``>``, GBK of Chinese Windows,
Windows-1252 of Western ones. What a view reads is UTF-8 with the place in the log of each of its bytes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from joblog.errors import Invalid

GUESSED = ""
UTF8, GBK, WESTERN, UTF16LE, UTF16BE = "utf-8", "gb18030", "cp1252", "utf-16-le", "utf-16-be"
NAMES = {
    **dict.fromkeys(("utf-8", "utf8"), UTF8), **dict.fromkeys(("gbk", "gb2312", "gb18030"), GBK),
    **dict.fromkeys(("cp1252", "windows-1252", "latin1", "iso-8859-1"), WESTERN),
    **dict.fromkeys(("utf-16", "utf-16-le", "utf-16le"), UTF16LE), **dict.fromkeys(("utf-16-be", "utf-16be"), UTF16BE),
}  # fmt: skip

SAMPLE_BYTES = 16 * 1024
LINE_BYTES = 64 * 1024
"""A longer line is decoded in parts."""

_NULS_ONE_SIDED, _MIN_NULS = 8, 4
_COMMON_OF_GBK = 0.8
_MAX_WESTERN = 0.2

_IN_WORDS = re.compile(rb"(?<=[A-Za-z])[\xc0-\xfe]|[\xc0-\xfe](?=[A-Za-z])")

Places = list[int] | None
"""For each byte of UTF-8 its place in the log, and one for the end; None where they are the log's own bytes."""


def parse_encoding(text: str | None) -> str:
    """Returns the encoding that a caller names, nothing when it is to be guessed; raises Invalid."""
    if not text:
        return GUESSED
    if text.lower() not in NAMES:
        raise Invalid("encoding", f"one of {', '.join(sorted(NAMES))}", text)
    return NAMES[text.lower()]


def guess(data: bytes, at: int) -> str:
    """Returns what a log's bytes from position ``at`` on are written in, as far as they say."""
    data = data[:SAMPLE_BYTES]
    if at == 0 and data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return UTF16LE if data[:2] == codecs.BOM_UTF16_LE else UTF16BE
    nuls = data.count(0)
    if nuls >= _MIN_NULS and nuls * 20 > len(data):
        odd = data[(at + 1) % 2 :: 2].count(0)
        if min(odd, nuls - odd) * _NULS_ONE_SIDED < max(odd, nuls - odd):
            return UTF16LE if odd > nuls - odd else UTF16BE
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    if wrong <= 1 or 2 * wrong <= sum(character > "\x7f" for character in text):
        return UTF8 if wrong != 1 or data[-1:] > b"\x7f" or not _is_other(data) else _other(data)
    return _other(data)


def _is_other(data: bytes) -> bool:
    return _other(data) != UTF8


def _other(data: bytes) -> str:
    if _is_gbk(data):
        return GBK
    high = sum(byte > 0x7F for byte in data)
    letters = len(_IN_WORDS.findall(data))
    return WESTERN if high <= _MAX_WESTERN * len(data) and 2 * letters >= high else UTF8


def _is_gbk(data: bytes) -> bool:
    """Whether all bytes are GBK and nearly all characters those of its first standard, in which text is written."""
    end = data.rfind(b"\n") + 1 or len(data)
    try:
        text = data[:end].decode(GBK)
    except UnicodeDecodeError:
        return False
    wide = [character for character in text if character > "\x7f"]
    common = sum("\u4e00" <= each <= "\u9fff" or "\u3000" <= each <= "\u303f" or "\uff00" <= each <= "\uffef" for each in wide)
    first = 0
    for each in wide:
        code = each.encode(GBK)
        first += len(code) == 2 and code[0] >= 0xA1 and code[1] >= 0xA1
    return bool(wide) and common >= _COMMON_OF_GBK * len(wide) and first >= _COMMON_OF_GBK * len(wide)


def _half_of_a_character(data: bytes) -> int:
    """Returns how many bytes at the end may be the beginning of a character of UTF-8."""
    for size in range(1, min(3, len(data)) + 1):
        if data[-size] & 0xC0 == 0xC0:
            need = 2 if data[-size] < 0xE0 else 3 if data[-size] < 0xF0 else 4
            return size if size < need else 0
        if data[-size] < 0x80:
            return 0
    return 0


class Decoder:
    """Takes a log's bytes in pieces; gives UTF-8, line by line where it is not the log's own. Memory is bounded by a line."""

    def __init__(self, at: int = 0, encoding: str = GUESSED) -> None:
        self._at = at
        self._encoding = encoding
        self._waiting = self._before = b""

    @property
    def at(self) -> int:
        """Where the bytes go on: behind those that wait for their line's end."""
        return self._at + len(self._waiting)

    def feed(self, data: bytes) -> Iterator[tuple[bytes, Places]]:
        """Yields what the bytes that come next make readable."""
        if self._encoding == GUESSED:
            self._guess(data)
        if self._encoding in (GUESSED, UTF8):
            self._at += len(data)
            yield data, None
            return
        data = self._waiting + data
        at = 0
        while (end := self._line_end(data, at)) > at:
            yield self._decoded(data[at:end])
            at = end
        self._waiting = data[at:]

    def _guess(self, data: bytes) -> None:
        """Guesses by the first bytes that say anything: half of a character does not."""
        sample = self._before + data
        whole = sample[: len(sample) - _half_of_a_character(sample)]
        if not whole.isascii() or whole.count(0) >= _MIN_NULS:
            self._encoding = guess(whole, self._at - len(self._before))
        self._before = sample[len(whole) :]

    def end(self) -> Iterator[tuple[bytes, Places]]:
        """Yields the line that has begun."""
        if self._waiting:
            waiting, self._waiting = self._waiting, b""
            yield self._decoded(waiting)

    def _line_end(self, data: bytes, at: int) -> int:
        """Returns where the line ends that begins at ``at``; ``at`` itself where its end has not come."""
        if self._encoding not in (UTF16LE, UTF16BE):
            ends = [place + 1 for place in (data.find(b"\n", at), data.find(b"\r", at)) if place >= 0]
            end = min(ends, default=0)
        else:
            newline, end = b"\n\0" if self._encoding == UTF16LE else b"\0\n", 0
            place = data.find(newline, at)
            while place >= 0 and (self._at + place - at) % 2:
                place = data.find(newline, place + 1)
            end = place + 2 if place >= 0 else 0
        if end:
            return end
        size = (len(data) - at) // LINE_BYTES * LINE_BYTES
        return at + size - (self._at + size) % 2 if size else at

    def _decoded(self, line: bytes) -> tuple[bytes, list[int]]:
        start = self._at
        self._at += len(line)
        wide = self._encoding in (UTF16LE, UTF16BE)
        if wide and start % 2:  # half of the newline before
            start, line = start + 1, line[1:]
        text = line.decode(self._encoding, "replace").removeprefix("\ufeff")
        places, at, coded = list[int](), self._at - len(line), bytearray()
        skipped = (
            len(line) - sum(map(self._size, text)) if wide and line[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else 0
        )
        at += max(skipped, 0)
        for character in text:
            code = character.encode("utf-8", "replace")
            coded += code
            places += [min(at, self._at)] * len(code)
            at += self._size(character)
        places.append(self._at)
        return bytes(coded), places

    def _size(self, character: str) -> int:
        """Returns how many bytes of the log a character took, a wrong one for one."""
        if character == "\ufffd":
            return 2 if self._encoding in (UTF16LE, UTF16BE) else 1
        return (
            1 if character < "\x80" and self._encoding in (GBK, WESTERN) else len(character.encode(self._encoding, "replace"))
        )
