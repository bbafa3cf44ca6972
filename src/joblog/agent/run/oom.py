"""Whether the kernel killed a process of this job for its memory: the count that the control group keeps of that.

Version 2 has it in ``memory.events``, version 1 in ``memory.oom_control``; both as a line ``oom_kill N``. Where neither can be
read nothing is known, and nothing is claimed.
"""

from __future__ import annotations

from pathlib import Path

PROC, ROOT = Path("/proc"), Path("/sys/fs/cgroup")


class OomKills:
    """Counts from when it is made."""

    def __init__(self, proc: Path = PROC, root: Path = ROOT) -> None:
        """``proc`` and ``root`` are where the kernel shows itself."""
        self._file = _file(proc, root)
        self._before = self._count()

    def happened(self) -> bool | None:
        """Returns whether there was one meanwhile; None where that is not known."""
        before, after = self._before, self._count()
        return None if before is None or after is None else after > before

    def _count(self) -> int | None:
        try:
            lines = self._file.read_text("ascii").splitlines() if self._file else []
            return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
        except (OSError, ValueError, IndexError, StopIteration):
            return None


def _file(proc: Path, root: Path) -> Path | None:
    """Returns the file with this process's count."""
    try:
        lines = (proc / "self" / "cgroup").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return None
    for line in lines:
        _, controllers, path = ([*line.split(":", 2), "", ""])[:3]
        if controllers == "" or "memory" in controllers.split(","):
            for file in _places(root, controllers, path.lstrip("/")):
                if file.is_file():
                    return file
    return None


def _places(root: Path, controllers: str, path: str) -> list[Path]:
    """Returns where the count may be; in a container the path may be the host's, and the mount the container's own."""
    if controllers:
        mounts, name = [root / "memory", root / controllers], "memory.oom_control"
    else:
        mounts, name = [root, root / "unified"], "memory.events"
    return [place / name for mount in mounts for place in (mount / path, mount)]
