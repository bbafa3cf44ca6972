"""The native API's states: what workers and schedulers report, asking a run to stop, deleting. See docs/http-api.md."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

from joblog.api.values import Reported, Version
from joblog.api.values.reading import Task
from joblog.catalog.states import Report
from joblog.core.jobs import TaskRow, VersionRow
from joblog.core.status import TASK_STATUSES, Status
from joblog.errors import Invalid, NotFound, OutOfRange
from joblog.server.http.parameters import AfterRank, Limit
from joblog.server.http.routes import Call, Calls
from joblog.server.native.bodies import version_value
from joblog.server.native.paging import Listing
from joblog.server.state import State

calls = Calls("/api/projects/{project_id}/jobs/{job_id}", "states")


MAX_TASKS = 1_000_000

_SIGNAL = re.compile(r"SIG[A-Z0-9+-]{1,20}", re.ASCII)
_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


MAX_TERMINAL_ROWS = 9999
TaskStatus = Annotated[str, Meta(extra_json_schema={"enum": [status.name for status in TASK_STATUSES]})]
RunStatus = Annotated[str, Meta(extra_json_schema={"enum": [status.name for status in Status]})]


class ReportRequest(Struct, forbid_unknown_fields=True):
    """How a worker is; ``tasks`` is how many workers the run has in all.

    ``terminal_rows`` is how high the terminal is that its program writes to.
    """

    status: TaskStatus
    exit_code: int | None = None
    signal: str | None = None
    reason: str | None = None
    host: str | None = None
    tasks: int | None = None
    terminal_rows: int | None = None

    def __post_init__(self) -> None:
        if self.exit_code is not None and not 0 <= self.exit_code <= 255:
            raise OutOfRange("exit_code", "an integer from 0 to 255", self.exit_code)
        if self.signal is not None and not _SIGNAL.fullmatch(self.signal):
            raise Invalid("signal", "the name of a signal, as SIGKILL", self.signal)
        for name in ("reason", "host"):
            text = getattr(self, name)
            if text is not None and not _LINE.fullmatch(text):
                raise Invalid(name, "1 to 200 characters without control characters")
        if self.tasks is not None and not 1 <= self.tasks <= MAX_TASKS:
            raise OutOfRange("tasks", f"an integer from 1 to {MAX_TASKS}", self.tasks)
        if self.terminal_rows is not None and not 1 <= self.terminal_rows <= MAX_TERMINAL_ROWS:
            raise OutOfRange("terminal_rows", f"an integer from 1 to {MAX_TERMINAL_ROWS}", self.terminal_rows)


class StatusRequest(Struct, forbid_unknown_fields=True):
    """How a scheduler says that a version is."""

    status: RunStatus
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.reason is not None and not _LINE.fullmatch(self.reason):
            raise Invalid("reason", "1 to 200 characters without control characters")


@calls.post("/versions/{version_id}/tasks/{task}/report", "write", "Say how a worker is")
async def report_task(joblog: State, call: Call, task: int, data: ReportRequest) -> Reported:
    """Takes a worker's word: RUNNING at its start and again every few seconds, then how it has ended."""
    version = await _version(joblog, call)
    status = status_named(data.status, TASK_STATUSES)
    word = Report(status, data.exit_code, data.signal, data.reason, data.host, data.tasks, data.terminal_rows)
    after = await joblog.writing(joblog.engine.states.report, version, task, word, joblog.engine.clock_ms())
    return Reported(after.status.name, after.status in (Status.KILLING, Status.KILLED))


@calls.get("/versions/{version_id}/tasks", "read", "List how a version's workers are")
async def list_tasks(joblog: State, call: Call, after: AfterRank = -1, limit: Limit = 100) -> Listing[Task]:
    """Lists what workers have said; ``after`` is a worker number."""
    version = await _version(joblog, call)
    tasks = await joblog.reading(joblog.engine.states.tasks, version.id, after, limit)
    return Listing([_task_value(each) for each in tasks], tasks[-1].worker if len(tasks) == limit else None)


@calls.get("/versions/{version_id}/tasks/{task}", "read", "How a worker is")
async def get_task(joblog: State, call: Call, task: int) -> Task:
    """Returns what a worker has last reported."""
    version = await _version(joblog, call)
    last = await joblog.reading(joblog.engine.states.task, version.id, task)
    if last is None:
        raise NotFound("report of", f"worker-{task}")
    return _task_value(last)


@calls.post("/versions/{version_id}/status", "write", "Say how a version is")
async def set_version_status(joblog: State, call: Call, data: StatusRequest) -> Version:
    """Takes a scheduler's word, by any of ModelArts' names; a run that has ended does not begin again."""
    version = await _version(joblog, call)
    status = status_named(data.status, tuple(Status))
    set_status = joblog.engine.states.set_status
    return version_value(await joblog.writing(set_status, version, status, data.reason, joblog.engine.clock_ms()))


@calls.post("/versions/{version_id}/stop", "write", "Ask a run to stop")
async def stop_version(joblog: State, call: Call) -> Version:
    """Tells the run's workers, with their next report; KILLING until they have ended, KILLED then."""
    version = await _version(joblog, call)
    return version_value(await joblog.writing(joblog.engine.states.stop, version, joblog.engine.clock_ms()))


@calls.delete("/versions/{version_id}", "admin", "Delete a version with its logs", status=204)
async def delete_version(joblog: State, call: Call) -> None:
    """Deletes the version and all that it has logged, for ever."""
    version = await _version(joblog, call)
    await joblog.writing(joblog.engine.jobs.delete_version, version, joblog.engine.clock_ms())


@calls.delete("", "admin", "Delete a job with all its versions", status=204)
async def delete_job(joblog: State, project_id: str, job_id: int) -> None:
    """Deletes the job, its versions and all that they have logged, for ever."""
    job = await joblog.reading(joblog.engine.runs.job, project_id, job_id)
    await joblog.writing(joblog.engine.jobs.delete_job, job, joblog.engine.clock_ms())


def status_named(name: str, allowed: tuple[Status, ...]) -> Status:
    """Returns the status of that name; raises Invalid."""
    matching = [status for status in allowed if status.name == name]
    if not matching:
        raise Invalid("status", "one of " + ", ".join(status.name for status in allowed), name)
    return matching[0]


def _task_value(task: TaskRow) -> Task:
    """Returns a task as it is answered."""
    same = {name: getattr(task, name) for name in Task.FIELDS if name not in ("task", "status")}
    return Task(task=task.name, status=task.status.name, **same)


async def _version(joblog: State, call: Call) -> VersionRow:
    """Returns the version that the path names; raises NotFound."""
    path = call.path
    return await joblog.reading(joblog.engine.runs.version, path["project_id"], path["job_id"], path["version_id"])
