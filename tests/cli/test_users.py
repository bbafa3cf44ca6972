"""``joblog user`` and ``joblog key``, and tokens of one job, as an administrator and a job meet them."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.agent.harness import Agent

PASSWORD = "correct horse"


@pytest.fixture
def name(joblog: Agent) -> str:
    """A user's name that no other test has."""
    return f"user-{joblog.environ['JOBLOG_PROJECT']}"[-60:]


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\nwhat follows is not read\n")
    return str(path)


def rows(out: bytes) -> list[list[str]]:
    return [line.split() for line in out.decode().splitlines()[1:]]


def test_user_from_first_to_last(joblog: Agent, name: str, password_file: str) -> None:
    """Made, given rights, listed, given another password, stripped of its rights, deleted."""
    user_id = joblog.said("user", "create", name, "--password-file", password_file, "--right", "read").decode().strip()
    assert [user_id, name, "default", "read"] in rows(joblog.said("user", "list", "--members"))
    assert [user_id, name, "default"] in [row[:3] for row in rows(joblog.said("user", "list"))]
    assert "there is a user" in joblog.refused("user", "create", name, "--password-file", password_file)
    joblog.said("user", "grant", name, "--right", "write", "--right", "read")
    assert [user_id, name, "default", "read,write"] in rows(joblog.said("user", "list", "--members"))
    joblog.said("user", "passwd", name, "--password-file", password_file)
    joblog.said("user", "revoke", name)
    assert rows(joblog.said("user", "list", "--members")) == []
    joblog.said("user", "delete", name)
    assert joblog.refused("user", "passwd", name) == f"joblog: there is no user '{name}'\n"
    assert "in domain elsewhere" in joblog.refused("user", "delete", name, "--domain", "elsewhere")


def test_a_user_of_a_project_that_is_not_there_is_not_made(joblog: Agent, name: str, password_file: str) -> None:
    """Neither the user nor its domain: once the project is right, the same command makes it."""
    create = ("user", "create", name, "--password-file", password_file, "--domain", f"of-{name}"[:60])
    for wrong in (("--right", "read"), ()):
        assert joblog.refused(*create, "--project", "nowhere", *wrong) == "joblog: there is no project 'nowhere'\n"
    assert name not in joblog.said("user", "list").decode()
    joblog.said(*create, "--right", "read")
    assert name in joblog.said("user", "list", "--members").decode()


def test_access_keys(joblog: Agent, name: str, password_file: str) -> None:
    """Key and secret go to stdout, a line each, once; lists do not have the secret."""
    joblog.said("user", "create", name, "--password-file", password_file)
    made = joblog.run(joblog.command("key", "create", name, "--label", "ci"))
    access, secret = made.stdout.decode().split()
    assert made.stderr == b"access key and secret key, shown this once:\n"
    assert (len(access), len(secret)) == (20, 40)
    ((listed, *_, label),) = rows(joblog.said("key", "list", name))
    assert (listed, label) == (access, "ci")
    joblog.said("key", "delete", name, access)
    assert rows(joblog.said("key", "list", name)) == []
    assert "there is no access key" in joblog.refused("key", "delete", name, access)


def test_password_from_stdin(joblog: Agent, name: str) -> None:
    """Its first line, with or without being told; nothing is asked for, nothing is shown."""
    for number, flags in enumerate(([], ["--password-file", "-"])):
        command = joblog.command("user", "create", f"{name}{number}", *flags)
        made = subprocess.run(command, env=joblog.environ, input=f"{PASSWORD}\r\n".encode(), capture_output=True, timeout=120)
        assert (made.returncode, made.stderr) == (0, b"")
    command = joblog.command("user", "create", f"{name}3")
    made = subprocess.run(command, env=joblog.environ, input=b"", capture_output=True, timeout=120)
    assert (made.returncode, made.stderr) == (2, b"joblog: password must be 8 to 128 characters\n")


def test_password_from_a_terminal(joblog: Agent, name: str) -> None:
    """It is asked for twice, and not shown."""
    for second, status in ((PASSWORD, 0), ("another one", 2)):
        pid, terminal = pty.fork()
        if pid == 0:
            command = joblog.command("user", "create", name)
            os.execve(command[0], command, joblog.environ)
        shown = b""
        for question, answer in ((b"Password: ", PASSWORD), (b"Again: ", second)):
            while question not in shown:
                shown += os.read(terminal, 1024)
            os.write(terminal, answer.encode() + b"\n")
        try:
            while part := os.read(terminal, 1024):
                shown += part
        except OSError:
            pass  # Linux's way to say that nobody has the terminal open any more
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status
        assert PASSWORD.encode() not in shown
        assert (b"password must be the same twice" in shown) == (status == 2)


def test_password_is_no_flag(joblog: Agent, name: str) -> None:
    """Everybody on the machine sees a command line."""
    done = joblog.run(joblog.command("user", "create", name, "--password", PASSWORD))
    assert (done.returncode, b"unrecognized arguments" in done.stderr) == (2, True)


def test_token_of_a_job_is_enough_to_run_it(joblog: Agent) -> None:
    """And for nothing else: the job that holds it cannot read, nor write what another prints."""
    made = joblog.run(joblog.command("token", "create", "--right", "write", "--job", "mine"))
    admin, joblog.environ["JOBLOG_TOKEN"] = joblog.environ["JOBLOG_TOKEN"], made.stdout.decode().strip()
    own = joblog.run(joblog.job("echo", "out", options=("--job", "mine")))
    assert (own.returncode, own.stdout) == (0, b"out\n")
    assert "the token does not have the right to read" in joblog.refused("cat", "mine")
    other = joblog.run(joblog.job("echo", "out", options=("--job", "other")))
    assert (other.returncode, other.stdout) == (0, b"out\n")
    joblog.environ["JOBLOG_TOKEN"] = admin
    assert joblog.said("cat", "mine") == b"out\n"
    assert b"other" not in joblog.said("jobs")
    for flags in (("--all-projects",), ("--local",)):
        assert "--job must be" in joblog.refused("token", "create", "--right", "read", "--job", "mine", *flags)


def test_named_projects(joblog: Agent) -> None:
    """A name may be that of a region; it is listed."""
    joblog.said("project", "create", "cli-named", "--name", "cn-east-3", "--domain", "cli.example.com")
    assert ["cli-named", "cn-east-3"] in [[row[0], row[-1]] for row in rows(joblog.said("project", "list"))]
