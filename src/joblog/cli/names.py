"""The names of jobs that are not named: after a command or a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from joblog.api.refs import legal_job_name
from joblog.errors import Invalid

TITLE_CHARACTERS = 100
"""Longest title of a run."""

_JOB_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TASK = re.compile(r"worker-(0|[1-9][0-9]{0,5})", re.ASCII)
_RUN_ID = re.compile(r"[!-~]{1,128}", re.ASCII)


def checked_job(name: str) -> str:
    """Returns a legal job name; raises Invalid. The server would refuse it as well, but after the job has begun."""
    return _checked(_JOB_NAME, "--job", "1 to 64 of A-Z, a-z, 0-9, _ and -", name)


def checked_task(task: str) -> str:
    """Returns the task of a rank, which is given as ``3`` or as ``worker-3``; raises Invalid."""
    return _checked(_TASK, "--rank", "0 to 999999", task if task.startswith("worker-") else f"worker-{task}")


def checked_run_id(run_id: str) -> str:
    """Returns a legal run id; raises Invalid."""
    return _checked(_RUN_ID, "--run-id", "1 to 128 printable ASCII characters without blanks", run_id)


def job_of_file(path: Path) -> str:
    """Returns a job name after a file's: ``train log.3.txt`` is ``train-log-3``."""
    return legal_job_name(path.stem)


def job_of_command(command: Sequence[str]) -> str:
    """Returns a job name after a command's script or module, else after its program."""
    for before, word in pairwise(command):
        if before == "-m" and re.search("python|torchrun", Path(command[0]).name):
            return job_of_file(Path(word.replace(".", "-")))
        if word.endswith((".py", ".sh")):
            return job_of_file(Path(word))
    return job_of_file(Path(command[0]))


def _checked(pattern: re.Pattern[str], parameter: str, allowed: str, value: str) -> str:
    if not pattern.fullmatch(value):
        raise Invalid(parameter, allowed, value)
    return value
