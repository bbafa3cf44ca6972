"""The rules that names and numbers follow: a value is parsed once, at the edge, by these functions.

Ids are positive and below 2**63 because ModelArts' clients hold them in signed 64-bit integers.
"""

from __future__ import annotations

import re

from joblog.errors import Invalid, Missing, OutOfRange

MAX_ID = 2**63 - 1
MAX_WORKER = 999_999

IMPORTED = "import:"
"""What the run ids begin with that ``joblog import`` gives to files."""

# The patterns of what bodies and paths hold stand in the API's description, too.
PROJECT_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
JOB_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
RUN_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}", re.ASCII)
TASK = re.compile(r"worker-(0|[1-9][0-9]{0,5})", re.ASCII)
_LOG_FILE = re.compile(r"job-[a-z0-9-]{1,64}\.(0|[1-9][0-9]{0,5})", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)

# Longer than any number joblog knows, so that no digit string costs more than its length to read.
_MAX_DIGITS = 20


def check_name(parameter: str, value: str) -> str:
    """Returns a legal name of a user, a domain or a project; raises Invalid."""
    return _checked(NAME, parameter, "1 to 64 letters, digits, _, -, . and @, the first a letter or a digit", value)


def check_project_id(value: str) -> str:
    """Returns a legal project id; raises Invalid."""
    return _checked(PROJECT_ID, "project_id", "1 to 64 letters, digits and hyphens", value)


def check_job_name(value: str) -> str:
    """Returns a legal job name; raises Invalid."""
    return _checked(JOB_NAME, "job_name", "1 to 64 of A-Z, a-z, 0-9, _ and -", value)


def check_run_id(value: str) -> str:
    """Returns a legal run id; raises Invalid."""
    return _checked(RUN_ID, "run_id", "1 to 128 printable ASCII characters without blanks", value)


def flag(parameter: str, text: str | None) -> bool:
    """Returns whether ``text`` is ``true``, which none and an empty one are not; raises Invalid unless it is ``false`` then."""
    if text not in (None, "", "true", "false"):
        raise Invalid(parameter, "true or false", text)
    return text == "true"


def integer(parameter: str, text: str, low: int, high: int, allowed: str) -> int:
    """Returns the integer that ``text`` spells, ``low`` to ``high``; raises Invalid, OutOfRange."""
    if not _INTEGER.fullmatch(text):
        raise Invalid(parameter, allowed, text)
    number = int(text[:_MAX_DIGITS])
    if len(text) > _MAX_DIGITS or not low <= number <= high:
        raise OutOfRange(parameter, allowed, text)
    return number


def check_id(parameter: str, text: str) -> int:
    """Returns the job or version id that ``text`` spells: 1 to 2**63 - 1; raises Invalid, OutOfRange."""
    return integer(parameter, text, 1, MAX_ID, f"an integer from 1 to {MAX_ID}")


def worker_of_task(task: str) -> int:
    """Returns N of ``worker-N``; raises Invalid."""
    match = TASK.fullmatch(task)
    if match is None:
        raise Invalid("task", f"worker-0 to worker-{MAX_WORKER}", task)
    return int(match[1])


def worker_of_log_file(log_file: str) -> int | None:
    """Returns N of ``job-<name>.N``, or None when it cannot be the name of a log file."""
    match = _LOG_FILE.fullmatch(log_file)
    return None if match is None else int(match[1])


def log_file_name(job_name: str, worker: int) -> str:
    """Names a worker's log as ModelArts does: job ``jobtest_TF``, worker 0 is ``job-jobtest-tf.0``."""
    return f"job-{job_name.lower().replace('_', '-')}.{worker}"


def _checked(pattern: re.Pattern[str], parameter: str, allowed: str, value: str) -> str:
    if not value:
        raise Missing(parameter, allowed)
    if not pattern.fullmatch(value):
        raise Invalid(parameter, allowed, value)
    return value
