"""What ``joblog import`` reads: a file, a packed one or standard input, as a stream of which little is in memory at once.

A packed file may be anybody's: how much it becomes is not known before, so it is unpacked piece by piece, and one that wants
more memory for that than the usual programs allow is refused. One that is cut off or damaged gives what it has, and a line.
"""

from __future__ import annotations

import os
import select
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from joblog.agent.filters.redact import Filter, Unchanged
from joblog.errors import Invalid

BODY_BYTES = 8 << 20
"""Body size: the server seals 4 MiB and more at once, past the catalog, and takes at most 16."""

PACKED_BYTES, MAX_UNPACKED_BYTES = 16 << 10, 256 << 10
"""Read at once of a gzip file, and unpacked of it at once: what is lost before damage, too."""

ZSTD_BYTES = 256
"""Given to zstd at once: its library bounds no answer, but four bytes become 128 KiB at most, so this becomes 8 MiB."""

MAX_WINDOW_BYTES = 128 << 20
"""Memory that a .zst file may ask for: what the zstd program allows, too."""

_MAGIC = {".gz": (b"\x1f\x8b",), ".zst": (b"\x28\xb5\x2f\xfd", *(b"%c\x2a\x4d\x18" % each for each in range(0x50, 0x60)))}

PACKED = tuple(_MAGIC)
"""Suffixes of what is unpacked."""


class BrokenPacking(Exception):
    """A packed file does not go on as one; the message says how."""


class Source:
    """The bytes of one log; ``read_bytes`` of ``size_bytes`` were read of the file so far, which is packed or not."""

    def __init__(self, path: Path | None, new_filter: Callable[[], Filter] | None = None, older: Sequence[Path] = ()) -> None:
        """Opens ``path``, or standard input for None, and the ``older`` parts of the log, which come before it, in order.

        Raises OSError, or Invalid for what is not what its name says.
        """
        self.name = "standard input" if path is None else str(path)
        self.damage = ""
        self.read_bytes, self.size_bytes = 0, 0
        self._live = path is None
        self._file: BinaryIO = sys.stdin.buffer if path is None else path.open("rb")
        self._filter = (new_filter or Unchanged)()
        self._ready = b""
        self._suffix = packing(path) if path else ""
        if path is not None:
            self.size_bytes = os.fstat(self._file.fileno()).st_size
        self._file_bytes = self.size_bytes
        if path is not None:
            self._check_magic()
        self._older = [Source(each) for each in older]
        self.size_bytes += sum(each.size_bytes for each in self._older)
        self._pieces: Iterator[bytes] = self._kept()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the files."""
        for each in self._older:
            each.close()
        if not self._live:
            self._file.close()

    def read(self, size: int) -> bytes:
        """Returns up to ``size`` bytes: fewer from standard input, which may be slow, and at the end; none there."""
        pieces = [self._ready]
        gathered_bytes = len(self._ready)
        while gathered_bytes < size and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            gathered_bytes += len(piece)
            if self._live and gathered_bytes:
                break
        data = b"".join(pieces)
        self._ready = data[size:]
        return data[:size]

    def _check_magic(self) -> None:
        if not self._suffix:
            return
        start = self._file.read(4)
        self._file.seek(0)
        if not start.startswith(_MAGIC[self._suffix]):
            self._file.close()
            raise Invalid("FILE", f"packed as its name says, if that ends in {self._suffix}", self.name)

    def _kept(self) -> Iterator[bytes]:
        """Yields the log's bytes: what is unpacked, filtered, and a line for what could not be unpacked."""
        last = b""
        for part in (*self._older, self):
            before = self.read_bytes
            damage = ""
            try:
                for raw in part._unpacked():
                    self.read_bytes = before + part.read_bytes if part is not self else self.read_bytes
                    data = self._filter.feed(raw)
                    last = data[-1:] or last
                    yield data
            except BrokenPacking as error:
                damage = self.damage = str(error)
            if damage or part is self:
                rest = self._filter.flush()
                last = rest[-1:] or last
                yield rest
            if damage:
                newline = b"" if last in (b"", b"\n") else b"\n"
                last = b"\n"
                yield newline + f"[joblog] an unknown number of bytes were not kept here ({damage})\n".encode()

    def _unpacked(self) -> Iterator[bytes]:
        if self._live:
            return _gathered(self._file.fileno())
        if self._suffix == ".gz":
            return _gunzipped(self._raw(PACKED_BYTES))
        if self._suffix == ".zst":
            return _unzstd(self._raw(ZSTD_BYTES))
        return self._whole()

    def _raw(self, size: int) -> Iterator[bytes]:
        while data := self._file.read(size):
            self.read_bytes += len(data)
            yield data

    def _whole(self) -> Iterator[bytes]:
        """Yields a file as it is now: what comes while it is read is not of it."""
        rest = self._file_bytes
        while rest:
            data = self._file.read(min(BODY_BYTES, rest))
            if not data:
                raise Invalid("FILE", "left alone while it is imported", self.name)
            rest -= len(data)
            self.read_bytes += len(data)
            yield data


def packing(path: Path) -> str:
    """Returns the suffix of a name that says that the file is packed; nothing where it does not."""
    return path.suffix if path.suffix in PACKED else ""


def _gathered(descriptor: int) -> Iterator[bytes]:
    """Yields what can be read at once, so that what is printed now is shown now."""
    while data := os.read(descriptor, BODY_BYTES):
        while len(data) < BODY_BYTES and _is_ready(descriptor) and (more := os.read(descriptor, BODY_BYTES - len(data))):
            data += more
        yield data


def _is_ready(descriptor: int) -> bool:
    try:
        return bool(select.select([descriptor], [], [], 0)[0])
    except (OSError, ValueError):
        return False  # Windows asks sockets only


def _gunzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yields what the members of a gzip file hold; zeros behind the last one are padding, as gzip has it."""
    member, begun = zlib.decompressobj(wbits=31), False
    for piece in pieces:
        full = False
        while piece or full:
            if not begun and not (piece := piece.lstrip(b"\0")):
                break
            begun = True
            try:
                data = member.decompress(piece, MAX_UNPACKED_BYTES)
            except zlib.error as error:
                raise BrokenPacking("the gzip file is damaged") from error
            yield data
            full = len(data) == MAX_UNPACKED_BYTES and not member.eof  # more may be ready without another byte
            piece = member.unconsumed_tail or member.unused_data
            if member.eof:
                member, begun = zlib.decompressobj(wbits=31), False
    if begun:
        raise BrokenPacking("the gzip file is cut off")


def _unzstd(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yields what the frames of a zstd file hold."""
    library = zstd_library()
    unpacker = library.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
    frame, begun = unpacker.decompressobj(), False
    for piece in pieces:
        while piece:
            begun = True
            try:
                yield frame.decompress(piece)
            except library.ZstdError as error:
                large = "memory" in str(error).lower()
                raise BrokenPacking("the zstd file wants too much memory" if large else "the zstd file is damaged") from error
            piece = frame.unused_data if frame.eof else b""
            if frame.eof:
                frame, begun = unpacker.decompressobj(), False
    if begun:
        raise BrokenPacking("the zstd file is cut off")


@cache
def zstd_library() -> Any:
    """Returns what unpacks zstd, which is no part of the base install; raises Invalid."""
    try:
        return import_module("zstandard")
    except ImportError as error:
        raise Invalid("FILE", "unpacked (zstd -d), or .gz: .zst needs Python's zstandard (pip install zstandard)") from error
