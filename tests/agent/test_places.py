"""Where a spool can be: users without a home, disks that are full, programs that only a shell can run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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
    message = (
        b"" if home in (None, "/", "") else b"joblog: the log is kept in %b/%b/spool: " % (bytes(tmp_path), own_name().encode())
    )
    assert (ran.returncode, ran.stdout, ran.stderr[: len(message)]) == (0, b"one\n", message)
    assert ran.stderr.count(b"\n") == bool(message)
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
    spared = tuple(Path(place) / own_name() / "spool" for place in ("/var/tmp", "/run/user/1", MEMORY))
    environ = {"TMPDIR": "/var/tmp", "HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/1"}
    usual = Path("/home/me/.local/state/joblog/spool")
    assert load(environ).spool_roots == (usual, *spared)
    assert load(environ | {"XDG_STATE_HOME": "/s"}).spool_roots == (Path("/s/joblog/spool"), usual, *spared)
    assert load(environ | {"JOBLOG_SPOOL": "/named"}).spool_roots == (Path("/named"), *spared)
    assert load(environ | {"HOME": "/"}).spool_roots == spared
    assert load({"HOME": "/"}).spool_roots == (Path("/tmp") / own_name() / "spool", spared[-1])


def test_root_leaves_nothing_in_another_user_s_home(tmp_path: Path) -> None:
    """Where sudo has kept HOME: directories of root's would keep that user out."""
    if os.geteuid():
        pytest.skip("only root may be somebody else")
    assert load({"HOME": str(tmp_path)}).spool_root.is_relative_to(tmp_path)
    os.chown(tmp_path, 65534, 65534)
    assert not load({"HOME": str(tmp_path)}).spool_root.is_relative_to(tmp_path)


@pytest.mark.parametrize("data", [None, "~/logs", "/srv/joblog"])
@pytest.mark.parametrize("home", [None, "", "/", "/home/nobody"])
def test_server_and_commands_have_one_data_directory(tmp_path: Path, home: str | None, data: str | None) -> None:
    """With the same environment, whatever is in it or lacks."""
    environ = (
        {"PATH": os.environ["PATH"]}
        | ({} if home is None else {"HOME": home})
        | ({} if data is None else {"JOBLOG_DATA": data})
    )
    program = """
import os
from joblog.api import settings
from joblog.core.settings import Settings
print(Settings.load({}).data == settings._data_directory(os.environ).absolute())
"""
    ran = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout == "True\n"


def test_spool_in_a_place_of_the_job_s_own_is_found(joblog: Agent, tmp_path: Path) -> None:
    """A scheduler's TMPDIR, of which nobody knows later."""
    url, joblog.environ["JOBLOG_URL"] = joblog.environ["JOBLOG_URL"], NOWHERE
    for name in ("JOBLOG_SPOOL", "HOME", "XDG_STATE_HOME"):
        joblog.environ.pop(name, None)
    joblog.run(joblog.job("echo", "one", options=("--wait", "0", "--job", "elsewhere")))
    (spool,) = (tmp_path / own_name() / "spool").iterdir()
    joblog.environ |= {"JOBLOG_URL": url, "TMPDIR": "/tmp"}
    assert f'"name": "{spool.name}"'.encode() in joblog.said("spool", "ls", "--json")
    assert b"4 bytes are on the server" in joblog.said("sync", spool.name)
    assert joblog.said("cat", "elsewhere") == b"one\n"


def nowhere(command: list[str]) -> list[str]:
    """Returns the command, started where nothing can be written at all; what is there, as joblog may be, can be read."""
    mounts = "for each in /tmp /dev/shm; do mount --bind $each $each && mount -o remount,bind,ro $each || exit 99; done"
    inside = ["unshare", "--mount", "sh", "-c", f'{mounts}; exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may have mounts of its own")
    return [*inside, *command]


def test_log_goes_to_the_server_where_nothing_can_be_written(joblog: Agent) -> None:
    """From memory; one line says so, and the log is complete."""
    joblog.environ["JOBLOG_SPOOL"] = "/dev/null/spool"
    words = b"".join(b"%d\n" % n for n in range(1, 100_001))
    ran = joblog.run(nowhere(joblog.job("sh", "-c", "seq 1 100000; exit 4", options=("--job", "nowhere"))))
    assert (ran.returncode, ran.stdout) == (4, words)
    assert ran.stderr.startswith(b"joblog: the log is kept in memory alone, 8 MiB of it at most: ")
    assert ran.stderr.count(b"\n") == 1
    assert joblog.said("cat", "nowhere") == words
    assert b"complete" in joblog.said("logs", "nowhere")
    assert b" failed " in joblog.said("runs", "nowhere")


def test_what_is_lost_from_memory_is_said(joblog: Agent) -> None:
    """The command's status is what it was."""
    joblog.environ |= {"JOBLOG_SPOOL": "/dev/null/spool", "JOBLOG_URL": NOWHERE}
    ran = joblog.run(nowhere(joblog.job("sh", "-c", "echo words; exit 4")))
    assert (ran.returncode, ran.stdout, ran.stderr.count(b"\n")) == (4, b"words\n", 2)
    assert ran.stderr.endswith(b"they are lost, as there was no place to keep them\n")


def test_files_that_may_not_grow(joblog: Agent) -> None:
    """``ulimit -f``, which a job's shell may have set: what the disk refuses goes through memory."""
    words = b"".join(b"%d\n" % n for n in range(1, 100_001))
    ran = joblog.run(
        ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh", *joblog.job("seq", "1", "100000", options=("--job", "short"))]
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, words, b"")
    assert joblog.said("cat", "short") == words
    assert b"complete" in joblog.said("logs", "short")


def test_spool_that_somebody_removes(joblog: Agent) -> None:
    """What is written after that is on the server as well."""
    program = (
        'echo one; until [ -s "$JOBLOG_SPOOL"/*/*.part ]; do sleep 0.1; done; rm -r "$JOBLOG_SPOOL"; echo two; seq 1 20000'
    )
    ran = joblog.run(joblog.job("sh", "-c", program, options=("--job", "removed")))
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert joblog.said("cat", "removed") == ran.stdout
    assert b"complete" in joblog.said("logs", "removed")


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
