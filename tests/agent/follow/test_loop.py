"""``joblog follow`` against a real server: files grow and appear, and their logs have every byte."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path

import pytest

from joblog.agent.follow.loop import Follower, FollowPlan
from joblog.agent.follow.notes import Notes
from joblog.agent.follow.setting import Setting
from joblog.client import Client
from tests.agent.follow.following import DEADLINE_S, Follow, append, cat, wait_for
from tests.agent.harness import Agent, FlakyServer

ODD_BYTES = b"bad \xff utf-8, NUL \0, ESC \x1b[31m, CR 10%\r20%\r\n" + "訓練".encode() * 500 + b"\nno final newline"


def test_once_sends_what_is_there_and_closes(joblog: Agent, tmp_path: Path) -> None:
    """Every byte; the log is proved complete; a second time there is nothing to do."""
    file = tmp_path / "old run.log"
    file.write_bytes(ODD_BYTES * 2000)
    for _ in range(2):
        assert joblog.run(joblog.command("follow", "--once", str(file))).args
        assert joblog.said("cat", "old-run") == ODD_BYTES * 2000
        assert joblog.said("logs", "old-run").splitlines()[1].split()[1] == b"complete"
    assert len(joblog.said("logs", "old-run").splitlines()) == 2
    ran = joblog.run(joblog.command("follow", "--once", str(file)))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


def test_file_that_grows_is_live_and_the_end_is_quiet(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """What is written arrives while it runs; SIGTERM ends it with status 0 and no word; the log stays open."""
    file = tmp_path / "train.log"
    file.write_bytes(b"first\n")
    following = follow(file)
    following.until("train", b"first\n")
    append(file, b"second \xff")
    following.until("train", b"first\nsecond \xff")
    append(file, b"third\n")
    assert following.end() == (0, b"")
    assert cat(joblog, "train") == b"first\nsecond \xffthird\n"
    assert b" open " in joblog.said("logs", "train")


def test_restart_goes_on_where_the_server_is(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """Also after kill -9, and also where the note about the file is lost."""
    file = tmp_path / "train.log"
    file.write_bytes(b"1\n")
    following = follow(file)
    following.until("train", b"1\n")
    following.process.kill()
    append(file, b"2\n")
    following = follow(file)
    following.until("train", b"1\n2\n")
    following.process.kill()
    following.process.wait()
    shutil.rmtree(joblog.spool_root)
    append(file, b"3\n")
    assert joblog.run(joblog.command("follow", "--once", str(file))).returncode == 0
    assert cat(joblog, "train") == b"1\n2\n3\n"


@pytest.mark.slow  # Retry-After counts in seconds
@pytest.mark.parametrize("failure", ["busy", "throttled"])
def test_server_can_ask_for_a_pause(tmp_path: Path, failure: str) -> None:
    """Retry-After of a 429 or 503 is kept to."""
    file = tmp_path / "train.log"
    file.write_bytes(b"some\n")
    server, shown, begun_s = FlakyServer({1: failure}), list[str](), time.monotonic()
    server.retry_after_s = 1
    try:
        marks = Notes(tmp_path / "marks", "lab", server.url)
        plan = FollowPlan([str(file)], run_id="run-1", once=True)
        follower = Follower(plan, Setting("lab", marks), lambda: Client(server.url, ""), shown.append)
        assert follower.run() == 0
    finally:
        server.stop()
    assert time.monotonic() - begun_s >= 1
    assert (bytes(server.held), shown) == (b"some\n", [])


def test_files_that_appear_later(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """A pattern and a directory are looked at again; each file of one job is a worker, also after a restart."""
    logs = tmp_path / "logs"
    logs.mkdir()
    following = follow("--job", "all", f"{logs}/*.log")
    (logs / "b.log").write_bytes(b"b\n")
    following.until("all/V0001/worker-0", b"b\n")
    (logs / "a.log").write_bytes(b"a\n")
    following.until("all/V0001/worker-1", b"a\n")
    following.end()
    append(logs / "a.log", b"aa\n")
    following = follow("--job", "all", f"{logs}/*.log")
    following.until("all/V0001/worker-1", b"a\naa\n")


def test_slurm_and_torchrun_files_have_names_of_their_own(joblog: Agent, tmp_path: Path) -> None:
    """Each is a worker of its run, told by its path."""
    for name, data in {
        "exp/slurm-77_0.out": b"array 0",
        "exp/slurm-77_1.out": b"array 1",
        "t/resnet_x1y2/attempt_0/3/stdout.log": b"rank 3",
        "t/resnet_x1y2/attempt_0/3/stderr.log": b"rank 3 err",
        "t/resnet_x1y2/attempt_1/3/stdout.log": b"again",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert joblog.run(joblog.command("follow", "--once", f"{tmp_path}/exp", f"{tmp_path}/t")).stderr == b""
    assert cat(joblog, "exp/V0001/worker-1") == b"array 1"
    assert cat(joblog, "resnet-stderr/V0001/worker-3") == b"rank 3 err"
    assert {cat(joblog, f"resnet/V000{number}/worker-3") for number in (1, 2)} == {b"rank 3", b"again"}


SECRET = b"hf_" + b"Ab1" * 11


def test_secrets_do_not_leave_the_machine(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """Also one that is written in two halves, and after a restart in the middle of a line; what is no secret is whole."""
    file = tmp_path / "train.log"
    file.write_bytes(b"token " + SECRET + b"\nand " + SECRET[:9])
    following = follow("--redact", "--redact-pattern", "pass=(x+)", file)
    stars = b"*" * len(SECRET)
    following.until("train", b"token " + stars + b"\n")
    following.end()
    append(file, SECRET[9:] + b"\npass=xxx\n")
    following = follow("--redact", "--redact-pattern", "pass=(x+)", file)
    following.until("train", b"token " + stars + b"\nand " + stars + b"\npass=***\n")
    append(file, b"no end")
    following.end()
    ended = joblog.run(joblog.command("follow", "--once", "--redact", "--redact-pattern", "pass=(x+)", str(file)))
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert cat(joblog, "train") == b"token " + stars + b"\nand " + stars + b"\npass=***\nno end"


def test_import_masks_too(joblog: Agent, tmp_path: Path) -> None:
    """One file or a tree; the log is complete by the masked bytes' CRC-32."""
    file = tmp_path / "logs" / "old.log"
    file.parent.mkdir()
    file.write_bytes((b"x" * 5000 + b"=" + SECRET + b"\n") * 2000)
    for _ in range(2):
        assert joblog.said("import", "--redact", str(file)).endswith(b"complete\n")
    assert joblog.said("import", "--redact", "--tree", str(file.parent)).endswith(b"complete\n")
    masked = file.read_bytes().replace(SECRET, b"*" * len(SECRET))
    assert cat(joblog, "old") == cat(joblog, "logs") == masked
    assert "--redact-pattern must be" in joblog.refused("import", "--redact-pattern", "(", str(file))


@pytest.mark.parametrize("failure", ["away", "deaf", "busy", "proxy", "part"])
def test_any_failing_call_is_survived(agent: Agent, tmp_path: Path, failure: str) -> None:
    """Call 1 fails, then 2, and so on, until none does: the log is always the same, and nothing is said."""
    file = tmp_path / "train.log"
    file.write_bytes(ODD_BYTES * 100)
    for failing in range(1, 9):
        server, shown = FlakyServer({failing: failure}), list[str]()
        marks = Notes(tmp_path / f"marks{failing}", "lab", server.url)
        try:
            plan = FollowPlan([str(file)], run_id="run-1", once=True)
            follower = Follower(plan, Setting("lab", marks), partial(Client, server.url, ""), shown.append, first_pause_s=0.01)
            assert follower.run() == 0
        finally:
            server.stop()
        assert (bytes(server.held), shown, server.closed is not None) == (ODD_BYTES * 100, [], True)
        if server.calls < failing:
            return
    pytest.fail("it makes ever more calls")


def test_server_that_dies_in_the_middle(agent: Agent, follow: Follow, tmp_path: Path) -> None:
    """Nobody says anything while it is away for a moment; what came meanwhile is sent when it is back."""
    file = tmp_path / "train.log"
    file.write_bytes(b"1\n")
    first = FlakyServer()
    agent.environ["JOBLOG_URL"] = first.url
    following = follow("--run-id", "run-1", file)
    wait_for(lambda: first.held == b"1\n", lambda: repr(first.held))
    first.stop()
    append(file, b"2\n")
    second = FlakyServer(port=int(first.url.rpartition(":")[2]))
    second.logs = first.logs
    wait_for(lambda: second.held == b"1\n2\n", lambda: repr(second.held))
    append(file, b"3\n")
    ended = following.end()
    second.stop()
    assert (ended, bytes(second.held)) == ((0, b""), b"1\n2\n3\n")


def test_ends_when_nothing_comes_any_more(joblog: Agent, follow: Follow, tmp_path: Path) -> None:
    """``--until-idle`` closes the logs as ``--once`` does."""
    file = tmp_path / "train.log"
    file.write_bytes(b"1\n")
    following = follow("--until-idle", "3", file)
    following.until("train", b"1\n")
    append(file, b"2\n")
    assert following.process.communicate(timeout=DEADLINE_S) == (b"", b"")
    assert joblog.said("logs", "train").splitlines()[1].split()[1] == b"complete"
    assert cat(joblog, "train") == b"1\n2\n"


@pytest.mark.long  # hundreds of files
def test_hundreds_of_files(joblog: Agent, tmp_path: Path) -> None:
    """In one process, each with its own bytes."""
    for number in range(300):
        (tmp_path / f"rank{number}.log").write_bytes(b"%d\n" % number * number)
    assert joblog.run(joblog.command("follow", "--once", "--job", "many", f"{tmp_path}/rank*.log")).stderr == b""
    for number in (0, 1, 37, 299):
        assert cat(joblog, f"many/V0001/worker-{number}") == b"%d\n" % number * number
    assert joblog.said("logs", "many").count(b" complete ") == 300


def test_absent_server_is_waited_for_no_longer_than_told(agent: Agent, tmp_path: Path) -> None:
    """The exit status says that the log is not there, and one line why."""
    (tmp_path / "train.log").write_bytes(b"1\n")
    ran = agent.run(agent.command("follow", "--once", "--wait", "0.3", str(tmp_path / "train.log")))
    assert (ran.returncode, ran.stdout, ran.stderr.count(b"\n")) == (1, b"", 1)
    assert b"Connection refused" in ran.stderr
