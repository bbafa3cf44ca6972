"""``joblog jobs`` and ``runs``: what there is, newest first; ``stop``, ``rm`` and ``note``."""

from __future__ import annotations

import json
import os
import pty
import re
from typing import Any

import pytest

from joblog.client import Client
from tests.agent.harness import Agent
from tests.children import Child


@pytest.fixture
def runs(joblog: Agent) -> Agent:
    """Two runs of a job, the second failed, and a run of another that goes on."""
    for name, code in (("resnet", 0), ("resnet", 3)):
        joblog.run(joblog.job("sh", "-c", f"echo line of {code}; exit {code}", options=("--job", name)))
    client = Client(joblog.environ["JOBLOG_URL"], joblog.environ["JOBLOG_TOKEN"])
    with client:
        for task in ("worker-0", "worker-1"):
            run = client.run(joblog.environ["JOBLOG_PROJECT"], "vit", run_id="r", task=task, labels={"team": "vision"})
            client.append(run.log.ref, 0, b"epoch 1\n\r 10%\r 20%")
    return joblog


FACTS = ("HOST", "USER", "COMMIT", "COMMAND")
"""What runs began with, of which not all is known everywhere."""


def rows(text: bytes) -> list[list[str]]:
    return [re.split(r" {2,}", line) for line in text.decode().splitlines()]


def test_runs_newest_first(runs: Agent) -> None:
    """With what a person wants to know; the name in front is one that every command takes."""
    head, *found = rows(runs.said("runs"))
    assert [name for name in head if name not in FACTS] == [
        *("RUN", "STATE", "STARTED", "DURATION", "RANKS", "SIZE", "LAST LINE"),
    ]
    assert "sh -c" in found[1][head.index("COMMAND")]
    assert [row[0] for row in found] == ["vit/V0001", "resnet/V0002", "resnet/V0001"]
    assert [(row[1], row[4], row[5], row[-1]) for row in found] == [
        ("running", "2", "36 B", "20%"),
        ("failed", "1", "10 B", "line of 3"),
        ("completed", "1", "10 B", "line of 0"),
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row[2]) and row[3].endswith("s") for row in found)
    assert [row[0] for row in rows(runs.said("runs", "resnet"))[1:]] == ["resnet/V0002", "resnet/V0001"]
    assert runs.said("runs", "resnet/V0001") == runs.said("runs", "resnet")
    assert runs.said("cat", found[1][0]) == b"line of 3\n"


def test_runs_that_are_wanted(runs: Agent) -> None:
    """By state, in any case, one or several; by label of the job; so many."""

    def listed(*flags: str) -> list[str]:
        return [row[0] for row in rows(runs.said("runs", *flags))[1:]]

    assert listed("--state", "failed") == listed("--state", "FAILED", "resnet") == ["resnet/V0002"]
    assert listed("--state", "failed,running") == listed("--state", "failed", "--state", "running")
    assert listed("--state", "failed,running") == ["vit/V0001", "resnet/V0002"]
    assert listed("--label", "team=vision") == ["vit/V0001"]
    assert listed("--limit", "2") == ["vit/V0001", "resnet/V0002"]
    assert listed("--state", "lost") == []
    assert "--state must be one of ended, " in runs.refused("runs", "--state", "broken")
    assert "--limit must be 1 to 1000" in runs.refused("jobs", "--limit", "0")
    assert "there is no job 'nothing'" in runs.refused("runs", "nothing")


def test_jobs_with_their_latest_runs(runs: Agent) -> None:
    head, *found = rows(runs.said("jobs"))
    assert head == ["JOB", "RUN", "STATE", "STARTED", "DURATION", "RANKS", "SIZE", "LABELS", "LAST LINE"]
    assert [(row[0], row[1], row[2], row[7], row[8]) for row in found] == [
        ("vit", "V0001", "running", "team=vision", "20%"),
        ("resnet", "V0002", "failed", "-", "line of 3"),
    ]
    assert [row[0] for row in rows(runs.said("jobs", "--state", "failed"))[1:]] == ["resnet"]
    assert [row[0] for row in rows(runs.said("jobs", "--limit", "1"))[1:]] == ["vit"]


def test_json_is_one_document(runs: Agent) -> None:
    """As gh has it: one array."""
    found: list[dict[str, Any]] = json.loads(runs.said("runs", "--json"))
    assert [(run["job_name"], run["name"], run["state"], run["status"]) for run in found] == [
        ("vit", "V0001", "running", "RUNNING"),
        ("resnet", "V0002", "failed", "FAILED"),
        ("resnet", "V0001", "completed", "COMPLETED"),
    ]
    jobs = json.loads(runs.said("jobs", "--json"))
    assert [(job["name"], job["state"], job["runs"], job["last"]["last_line"].strip()) for job in jobs] == [
        ("vit", "running", 1, "20%"),
        ("resnet", "failed", 2, "line of 3"),
    ]
    assert json.loads(runs.said("runs", "--state", "lost", "--json")) == []


def on_terminal(agent: Agent, *arguments: str, typed: bytes = b"") -> tuple[int, str]:
    """Runs a command on a terminal, on which somebody types; returns status and what is there then."""
    ours, theirs = pty.openpty()
    process = Child(agent.command(*arguments), env=agent.environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, typed)
    got = b""
    try:
        while piece := os.read(ours, 65536):
            got += piece
    except OSError:
        pass  # how Linux says that nobody has the other end any more
    os.close(ours)
    return process.wait(120), got.decode().replace("\r\n", "\n")


def test_a_person_is_told_what_is_left_out(runs: Agent) -> None:
    """A script is not."""
    assert "joblog: 1 of 3 runs; --limit N shows more\n" in on_terminal(runs, "runs", "--limit", "1")[1]
    assert "joblog: there are no jobs that are so\n" in on_terminal(runs, "jobs", "--state", "lost")[1]


def test_a_run_is_deleted_once_somebody_says_so(runs: Agent) -> None:
    """On a terminal yes, elsewhere --yes; a job only where that is said."""
    assert "RUN must be JOB/RUN" in runs.refused("rm", "--yes", "resnet")
    assert "a job's, without a run" in runs.refused("rm", "--job", "--yes", "resnet/V0001")
    refused = runs.run(runs.command("rm", "resnet/V0001"))
    assert (refused.returncode, b"--yes must be given where nobody can be asked" in refused.stderr) == (2, True)
    status, told = on_terminal(runs, "rm", "resnet/V0001", typed=b"n\n")
    assert (status, "delete run resnet/V0001 and its logs for ever? [y/N]" in told) == (0, True)
    assert len(rows(runs.said("runs", "resnet"))) == 3
    assert "deleted resnet/V0001\n" in on_terminal(runs, "rm", "resnet/1", typed=b"y\n")[1]
    assert [row[0] for row in rows(runs.said("runs", "resnet"))[1:]] == ["resnet/V0002"]
    assert runs.said("rm", "--job", "--yes", "resnet", "vit") == b"deleted resnet\ndeleted vit\n"
    assert json.loads(runs.said("jobs", "--json")) == []


def test_a_run_is_stopped(runs: Agent) -> None:
    """One that runs, and nobody is there to stop it; one that has ended cannot be."""
    assert runs.said("stop", "vit") == b"vit/V0001 is killed\n"
    assert "the run has ended" in runs.refused("stop", "resnet/V0001")


def test_notes(runs: Agent) -> None:
    """On a run, seen in the list; on a job; each replaces the one before."""
    assert runs.said("note", "resnet/V0002") == runs.said("note", "resnet") == b""
    runs.said("note", "resnet/V0002", "first")
    runs.said("note", "resnet/2", "loss diverged: 学习率")
    runs.said("note", "resnet", "the baseline")
    assert runs.said("note", "resnet/V0002").decode() == "loss diverged: 学习率\n"
    assert runs.said("note", "resnet") == b"the baseline\n"
    head, row, other = rows(runs.said("runs", "resnet"))
    assert (head[-2:], row[-2], other[-2]) == (["NOTE", "LAST LINE"], "loss diverged: 学习率", "-")
    assert json.loads(runs.said("jobs", "--json"))[1]["note"] == "the baseline"
    runs.said("note", "resnet/V0002", "")
    assert runs.said("note", "resnet/V0002") == b""
    assert "note must be at most 1000 characters" in runs.refused("note", "resnet", "x" * 1001)
    assert "note must be at most 1000 characters" in runs.refused("note", "resnet", "\x1b[2J")


def test_a_run_is_called_otherwise(runs: Agent) -> None:
    """Its title is; its name, by which it is found and linked, stays."""
    link = runs.said("link", "resnet/V0002")
    runs.said("rename", "resnet/V0002", "lr 3e-4, warm-up")
    head, row, other = rows(runs.said("runs", "resnet"))
    at = head.index("TITLE")
    assert (row[0], row[at], other[at]) == ("resnet/V0002", "lr 3e-4, warm-up", "-")
    assert runs.said("link", "resnet/V0002") == link
    runs.said("rename", "resnet/2", "")
    assert "TITLE" not in runs.said("runs", "resnet").decode()
    assert "title must be 1 to 100 printable characters" in runs.refused("rename", "resnet", "x" * 101)
