"""Bodies unpacked: each byte once, in time and memory that are bounded by the body's size and by what may come of it.

A frame of zstd that was cut off is told by walking over its blocks, whose headers have their lengths (RFC 8878): a reader of a
stream cannot tell it, and a second decompression would. Members and frames are bounded in number: an empty one takes ten bytes,
and microseconds.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import zstandard

from joblog.core.lines import Bytes
from joblog.errors import Invalid

MAX_PARTS = 1000
"""Members of gzip, or frames of zstd, in one body: those of 16 KiB in the largest one."""

_PART_BLOCKS = 64
"""Blocks of zstd for each of the parts, on average: what is flushed for each line makes one of each line."""

_STEP_BYTES = 64 * 1024
"""What zlib is given at a time: it copies what it has not used."""

_UNPACKED_BYTES = 256 * 1024
"""What zlib gives at a time: while it is copied no other thread runs."""

_WINDOW_BYTES = 2**27

_BROKEN_GZIP = Invalid("body", "valid gzip to its end, as its Content-Encoding says")
_BROKEN_ZSTD = Invalid("body", "valid zstd, as its Content-Encoding says")

_FRAME, _SKIPPABLE = 0xFD2FB528, 0x184D2A50
_RESERVED_BLOCK, _RLE_BLOCK = 3, 1


class Beyond(Exception):
    """A body unpacks to more bytes than is allowed, or has ``many`` parts."""

    def __init__(self, *, many: bool = False) -> None:
        super().__init__()
        self.many = many


def gunzipped(sent: Bytes, limit_bytes: int, parts: int) -> Bytes:
    """Decompresses gzip; raises Beyond, Invalid."""
    data, view, at = bytearray(), memoryview(sent), 0
    for _ in range(parts):
        decoder, full = zlib.decompressobj(wbits=31), False
        while not decoder.eof:
            given: Bytes | memoryview = decoder.unconsumed_tail
            if not given and not full:
                if at >= len(view):
                    raise _BROKEN_GZIP
                given = view[at : at + _STEP_BYTES]
                at += len(given)
            most = min(limit_bytes + 1 - len(data), _UNPACKED_BYTES)
            try:
                part = decoder.decompress(given, most)
            except zlib.error as error:
                raise _BROKEN_GZIP from error
            full = len(part) == most  # there may be more of what was given
            data += part
            if len(data) > limit_bytes:
                raise Beyond
        at -= len(decoder.unused_data)
        if at == len(view):
            return data
    raise Beyond(many=True)


def unzstd(sent: Bytes, limit_bytes: int, parts: int) -> bytes:
    """Decompresses zstd; raises Beyond, Invalid. A large window costs no more memory than the limit."""
    data, view = list[bytes](), memoryview(sent)
    decompressor, left = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES), limit_bytes
    try:
        for start, end in _frames(sent, parts):
            frame = view[start:end]
            size = zstandard.frame_content_size(frame)
            if size > left:
                raise Beyond
            part = decompressor.decompress(frame) if size >= 0 else _streamed(decompressor, frame, left)
            left -= len(part)
            data.append(part)
    except zstandard.ZstdError as error:
        raise _BROKEN_ZSTD from error
    return data[0] if len(data) == 1 else b"".join(data)


def _streamed(decompressor: zstandard.ZstdDecompressor, frame: memoryview, left: int) -> bytes:
    """Decompresses a frame that does not say how large it was."""
    with decompressor.stream_reader(frame) as reader:
        part = reader.read(left + 1)
    if len(part) > left:
        raise Beyond
    return part


def _frames(sent: Bytes, parts: int) -> Iterator[tuple[int, int]]:
    """Yields where each frame begins and ends, but for those to skip; raises Beyond, Invalid where one does not end."""
    at, blocks = 0, parts * _PART_BLOCKS
    while at < len(sent):
        parts -= 1
        if parts < 0:
            raise Beyond(many=True)
        magic = int.from_bytes(sent[at : at + 4], "little")
        if magic & 0xFFFFFFF0 == _SKIPPABLE:
            end = at + 8 + int.from_bytes(sent[at + 4 : at + 8], "little")
        elif magic == _FRAME:
            end, blocks = _frame_end(sent, at, blocks)
        else:
            raise _BROKEN_ZSTD
        if end > len(sent):
            raise _BROKEN_ZSTD
        if magic == _FRAME:
            yield at, end
        at = end


def _frame_end(sent: Bytes, at: int, blocks: int) -> tuple[int, int]:
    """Returns where a frame ends, and how many more blocks there may be."""
    try:
        parameters = zstandard.get_frame_parameters(memoryview(sent)[at:])
        at += zstandard.frame_header_size(memoryview(sent)[at:])
    except zstandard.ZstdError as error:
        raise _BROKEN_ZSTD from error
    last = False
    while not last:
        header = int.from_bytes(sent[at : at + 3], "little")
        kind = header >> 1 & 3
        blocks -= 1
        if at + 3 > len(sent) or kind == _RESERVED_BLOCK:
            raise _BROKEN_ZSTD
        if blocks < 0:
            raise Beyond(many=True)
        last = bool(header & 1)
        at += 3 + (1 if kind == _RLE_BLOCK else header >> 3)
    return at + 4 * parameters.has_checksum, blocks
