"""Where the processes of a test stand that reached its limit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_STACK_S = 20
"""Longest wait for one process's stack."""


def descendants(pid: int) -> list[int]:
    """Returns the processes that a process has started, and those that these have, the nearest first."""
    started = list[int]()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            started += map(int, task.read_text().split())
        except OSError:
            continue  # the thread, or the process, has ended
    return started + [each for child in started for each in descendants(child)]


def stacks_of_children() -> str:
    """Returns the command and the stack, in Python or in the kernel, of each process below this one."""
    return "\n\n".join(_stack(pid) for pid in descendants(os.getpid()))


def _stack(pid: int) -> str:
    command = _text(pid, "cmdline").replace("\0", " ")
    parts = [f"{pid}: {command.strip()[:500]}", f"waits in {_text(pid, 'wchan') or 'user code'}"]
    py_spy = Path(sys.executable).with_name("py-spy")
    if "python" in command and (py_spy.exists() or shutil.which("py-spy")):
        done = subprocess.run(
            [str(py_spy) if py_spy.exists() else "py-spy", "dump", "--nonblocking", "--pid", str(pid)],
            capture_output=True,
            text=True,
            timeout=_STACK_S,
            check=False,
        )
        parts.append(done.stdout or done.stderr)
    return "\n".join(parts)


def _text(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("utf-8", "replace")
    except OSError:
        return ""
