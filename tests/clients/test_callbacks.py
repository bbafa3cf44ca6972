"""The callbacks in their frameworks' hands: what is logged comes back as metrics, how a training ended as its run's end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog.client import Client, Version
from tests.clients.installed import program
from tests.conftest import Server

PROGRAMS = Path(__file__).parent / "programs"
SOURCE = PROGRAMS.parents[2] / "src"

RUN_S, ENDS_S = 300.0, 120.0


@pytest.fixture
def environ(server: Server, tmp_path: Path) -> dict[str, str]:
    """What a training finds: joblog beside its framework, a server, a spool of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    where = {"JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token, "JOBLOG_SPOOL": str(tmp_path / "spool")}
    quiet = {"HOME": str(tmp_path), "NO_PROXY": "*", "MLFLOW_ALLOW_FILE_STORE": "true", "DO_NOT_TRACK": "true"}
    return kept | where | quiet | {"PYTHONPATH": str(SOURCE)}


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, server.token) as client:
        yield client


def run(environ: dict[str, str], *command: object) -> subprocess.CompletedProcess[str]:
    words = list(map(str, command))
    return subprocess.run(words, env=environ, capture_output=True, text=True, timeout=RUN_S, check=False)


def ended(client: Client, job: str) -> Version:
    """The job's run, once it is over."""
    deadline = time.monotonic() + ENDS_S
    while time.monotonic() < deadline:
        for known_job in client.jobs("default", name=job):
            version = list(client.versions("default", known_job.id))[-1]
            if version.ended_ms is not None:
                return version
        time.sleep(0.05)
    raise AssertionError(f"{job} has not ended")


def check_metrics(client: Client, job: str, steps: int) -> None:
    """The loss is there as a series over the steps, by itself."""
    (loss,) = (each for each in client.log(job).metrics(["loss"]) if each.name == "loss")
    assert list(zip(loss.steps, loss.values, strict=True)) == [(step, 1 / step) for step in range(1, steps + 1)]


def test_huggingface(environ: dict[str, str], client: Client, tmp_path: Path) -> None:
    """A log of its own, which says how the training went; nothing is printed."""
    python = program("callbacks", "python")
    done = run(environ, python, PROGRAMS / "use_callbacks.py", "hf", tmp_path, 20, 0)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    version = ended(client, "hf")
    assert (version.status, version.run_id) == ("COMPLETED", "r1")
    check_metrics(client, "hf", 20)
    lines = [json.loads(line) for line in client.log("hf").lines()]
    assert (lines[0]["event"], lines[-1]) == ("train_begin", {"event": "train_end", "step": 20})


def test_huggingface_that_fails(environ: dict[str, str], client: Client, tmp_path: Path) -> None:
    """Without a last word from the Trainer the run has failed."""
    done = run(environ, program("callbacks", "python"), PROGRAMS / "use_callbacks.py", "hf-fails", tmp_path, 20, 4)
    assert (done.returncode, "out of patience" in done.stderr) == (1, True)
    assert ended(client, "hf-fails").status == "FAILED"


def test_huggingface_under_joblog_run(environ: dict[str, str], client: Client, tmp_path: Path) -> None:
    """The lines are in the run's own log, among what else is printed, and there is no other one."""
    inner = [program("callbacks", "python"), PROGRAMS / "use_callbacks.py", "inner", tmp_path, 5, 0]
    done = run(environ, sys.executable, "-m", "joblog", "run", "--job", "outer", "--wait", "60", "--", *inner)
    assert done.returncode == 0, done.stderr
    assert ended(client, "outer").status == "COMPLETED"
    check_metrics(client, "outer", 5)
    assert list(client.jobs("default", name="inner")) == []


def test_mlflow(environ: dict[str, str], client: Client, tmp_path: Path) -> None:
    """Under joblog run the link is found; a link that is given is taken as it is; elsewhere nothing is tagged."""
    given = "https://logs.example.com/p/lab/resnet/V0002/worker-0"
    inner = [program("callbacks", "python"), PROGRAMS / "use_mlflow.py", f"file://{tmp_path}/mlruns", given]
    names = ["--job", "tagged", "--run-id", "m1", "--wait", "60"]
    done = run(environ, sys.executable, "-m", "joblog", "run", *names, "--", *inner)
    assert done.returncode == 0, done.stderr
    under, with_link, elsewhere = json.loads(done.stdout.splitlines()[-1])
    log = client.log(under[0]).ref
    assert client.job("default", log.job_id).name == "tagged"
    assert client.version("default", log.job_id, log.version_id).run_id == "m1"
    named = {"project": "default", "job": "tagged", "run_id": "m1", "task": "worker-0"}
    assert under[1] == {f"joblog.{name}": value for name, value in named.items()} | {"joblog.url": under[0]}
    assert with_link == [given, {"joblog.url": given}]
    assert elsewhere == [None, {}]
