"""Names that lead to no file, for a while or at all."""

from __future__ import annotations

import os
import pty
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.follow.following import Follow, append, cat, wait_for
from tests.agent.harness import Agent
from tests.children import Child


def test_name_that_is_a_directory_for_a_while(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """The file that has it after that is followed, from its first byte on; nothing is said."""
    file, other = tmp_path / "y.log", tmp_path / "other.log"
    file.write_bytes(b"first\n")
    other.touch()
    following = follow(file, other)
    following.until("y", b"first\n")
    file.unlink()
    file.mkdir()
    for rounds in range(1, 4):  # what came to another file later was sent: the follower has looked meanwhile
        append(other, b"more\n")
        following.until("other", b"more\n" * rounds)
    file.rmdir()
    file.write_bytes(b"second file, longer than the first\n")
    following.until("y", b"first\nsecond file, longer than the first\n")
    append(file, b"more\n")
    following.until("y", b"first\nsecond file, longer than the first\nmore\n")
    assert following.end() == (0, b"")


def test_once_says_what_is_not_there(joblog: Agent, tmp_path: Path) -> None:
    """A line for each path or pattern that names nothing, and status 1; what is there is sent."""
    there = tmp_path / "there.log"
    there.write_bytes(b"words\n")
    for name in ("gone.log", "slurm-*.out"):
        ran = joblog.run(joblog.command("follow", "--once", str(tmp_path / name)))
        assert (ran.returncode, ran.stdout) == (1, b"")
        assert ran.stderr == b"joblog: there is no file %b\n" % bytes(tmp_path / name)
    ran = joblog.run(joblog.command("follow", "--once", str(tmp_path / "gone.log"), str(there)))
    assert (ran.returncode, ran.stderr.count(b"\n")) == (1, 1)
    assert joblog.said("cat", "there") == b"words\n"


def test_missing_file_is_said_and_waited_for(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """Once, when it begins."""
    following = follow(tmp_path / "later.log")
    wait_for(lambda: following.process.poll() is None, lambda: "it has ended")
    (tmp_path / "later.log").write_bytes(b"words\n")
    following.until("later", b"words\n")
    status, messages = following.end()
    assert (status, messages.count(b"\n")) in ((0, 0), (0, 1))  # the file may have been there when it began
    assert messages in (b"", b"joblog: there is no file %b, and it is waited for\n" % bytes(tmp_path / "later.log"))


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


@pytest.mark.parametrize(
    ("make", "kind"),
    [(os.mkfifo, "a FIFO"), (make_socket, "a socket"), (lambda path: os.mknod(path, 0o20600, os.makedev(1, 5)), "a device")],
)
def test_name_that_is_no_file_s(joblog: Agent, follow: Follow, tmp_path: Path, make: Callable[[Path], None], kind: str) -> None:
    """It is said what it is, nobody waits for it or reads it, and the file that has the name after it is followed."""
    file, other = tmp_path / "y.log", tmp_path / "other.log"
    file.write_bytes(b"first\n")
    other.write_bytes(b"")
    following = follow(file, other)
    following.until("y", b"first\n")
    file.unlink()
    make(file)
    for rounds in range(1, 4):
        append(other, b"more\n")
        following.until("other", b"more\n" * rounds)
    once = joblog.run(joblog.command("follow", "--once", str(file)))
    assert (once.returncode, once.stderr.count(b"\n"), b"is %b, and no file" % kind.encode() in once.stderr) == (1, 1, True)
    file.unlink()
    file.write_bytes(b"second\n")
    following.until("y", b"first\nsecond\n")
    status, messages = following.end()
    assert (status, messages.count(b"\n")) in ((0, 0), (0, 1))
    assert not messages or b"is %b, and no file" % kind.encode() in messages


def test_what_is_no_log_is_passed_over(joblog: Agent, tmp_path: Path) -> None:
    """Hidden files and editors' copies, in a directory and behind a pattern; what is named itself is meant."""
    logs = tmp_path / "logs"
    for name in ("a.log", ".a.log.swp", ".cache/b.log", "a.log~", "#a.log#", "a.log.bak"):
        (logs / name).parent.mkdir(parents=True, exist_ok=True)
        (logs / name).write_bytes(name.encode())
    assert joblog.run(joblog.command("follow", "--once", str(logs))).stderr == b""
    assert joblog.said("logs", "logs").count(b" complete ") == 1
    assert joblog.run(joblog.command("follow", "--once", "--job", "two", f"{logs}/*", f"{logs}/a.log~")).stderr == b""
    assert [cat(joblog, f"two/1/{rank}") for rank in (0, 1)] == [b"a.log", b"a.log~"]
    none = joblog.run(joblog.command("follow", "--once", f"{logs}/*~", f"{logs}/.cache/*.txt"))
    assert (none.returncode, none.stderr.count(b"there is no file ")) == (1, 2)


def test_what_is_followed_is_shown_once_on_a_terminal(joblog: Agent, tmp_path: Path) -> None:
    """A line for each file, and the number of those beyond ten."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(12):
        (logs / f"{number:02}.log").write_bytes(b"x")
    ours, theirs = pty.openpty()
    ran = Child(joblog.command("follow", "--once", "--job", "shown", str(logs)), env=joblog.environ, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:
        pass  # its end
    os.close(ours)
    lines = shown.decode().splitlines()
    assert (ran.wait(120), len(lines)) == (0, 11)
    assert lines[0] == f"joblog: following {logs}/00.log: job shown, rank 0"
    assert lines[-1] == "joblog: following 2 more files"


def test_run_is_over_when_its_file_s_writer_has_gone(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """Its log is closed, not while somebody has the file open; who writes to it again begins the run's next attempt."""
    file = tmp_path / "t.log"
    writer = file.open("ab", buffering=0)
    writer.write(b"one\n")
    following = follow("--ended-wait", "0.5", file, "--job", "t", "--run-id", "r")
    following.until("t", b"one\n")
    writer.write(b"two\n")
    following.until("t", b"one\ntwo\n")
    assert b" ended " not in joblog.said("runs", "t")
    writer.close()
    wait_for(lambda: b" ended " in joblog.said("runs", "t"), lambda: joblog.said("runs", "t").decode())
    assert b" complete " in joblog.said("logs", "t")
    append(file, b"three\n")
    following.until("t", b"three\n")
    following.end()
    append(file, b"four\n")
    following = follow(file, "--job", "t", "--run-id", "r")
    following.until("t", b"three\nfour\n")
    assert following.end(signal.SIGINT) == (0, b"")
    assert [cat(joblog, f"t/{run}") for run in (1, 2)] == [b"one\ntwo\n", b"three\nfour\n"]
