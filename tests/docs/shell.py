"""A shell in which the commands of a page are run, one block after the other, as somebody who follows the page does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from joblog.client import Client
from tests.docs.blocks import Block

ADDRESS = "http://127.0.0.1:8470"
RUN_S = 300.0
START_S = 120.0

FILES: Mapping[str, str] = {
    "train.py": "import sys, time\n"
    "for step in range(1, 201):\n    print(f'step={step} loss={10 / step:.4f}', flush=step % 50 == 0)\n"
    "print('warning: the learning rate is high', file=sys.stderr)\n",
    "old-run.log": "step=1 loss=2.5\nstep=2 loss=1.25\ndone\n",
    "old-runs/a/worker-0.log": "one\ntwo\n",
    "old-runs/b/worker-0.log": "three\n",
    "logs/slurm-123_0.out": "rank 0\n",
    "logs/slurm-123_1.out": "rank 1\n",
}
"""What is there before the first command: a program that trains, and logs from before."""


class Shell:
    """bash, told line by line; variables, functions and background jobs of one block are there for the next.

    The page's address of the server stands for the one on which ``joblog serve`` has found a free port.
    """

    def __init__(
        self, home: Path, *, beside: Shell | None = None, project: str = "default", programs: Path = Path(sys.executable).parent
    ) -> None:
        """Starts the shell in ``home``; with the home, and so the server, of another one if there is one ``beside``.

        ``programs`` is the directory of the environment's programs, joblog's among them.
        """
        self.home = home
        self.data = (beside.home if beside else home) / ".local" / "share" / "joblog"
        for name, text in FILES.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JOBLOG_", "XDG_"))}
        for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):  # joblog open would open one
            kept.pop(name, None)
        told = {"PATH": path, "HOME": str(beside.home if beside else home), "NO_PROXY": "*", "JOBLOG_PROJECT": project}
        told |= {"JOBLOG_PORT": "0", "JOBLOG_SEAL_QUIET_S": "1"}
        self._process = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=home,
            env=kept | told,
            start_new_session=True,
        )

    def run(self, block: Block) -> str:
        """Runs a block; returns what it has printed, and fails with that if a command of it fails."""
        name = self._written(block)
        command = "." if block.language == "sh" else block.language
        told = self._tell(f"{command} {name} >{name}.out 2>{name}.err <{name}.in")
        out, err = (self.home / f"{name}.out").read_text(), (self.home / f"{name}.err").read_text()
        assert told == "done\n", f"{block} failed:\n{block.code}\n{out[-2000:]}{err[-2000:]}"
        return out

    def start(self, block: Block) -> None:
        """Starts a block that goes on; where it is a server, waits until that can be reached."""
        name = self._written(block)
        self._tell(f"( . {name} ) >{name}.out 2>&1 <{name}.in & background+=($!)")
        deadline = time.monotonic() + START_S
        while "joblog serve" in block.code and not (self.data / "url").exists():
            assert time.monotonic() < deadline, f"{block} was not ready: {(self.home / f'{name}.out').read_text()}"
            time.sleep(0.02)

    @property
    def url(self) -> str:
        """Where the server listens; the page's words for it before there is one."""
        said = self.data / "url"
        return said.read_text().strip() if said.exists() else ADDRESS

    def client(self) -> Client:
        """A client of the server that was started in this shell."""
        return Client(self.url, (self.data / "admin.token").read_text().strip())

    def check_background(self) -> None:
        """Fails if a block that was started has failed meanwhile."""
        ended = 'for each in "${background[@]}"; do kill -0 "$each" 2>/dev/null || wait "$each"; done'
        said = "".join(path.read_text(errors="replace") for path in self.home.glob(".block-*.out"))
        assert self._tell(ended) == "done\n", said

    def close(self) -> None:
        """Ends the shell, and all that was started in it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("set +e; kill $(jobs -p) 2>/dev/null; wait; exit 0\n")
            self._process.stdin.close()
            self._process.wait(START_S)
        except BrokenPipeError:
            pass  # a command has failed, and the shell has ended over it
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing of it is left, as it should be
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _written(self, block: Block) -> str:
        code = block.code.replace(ADDRESS, self.url)
        name = f"./.block-{block.line}"
        (self.home / name).write_text(code)
        (self.home / f"{name}.in").write_text("correct horse\n")
        return name

    def _tell(self, line: str) -> str:
        """Gives the shell a line; returns "done" when it is done, nothing if the shell has ended over it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(RUN_S, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.write(f"{line}\necho done\n")
            return self._process.stdout.readline()
        finally:
            watchdog.cancel()
            watchdog.join()
