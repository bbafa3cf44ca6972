"""Ends a job that the server asks to stop: SIGTERM to it and all its descendants, as schedulers do, SIGKILL after a while."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path


class Stopper:
    """Ends one job; whoever comes to know that it is to end may say so again."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._pid = 0
        self._ended = threading.Event()
        self._begun = threading.Lock()

    def watch(self, pid: int) -> None:
        """Says which process is the job."""
        self._pid = pid

    def job_ended(self) -> None:
        """Says that the job has ended, by itself or not: its process id may be another one's."""
        self._ended.set()

    def stop(self) -> bool:
        """Begins to end the job; returns whether there was one to end."""
        if not self._pid or self._ended.is_set():
            return False
        if self._begun.acquire(blocking=False):
            threading.Thread(target=self._stop, name="joblog-stop", daemon=True).start()
        return True

    def _stop(self) -> None:
        # Found once: those whose parent ends first are nobody's descendants later.
        processes = [opened for pid in (self._pid, *descendants(self._pid)) if (opened := _opened(pid)) is not None]
        for process in processes:
            _send(process, signal.SIGTERM)
        self._ended.wait(self._grace_s)
        for process in processes:
            _send(process, signal.SIGKILL)
            os.close(process)


def descendants(pid: int) -> list[int]:
    """Returns the process's children, their children and so on."""
    children: dict[int, list[int]] = {}
    for one, parent in _parents():
        children.setdefault(parent, []).append(one)
    pids, fresh = list[int](), [pid]
    while fresh:
        fresh = [child for each in fresh for child in children.get(each, ())]
        pids += fresh
    return pids


def _parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield int(path.parent.name), int(path.read_bytes().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile


def _opened(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _send(process: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(process, number)
    except OSError:
        pass  # it has ended
