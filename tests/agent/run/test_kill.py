"""``kill -9`` of any one process of joblog's while the job prints: the job goes on, and what it prints is kept."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

import pytest

from tests.agent.harness import Agent
from tests.children import Child
from tests.conftest import start_server

DEADLINE_S = 120.0

# Prints a line for each line it reads: what was printed before a kill, and what after it, is then known.
ECHO = "import sys\nfor line in sys.stdin: print('got ' + line, end='')\nsys.exit(3)"

# Prints as fast as it can, and says in a file of its own when it has written everything: a full pipe would stop it.
FLOOD = "import sys, pathlib\nfor n in range(200_000): print('line', n)\nsys.stdout.flush()\npathlib.Path(sys.argv[1]).touch()"


class Job:
    """A job under ``joblog run``, whose processes can be killed one by one."""

    def __init__(self, agent: Agent, command: list[str], stdout: int | IO[bytes] = subprocess.PIPE) -> None:
        self.process = Child(
            command,
            env=agent.environ,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            process_group=0,  # as a shell starts it: in an orphaned group SIGTSTP stops nobody
        )
        self._answer = b""
        self.processes()

    def processes(self) -> tuple[int, int]:
        """Returns the keeper's and the job's process id, as soon as there are both."""
        counts = dict[bool, int]()

        def both() -> bool:
            for pid in children(self.process.pid):
                counts[os.getsid(pid) == pid] = pid
            return len(counts) == 2

        until(both)
        return counts[True], counts[False]

    def ask(self, line: bytes) -> bytes:
        """Gives the job a line and returns what it prints."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line)
        while select.select([self.process.stdout], [], [], DEADLINE_S)[0]:
            # A keeper that was killed between its write to stdout and its note of that leaves the next one to repeat it.
            if (answer := self.process.stdout.readline()) != self._answer:
                self._answer = answer
                return answer
        raise AssertionError("no answer in time")

    def end(self) -> int:
        """Ends the job's input; returns the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(DEADLINE_S)


def test_keeper_gives_way_to_the_job(agent: Agent) -> None:
    """The job's writes wake it up, and it waits its turn; the job itself is scheduled as it would be without joblog."""
    job = Job(agent, agent.python(ECHO))
    assert job.ask(b"0\n") == b"got 0\n"
    keeper, child = job.processes()
    assert (os.sched_getscheduler(keeper), os.sched_getscheduler(child)) == (os.SCHED_BATCH, os.SCHED_OTHER)
    assert job.end() == 3


def test_killed_keeper_is_replaced(agent: Agent) -> None:
    """Three times: nothing is missing in the spool or on stdout, and the exit status is the job's."""
    job = Job(agent, agent.python(ECHO))
    assert job.ask(b"0\n") == b"got 0\n"
    for n in range(1, 4):
        keeper, _ = job.processes()
        os.kill(keeper, signal.SIGKILL)
        until(partial(lambda gone: gone not in children(job.process.pid), keeper))
        assert job.ask(b"%d\n" % n) == b"got %d\n" % n
    assert job.end() == 3
    assert agent.spooled() == b"got 0\ngot 1\ngot 2\ngot 3\n"


def test_job_outlives_any_number_of_keepers(agent: Agent) -> None:
    """When one after the other is killed, its output is passed on without them, and that is said."""
    job = Job(agent, agent.python(ECHO))
    for _ in range(20):
        keeper, _ = job.processes()
        os.kill(keeper, signal.SIGKILL)
        until(partial(lambda gone: gone not in children(job.process.pid), keeper))
    assert job.ask(b"still\n") == b"got still\n"
    assert len(children(job.process.pid)) == 1
    assert job.end() == 3


def test_killed_foreground_process_leaves_the_job_and_its_log(agent: Agent) -> None:
    """The job goes on to its end, and the keeper keeps all of it."""
    job = Job(agent, agent.python(ECHO))
    keeper, child = job.processes()
    assert job.ask(b"before\n") == b"got before\n"
    job.process.kill()
    job.process.wait(DEADLINE_S)
    assert job.ask(b"after\n") == b"got after\n"
    assert job.process.stdin is not None
    job.process.stdin.close()
    until(lambda: not alive(child) and not alive(keeper))
    assert agent.spooled() == b"got before\ngot after\n"


@pytest.mark.parametrize("victim", ["keeper", "foreground"])
def test_job_that_floods_neither_dies_nor_blocks(agent: Agent, tmp_path: Path, victim: str) -> None:
    """It writes to the end, and what is spooled is what it wrote, line by line, however it is cut."""
    written = tmp_path / "written"
    with (tmp_path / "out").open("wb") as out:
        job = Job(agent, agent.job(*agent.python(FLOOD)[-3:], str(written)), stdout=out)
        keeper, child = job.processes()
        until(lambda: agent.spool_root.exists() and any(part.stat().st_size for part in agent.spool_root.rglob("*.part")))
        os.kill(keeper if victim == "keeper" else job.process.pid, signal.SIGKILL)
        status = job.process.wait(DEADLINE_S)
        until(lambda: not alive(child) and not alive(keeper))
    assert written.exists()
    assert status == (0 if victim == "keeper" else -signal.SIGKILL)
    assert agent.spooled() == b"".join(b"line %d\n" % n for n in range(200_000))


def test_killed_job_is_what_its_status_says(joblog: Agent) -> None:
    """``kill -9`` of the job: 137, and its last words are on the server, in a log that is complete."""
    job = Job(joblog, joblog.python(ECHO, options=("--job", "killed")))
    assert job.ask(b"last words\n") == b"got last words\n"
    os.kill(job.processes()[1], signal.SIGKILL)
    assert job.process.wait(DEADLINE_S) == 137
    assert joblog.said("cat", "killed") == b"got last words\n"
    assert b"complete" in joblog.said("logs", "killed")


def test_log_is_closed_by_who_is_left(joblog: Agent) -> None:
    """Without its foreground process the keeper ships the log to its end, and closes it."""
    job = Job(joblog, joblog.python(ECHO, options=("--job", "orphan")))
    keeper, _ = job.processes()
    job.process.kill()
    job.process.wait(DEADLINE_S)
    assert job.ask(b"on\n") == b"got on\n"
    assert job.process.stdin is not None
    job.process.stdin.close()
    until(lambda: not alive(keeper))
    assert joblog.said("cat", "orphan") == b"got on\n"
    assert b"complete" in joblog.said("logs", "orphan")
    assert list(joblog.spool_root.iterdir()) == []


def test_all_killed_leaves_a_spool_that_sync_ships(joblog: Agent) -> None:
    """Keeper, foreground process and job: what was printed is on disk, then on the server, once."""
    joblog.environ["JOBLOG_URL"], url = "http://127.0.0.1:1", joblog.environ["JOBLOG_URL"]
    job = Job(joblog, joblog.python(ECHO, options=("--job", "gone")))
    assert job.ask(b"one\n") == b"got one\n"
    victims = (job.process.pid, *job.processes())
    assert b"in use" in joblog.said("spool", "ls")
    os.kill(victims[0], signal.SIGKILL)
    os.kill(victims[1], signal.SIGKILL)
    os.kill(victims[2], signal.SIGKILL)
    job.process.wait(DEADLINE_S)
    until(lambda: not any(alive(pid) for pid in victims[1:]))
    assert b"cut off" in joblog.said("spool", "ls")
    joblog.environ["JOBLOG_URL"] = url
    assert b"8 bytes are on the server" in joblog.said("sync")
    assert joblog.said("cat", "gone") == b"got one\n"
    assert joblog.said("sync") == b""


@pytest.mark.slow  # a server starts twice
def test_killed_server_gets_the_rest_later(agent: Agent, tmp_path: Path) -> None:
    """It dies under a running job, which does not notice; when it is back, sync completes what it has."""
    server = start_server(tmp_path / "data")
    agent.environ |= {"JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token, "JOBLOG_PROJECT": "default"}
    job = Job(agent, agent.python(ECHO, options=("--job", "long", "--wait", "0")))
    assert job.ask(b"before\n") == b"got before\n"
    until(lambda: b"got before" in agent.run(agent.command("cat", "long")).stdout)
    server.kill()
    assert job.ask(b"meanwhile\n") == b"got meanwhile\n"
    os.kill(job.processes()[0], signal.SIGKILL)
    assert job.ask(b"after\n") == b"got after\n"
    assert job.end() == 3
    server = start_server(tmp_path / "data")
    agent.environ["JOBLOG_URL"] = server.url
    assert b"35 bytes are on the server" in agent.said("sync")
    assert agent.said("cat", "long") == b"got before\ngot meanwhile\ngot after\n"
    assert b"complete" in agent.said("logs", "long")


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether a process runs, or any thread of it; one that has ended and that nobody has waited for does not.

    While a killed process's other threads end, its first one may have: the process still has its files then, and locks.
    """
    try:
        ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        return not ended or len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    except OSError:
        return False


def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition that nothing tells of, up to a deadline."""
    ends_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < ends_s, "not in time"
        select.select([], [], [], 0.005)
