"""What flood control took out of a log, whole, in a file beside the spools: for whoever wants to read it on this machine."""

from __future__ import annotations

import os
from pathlib import Path

DIRECTORY = "withheld"
"""Below the spools' directory; nothing here removes what is in it."""

NOWHERE = Path("/dev/null/spool")
"""Stands for a spool that has no place: nothing can be written beside it."""


class Aside:
    """One log's file. Where there is no room, or it cannot be written, less is in it; that is no error."""

    def __init__(self, spool: Path, limit_bytes: int) -> None:
        """For the log whose spool is at ``spool``; all such files together are to have at most ``limit_bytes``."""
        self._path = spool.parent / DIRECTORY / f"{spool.name}.log"
        self._limit_bytes = limit_bytes
        self._file = -1
        self._room_bytes = 0
        self._missing_bytes = 0
        try:
            self._size_bytes = self._path.stat().st_size
        except OSError:
            self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """How many bytes the file has."""
        return self._size_bytes

    @property
    def message(self) -> str:
        """Returns a line for people about what was taken out, empty where nothing was."""
        if self._size_bytes:
            less = f" ({self._missing_bytes} more found no room)" if self._missing_bytes else ""
            return f"flood control kept {self._size_bytes} bytes out of the log; they are in {self._path}{less}"
        if self._missing_bytes:
            return f"flood control kept {self._missing_bytes} bytes out of the log, for which there was no room here"
        return ""

    def write(self, data: bytes, at: int) -> None:
        """Writes ``data`` at position ``at``; may be said again."""
        if not data:
            return
        try:
            self._open()
            if at + len(data) > self._room_bytes:
                raise OSError("no room")
            rest = memoryview(data)
            while rest:
                written = os.pwrite(self._file, rest, at)
                rest, at = rest[written:], at + written
            self._size_bytes = max(self._size_bytes, at)
        except OSError:
            self._missing_bytes += len(data)

    def _open(self) -> None:
        if self._file >= 0:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = sum(file.stat().st_size for file in self._path.parent.iterdir() if file != self._path)
        self._room_bytes = max(self._limit_bytes - others, 0)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
