"""Files that others write, rename and remove meanwhile."""

from __future__ import annotations

import errno
import os
import stat
import zlib
from pathlib import Path

_READ_BYTES = 1 << 20


def opened(path: Path) -> int:
    """Opens a file to be read; raises FileNotFoundError, also where what has its name is none, or another OSError."""
    gone = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    if look(path) is None:
        raise gone  # not opened: a FIFO would wait for its writer, and a device might do anything
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    if look(file) is None:
        os.close(file)
        raise gone
    return file


def look(place: Path | int) -> tuple[int, int, int, int] | None:
    """Returns device, inode, size and the time of the last write (ns) of a file; None where there is none."""
    try:
        status = os.stat(place)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None  # the name is a directory's, a FIFO's or the like, for a while maybe
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def kind_of(path: Path) -> str:
    """Returns what has a name that no file and no directory has; nothing where there is nothing, or one of these."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return ""
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode), "")


def first_data(file: int, offset: int) -> int:
    """Returns where the first byte from ``offset`` on is that is in no hole, as far as the file system can say."""
    try:
        return os.lseek(file, offset, os.SEEK_DATA)
    except OSError:
        return offset  # it is empty, or has no such call


def crc32_of(path: Path, start: int, size: int) -> int:
    """Returns the CRC-32 of ``size`` bytes from ``start`` on, or of those that there are; raises OSError."""
    crc32 = 0
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while size and (piece := file.read(min(size, _READ_BYTES))):
            crc32, size = zlib.crc32(piece, crc32), size - len(piece)
    return crc32
