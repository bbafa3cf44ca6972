"""A ``joblog follow`` that runs, and what the log has of what it follows."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.agent.harness import Agent
from tests.children import Child

DEADLINE_S = 120.0


class Following:
    """A ``joblog follow`` that runs."""

    def __init__(self, joblog: Agent, *arguments: str) -> None:
        self._joblog = joblog
        self.process = Child(
            joblog.command("follow", *arguments), env=joblog.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def until(self, log: str, data: bytes) -> None:
        """Waits until the log holds just ``data``."""
        wait_for(lambda: cat(self._joblog, log) == data, lambda: f"{cat(self._joblog, log)!r}, not {data!r}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, bytes]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out + err


Follow = Callable[..., Following]


def append(file: Path, data: bytes) -> None:
    with file.open("ab", buffering=0) as writer:
        writer.write(data)


def cat(joblog: Agent, log: str) -> bytes:
    """Returns what the log holds; nothing where there is none yet."""
    ran = joblog._main(("cat", log))
    return ran[1] if ran[0] == 0 else b""


def wait_for(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    ends_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < ends_s, what()
        time.sleep(0.05)
