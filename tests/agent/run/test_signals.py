"""Signals and stdin are the job's: what would reach it without joblog reaches it, what its caller ignored it ignores."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.harness import Agent
from tests.agent.run.test_kill import DEADLINE_S, ECHO, Job, alive, children, until
from tests.agent.run.test_run import state_of
from tests.children import Child

ALL_OTHERS = sorted(
    signal.valid_signals()
    - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
    - {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT}  # in test_run.py
)

HEARS = (
    "import signal, sys\n"
    "numbers = set(map(int, sys.argv[1].split(',')))\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, numbers)\n"
    "print('ready', flush=True)\n"
    "for _ in numbers: print(signal.sigwaitinfo(numbers).si_signo, flush=True)"
)

IGNORED = ["sh", "-c", "grep SigIgn /proc/self/status"]


def test_every_signal_reaches_the_job(agent: Agent) -> None:
    """Those of timers, of limits, of power, of real time: none of them ends joblog, or stays with it."""
    command = agent.job(sys.executable, "-c", HEARS, ",".join(str(int(number)) for number in ALL_OTHERS))
    ran = Child(command, env=agent.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert ran.stdout
    assert ran.stdout.readline() == b"ready\n"
    for number in ALL_OTHERS:
        ran.send_signal(number)
        assert ran.stdout.readline() == b"%d\n" % number  # one by one: what stops takes back what continues
    ran.communicate(timeout=DEADLINE_S)
    assert ran.returncode == 0


def test_stopped_job_stops_joblog_until_it_goes_on(agent: Agent) -> None:
    """Whoever waits for joblog, a shell say, sees what it would see of the job; the keeper goes on."""
    job = Job(agent, agent.python(ECHO))
    keeper, child = job.processes()
    assert job.ask(b"one\n") == b"got one\n"
    job.process.send_signal(signal.SIGTSTP)
    until(lambda: state_of(job.process.pid) == state_of(child) == "T")
    assert alive(keeper)
    job.process.send_signal(signal.SIGCONT)
    until(lambda: state_of(job.process.pid) != "T" != state_of(child))
    assert job.ask(b"two\n") == b"got two\n"
    assert job.end() == 3


@pytest.mark.parametrize("before", ["trap '' PIPE", "trap '' HUP USR1", "true"])
def test_what_the_caller_ignores_the_job_ignores(agent: Agent, before: str) -> None:
    """And nothing else: not what joblog's own interpreter ignores."""
    words = f"{before}; {' '.join(IGNORED[:2])} '{IGNORED[2]}'; {' '.join(agent.job(*IGNORED[:2]))} '{IGNORED[2]}'; true"
    plain, under_joblog = agent.run(["sh", "-c", words]).stdout.splitlines()
    assert under_joblog == plain


def test_ignored_ends_of_children_stay_ignored(agent: Agent) -> None:
    """joblog needs to hear of them; the job is as its caller wanted it."""
    plain, under_joblog = (
        subprocess.run(
            command,
            env=agent.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
            check=True,
        ).stdout
        for command in (["grep", "SigIgn", "/proc/self/status"], agent.job("grep", "SigIgn", "/proc/self/status"))
    )
    assert under_joblog == plain


def test_stdin_is_the_job_s_alone(agent: Agent) -> None:
    """Once the job has closed it, whoever writes to it finds nobody at the other end."""
    program = "import os; os.close(0); print('closed', flush=True); os.read(os.open(os.environ['HOLD'], os.O_RDONLY), 1)"
    hold = agent.spool_root.parent / "hold"
    os.mkfifo(hold)
    agent.environ["HOLD"] = str(hold)
    job = Child(agent.python(program), env=agent.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert job.stdin is not None
    assert job.stdout is not None
    assert job.stdout.readline() == b"closed\n"
    ends = select.poll()
    ends.register(job.stdin, 0)
    assert ends.poll(DEADLINE_S * 1000) == [(job.stdin.fileno(), select.POLLERR)]
    hold.write_text("end")
    job.stdin.close()
    assert job.wait(DEADLINE_S) == 0
    job.stdout.close()


def test_stopped_keeper_is_replaced(agent: Agent) -> None:
    """At once: the job's writes do not come to wait for room in a pipe that nobody reads."""
    job = Job(agent, agent.python(ECHO))
    for n in range(2):
        keeper, _ = job.processes()
        os.kill(keeper, signal.SIGSTOP)
        until(lambda gone=keeper: gone not in children(job.process.pid))  # type: ignore[misc]  # mypy knows no such lambda
        assert job.ask(b"%d\n" % n) == b"got %d\n" % n
    assert job.end() == 3
    assert agent.spooled() == b"got 0\ngot 1\n"


def test_lock_of_the_job_s_is_let_go_with_its_last_process(agent: Agent, tmp_path: Path) -> None:
    """What the caller handed down is held by the job, and by those that it leaves behind, not by a keeper that stays."""
    lock, fifo = tmp_path / "lock", tmp_path / "fifo"
    os.mkfifo(fifo)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    command = agent.python(f"import os\nif not os.fork(): os.close({descriptor}); open({str(fifo)!r}).read()")
    job = Child(command, env=agent.environ, pass_fds=[descriptor], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    os.close(descriptor)
    assert job.wait(DEADLINE_S) == 0
    again = os.open(lock, os.O_RDWR)
    fcntl.flock(again, fcntl.LOCK_EX)
    os.close(again)
    fifo.write_text("go\n")
    job.communicate(timeout=DEADLINE_S)
