"""The segment format: a stretch of one log, compressed, readable with or without joblog.

A segment is zstd frames of at most FRAME_BYTES raw bytes, each with its checksum and size, cut after a newline where there
is one, and behind them the index in a zstd *skippable* frame, which every zstd tool passes over. So ``zstdcat`` of a log's
segments in order gives the log, and what the catalog knows of a segment can be read back from it.

    frame 0 | frame 1 | ... | magic, size | index (msgpack) | size and CRC-32 of the index, "JLOGIDX1"

Between the frames and the index there may be the segment's words (``words.py``) in a skippable frame of their own, which ends
with "JLOGWRD1": for searches, which do without where there are none.

The index, ``Index`` below, is also kept in the segment's row, so that a page costs one range read of the object.
"""

from __future__ import annotations

import bisect
import struct
import threading
import zlib
from itertools import accumulate

import msgspec
import zstandard

from joblog.core import lines
from joblog.core.lines import Bytes
from joblog.core.words import Words, WordsWriter, read_words
from joblog.errors import Damaged

FRAME_BYTES = 64 * 1024
"""Raw bytes in a frame, at most: what one random read must decompress, 33 us, against the compression ratio. Frames of 256 KiB
take 87 us, and real training logs are 3% smaller in them at level 1, 6% at level 15."""

COLD_FRAME_BYTES = 256 * 1024
"""The same in what is compressed anew because it is old: it is to be small, and read seldom."""

LEVEL_FAST = 1
LEVEL_SMALL = 15
"""Levels of zstd: the fast one runs at 800 MB/s and shrinks real training logs 9.9 times (level 3, at half the speed, only 8.6
times), the small one at 12 MB/s and 12.1 times (one core, frames of 256 KiB). Chunks and what is sealed of
them use the fast one: 64 KiB take 0.1 ms, and the database writes a ninth of them.
What is old is compressed anew with the small one."""

LEVEL_INDEXED = 16
"""In a segment's row: of the small level, and its words were collected."""

_SKIPPABLE = struct.Struct("<II")
_MAGIC = 0x184D2A5A
_TRAILER = struct.Struct("<II8s")
INDEX_MARK = b"JLOGIDX1"
"""What a segment's object ends with."""

_WORDS_MARK = b"JLOGWRD1"
_AROUND_INDEX = _SKIPPABLE.size + _TRAILER.size


class Index(msgspec.Struct, frozen=True, array_like=True):
    """Where each frame is; all lists run over the frames but the last two, which run over seconds in which bytes came.

    ``about`` names the log (project, job, version, task ...) for whoever has the object alone.
    """

    start_byte: int
    start_line: int
    raw_bytes: list[int]
    stored_bytes: list[int]
    newlines: list[int]
    second_byte: list[int]
    second_ms: list[int]
    about: dict[str, str | int | None]

    def placed(self) -> FrameBorders:
        """Returns the frames with their positions."""
        return FrameBorders(
            list(accumulate(self.raw_bytes, initial=self.start_byte)),
            list(accumulate(self.newlines, initial=self.start_line)),
            list(accumulate(self.stored_bytes, initial=0)),
        )


class FrameBorders(msgspec.Struct, frozen=True):
    """Borders of a segment's frames: frame ``i`` lies between entries ``i`` and ``i + 1`` of each list."""

    byte: list[int]
    line: list[int]
    stored: list[int]

    def covering_bytes(self, low: int, high: int) -> range:
        """Returns the frames that hold bytes of ``[low, high)``."""
        first = bisect.bisect_right(self.byte, low) - 1
        return range(max(first, 0), min(bisect.bisect_left(self.byte, high), len(self.byte) - 1))

    def covering_lines(self, low: int, high: int) -> range:
        """Returns the frames that hold newlines ``low`` to ``high``, counted from 1 at the log's start, and all between."""
        first = bisect.bisect_left(self.line, low) - 1
        return range(max(first, 0), min(bisect.bisect_left(self.line, high), len(self.line) - 1))


class SegmentWriter:
    """Builds one segment; bytes come in by ``add`` in order, ``finish`` returns the object and its index."""

    def __init__(
        self, start_byte: int, start_line: int, level: int, frame_bytes: int = FRAME_BYTES, words: WordsWriter | None = None
    ) -> None:
        """With ``words`` those of the frames are collected, and become a part of the object."""
        self._words = words
        self._compressor = zstandard.ZstdCompressor(level=level, write_checksum=True, write_content_size=True)
        self._start = (start_byte, start_line)
        self._frame_bytes = frame_bytes
        self._waiting = bytearray()
        self._frames: list[bytes] = []
        self._raw_bytes: list[int] = []
        self._newlines: list[int] = []
        self._second_byte: list[int] = []
        self._second_ms: list[int] = []

    def arrived(self, at_byte: int, at_ms: int) -> None:
        """Notes that the bytes from ``at_byte`` on arrived at ``at_ms``; times are kept to the second."""
        if not self._second_ms or at_ms // 1000 > self._second_ms[-1] // 1000:
            self._second_byte.append(at_byte)
            self._second_ms.append(at_ms)

    def add(self, data: Bytes) -> None:
        """Adds the bytes that come next."""
        view = memoryview(data)
        while len(self._waiting) + len(view) > self._frame_bytes:
            room = self._frame_bytes - len(self._waiting)
            self._waiting += view[:room]
            view = view[room:]
            self._cut(self._waiting.rfind(b"\n") + 1 or self._frame_bytes)
        self._waiting += view

    def add_frame(self, stored: bytes, raw_bytes: int, newlines: int, raw: bytes | None = None) -> None:
        """Adds the bytes that come next as a frame that is compressed already, of at most FRAME_BYTES raw bytes.

        These must be given as well where words are collected.
        """
        if self._waiting:
            self._cut(len(self._waiting))
        self._frames.append(stored)
        self._raw_bytes.append(raw_bytes)
        self._newlines.append(newlines)
        if self._words is not None and raw is not None:
            self._words.add(raw)

    def finish(self, about: dict[str, str | int | None]) -> tuple[bytes, Index]:
        """Returns the object and its index."""
        if self._waiting:
            self._cut(len(self._waiting))
        stored = [len(frame) for frame in self._frames]
        index = Index(*self._start, self._raw_bytes, stored, self._newlines, self._second_byte, self._second_ms, about)
        payload = encode_index(index)
        words = self._words.finish(sum(stored)) if self._words is not None else b""
        parts = [*self._frames, skipped(words, _WORDS_MARK)] if words else self._frames
        return b"".join([*parts, skipped(payload)]), index

    def _cut(self, size: int) -> None:
        with memoryview(self._waiting) as view:
            raw = bytes(view[:size])
        del self._waiting[:size]
        self._frames.append(self._compressor.compress(raw))
        self._raw_bytes.append(size)
        self._newlines.append(lines.count(raw))
        if self._words is not None:
            self._words.add(raw)


def encode_index(index: Index) -> bytes:
    """Returns the index as it stands in the object and in the segment's row."""
    return msgspec.msgpack.encode(index)


def decode_index(payload: bytes) -> Index:
    """Reads what ``encode_index`` wrote; raises Damaged."""
    try:
        return _index_decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise Damaged(f"a segment's index cannot be read: {error}") from error


def index_of(stored: bytes) -> Index:
    """Finds and reads the index of a whole segment object, or of its last bytes; raises Damaged."""
    return decode_index(unskipped(stored, INDEX_MARK))


def words_place(frames_bytes: int, object_bytes: int, index: bytes) -> tuple[int, int]:
    """Returns where in a segment of ``object_bytes`` its words are: from the frames' end to the index; equal if it has none."""
    return frames_bytes, object_bytes - len(index) - _AROUND_INDEX


def words_of(stored: bytes) -> Words:
    """Reads the words at their place; raises Damaged."""
    return read_words(unskipped(stored, _WORDS_MARK))


def unskipped(stored: bytes, mark: bytes) -> bytes:
    """Returns the index, of the kind that has the ``mark``, at the end of an object; raises Damaged."""
    if len(stored) < _TRAILER.size:
        raise Damaged("a segment is too short to have an index")
    size, _, its_mark = _TRAILER.unpack(stored[-_TRAILER.size :])
    if its_mark != mark or size + _AROUND_INDEX > len(stored):
        raise Damaged("a segment has no index at its end")
    payload = stored[-_TRAILER.size - size : -_TRAILER.size]
    if not stored.endswith(skipped(payload, mark)):
        raise Damaged("a segment's index fails its checksum")
    return payload


def skipped(payload: bytes, mark: bytes = INDEX_MARK) -> bytes:
    """Puts an index into the frame that zstd's tools pass over, and behind it what it is found by: ``mark`` is of 8 bytes."""
    trailer = _TRAILER.pack(len(payload), zlib.crc32(payload), mark)
    return _SKIPPABLE.pack(_MAGIC, len(payload) + len(trailer)) + payload + trailer


def decode_frame(stored: bytes | memoryview, raw_bytes: int) -> bytes:
    """Decompresses one frame and verifies its checksum and size; raises Damaged."""
    try:
        # A damaged header may announce terabytes, for which the library would allocate before it looks at the rest.
        announced = zstandard.frame_content_size(stored)
        if announced not in (-1, raw_bytes):
            raise Damaged(f"a segment's frame holds {announced} bytes, not {raw_bytes}")
        raw = _decompressor().decompress(stored, max_output_size=raw_bytes, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(f"a segment's frame cannot be read: {error}") from error
    if len(raw) != raw_bytes:
        raise Damaged(f"a segment's frame holds {len(raw)} bytes, not {raw_bytes}")
    return raw


def encode_frame(raw: Bytes) -> bytes:
    """Compresses one frame for a log's tail, with its checksum and size."""
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=LEVEL_FAST, write_checksum=True)
    return compressor.compress(raw)


_index_decoder = msgspec.msgpack.Decoder(Index)
# Compressors and decompressors are not for two threads at once, and cost more to make than to use.
_local = threading.local()


def _decompressor() -> zstandard.ZstdDecompressor:
    decompressor: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    return decompressor
