"""``joblog sync`` and ``joblog spool ls``: what is left over is sent, once, whoever else is at it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from joblog.agent.spool import files
from joblog.agent.spool.spool import Meta, Spool
from tests.agent.harness import NOWHERE, Agent
from tests.children import Child


@pytest.fixture
def left(joblog: Agent) -> Agent:
    """An agent with a server, and one spool of a run that ended while that was away."""
    url = joblog.environ["JOBLOG_URL"]
    joblog.environ["JOBLOG_URL"] = NOWHERE
    assert (
        joblog.run(joblog.job("sh", "-c", "printf 'out\\377'; exit 4", options=("--wait", "0", "--job", "late"))).returncode
        == 4
    )
    joblog.environ["JOBLOG_URL"] = url
    return joblog


def test_left_over_run_is_sent(left: Agent) -> None:
    """Whole, and closed as complete; a second time there is nothing to do."""
    (row,) = json.loads(left.said("spool", "ls", "--json"))
    assert (row["job_name"], row["size_bytes"], row["state"]) == ("late", 4, "finished")
    assert b"4 bytes are on the server" in left.said("sync")
    assert left.said("cat", "late") == b"out\xff"
    assert b"complete" in left.said("logs", "late")
    assert (left.said("sync"), left.said("spool", "ls").count(b"\n")) == (b"", 1)


@pytest.mark.slow  # an absent server is waited for, a moment
def test_absent_server_leaves_all_as_it_is(left: Agent) -> None:
    """Exit status 1, a line that says why, and the spool is there for the next time."""
    url, left.environ["JOBLOG_URL"] = left.environ["JOBLOG_URL"], NOWHERE
    _, lock = files.make(left.spool_root, Meta("default", "second", "run-1", "worker-0"))
    os.close(lock)
    ran = left.run(left.command("sync"))
    assert (ran.returncode, ran.stdout.count(b"\n"), ran.stderr) == (1, 1, b"")
    assert b"Connection refused" in ran.stdout
    left.environ["JOBLOG_URL"] = url
    assert b"4 bytes" in left.run(left.command("sync")).stdout


def test_two_at_once_send_it_once(left: Agent) -> None:
    """The lock of each spool lets one of them in."""
    both = [Child(left.command("sync"), env=left.environ, stdout=subprocess.PIPE) for _ in range(2)]
    output = b"".join(sync.communicate(timeout=120)[0] for sync in both)
    assert [sync.returncode for sync in both] == [0, 0]
    assert output.count(b"4 bytes are on the server") == 1
    assert len(left.said("logs", "late").splitlines()) == 2


def test_running_job_is_left_alone(joblog: Agent) -> None:
    """Its spool is locked; sync says nothing and does nothing."""
    job = Child(
        joblog.job("sh", "-c", "echo on; cat", options=("--job", "on")),
        env=joblog.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert job.stdout is not None
    assert job.stdout.readline() == b"on\n"
    assert b"in use" in joblog.said("spool", "ls")
    assert joblog.said("sync") == b""
    job.communicate(b"off\n", timeout=120)
    assert joblog.said("cat", "on") == b"on\noff\n"


def test_spool_whose_log_was_sent_and_closed_is_removed(joblog: Agent) -> None:
    """Its agent was killed between the close and the removal."""
    meta = Meta(joblog.environ["JOBLOG_PROJECT"], "shut", "run-1", "worker-0")
    path, lock = files.make(joblog.spool_root, meta)
    os.close(lock)
    copy_of(path, joblog)
    assert joblog.said("cat", "shut") == b"whole\n"
    assert [line.split()[0] for line in joblog.said("logs", "shut").splitlines()[1:]] == [b"shut/V0001/worker-0"]


def copy_of(path: Path, joblog: Agent) -> None:
    """Ships the spool at ``path``, puts the same files there again, and syncs."""
    spool = Spool(path)
    spool.append(b"whole\n")
    spool.choose_run_id("run-1")
    kept = {file.name: file.read_bytes() for file in path.iterdir()}
    for _ in range(2):
        path.mkdir(exist_ok=True)
        for name, data in kept.items():
            (path / name).unlink(missing_ok=True)
            (path / name).write_bytes(data)
        assert b"6 bytes are on the server" in joblog.said("sync")


def test_server_that_the_run_was_for(joblog: Agent) -> None:
    """Where nobody says one, the spool does; what is secret in an address is not in it."""
    environ = dict(joblog.environ)
    url = joblog.environ["JOBLOG_URL"]
    joblog.environ["JOBLOG_URL"] = url.replace("://", "://user:secret@")
    joblog.environ["JOBLOG_TOKEN"] = "wrong"
    assert joblog.run(joblog.job("echo", "kept", options=("--wait", "0", "--job", "late"))).returncode == 0
    (meta,) = joblog.spool_root.glob("*/meta.json")
    assert json.loads(meta.read_bytes())["url"] == url
    del joblog.environ["JOBLOG_URL"]
    joblog.environ |= {"JOBLOG_TOKEN": environ["JOBLOG_TOKEN"], "JOBLOG_DATA": "/nowhere"}
    assert b"5 bytes are on the server" in joblog.said("sync")
    joblog.environ |= environ
    assert joblog.said("cat", "late") == b"kept\n"


def test_token_from_a_file_and_from_stdin(joblog: Agent, tmp_path: Path) -> None:
    """A flag names the file; of standard input a line is taken, the rest is the job's."""
    token = joblog.environ.pop("JOBLOG_TOKEN")
    (tmp_path / "token").write_text(token + "\n")
    assert joblog.said("jobs", "--token-file", str(tmp_path / "token")).count(b"\n") == 1
    ran = subprocess.run(
        joblog.job("cat", options=("--wait", "30", "--job", "read", "--token-file", "-")),
        env=joblog.environ,
        input=token.encode() + b"\nthe job's\n",
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"the job's\n", b"")
    assert joblog.said("cat", "read", "--token-file", str(tmp_path / "token")) == b"the job's\n"
    assert "--token-file" in joblog.refused("jobs", "--token-file", str(tmp_path / "none"))
