"""Where a spool can be: users without a home, disks that are full, programs that only a shell can run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog.api.settings import MEMORY, load, own_name
from tests.agent.harness import NOWHERE, Agent


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system without any room."""
    disk, mount = tmp_path / "full", shutil.which("mount")
    disk.mkdir()
    made = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], check=False)
    if not made or made.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        (disk / "hog").write_bytes(bytes(2 << 20))
    except OSError:
        pass  # it is full now
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("home", [None, "/", "", "/dev/null/home"])
def test_user_without_a_home_has_a_log(joblog: Agent, tmp_path: Path, home: str | None) -> None:
    """It is on the server; what of it could not be sent would be in a directory that is this user's alone."""
    for name in ("JOBLOG_SPOOL", "HOME", "XDG_STATE_HOME"):
        joblog.environ.pop(name, None)
    joblog.environ |= {} if home is None else {"HOME": home}
    ran = joblog.run(joblog.job("echo", "one", options=("--job", "homeless")))
    said = (
        b"" if home in (None, "/", "") else b"joblog: the log is kept in %b/%b/spool: " % (bytes(tmp_path), own_name().encode())
    )
    assert (ran.returncode, ran.stdout, ran.stderr[: len(said)]) == (0, b"one\n", said)
    assert ran.stderr.count(b"\n") == bool(said)
    assert joblog.said("cat", "homeless") == b"one\n"
    assert (tmp_path / own_name()).stat().st_mode & 0o777 == 0o700


def test_what_is_left_there_is_sent(joblog: Agent) -> None:
    """sync looks everywhere."""
    url, joblog.environ["JOBLOG_URL"] = joblog.environ["JOBLOG_URL"], NOWHERE
    joblog.environ["JOBLOG_SPOOL"] = "/dev/null/spool"
    joblog.run(joblog.job("echo", "one", options=("--wait", "0", "--job", "spared")))
    joblog.environ["JOBLOG_URL"] = url
    assert b"4 bytes are on the server" in joblog.said("sync")
    assert joblog.said("cat", "spared") == b"one\n"


def test_directory_of_somebody_else_is_not_used(joblog: Agent, tmp_path: Path) -> None:
    """One that others can write to might be anybody's: nothing is kept there, and nothing sent from there."""
    (tmp_path / own_name() / "spool").mkdir(parents=True)
    (tmp_path / own_name()).chmod(0o777)
    joblog.environ["JOBLOG_SPOOL"] = "/dev/null/spool"
    ran = joblog.run(joblog.job("echo", "one", options=("--job", "spared")))
    assert ran.stderr.startswith(b"joblog: the log is kept in %b: " % bytes(MEMORY / own_name() / "spool"))
    assert joblog.said("cat", "spared") == b"one\n"
    assert list((tmp_path / own_name() / "spool").iterdir()) == []


def test_order_of_the_places() -> None:
    """A named place, the user's state directory, the temporary one, memory."""
    spared = (Path("/var/tmp") / own_name() / "spool", MEMORY / own_name() / "spool")
    environ = {"TMPDIR": "/var/tmp", "HOME": "/home/me"}
    assert load(environ).spool_roots == (Path("/home/me/.local/state/joblog/spool"), *spared)
    assert load(environ | {"XDG_STATE_HOME": "/s"}).spool_roots == (Path("/s/joblog/spool"), *spared)
    assert load(environ | {"JOBLOG_SPOOL": "/named"}).spool_roots == (Path("/named"), *spared)
    assert load({"TMPDIR": "/var/tmp", "HOME": "/"}).spool_roots == spared


def test_disk_that_is_full_from_the_start(joblog: Agent, full_disk: Path) -> None:
    """The log is on the server all the same, and one line says where it was kept on its way."""
    joblog.environ |= {"JOBLOG_SPOOL": str(full_disk / "spool"), "TMPDIR": str(full_disk)}
    ran = joblog.run(joblog.job("sh", "-c", "echo one; exit 4", options=("--job", "full")))
    assert (ran.returncode, ran.stdout) == (4, b"one\n")
    assert ran.stderr.startswith(b"joblog: the log is kept in %b: " % bytes(MEMORY / own_name() / "spool"))
    assert ran.stderr.count(b"\n") == 1
    assert joblog.said("cat", "full") == b"one\n"
    assert b"complete" in joblog.said("logs", "full")


def test_disk_that_becomes_full_costs_nothing_while_the_server_is_there(joblog: Agent, full_disk: Path) -> None:
    """A megabyte through a few KiB: all of it is on the server."""
    (full_disk / "hog").write_bytes(bytes(900 << 10))
    joblog.environ["JOBLOG_SPOOL"] = str(full_disk / "spool")
    words = b"".join(b"%d\n" % n for n in range(1, 200_001))
    ran = joblog.run(joblog.job("sh", "-c", "seq 1 200000", options=("--job", "small")))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, words, b"")
    assert joblog.said("cat", "small") == words
    assert b"complete" in joblog.said("logs", "small")


def test_script_without_its_first_line_is_run_by_a_shell(agent: Agent, tmp_path: Path) -> None:
    """As under env, nohup and timeout, by its path or by its name alone."""
    script = tmp_path / "prog"
    script.write_text('echo "it ran with $1"\nexit 5\n')
    script.chmod(0o755)
    agent.environ["PATH"] = f"{tmp_path}{os.pathsep}{agent.environ['PATH']}"
    for name in (str(script), "prog"):
        plain, ran = agent.run(["env", name, "words"]), agent.run(agent.job(name, "words"))
        assert (ran.returncode, ran.stdout) == (plain.returncode, plain.stdout) == (5, b"it ran with words\n")
