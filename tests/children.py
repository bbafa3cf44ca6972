"""Programs that tests start and talk to: each is ended, waited for, and its pipes closed when its test is over."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO

from tests.hanging import descendants

_END_S = 120.0

_started: list[Child] = []


class Child(subprocess.Popen[bytes]):
    """A program that a test starts. What is to outlive the test, such as an engine of a whole session, is a plain Popen."""

    def __init__(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        stdin: int | IO[bytes] | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        bufsize: int = -1,
        pass_fds: Sequence[int] = (),
        process_group: int | None = None,
    ) -> None:
        super().__init__(
            command,
            bufsize,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env=env,
            pass_fds=pass_fds,
            process_group=process_group,
        )
        _started.append(self)

    def end(self) -> None:
        """Ends it with all that it has started, if it runs; closes its pipes."""
        if self.poll() is None:
            for pid in (*descendants(self.pid), self.pid):
                _kill(pid)
            self.wait(_END_S)
        for pipe in (self.stdin, self.stdout, self.stderr):
            _close(pipe)


def end_children() -> None:
    """Ends what the tests until now have started."""
    while _started:
        _started.pop().end()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # It has ended by itself.


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except BrokenPipeError:
        pass  # Nobody reads what the test has left in its buffer.
