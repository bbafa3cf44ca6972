"""How a run is and how it ended: told to the server while it runs and at its end, and heard from it that it is to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog.agent.run.oom import OomKills
from joblog.agent.spool import files
from joblog.agent.spool.files import UNKNOWN, Outcome
from joblog.client import Client, Task, Version
from tests.agent.harness import NOWHERE, Agent, FlakyServer
from tests.agent.run.test_kill import DEADLINE_S, ECHO, Job, alive, until

HOST = socket.gethostname()


def options(*more: str, wait: str = "120") -> tuple[str, ...]:
    return ("--wait", wait, "--job", "ended", *more)


def ended(agent: Agent) -> tuple[Version, Task]:
    """Returns how the run and its one worker are, for the server."""
    with Client(agent.environ["JOBLOG_URL"], agent.environ["JOBLOG_TOKEN"]) as client:
        (job,) = client.jobs(agent.environ["JOBLOG_PROJECT"])
        *_, version = client.versions(job.project_id, job.id)
        (task,) = client.tasks(job.project_id, job.id, version.id)
        return version, task


def is_running(agent: Agent) -> bool:
    """Whether the run has said so."""
    try:
        return ended(agent)[1].status == "RUNNING"
    except ValueError:
        return False  # there is no job, or no worker, yet


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["true"], ("COMPLETED", 0, None, None)),
        (["sh", "-c", "exit 3"], ("FAILED", 3, None, None)),
        (["sh", "-c", "kill -KILL $$"], ("KILLED", None, "SIGKILL", None)),
        (["sh", "-c", "kill -ABRT $$"], ("KILLED", None, "SIGABRT", None)),
        (["no-such-program"], ("FAILED", 127, None, "the command cannot be run: No such file or directory")),
    ],
)
def test_end_is_on_the_server(joblog: Agent, command: list[str], expected: tuple[object, ...]) -> None:
    """Status, exit code or signal, and the reason where there is one."""
    joblog.run(joblog.job(*command, options=options()))
    version, task = ended(joblog)
    assert (task.status, task.exit_code, task.signal, task.reason) == expected
    assert (version.status, task.host, task.starts) == (expected[0], HOST, 1)


def test_run_that_goes_on_says_so(joblog: Agent) -> None:
    """From its start, with how many workers there are in all; one of two that has ended does not end the run."""
    joblog.environ |= {"SLURM_JOB_ID": "1", "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}
    job = Job(joblog, joblog.python(ECHO, options()))
    until(lambda: is_running(joblog))
    assert ended(joblog)[0].expected_tasks == 2
    assert job.end() == 3
    version, task = ended(joblog)
    assert (task.task, task.status, version.status) == ("worker-1", "FAILED", "RUNNING")


@pytest.mark.slow  # a run hears of it with its next report
def test_run_is_stopped_through_the_server(joblog: Agent) -> None:
    """It gets SIGTERM, and may end as it likes; it counts as killed. Its keeper's death meanwhile changes nothing."""
    program = (
        "import signal, sys\n"
        "def leave(*_): print('leaving'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\nprint('ready')\nwhile True: signal.pause()"
    )
    job = Job(joblog, joblog.python(program, options()))
    until(lambda: is_running(joblog))
    os.kill(job.processes()[0], signal.SIGKILL)
    with Client(joblog.environ["JOBLOG_URL"], joblog.environ["JOBLOG_TOKEN"]) as client:
        version = ended(joblog)[0]
        (only,) = client.jobs(joblog.environ["JOBLOG_PROJECT"])
        client.stop(only.project_id, only.id, version.id)
    assert job.process.wait(DEADLINE_S) == 0
    version, task = ended(joblog)
    assert (version.status, task.status, task.exit_code) == ("KILLED", "KILLED", 0)
    assert task.reason == "stopped as the server was asked to"
    assert joblog.said("cat", "ended") == b"ready\nleaving\n"


@pytest.fixture
def stopping(agent: Agent) -> Iterator[FlakyServer]:
    """A server that says of every run that it is to stop."""
    server = FlakyServer()
    server.stop_runs = True
    agent.environ["JOBLOG_URL"] = server.url
    yield server
    server.stop()


def test_job_that_does_not_stop_is_killed(agent: Agent, stopping: FlakyServer) -> None:
    """It and its descendants, after --grace; the last report says how."""
    program = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & echo $$; while :; do sleep 1; done"
    ran = agent.run(agent.job("sh", "-c", program, options=options("--run-id", "run-1", "--grace", "0.5")))
    assert ran.returncode == 137
    until(lambda: not any(alive(int(pid)) for pid in ran.stdout.split()))
    assert stopping.reports[-1] == {
        "status": "KILLED",
        "signal": "SIGKILL",
        "reason": "stopped as the server was asked to",
        "host": HOST,
    }
    assert [report["status"] for report in stopping.reports[:-1]] == ["RUNNING"] * (len(stopping.reports) - 1)
    until(lambda: stopping.closed is not None)  # behind the last writer, which may end after the command


def test_end_is_not_lost_when_the_server_is_away(joblog: Agent) -> None:
    """It waits in the spool, and sync tells it after the log."""
    joblog.environ["JOBLOG_URL"], url = NOWHERE, joblog.environ["JOBLOG_URL"]
    assert joblog.run(joblog.job("sh", "-c", "echo words; exit 7", options=options(wait="0"))).returncode == 7
    joblog.environ["JOBLOG_URL"] = url
    assert b"6 bytes are on the server" in joblog.said("sync")
    version, task = ended(joblog)
    assert (version.status, task.status, task.exit_code, task.host) == ("FAILED", "FAILED", 7, HOST)


def test_end_that_the_server_did_not_take_is_told_again(agent: Agent) -> None:
    """The log is closed already: what is left is how the run ended, and sync tells it."""
    server = FlakyServer()
    agent.environ["JOBLOG_URL"] = server.url
    job = Job(agent, agent.python(ECHO, options("--run-id", "run-1", wait="0.5")))
    assert job.ask(b"on\n") == b"got on\n"
    until(lambda: server.held == b"got on\n" and bool(server.reports))
    server.failing_reports = True
    assert job.end() == 3
    assert server.closed is not None
    server.failing_reports = False
    agent.said("sync")
    server.stop()
    assert server.reports[-1] == {"status": "FAILED", "exit_code": 3, "host": HOST}
    assert list(agent.spool_root.iterdir()) == []


@pytest.mark.parametrize("victims", ["foreground", "all"])
def test_end_that_nobody_saw(joblog: Agent, victims: str) -> None:
    """The exit status is gone with the foreground process: the run counts as killed, which it was, and why is said."""
    job = Job(joblog, joblog.python(ECHO, options()))
    keeper, child = job.processes()
    assert job.ask(b"on\n") == b"got on\n"
    job.process.kill()
    if victims == "all":
        os.kill(keeper, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
    assert job.process.stdin is not None
    job.process.stdin.close()
    until(lambda: not alive(keeper) and not alive(child))
    joblog.run(joblog.command("sync"))
    _, task = ended(joblog)
    assert (task.status, task.exit_code, task.reason) == (UNKNOWN.status, None, UNKNOWN.reason)
    assert joblog.said("cat", "ended") == b"got on\n"


def test_job_that_closes_its_output_runs_on(joblog: Agent) -> None:
    """Its end, not that of its output, is the run's."""
    assert joblog.run(joblog.job("sh", "-c", "echo bye; exec >&- 2>&-; sleep 0.5; exit 4", options=options())).returncode == 4
    assert ended(joblog)[1].exit_code == 4


def test_out_of_memory_is_counted(tmp_path: Path) -> None:
    """In either version's file, in a container or not; where there is none, or it says nothing, it is not known."""
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)

    def check(cgroup: str, file: str, words: str) -> None:
        (proc / "self" / "cgroup").write_text(cgroup)
        place = root / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(words.format(3))
        kills = OomKills(proc, root)
        assert kills.happened() is False
        place.write_text(words.format(4))
        assert kills.happened() is True
        place.unlink()
        assert kills.happened() is None

    check("0::/job/1\n", "job/1/memory.events", "low 0\noom 7\noom_kill {}\n")
    check("0::/\n", "memory.events", "oom_kill {}\n")
    check("4:memory:/pod\n0::/\n", "memory/pod/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n")
    check("4:cpu,memory:/host/only\n", "memory/memory.oom_control", "oom_kill {}\n")
    for words in ("", "nonsense", "0::/job/1"):
        (proc / "self" / "cgroup").write_text(words)
        assert OomKills(proc, root).happened() is None
    assert OomKills(tmp_path / "nowhere", root).happened() is None


def test_job_that_is_out_of_memory(agent: Agent) -> None:
    """Where a control group can be made its job is killed for real, and says so; elsewhere nothing is claimed."""
    group = own_group()
    if group is None:
        assert OomKills().happened() in (False, None)
        return
    try:
        (group / "memory.limit_in_bytes").write_text(str(120 << 20))
        program = "x = []\nwhile True: x.append(bytearray(b'x') * (1 << 20))"
        ran = subprocess.run(
            ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh", *agent.python(program, options(wait="0"))],
            env=agent.environ,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 137
        (spool,) = agent.spool_root.iterdir()
        state = files.load_state(spool)
        assert state is not None
        assert state.outcome == Outcome("KILLED", exit_code=None, signal="SIGKILL", reason="out of memory")
    finally:
        group.rmdir()


def own_group() -> Path | None:
    """Makes a control group (version 1) below this process's own, if that may be."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        group = Path("/sys/fs/cgroup/memory") / path.lstrip("/") / f"joblog-{os.getpid()}"
        if controllers == "memory" and os.access(group.parent, os.W_OK):
            group.mkdir()
            return group
    return None
