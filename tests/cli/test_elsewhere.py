"""What reads logs runs where Linux's own modules are not: macOS, Windows. They are made absent, in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.agent.harness import Agent

ABSENT = """
import http.client, os, select, shutil, signal, socket, ssl, subprocess, sys  # which have chosen by the system already

for name in ("fcntl", "pty", "tty", "termios", "resource", "pwd", "grp", "syslog", "posix_spawn"):
    sys.modules[name] = None
for owner, names in (
    (os, ("fork", "forkpty", "getuid", "geteuid", "uname", "splice", "setsid", "getppid", "sched_setaffinity", "memfd_create")),
    (select, ("poll", "epoll")),
    (signal, ("pthread_sigmask", "sigwaitinfo", "SIGCHLD", "SIGHUP", "SIGWINCH", "SIGSTOP", "SIGKILL", "SIGTSTP", "setitimer")),
):
    for name in names:
        if hasattr(owner, name):
            delattr(owner, name)
sys.platform = SYSTEM
"""

READ = """
import joblog, joblog.client, joblog.errors
from joblog.cli import main

with joblog.Client() as client:
    assert client.runs(os.environ["JOBLOG_PROJECT"])[0].state == "ended"
    log = client.log("elsewhere", project_id=os.environ["JOBLOG_PROJECT"])
    assert list(log.lines()) == ["first", "second"]
    assert b"".join(piece.data for piece in log.follow(0)) == b"first\\nsecond\\n"
for words in (
    "jobs", "runs", "logs", "cat", "cat --plain", "tail -1", "tail -f", "search second", "why", "link", "progress", "metrics",
    "verify elsewhere", "label elsewhere a=b", "note elsewhere x",
):
    assert main(words.split()) == 0, words
"""

REFUSED = """
from joblog.cli import main

for words in (["run", "--", "true"], ["serve"], ["follow", "x"], ["sync"], ["spool", "ls"], ["check"]):
    assert main(words) == 2, words
"""


def program(system: str, code: str) -> list[str]:
    return [sys.executable, "-c", ABSENT.replace("SYSTEM", repr(system)) + code]


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_reading_needs_nothing_of_linux(system: str, joblog: Agent, tmp_path: Path) -> None:
    """The import, the SDK, and every command that reads; loading a file too."""
    (tmp_path / "elsewhere.log").write_bytes(b"first\nsecond\n")
    code = f"from joblog.cli import main\nassert main(['import', {str(tmp_path / 'elsewhere.log')!r}]) == 0\n"
    ran = joblog.run(program(system, code + READ.replace("\\\\n", "\\n")))
    assert (ran.stderr, ran.returncode) == (b"", 0)
    assert b"first\nsecond\n" in ran.stdout


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_help_needs_nothing_of_linux(system: str, agent: Agent) -> None:
    ran = agent.run(program(system, "from joblog.cli import main\nmain(['--help'])"))
    assert (ran.returncode, ran.stderr, ran.stdout.startswith(b"usage: joblog COMMAND")) == (0, b"", True)


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_what_needs_linux_says_so_in_a_line(system: str, agent: Agent) -> None:
    ran = agent.run(program(system, REFUSED))
    assert ran.returncode == 0, ran.stderr
    lines = ran.stderr.decode().splitlines()
    assert [line.split()[2] for line in lines] == ["run", "serve", "follow", "sync", "spool", "check"]
    assert all(" needs Linux; what reads logs" in line for line in lines)
