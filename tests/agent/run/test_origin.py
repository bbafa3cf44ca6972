"""What a run began with is recorded for whoever reads its log, and no secret of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from joblog.agent.filters.redact import READY, rule
from joblog.agent.run.origin import COMMAND_CHARACTERS, masked, origin
from joblog.agent.spool import files
from joblog.client import Client, Version
from tests.agent.harness import NOWHERE, Agent
from tests.agent.run.test_outcome import HOST, options


def version_of(agent: Agent) -> Version:
    with Client(agent.environ["JOBLOG_URL"], agent.environ["JOBLOG_TOKEN"]) as client:
        (job,) = client.jobs(agent.environ["JOBLOG_PROJECT"])
        *_, version = client.versions(job.project_id, job.id)
        return version


def test_a_run_says_what_it_began_with(joblog: Agent) -> None:
    """Also one that is over before the agent has said a word of it."""
    joblog.run(joblog.job("sh", "-c", "exit 3", options=options("--title", "first try")))
    version = version_of(joblog)
    assert (version.title, version.command, version.host) == ("first try", "sh -c 'exit 3'", HOST)
    assert version.user


@pytest.mark.parametrize("off", [("--no-origin",), ()])
def test_nothing_is_recorded_where_that_is_not_wanted(joblog: Agent, off: tuple[str, ...]) -> None:
    """By the flag, or by the environment; what somebody has said is kept."""
    if not off:
        joblog.environ["JOBLOG_ORIGIN"] = "no"
    joblog.run(joblog.job("true", options=options("--title", "quiet", *off)))
    version = version_of(joblog)
    facts = (version.title, version.command, version.host, version.user, version.commit)
    assert facts == ("quiet", None, None, None, None)


def test_a_title_that_cannot_be_shown_is_refused(agent: Agent) -> None:
    for title in ("", "two\nlines", "x" * 101):
        assert "--title" in agent.refused("run", "--title", title, "--", "true")


def test_what_was_recorded_comes_with_a_log_that_is_sent_later(joblog: Agent) -> None:
    """It waits in the spool, masked already."""
    url, joblog.environ["JOBLOG_URL"] = joblog.environ["JOBLOG_URL"], NOWHERE
    joblog.run(joblog.job("echo", "--password", "hunter2", options=("--wait", "0.5", "--job", "ended")))
    (spool,) = joblog.spool_root.iterdir()
    assert b"hunter2" not in (spool / "origin.json").read_bytes()
    joblog.environ["JOBLOG_URL"] = url
    joblog.run(joblog.command("sync", "--url", url))
    assert version_of(joblog).command == "echo --password '***'"


def test_of_several_ranks_the_first_one_speaks(joblog: Agent) -> None:
    """Where somebody says how many there are."""
    for rank in ("1", "0"):
        joblog.environ |= {"SLURM_JOB_ID": "7", "SLURM_PROCID": rank, "SLURM_STEP_NUM_TASKS": "2"}
        joblog.run(joblog.job("echo", rank, options=options()))
    assert version_of(joblog).command == "echo 0"


def test_a_run_can_be_described_and_described_anew(joblog: Agent) -> None:
    """By whoever may write: what is given is set, None removes, the rest stays."""
    joblog.run(joblog.job("true", options=options()))
    version = version_of(joblog)
    with Client(joblog.environ["JOBLOG_URL"], joblog.environ["JOBLOG_TOKEN"]) as client:
        project = joblog.environ["JOBLOG_PROJECT"]
        described = client.describe_version(project, version.job_id, version.id, {"title": "best", "host": None})
        assert (described.title, described.host, described.command) == ("best", None, "true")
        assert client.version(project, version.job_id, version.id) == described


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["python", "train.py", "--lr", "0.1"], "python train.py --lr 0.1"),
        (["train", "--hf-token", "abc", "x"], "train --hf-token '***' x"),
        (["train", "--api-key=abc"], "train '--api-key=***'"),
        (["env", "MY_PASSWORD=abc", "train"], "env 'MY_PASSWORD=***' train"),
        (["train", "--tokenizer", "bert", "--max-tokens", "512"], "train --tokenizer bert --max-tokens 512"),
        (["train", "--token", "--fast"], "train --token --fast"),
        (["curl", "https://me:hunter2@host/x"], "curl https://me:*******@host/x"),
        (["login", "hf_" + "a" * 30], "login " + "*" * 33),
        (["sh", "-c", "one\ntwo"], "sh -c 'one two'"),
        (["mine-4711"], "mine-****"),
    ],
)
def test_secrets_of_a_command_are_masked(command: list[str], shown: str) -> None:
    """By their form, as in logs; by what the argument before them is called; by the rules that are given besides."""
    assert masked(command, (*READY, rule(rb"mine-([0-9]{4})"))) == shown


def test_a_long_command_is_cut_off() -> None:
    shown = masked(["x" * 5000], READY)
    assert len(shown) == COMMAND_CHARACTERS
    assert shown.endswith("x…")


def git(*arguments: object) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    return subprocess.run(
        ["git", *map(str, arguments)], env={**os.environ, **who}, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    git("init", "-q", path)
    (path / "train.py").write_text("print(1)\n")
    git("-C", path, "add", ".")
    git("-C", path, "commit", "-q", "-m", "one")
    return path


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_commit_is_what_git_says(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a branch, packed away, detached, in a worktree, below the top, and of the program's own directory."""
    commit = git("-C", repository, "rev-parse", "HEAD")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (repository / "below").mkdir()
    git("-C", repository, "worktree", "add", "-q", tmp_path / "worktree")
    for place, command in ((repository, ["true"]), (repository / "below", ["true"]), (tmp_path / "worktree", ["true"])):
        monkeypatch.chdir(place)
        assert origin(command, "host")["commit"] == commit, place
    monkeypatch.chdir(elsewhere)
    assert origin(["python", str(repository / "train.py")], "host")["commit"] == commit
    git("-C", repository, "pack-refs", "--all")
    monkeypatch.chdir(repository)
    assert origin(["true"], "host")["commit"] == commit
    git("-C", repository, "checkout", "-q", "--detach")
    assert origin(["true"], "host")["commit"] == commit


def test_a_repository_that_is_none_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one whose files say anything else than a commit."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").write_bytes(b"gitdir: \xff\n")
    assert "commit" not in origin(["true"], "host")
    (tmp_path / ".git").unlink()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: ../../../etc/passwd\n")
    assert "commit" not in origin(["true"], "host")


def test_notes_that_are_damaged_are_none(tmp_path: Path) -> None:
    files.save_origin(tmp_path, {"command": "true"})
    assert files.load_origin(tmp_path) == {"command": "true"}
    (tmp_path / "origin.json").write_bytes(b"[]")
    assert files.load_origin(tmp_path) is None
