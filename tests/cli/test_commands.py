"""The commands against a real server, each as a process."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from joblog import __version__
from tests.agent.harness import Agent, Served
from tests.children import Child

ODD_BYTES = b"bad \xff utf-8, NUL \0, ESC \x1b[31m, CR 10%\r20%\r\n" + "訓練".encode() * 1500 + b"\nno final newline"
TEN_LINES = b"".join(b"line %d\n" % n for n in range(10))


def test_what_a_job_prints_is_what_cat_gives(joblog: Agent) -> None:
    """Every byte, and the log is closed and proved complete; nothing stays in the spool."""
    program = f"import sys; sys.stdout.buffer.write({ODD_BYTES!r}); sys.exit(3)"
    ran = joblog.run(joblog.python(program, options=("--job", "odd")))
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, ODD_BYTES, b"")
    assert joblog.said("cat", "odd") == ODD_BYTES
    (log,) = json.loads(joblog.said("logs", "odd", "--json"))
    assert (log["closed"], log["complete"], log["end_byte"]) == (True, True, len(ODD_BYTES))
    assert list(joblog.spool_root.iterdir()) == []


def test_verbose_says_where_the_run_is(joblog: Agent) -> None:
    """In one line on stderr; stdout is the job's."""
    ran = joblog.run(joblog.job("echo", "out", options=("-v", "--job", "told")))
    assert ran.stdout == b"out\n"
    assert re.fullmatch(rb"joblog: http://\S+/p/\S+/told/V0001\n", ran.stderr)


def test_verbose_says_how_to_learn_why_a_run_failed(joblog: Agent) -> None:
    """After where it is, in one line more; of a run that did not fail nothing is said."""
    ran = joblog.run(joblog.job("sh", "-c", "exit 3", options=("-v", "--job", "broken")))
    assert ran.returncode == 3
    assert ran.stderr.splitlines()[1:] == [b"joblog: joblog why broken/V0001 shows why it failed"]


@pytest.mark.parametrize(("rank", "told"), [("worker-0", 1), ("worker-1", 0)])
def test_a_terminal_is_told_where_the_run_is(joblog: Agent, rank: str, told: int) -> None:
    """Once, by the first rank alone; the log has nothing of it."""
    ours, theirs = pty.openpty()
    command = joblog.job("echo", "out", options=("--job", "seen", "--task", rank))
    subprocess.run(command, env=joblog.environ, stdin=theirs, stdout=theirs, stderr=theirs, check=True, timeout=120)
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as screen:
        shown = screen.read(65536)
    assert shown.count(b"/p/%s/seen/V0001\r\n" % joblog.environ["JOBLOG_PROJECT"].encode()) == told
    assert joblog.said("cat", f"seen/V0001/{rank}") == b"out\n"


def test_workers_of_one_run_meet_in_one_version(joblog: Agent) -> None:
    """The run id brings them together, each with a log of its own."""
    for worker in ("worker-0", "worker-1"):
        options = ("--job", "ddp", "--run-id", "slurm-1", "--rank", worker.removeprefix("worker-"))
        assert joblog.run(joblog.job("echo", worker, options=options)).returncode == 0
    assert joblog.said("cat", "ddp/V0001/worker-1") == b"worker-1\n"
    rows = joblog.said("logs", "ddp").splitlines()[1:]
    assert [line.split()[0] for line in rows] == [b"ddp/V0001/worker-0", b"ddp/V0001/worker-1"]


def test_run_without_a_first_worker_has_a_log(joblog: Agent) -> None:
    """Who names no worker gets the first one that there is; who names one gets that or none."""
    options = ("--job", "seventh", "--task", "worker-7")
    assert joblog.run(joblog.job("echo", "seven", options=options)).returncode == 0
    assert joblog.said("cat", "seventh") == joblog.said("tail", "seventh/V0001") == b"seven\n"
    assert joblog.refused("cat", "seventh/V0001/worker-0") == "joblog: there is no log 'worker-0'\n"
    assert joblog.refused("cat", "--project", "default", "never-run") == "joblog: there is no job 'never-run'\n"


def test_job_is_named_after_its_script(joblog: Agent, tmp_path: Path) -> None:
    """Unless it is named: python train.py is train, python -m pkg.train is pkg-train, nvidia-smi is itself."""
    script = tmp_path / "train model.py"
    script.touch()
    for command in ([sys.executable, str(script)], [sys.executable, "-m", "this"], ["true"]):
        assert joblog.run(joblog.job(*command, options=())).returncode == 0
    names = [job["name"] for job in json.loads(joblog.said("jobs", "--json"))]
    assert names == ["true", "this", "train-model"]


def test_parts_of_a_log(joblog: Agent, tmp_path: Path) -> None:
    """cat by bytes and by lines, tail by lines; an unfinished last line counts."""
    file = tmp_path / "ten.log"
    file.write_bytes(TEN_LINES + b"partial")
    joblog.said("import", str(file))
    log = TEN_LINES + b"partial"
    assert joblog.said("cat", "ten", "--bytes", "3-10") == log[3:11]
    assert joblog.said("cat", "ten", "--bytes", "3") == log[3:4]
    assert joblog.said("cat", "ten", "--bytes", "60-") == log[60:]
    assert joblog.said("cat", "ten", "--bytes", "60-9999") == log[60:]
    assert joblog.said("cat", "ten", "--lines", "2-3") == b"line 2\nline 3\n"
    assert joblog.said("cat", "ten", "--lines", "2") == joblog.said("cat", "ten#L2") == b"line 2\n"
    assert joblog.said("cat", "ten/1/worker-0", "--lines", "-1") == joblog.said("cat", "ten/1/0#L0-L1") == b"line 0\nline 1\n"
    assert joblog.said("cat", "ten/V0001", "--lines", "9-") == b"line 9\npartial"
    assert joblog.said("cat", "ten", "--lines", "10-99") == b"partial"
    assert joblog.said("tail", "ten", "-n", "2") == joblog.said("tail", "-2", "ten") == b"line 9\npartial"
    assert joblog.said("tail", "ten", "-n", "99") == log
    assert joblog.said("tail", "ten", "-n", "0") == b""


def test_what_is_not_there_is_said(joblog: Agent, tmp_path: Path) -> None:
    """On stderr, in one line that says what there is; nothing is written to stdout, and it is no error."""
    file = tmp_path / "ten.log"
    file.write_bytes(TEN_LINES)
    joblog.said("import", str(file))
    log = "ten/V0001/worker-0"
    for part, wanted, there in (
        (("--lines", "10-99"), "#L10-L99", "#L0-L9"),
        (("--lines", "10-"), "#L10", "#L0-L9"),
        (("--bytes", "9000-9999"), "#B9000-B9999", "#B0-B69"),
    ):
        assert joblog.noted("cat", "ten", *part) == (b"", f"{log} has nothing at {wanted}: it is {log}{there}")
    assert joblog.noted("cat", "ten#L10")[1].startswith(f"{log} has nothing at #L10: ")
    assert joblog.noted("cat", "ten", "--until", "2020-01-01") == (b"", f"{log} has nothing from that time")
    joblog.run(joblog.job("true", options=()))
    assert joblog.noted("cat", "true") == joblog.noted("tail", "true") == (b"", "true/V0001/worker-0 is empty")
    assert joblog.said("logs", "true").split()[-5:-2] == [b"complete", b"0", b"0"]


def test_followed_log_ends_when_it_is_closed(joblog: Agent) -> None:
    """tail -f gives what comes while the job runs, and ends with it."""
    program = "print('first'); input(); print('last')"
    run = joblog.python(program, options=("--job", "live", "-v"))
    job = Child(run, env=joblog.environ, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert job.stdin is not None
    assert job.stderr is not None
    assert job.stderr.readline().startswith(b"joblog: http://")
    tail = Child(joblog.command("tail", "-f", "live"), env=joblog.environ, stdout=subprocess.PIPE)
    assert tail.stdout is not None
    assert tail.stdout.readline() == b"first\n"
    job.communicate(b"\n", timeout=120)
    assert tail.communicate(timeout=120)[0] == b"last\n"
    assert tail.returncode == 0


def test_ctrl_c_ends_a_follower(joblog: Agent, tmp_path: Path) -> None:
    """Without a traceback, and with a shell's exit status."""
    options = ("--job", "open", "-v")
    job = Child(joblog.job("cat", options=options), env=joblog.environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert job.stderr is not None
    job.stderr.readline()
    tail = Child(joblog.command("tail", "-f", "open"), env=joblog.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert job.stdin is not None
    assert tail.stdout is not None
    job.stdin.write(b"here\n")
    job.stdin.flush()
    assert tail.stdout.readline() == b"here\n"
    tail.send_signal(signal.SIGINT)
    assert tail.communicate(timeout=120) == (b"", b"")
    assert tail.returncode == 130
    job.communicate(timeout=120)


def test_close_ends_a_log(joblog: Agent) -> None:
    """A log that its writer left open can be closed; nobody then says that it is complete."""
    joblog.environ["JOBLOG_SPOOL"] = "/dev/null/spool"  # so that nobody else closes it
    joblog.run([sys.executable, "-c", OPEN_LOG])
    joblog.said("close", "left")
    assert joblog.said("logs", "left").split()[-5] == b"closed"


OPEN_LOG = """
import os
import pty
from joblog.client import Client
client = Client(os.environ["JOBLOG_URL"], os.environ["JOBLOG_TOKEN"])
client.append(client.run(os.environ["JOBLOG_PROJECT"], "left").log.ref, 0, b"bytes")
"""


def test_tokens_open_what_they_are_for(joblog: Agent) -> None:
    """A read token of the project reads and does not write; once revoked it does nothing."""
    joblog.run(joblog.job("echo", "out", options=("--job", "guarded")))
    made = joblog.run(joblog.command("token", "create", "--right", "read", "--label", "viewer", "--expires", "1h"))
    number = made.stderr.decode().split()[1].rstrip(",")
    admin, joblog.environ["JOBLOG_TOKEN"] = joblog.environ["JOBLOG_TOKEN"], made.stdout.decode().strip()
    assert joblog.said("cat", "guarded") == b"out\n"
    assert "does not have the right to write" in joblog.refused("close", "guarded")
    joblog.environ["JOBLOG_TOKEN"] = admin
    assert [line for line in joblog.said("token", "list").splitlines() if line.endswith(b"viewer")]
    joblog.said("token", "revoke", number)
    assert not [line for line in joblog.said("token", "list").splitlines() if line.startswith(number.encode() + b" ")]


def test_token_is_made_without_any(joblog: Agent, server: Served) -> None:
    """Who has the data directory and lost the tokens can make one, while the server runs."""
    joblog.environ |= {"JOBLOG_DATA": str(server.data), "JOBLOG_TOKEN": ""}
    made = joblog.run(joblog.command("token", "create", "--local", "--right", "admin", "--all-projects"))
    joblog.environ["JOBLOG_TOKEN"] = made.stdout.decode().strip()
    assert b"ID" in joblog.said("token", "list")


def test_projects(joblog: Agent) -> None:
    """They are created, given a retention, and listed."""
    joblog.said("project", "create", "kept", "--retain-days", "30")
    rows = [line.split() for line in joblog.said("project", "list").splitlines()]
    assert [(row[0], row[3], row[4]) for row in rows if row[0] == b"kept"] == [(b"kept", b"30", b"-")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("tail x --nothing", "unrecognized arguments: --nothing; see joblog tail --help"),
        ("run --wait nan -- true", "argument --wait: must be a number of seconds, 0 or more, not 'nan'; see joblog run --help"),
        ("run --grace -1 -- true", "argument --grace: must be a number of seconds, 0 or more, not '-1'; see joblog run --help"),
        (
            "follow --until-idle soon x",
            "argument --until-idle: must be a number of seconds, 0 or more, not 'soon'; see joblog follow --help",
        ),
        ("tail x --sinec 1h", "unrecognized arguments: --sinec 1h; did you mean --since?; see joblog tail --help"),
        ("token creat", "there is no command 'creat'; did you mean create?; see joblog token --help"),
        ("serch x", "there is no command 'serch'; did you mean search?; see joblog --help"),
        ("xyzzy", "there is no command 'xyzzy'; see joblog --help"),
    ],
)
def test_wrong_usage_is_one_line(agent: Agent, arguments: str, said: str) -> None:
    """Which says where the right one is; nothing is run."""
    ran = agent.run(agent.command(*arguments.split()))
    assert (ran.returncode, ran.stdout, ran.stderr.decode()) == (2, b"", f"joblog: {said}\n")


def test_errors_are_one_line(joblog: Agent, tmp_path: Path) -> None:
    """With exit status 2, and never a traceback."""
    assert joblog.refused("cat", "nothing") == "joblog: there is no job 'nothing'\n"
    assert "--bytes must be A, A-B, A- or -B" in joblog.refused("cat", "x", "--bytes", "1,2")
    assert "--lines must be A-B, where B is not less than A, not '5-2'" in joblog.refused("cat", "x", "--lines", "5-2")
    assert "FILE must be a file" in joblog.refused("import", str(tmp_path / "none"))
    assert "CMD is missing" in joblog.refused("run")
    assert "--job must be" in joblog.refused("run", "--job", "a b", "true")
    assert "--expires must be" in joblog.refused("token", "create", "--right", "read", "--expires", "soon")
    joblog.environ["JOBLOG_URL"] = "http://127.0.0.1:1"
    nobody = "joblog: no answer from http://127.0.0.1:{}: Connection refused; "
    assert joblog.refused("jobs") == nobody.format(1) + "is JOBLOG_URL right, and does joblog serve run there?\n"
    asked = "is --url right, and does joblog serve run there?\n"
    assert joblog.refused("jobs", "--url", "http://127.0.0.1:2") == nobody.format(2) + asked
    del joblog.environ["JOBLOG_URL"]
    (tmp_path / "url").write_text("http://127.0.0.1:3\n")
    joblog.environ["JOBLOG_DATA"] = str(tmp_path)
    start = "start a server with joblog serve, or set JOBLOG_URL, or --url, to the address of one\n"
    assert joblog.refused("jobs") == nobody.format(3) + start
    joblog.environ["JOBLOG_URL"] = "nonsense"
    assert "url must be" in joblog.refused("jobs")


def test_a_token_that_is_missing_or_wrong_says_what_to_set(joblog: Agent, tmp_path: Path) -> None:
    """By where it came from."""
    url = joblog.environ["JOBLOG_URL"]
    joblog.environ |= {"JOBLOG_TOKEN": "", "JOBLOG_DATA": str(tmp_path)}
    wants = f"joblog: {url} wants a token: set JOBLOG_TOKEN, or JOBLOG_TOKEN_FILE or --token-file to a file that has it\n"
    assert joblog.refused("jobs") == wants
    (tmp_path / "token").write_text("jl_wrong\n")
    for setting, flags, whence in (
        ({"JOBLOG_TOKEN": "jl_wrong"}, (), "JOBLOG_TOKEN"),
        ({"JOBLOG_TOKEN": "", "JOBLOG_TOKEN_FILE": str(tmp_path / "token")}, (), "JOBLOG_TOKEN_FILE"),
        ({}, ("--token-file", str(tmp_path / "token")), "--token-file"),
    ):
        joblog.environ |= setting
        told = joblog.refused("jobs", *flags)
        assert told.startswith(
            f"joblog: {url} does not take the token of {whence}: the token is not valid; joblog token create"
        )


def test_wrong_token_is_said_at_once_and_does_not_end_the_job(joblog: Agent) -> None:
    """The job runs, its log stays in the spool."""
    joblog.environ["JOBLOG_TOKEN"] = "jl_wrong"
    ran = joblog.run(joblog.job("echo", "out", options=("--wait", "60")))
    assert (ran.returncode, ran.stdout, joblog.spooled()) == (0, b"out\n", b"out\n")
    assert b"the token is not valid" in ran.stderr


def test_reader_that_has_had_enough_is_no_error(joblog: Agent, tmp_path: Path) -> None:
    """``joblog cat | head`` prints nothing on stderr."""
    file = tmp_path / "long.log"
    file.write_bytes(TEN_LINES * 100_000)
    joblog.said("import", str(file))
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(joblog.command("cat", "long"), env=joblog.environ, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, b"")


def test_check_finds_everything_sound(joblog: Agent, server: Served) -> None:
    """It reads the data directory, also while it is served."""
    joblog.run(joblog.job("echo", "out", options=()))
    assert joblog.said("check", "--data", str(server.data)).endswith(b" 0 problems\n")


def test_version(agent: Agent) -> None:
    """It is the package's, however it is asked for."""
    for asked in ("--version", "-v", "version"):
        assert agent.run(agent.command(asked)).stdout == f"joblog {__version__}\n".encode()


def test_run_loads_neither_client_nor_server_before_the_job(agent: Agent) -> None:
    """The job starts at once, and where joblog[server] is not installed."""
    program = "import sys, joblog.cli.run; print({'http', 'dataclasses', 'msgspec', 'zstandard'} & sys.modules.keys())"
    assert agent.run([sys.executable, "-c", program]).stdout == b"set()\n"
