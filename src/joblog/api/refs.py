"""What a log is called and what it lacks: the two values that agents deal in before they have spoken to a server.

Apart from the other answers so that ``joblog run`` starts without loading those.
"""

from __future__ import annotations

import re
from typing import NamedTuple

RUN_LOG = "JOBLOG_RUN_LOG"
"""Where ``joblog run`` tells its command which log its output is: project, job, run id and task, a blank between."""


class Gap(NamedTuple):
    """``size_bytes`` that were not kept where byte ``at_byte`` now stands; they take no positions."""

    at_byte: int
    size_bytes: int
    reason: str


class LogRef(NamedTuple):
    """Names one log."""

    project_id: str
    job_id: int
    version_id: int
    task: str

    @property
    def path(self) -> str:
        """Returns the path of the log in the native API."""
        return f"{self.version_path}/logs/{self.task}"

    @property
    def version_path(self) -> str:
        """Returns the path of the version in the native API."""
        return f"/api/projects/{self.project_id}/jobs/{self.job_id}/versions/{self.version_id}"


def state_of(status: str) -> str:
    """Returns how a run is as people say it: ``failed``; ``ended`` where nobody has said how it did (``UNKNOWN``)."""
    return "ended" if status == "UNKNOWN" else status.lower()


def status_of(state: str) -> str:
    """Returns ModelArts' name of what people say."""
    return "UNKNOWN" if state.lower() == "ended" else state.upper()


def legal_run_id(text: str) -> str:
    """Returns ``text`` as a run id that leaves room for more: ``nightly run`` is ``nightly-run``."""
    return re.sub(r"[^!-~]+", "-", text)[:100]


def legal_job_name(text: str) -> str:
    """Returns ``text`` as a job name: ``train log.3`` is ``train-log-3``."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text, flags=re.ASCII).strip("-")[:64] or "log"


def printable(text: str) -> str:
    """Returns ``text`` as one line in which nothing controls a terminal: what would is shown as ``\\x1b``."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape", "replace").decode() for each in text)
