"""Which signals are the job's: every one that would reach it without joblog; and which of them its caller ignored."""

from __future__ import annotations

import os
import signal
from pathlib import Path

FORWARDED = frozenset(int(number) for number in signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
"""What is passed on. A fault of joblog's own is none of these: the kernel ends a process whose fault is blocked."""

WAITED_FOR = FORWARDED | {signal.SIGCHLD}

ENDING = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT))

STOPPING = frozenset((signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU))
"""What stops the job, with Ctrl-Z say: joblog then stops, too, so that its caller sees that."""

_OF_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
"""What every Python ignores from its start, whatever its caller did."""


def is_ignored(number: int) -> bool:
    """Returns whether this process ignores the signal."""
    return signal.getsignal(number) is signal.SIG_IGN


def ignored_by_caller(proc: Path = Path("/proc")) -> set[int]:
    """Returns which of the signals, whose handling joblog or its interpreter has changed, the caller ignored.

    What this process itself began with is gone before the interpreter's first line. But children begin with what their
    parent ignores, unless that is another Python, which ignores both of those and gives its children the default.
    """
    ignored = {int(signal.SIGCHLD)} if is_ignored(signal.SIGCHLD) else set[int]()
    by_parent = {number for number in _OF_PYTHON if _mask(proc / str(os.getppid()) / "status") >> (number - 1) & 1}
    return ignored | {int(number) for number in by_parent if by_parent != set(_OF_PYTHON)}


def _mask(status: Path) -> int:
    """Returns the signals that a process ignores, as the kernel shows them; 0 where it does not."""
    try:
        lines = status.read_text("utf-8", "replace").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("SigIgn:")), 16)
    except (OSError, ValueError, IndexError, StopIteration):
        return 0
