"""The processes that compute views for a server: which they are."""

from __future__ import annotations

from pathlib import Path


def renderers(pid: int) -> list[int]:
    """Returns the processes that compute views for a process, those that were stopped among them."""
    children = [int(each) for path in Path(f"/proc/{pid}/task").glob("*/children") for each in _read(path).split()]
    return [each for each in children if b"joblog.server.http.renderer" in _read(Path(f"/proc/{each}/cmdline"))]


def runs(pid: int) -> bool:
    """Whether a process is there, and not only its name."""
    return _read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()[:1] not in ([], [b"Z"], [b"X"])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""  # it has ended
