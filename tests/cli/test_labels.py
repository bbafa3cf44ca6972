"""Labels from the command line: of runs and of jobs, and lists by them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agent.harness import NOWHERE, Agent


def labels(joblog: Agent, job: str) -> dict[str, str]:
    (found,) = (row for row in json.loads(joblog.said("jobs", "--json")) if row["name"] == job)
    return dict(found["labels"])


def test_a_run_labels_its_job(joblog: Agent) -> None:
    """By flags, and by the environment, of which flags are the stronger; another run adds to them."""
    joblog.environ["JOBLOG_LABELS"] = "team=vision, app.kubernetes.io/name=train ,seed=1"
    options = ("--job", "labelled", "--label", "seed=7", "--label", "note=a, b=c")
    assert joblog.run(joblog.job("echo", "hello", options=options)).stderr == b""
    assert labels(joblog, "labelled") == {
        "app.kubernetes.io/name": "train", "note": "a, b=c", "seed": "7", "team": "vision",
    }  # fmt: skip
    del joblog.environ["JOBLOG_LABELS"]
    joblog.run(joblog.job("echo", "hello", options=("--job", "labelled", "--label", "seed=8")))
    assert labels(joblog, "labelled")["seed"] == "8"
    assert labels(joblog, "labelled")["team"] == "vision"


def test_labels_wait_in_the_spool_with_the_log(joblog: Agent) -> None:
    """A run that the server was away for labels its job when it is sent."""
    url, joblog.environ["JOBLOG_URL"] = joblog.environ["JOBLOG_URL"], NOWHERE
    joblog.run(joblog.job("echo", "hello", options=("--job", "late", "--wait", "0", "--label", "a=b")))
    joblog.environ["JOBLOG_URL"] = url
    joblog.said("sync")
    assert labels(joblog, "late") == {"a": "b"}


def test_an_import_labels_its_jobs(joblog: Agent, tmp_path: Path) -> None:
    """Each of them."""
    for name in ("one.log", "two.log"):
        (tmp_path / name).write_bytes(b"line\n")
    joblog.said("import", "--label", "from=disk", str(tmp_path / "one.log"), str(tmp_path / "two.log"))
    assert (labels(joblog, "one"), labels(joblog, "two")) == ({"from": "disk"}, {"from": "disk"})


def test_labels_that_the_server_refuses_keep_no_log_back(joblog: Agent) -> None:
    """One line says so."""
    joblog.run(joblog.job("echo", "1", options=("--job", "full", "--run-id", "first")))
    joblog.said("label", "full", *(f"n{number}=" for number in range(32)))
    ran = joblog.run(joblog.job("echo", "2", options=("--job", "full", "--run-id", "second", "--label", "more=1")))
    assert (ran.returncode, ran.stdout) == (0, b"2\n")
    assert ran.stderr.count(b"\n") == 1
    assert b"the job was not labelled: labels must be at most 32 labels for a job, not 33" in ran.stderr
    assert joblog.said("cat", "full") == b"2\n"
    assert "more" not in labels(joblog, "full")


def test_jobs_are_labelled_and_listed_by_labels(joblog: Agent) -> None:
    """``label`` shows what there is after a change; ``jobs`` keeps what has all the labels."""
    for job in ("one", "two"):
        joblog.run(joblog.job("true", options=("--job", job)))
    assert joblog.said("label", "one") == b""
    assert joblog.said("label", "one", "team=vision", "seed=1") == b"seed=1\nteam=vision\n"
    assert joblog.said("label", "two", "team=speech", "seed=1") == b"seed=1\nteam=speech\n"
    assert joblog.said("label", "one", "seed-", "never-", "b=") == b"b=\nteam=vision\n"

    def listed(*wanted: str) -> list[str]:
        flags = [word for each in wanted for word in ("--label", each)]
        return [job["name"] for job in json.loads(joblog.said("jobs", "--json", *flags))]

    assert listed("team") == ["two", "one"]
    assert listed("team=speech") == ["two"]
    assert listed("seed", "team=vision") == []
    head, *rows = joblog.said("jobs", "--label", "team=vision").decode().splitlines()
    assert head.split()[-3:] == ["LABELS", "LAST", "LINE"]
    assert [row.split()[-3:] for row in rows] == [["b=", "team=vision", "-"]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--label", "a", "--", "true"), b"--label must be NAME=VALUE, not 'a'"),
        (("run", "--label", "a b=c", "--", "true"), b"--label must be a name of 1 to 128 "),
        (("label", "one", "a"), b"CHANGE must be NAME=VALUE or NAME-, not 'a'"),
        (("label", "one", "a=b", "a-"), b"CHANGE must be either NAME=VALUE or NAME-, not both, of one name"),
        (("label", "one", " -"), b"CHANGE must be a name of 1 to 128 "),
        (("import", "--label", "a", "README"), b"--label must be NAME=VALUE, not 'a'"),
        (("import", "--label", "a", "--tree", "."), b"--label must be NAME=VALUE, not 'a'"),
        (("jobs", "--label", ""), b"label must be a name of 1 to 128 "),
    ],
)
def test_bad_labels_are_refused(joblog: Agent, words: tuple[str, ...], message: bytes) -> None:
    """In one line, with exit status 2, and nothing is run."""
    ran = joblog.run(joblog.command(*words))
    assert (ran.returncode, ran.stderr.count(b"\n")) == (2, 1)
    assert message in ran.stderr


def test_bad_labels_in_the_environment_are_left_out(joblog: Agent) -> None:
    """A line says so: they are no reason not to run the command."""
    joblog.environ["JOBLOG_LABELS"] = "team"
    ran = joblog.run(joblog.job("true"))
    assert (ran.returncode, b"JOBLOG_LABELS must be NAME=VALUE" in ran.stderr) == (0, True)
