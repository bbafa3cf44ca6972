"""Files that others write, rename and remove meanwhile."""

from __future__ import annotations

import errno
import os
import stat
import zlib
from pathlib import Path

_READ_BYTES = 1 << 20


def opened(path: Path) -> int:
    """Opens a file to be read; raises FileNotFoundError, also where a directory has its name, or another OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if stat.S_ISDIR(os.fstat(file).st_mode):
        os.close(file)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return file


def look(place: Path | int) -> tuple[int, int, int, int] | None:
    """Returns device, inode, size and the time of the last write (ns) of a file; None where there is none."""
    try:
        status = os.stat(place)
    except OSError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return None  # the name is taken, for a while maybe; a file it is not
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def crc32_of(path: Path, start: int, size: int) -> int:
    """Returns the CRC-32 of ``size`` bytes from ``start`` on, or of those that there are; raises OSError."""
    crc32 = 0
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while size and (piece := file.read(min(size, _READ_BYTES))):
            crc32, size = zlib.crc32(piece, crc32), size - len(piece)
    return crc32
