"""What state a run is in: ModelArts' numbers and names, how its v2 calls say them, and how the tasks' ends make the run's.

joblog does not run jobs: whoever does (``joblog run``, a scheduler through the API) reports, and the rules are here.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum


class Status(IntEnum):
    """ModelArts' v1 ``status`` of a version."""

    UNKNOWN = 0
    INIT = 1
    IMAGE_CREATING = 2
    IMAGE_FAILED = 3
    SUBMIT_TRYING = 4
    SUBMIT_FAILED = 5
    DELETE_FAILED = 6
    WAITING = 7
    RUNNING = 8
    KILLING = 9
    COMPLETED = 10
    FAILED = 11
    KILLED = 12
    CANCELED = 13
    LOST = 14
    SCALING = 15
    SUBMIT_MODEL_FAILED = 16
    DEPLOY_SERVICE_FAILED = 17
    CHECK_INIT = 18
    CHECK_RUNNING = 19
    CHECK_RUNNING_COMPLETED = 20
    CHECK_FAILED = 21


OVER = frozenset(
    (
        *(Status.UNKNOWN, Status.IMAGE_FAILED, Status.SUBMIT_FAILED, Status.COMPLETED, Status.FAILED, Status.KILLED),
        *(Status.CANCELED, Status.LOST, Status.SUBMIT_MODEL_FAILED, Status.DEPLOY_SERVICE_FAILED, Status.CHECK_FAILED),
    )
)
"""In these nothing runs any more, as far as is known. UNKNOWN: the logs were closed, and nobody said how it ended."""

ENDED = OVER - {Status.UNKNOWN, Status.LOST}
"""In these it is known how the run ended. What is UNKNOWN or LOST may be heard of again, and goes on then."""

STOPPED = frozenset((Status.KILLING, Status.KILLED))
"""In these a task that still runs is told to stop."""

TASK_STATUSES = (Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.KILLED)
"""What a task can report of itself."""

OUT_OF_MEMORY = "out of memory"
"""The ``reason`` of a task that the kernel killed for its memory."""

# The v2 phase and secondary phase of each status that has others than its neighbours: see docs/modelarts.md.
_PHASES: dict[Status, tuple[str, str]] = {
    Status.UNKNOWN: ("Abnormal", "Unknown"),
    Status.INIT: ("Creating", "Creating"),
    Status.IMAGE_CREATING: ("Creating", "Creating"),
    Status.IMAGE_FAILED: ("Failed", "CreateFailed"),
    Status.SUBMIT_TRYING: ("Creating", "Creating"),
    Status.SUBMIT_FAILED: ("Failed", "CreateFailed"),
    Status.WAITING: ("Pending", "Queuing"),
    Status.RUNNING: ("Running", "Running"),
    Status.SCALING: ("Running", "Running"),
    Status.KILLING: ("Terminating", "Terminating"),
    Status.COMPLETED: ("Completed", "Completed"),
    Status.FAILED: ("Failed", "Failed"),
    Status.KILLED: ("Terminated", "Terminated"),
    Status.CANCELED: ("Terminated", "Terminated"),
    Status.LOST: ("Abnormal", "Lost"),
}


def phases(status: Status) -> tuple[str, str]:
    """Returns the v2 ``phase`` and ``secondary_phase``."""
    return _PHASES.get(status, ("Abnormal", "Unknown"))


def statuses_of_phase(phase: str) -> list[Status]:
    """Returns the statuses that v2 calls ``phase``, in any case; none for a word that is no phase."""
    return [status for status in Status if phases(status)[0].lower() == phase.lower()]


def end_of(tasks: Collection[tuple[Status, str | None]], expected: int | None, *, stopping: bool) -> Status | None:
    """Returns how a run has ended whose ``tasks`` (status, reason) are known; None while one runs or is still to come.

    A task that failed, or ran out of memory, makes the run FAILED whatever became of the others, who are often killed
    because of it.
    """
    if len(tasks) < (expected or 1) or any(status not in OVER for status, _ in tasks):
        return None
    if stopping:
        return Status.KILLED
    if any(status is Status.FAILED or reason == OUT_OF_MEMORY for status, reason in tasks):
        return Status.FAILED
    for worst in (Status.KILLED, Status.LOST):
        if any(status is worst for status, _ in tasks):
            return worst
    return Status.COMPLETED
