"""joblog's callbacks in real trainings, of PyTorch: ``make test-frameworks``, which installs a gigabyte first."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from joblog.client import Client
from tests.clients.installed import program
from tests.clients.test_callbacks import client, ended, environ, run
from tests.conftest import Server

__all__ = ["client", "environ"]

HERE = Path(__file__).parent

STEPS = 12

FRAMEWORKS = pytest.mark.parametrize("framework", ["huggingface", "lightning"])


@pytest.fixture
def python() -> Path:
    return program("frameworks", "python")


def check_losses(client: Client, job: str, steps: int) -> None:
    """A loss of each step."""
    (loss,) = (each for each in client.log(job).metrics(["loss"]) if each.name == "loss")
    assert loss.steps == list(range(1, steps + 1))
    assert all(value is not None and math.isfinite(value) for value in loss.values)


@FRAMEWORKS
def test_training(framework: str, python: Path, environ: dict[str, str], client: Client, tmp_path: Path) -> None:
    """Its metrics are a log of its own, and its run completes."""
    job = f"{framework}-good"
    done = run(environ, python, HERE / f"train_{framework}.py", job, tmp_path, STEPS, 0)
    assert done.returncode == 0, done.stderr
    assert ended(client, job).status == "COMPLETED"
    check_losses(client, job, STEPS)
    if framework == "lightning":
        lines = [json.loads(line) for line in client.log(job).lines()]
        assert any("val_loss" in line for line in lines)


@FRAMEWORKS
def test_training_that_fails(framework: str, python: Path, environ: dict[str, str], client: Client, tmp_path: Path) -> None:
    """What it had logged is kept, and its run has failed."""
    job = f"{framework}-bad"
    done = run(environ, python, HERE / f"train_{framework}.py", job, tmp_path, STEPS, 5)
    assert (done.returncode, "out of patience" in done.stderr) == (1, True)
    assert ended(client, job).status == "FAILED"
    check_losses(client, job, 4)


@FRAMEWORKS
def test_under_joblog_run(
    framework: str, python: Path, environ: dict[str, str], client: Client, tmp_path: Path, server: Server
) -> None:
    """All is in one log."""
    inner = [python, HERE / f"train_{framework}.py", "inner", tmp_path, STEPS, 0]
    job = f"{framework}-outer"
    done = run(environ, sys.executable, "-m", "joblog", "run", "--job", job, "--wait", "60", "--", *inner)
    assert done.returncode == 0, done.stderr
    assert ended(client, job).status == "COMPLETED"
    check_losses(client, job, STEPS)
    assert list(client.jobs("default", name="inner")) == []
