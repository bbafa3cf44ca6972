"""The spool: everything that was read from the job, on local disk, until the server has it.

A spool is a directory of its own. The log's bytes are in parts, ``<position of the first byte, 20 digits>.part``, end
to end, so that the length of what is there is the next position; parts that the server has are removed. ``meta.json``
names the run and says what is known about the bytes that are gone from here: how many, and their CRC-32.

One thread appends; another one reads and acknowledges. Nothing is fsynced: the spool outlives the agent and its job, as
the page cache does, but not a power cut, whose price (an fsync per print) no job would pay.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from joblog.answers import Gap

PART_BYTES = 64 << 20
"""Size of a part: what may be on disk for longer than needed, and few enough files for a log of hundreds of GB."""

CRC_READ_BYTES = 1 << 20
"""Read size while computing a CRC-32; larger ones are no faster."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Meta:
    """Which log a spool is for; ``start_byte`` and ``start_crc32`` are of what was acknowledged and removed."""

    project_id: str
    job_name: str
    run_id: str
    task: str
    start_byte: int = 0
    start_crc32: int = 0
    finished: bool = False
    gaps: tuple[Gap, ...] = ()


class Spool:
    """One log's spool, open for appending at its end and for reading."""

    def __init__(self, path: Path, meta: Meta, part_bytes: int) -> None:
        """Use ``create``."""
        self.path = path
        self._meta = meta
        self._part_bytes = part_bytes
        self._starts = [0]
        self._file = os.open(self._part(0), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._end = 0
        self._crc32 = 0
        self._last = b"\n"
        self._lost_bytes = 0
        self._lost_reason = ""
        self._gaps: list[Gap] = []
        self._grown = threading.Condition()
        self._finished = threading.Event()

    @classmethod
    def create(cls, root: Path, meta: Meta, *, part_bytes: int = PART_BYTES) -> Spool:
        """Makes a new spool in a directory of its own below ``root``; raises OSError."""
        # Logs hold what a job prints, secrets among it: nobody else is to read them.
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = root / f"{meta.job_name}-{meta.task}-{os.urandom(6).hex()}"
        path.mkdir(mode=0o700)
        spool = cls(path, meta, part_bytes)
        spool._save()
        return spool

    @property
    def meta(self) -> Meta:
        """Which log it is."""
        return self._meta

    @property
    def end_byte(self) -> int:
        """The position that the next byte will get."""
        return self._end

    @property
    def crc32(self) -> int:
        """The CRC-32 of all bytes from 0 to ``end_byte``."""
        return self._crc32

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be kept."""
        return tuple(self._gaps)

    # For the thread that reads the job

    def append(self, data: bytes) -> None:
        """Takes the log's next bytes, all or none of them; what the disk refuses is counted as a gap."""
        if (self._lost_bytes and not self._write_notice()) or not self._write(data):
            self._lost_bytes += len(data)

    def finish(self) -> None:
        """Says that no more bytes will come; raises OSError when that could not be saved, but it holds all the same."""
        if self._lost_bytes and not self._write_notice():
            self._gaps.append(Gap(self._end, self._lost_bytes, self._lost_reason))
            self._lost_bytes = 0
        os.close(self._file)
        with self._grown:
            self._meta = replace(self._meta, finished=True, gaps=self.gaps)
            try:
                self._save()
            finally:
                self._finished.set()
                self._grown.notify_all()

    def _write_notice(self) -> bool:
        """Puts the line that stands for lost bytes in their place, so that readers of any API see it."""
        before = b"" if self._last == b"\n" else b"\n"
        notice = f"[joblog] {self._lost_bytes} bytes were not kept here ({self._lost_reason})\n"
        at = self._end + len(before)
        if not self._write(before + notice.encode()):
            return False
        self._gaps.append(Gap(at, self._lost_bytes, self._lost_reason))
        self._lost_bytes = 0
        return True

    def _write(self, data: bytes) -> bool:
        part_start = self._starts[-1]
        try:
            if self._end - part_start >= self._part_bytes:
                part_start = self._next_part()
            _pwrite_all(self._file, data, self._end - part_start)
        except OSError as error:
            self._lost_reason = "spool full" if error.errno in _FULL else f"spool: {error.strerror}"
            return False
        self._last = data[-1:]
        self._crc32 = zlib.crc32(data, self._crc32)
        with self._grown:
            self._end += len(data)
            self._grown.notify_all()
        return True

    def _next_part(self) -> int:
        file = os.open(self._part(self._end), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(self._file)
        self._file = file
        with self._grown:
            self._starts.append(self._end)
        return self._end

    # For the thread that ships

    @property
    def finished(self) -> bool:
        """Whether no more bytes will come."""
        return self._finished.is_set()

    def wait_for_byte(self, at: int) -> None:
        """Waits until the byte at position ``at`` is there, or no more will come."""
        with self._grown:
            self._grown.wait_for(lambda: self._end > at or self._finished.is_set())

    def wait_for_finish(self, timeout_s: float) -> bool:
        """Waits until no more bytes will come, at most ``timeout_s``; returns whether it is so."""
        return self._finished.wait(timeout_s)

    def read(self, at: int, size: int) -> bytes:
        """Returns up to ``size`` bytes from position ``at``: fewer at the end of a part, none at the end of the log."""
        with self._grown:
            start = max((one for one in self._starts if one <= at), default=-1)
            size = min(size, self._end - at)
        if start < 0:
            raise ValueError(f"byte {at} was acknowledged and is gone")
        with self._part(start).open("rb", buffering=0) as part:
            part.seek(at - start)
            return part.read(max(size, 0)) or b""

    def crc32_to(self, end: int) -> int:
        """Returns the CRC-32 of the bytes from 0 to ``end``, a position from ``meta.start_byte`` to ``end_byte``."""
        at, crc32 = self._meta.start_byte, self._meta.start_crc32
        while at < end:
            piece = self.read(at, min(CRC_READ_BYTES, end - at))
            at, crc32 = at + len(piece), zlib.crc32(piece, crc32)
        return crc32

    def acknowledge(self, end: int) -> None:
        """Removes the parts that hold nothing from position ``end`` on; raises OSError."""
        with self._grown:
            gone = [start for start, following in zip(self._starts, self._starts[1:], strict=False) if following <= end]
            kept = self._starts[len(gone) :]
        if not gone:
            return
        crc32 = self.crc32_to(kept[0])
        # First the deed, then the note: on a full disk there is no room for the note before.
        for start in gone:
            self._part(start).unlink()
        with self._grown:
            del self._starts[: len(gone)]
            self._meta = replace(self._meta, start_byte=kept[0], start_crc32=crc32)
            self._save()

    def remove(self) -> None:
        """Removes the spool from the disk; raises OSError."""
        for start in self._starts:
            self._part(start).unlink()
        (self.path / "meta.json").unlink()
        self.path.rmdir()

    def _part(self, start: int) -> Path:
        return self.path / f"{start:020d}.part"

    def _save(self) -> None:
        fresh = self.path / "meta.json.new"
        fresh.write_text(json.dumps(asdict(self._meta)), "utf-8")
        fresh.replace(self.path / "meta.json")


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
