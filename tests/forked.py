"""Servers forked from one process that has imported all that a server needs: two seconds of processor less for each.

It has loaded the application as well (``tests.warm``).

What is forked is a process like any other: it has its own interpreter, files and memory, and ``kill -9`` ends it.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["joblog.cli.serve", "joblog.server.process", "tests.warm", __name__])


_PR_SET_PDEATHSIG = 1  # prctl(2)


class Forked:
    """A ``joblog`` command in a process of its own; what tests need of ``subprocess.Popen``."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        self._process: ForkServerProcess = _CONTEXT.Process(target=_run, args=(list(arguments), dict(environment), str(output)))
        self._process.start()

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Returns its exit status, negative for a signal, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout_s: float | None = None) -> int:
        """Returns its exit status when it has ended; raises TimeoutError."""
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            raise TimeoutError(f"the server still runs after {timeout_s} s")
        return self._process.exitcode

    def kill(self) -> None:
        """Sends SIGKILL."""
        self._process.kill()

    def send_signal(self, number: int) -> None:
        """Sends a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _run(arguments: list[str], environment: dict[str, str], output: str) -> None:
    """Becomes the command: its environment, its output, and the signals as a shell would leave them.

    It ends with the process that it was forked from, and so with the tests, however these end.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.argv = ["joblog", *arguments]

    from joblog.cli import console

    console()
