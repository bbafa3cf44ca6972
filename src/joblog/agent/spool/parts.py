"""The bytes of a spool: parts, end to end, on its disk; where nothing can be written there, a few of them in memory.

That is memory which outlives a process, ``/dev/shm``; where there is none, the process's own.

Whether they are still what the job wrote is known from checksums that were made as it wrote: the CRC-32 of all before a part
is in that part's name, that of all bytes is noted with each append (``sum``). What comes behind the last of these is
what a killed process had no time for. Another process that takes over at once makes up for that (``prove``); later nobody
can tell it from what a disk has made of it.
"""

from __future__ import annotations

import errno
import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

from joblog.agent.spool import files as spoolfiles
from joblog.agent.spool.files import SpoolPart, Sum

PART_BYTES = 64 << 20
"""Largest size of a part: what may be on disk for longer than needed, and few enough files."""

MEMORY_BYTES, MEMORY_PART_BYTES = 8 << 20, 1 << 20
"""Most that is kept in memory where the disk is full: what a job prints while the server takes what came before."""

CRC_READ_BYTES = 1 << 20
"""Read size while computing a CRC-32; larger ones are no faster."""

CANNOT_SPLICE = {errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EBADF, errno.EOPNOTSUPP}
"""What the kernel says of a source that is no pipe, or of a file system that takes nothing but plain writes."""


class SpoolParts:
    """One log's bytes, open for appending at their end and for reading; one thread does either."""

    def __init__(self, path: Path | None, part_bytes: int) -> None:
        """Opens what is at ``path``; without one, all parts are in memory. Raises OSError or ValueError."""
        self._file = self._sum_file = -1
        self._path, self._part_bytes = path, part_bytes
        self._memory_limit_bytes = MEMORY_BYTES
        self._parts = spoolfiles.load_parts(path) if path else [spoolfiles.nameless(0, 0)]
        if not self._parts:
            raise ValueError(f"{path} has no parts")
        self._lock = threading.Lock()
        self._acknowledged = self.start
        last = self._parts[-1]
        self._file = os.open(last.file(path), os.O_RDWR | os.O_CLOEXEC)
        if path:
            self._sum_file = os.open(path / "sum", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._end = last.start + os.fstat(self._file).st_size
        self._sum = (path and spoolfiles.load_sum(path)) or Sum(0, 0)
        self.missing_bytes = max(self._sum.end_byte - self._end, 0)
        self._proved = last.start if self.missing_bytes else max(self._sum.end_byte, last.start)
        """How many bytes at the end were there once."""
        self.damaged = [] if self._is_as_written(last) else [range(last.start, self._proved)]
        """Which bytes are not what the job wrote, as far as that was looked for."""
        # From the sum on: what the job wrote is known though the disk has another thing now.
        known = self._sum if self._sum.end_byte == self._proved else Sum(last.start, last.crc32)
        self._crc32 = self._crc32_between(known, self._end)
        self.last = os.pread(self._file, 1, self._end - last.start - 1) if self._end > last.start else b"\n"

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Appends no more; may be called again."""
        files, self._file, self._sum_file = (self._file, self._sum_file), -1, -1
        for file in files:
            if file >= 0:
                os.close(file)

    @property
    def start(self) -> int:
        """The position of the first byte that is still here."""
        return self._parts[0].start

    @property
    def end(self) -> int:
        """The position that the next byte will get."""
        return self._end

    @property
    def crc32(self) -> int:
        """The CRC-32 of all bytes from 0 to ``end``, as they were written."""
        return self._crc32

    @property
    def is_proved(self) -> bool:
        """Whether the checksum of every byte was made when it was written."""
        return self._proved == self._end

    # Checksums

    def prove(self) -> None:
        """Takes what is here for what the job wrote a moment ago, when a process was killed before it noted the checksum."""
        self._proved = self._end
        try:
            spoolfiles.save_sum(self._sum_file, Sum(self._end, self._crc32))
        except OSError:
            pass  # less is known then, and nothing is claimed of it

    def verify(self) -> None:
        """Compares all bytes with their checksums, and notes which are ``damaged``; raises OSError.

        Parts are brought to the length that they must have: what lacks reads as zeros, so that no byte's position changes.
        """
        for part, following in zip(self._parts, self._parts[1:], strict=False):
            size_bytes = following.start - part.start
            file = part.file(self._path)
            if file.stat().st_size != size_bytes:
                os.truncate(file, size_bytes)
            if self._crc32_between(Sum(part.start, part.crc32), following.start) != following.crc32:
                self.damaged.append(range(part.start, following.start))
        self.damaged.sort(key=lambda each: each.start)

    def _is_as_written(self, last: SpoolPart) -> bool:
        if not last.start <= self._sum.end_byte <= self._end:
            return True
        return self._crc32_between(Sum(last.start, last.crc32), self._sum.end_byte) == self._sum.crc32

    def _crc32_between(self, known: Sum, end: int) -> int:
        at, crc32 = known
        while at < end and (piece := self.read(at, min(CRC_READ_BYTES, end - at))):
            at, crc32 = at + len(piece), zlib.crc32(piece, crc32)
        return crc32

    # For the thread that appends

    def splice(self, source: int, size: int) -> bytes:
        """Moves up to ``size`` bytes from the pipe ``source`` to the end, in one call of the kernel's; raises OSError."""
        try:
            return self._splice(self._part(), source, size)
        except OSError as error:
            if error.errno in CANNOT_SPLICE:
                raise
            return self._elsewhere(lambda part: self._splice(part, source, size), error)

    def _splice(self, part: SpoolPart, source: int, size: int) -> bytes:
        offset = self._end - part.start
        count = os.splice(source, self._file, size, offset_dst=offset)
        data = os.pread(self._file, count, offset) if count else b""
        self._grow(data)
        return data

    def write(self, data: bytes) -> None:
        """Appends all of ``data`` or nothing; raises OSError."""
        try:
            self._write(self._part(), data)
        except OSError as error:
            self._elsewhere(lambda part: self._write(part, data), error)

    def use_last_room(self) -> None:
        """Lets a last line find room in memory though all that is for the job's bytes is taken."""
        self._memory_limit_bytes = MEMORY_BYTES + MEMORY_PART_BYTES

    def _write(self, part: SpoolPart, data: bytes) -> bytes:
        _pwrite_all(self._file, data, self._end - part.start)
        self._grow(data)
        return data

    def _grow(self, data: bytes) -> None:
        if data:
            self.last = data[-1:]
            was_proved, self._crc32 = self.is_proved, zlib.crc32(data, self._crc32)
            self._end += len(data)
            if was_proved:
                self.prove()

    def _part(self) -> SpoolPart:
        """Returns the part to write to: the last one, or a new one when that is full; raises OSError."""
        last = self._parts[-1]
        if self._end - last.start < (MEMORY_PART_BYTES if last.in_memory else self._part_bytes):
            return last
        if self._path is None:
            return self._new_part(spoolfiles.nameless(self._end, self._crc32))
        return self._new_part(SpoolPart(self._end, self._crc32))

    def _elsewhere(self, take: Callable[[SpoolPart], bytes], why: OSError) -> bytes:
        """Takes bytes into memory, as their disk does not take them, whatever the reason; raises ``why`` without room there."""
        for fresh in (self._shared_part, self._nameless_part, self._emptied_part):
            try:
                if (part := fresh()) is not None:
                    return take(part)
            except OSError:
                pass  # nor there
        raise why

    def _shared_part(self) -> SpoolPart | None:
        """Returns a new part in memory that outlives this process, where there is any."""
        place = spoolfiles.memory(self._path) if self._path and self._has_memory() else None
        return self._new_part(SpoolPart(self._end, self._crc32, place)) if place is not None else None

    def _nameless_part(self) -> SpoolPart | None:
        return self._new_part(spoolfiles.nameless(self._end, self._crc32)) if self._has_memory() else None

    def _emptied_part(self) -> SpoolPart | None:
        """Returns a new part on the disk, where the server has all that is here: its room can be had."""
        if not (self._path and self.start < self._end <= self._acknowledged):
            return None
        return self._new_part(SpoolPart(self._end, self._crc32))

    def _has_memory(self) -> bool:
        return self._memory_bytes() + MEMORY_PART_BYTES <= self._memory_limit_bytes

    def _memory_bytes(self) -> int:
        ends = [part.start for part in self._parts[1:]] + [self._end]
        return sum(end - part.start for part, end in zip(self._parts, ends, strict=True) if part.in_memory)

    def _new_part(self, fresh: SpoolPart) -> SpoolPart:
        last = self._parts[-1]
        file = os.open(fresh.file(self._path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(self._file)
        self._file = file
        with self._lock:
            empty = last.start == fresh.start
            self._parts[-1:] = [fresh] if empty else [last, fresh]
        if empty:
            _remove(last, self._path)
        elif fresh.start <= self._acknowledged:
            self.acknowledge(fresh.start)
        return fresh

    # For the thread that ships

    def read(self, at: int, size: int) -> bytes:
        """Returns up to ``size`` bytes from position ``at``: fewer at the end of a part, none at the end."""
        with self._lock:
            part = max((one for one in self._parts if one.start <= at), default=None)
            size = max(min(size, self._end - at), 0)
        if part is None:
            raise ValueError(f"byte {at} was acknowledged and is gone")
        try:
            with part.file(self._path).open("rb", buffering=0) as file:
                file.seek(at - part.start)
                return file.read(size) or b""
        except FileNotFoundError:
            with self._lock:
                if self._file < 0 or part != self._parts[-1]:
                    raise
                return os.pread(self._file, size, at - part.start)  # somebody has removed it, and it is open still

    def crc32_to(self, end: int) -> int:
        """Returns the CRC-32 of the bytes from 0 to ``end``, as they are here."""
        with self._lock:
            nearest = max(one for one in self._parts if one.start <= end)
        return self._crc32_between(Sum(nearest.start, nearest.crc32), end)

    def acknowledge(self, end: int) -> None:
        """Removes the parts that hold nothing from position ``end`` on."""
        with self._lock:
            self._acknowledged = max(self._acknowledged, end)
            pairs = zip(self._parts, self._parts[1:], strict=False)
            gone = [part for part, following in pairs if following.start <= end]
            del self._parts[: len(gone)]
        for part in gone:
            _remove(part, self._path)

    def take_back(self, end: int) -> None:
        """Says that the server has nothing any more from position ``end`` on: what is here of that stays."""
        with self._lock:
            self._acknowledged = min(self._acknowledged, end)


def _remove(part: SpoolPart, spool: Path | None) -> None:
    try:
        part.remove(spool)
    except OSError:
        pass  # a disk that lets nothing be written lets nothing be removed either: it costs room, not bytes


def _pwrite_all(file: int, data: bytes, offset: int) -> None:
    """Writes all of ``data`` at ``offset``, or cuts the file off there again and raises OSError."""
    rest, at = memoryview(data), offset
    try:
        while rest:
            written = os.pwrite(file, rest, at)
            rest, at = rest[written:], at + written
    except OSError:
        os.ftruncate(file, offset)
        raise
