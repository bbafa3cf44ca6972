"""The native API's states: what workers and schedulers report, asking a run to stop, deleting. See docs/http-api.md."""

from __future__ import annotations

import re

from litestar import Controller, delete, get, post
from msgspec import Struct

from joblog.catalog.states import Report
from joblog.core.jobs import Task, Version
from joblog.core.names import check_id, check_project_id, worker_of_task
from joblog.core.status import TASK_STATUSES, Status
from joblog.errors import Invalid, NotFound, OutOfRange
from joblog.server.native.bodies import VersionView, version_view
from joblog.server.native.paging import After, Limit, Listing, page_of
from joblog.server.state import Call, State

MAX_TASKS = 1_000_000

_SIGNAL = re.compile(r"SIG[A-Z0-9+-]{1,20}", re.ASCII)
_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


class ReportRequest(Struct, forbid_unknown_fields=True):
    """How a worker is; ``tasks`` is how many workers the run has in all."""

    status: str
    exit_code: int | None = None
    signal: str | None = None
    reason: str | None = None
    host: str | None = None
    tasks: int | None = None

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


class ReportView(Struct):
    """How the version is now, and whether the worker is to stop."""

    status: str
    stop: bool


class StatusRequest(Struct, forbid_unknown_fields=True):
    """How a scheduler says that a version is."""

    status: str
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.reason is not None and not _LINE.fullmatch(self.reason):
            raise Invalid("reason", "1 to 200 characters without control characters")


class TaskView(Struct):
    """How a worker is."""

    task: str
    status: str
    exit_code: int | None
    signal: str | None
    reason: str | None
    host: str | None
    started_ms: int
    seen_ms: int
    ended_ms: int | None
    starts: int


class StateController(Controller):
    """How a version and its workers are."""

    path = "/projects/{project_id:str}/jobs/{job_id:str}"
    tags = ("states",)

    @post("/versions/{version_id:str}/tasks/{task:str}/report", summary="Say how a worker is", status_code=200)
    async def report_task(self, joblog: State, request: Call, task: str, data: ReportRequest) -> ReportView:
        """Takes a worker's word: RUNNING at its start and again every few seconds, then how it has ended."""
        version = await _version(joblog, request, "write")
        status = status_named(data.status, TASK_STATUSES)
        said = Report(status, data.exit_code, data.signal, data.reason, data.host, data.tasks)
        report = joblog.engine.states.report
        after = await joblog.writing(report, version, worker_of_task(task), said, joblog.engine.clock_ms())
        return ReportView(after.status.name, after.status in (Status.KILLING, Status.KILLED))

    @get("/versions/{version_id:str}/tasks", summary="List how a version's workers are")
    async def list_tasks(self, joblog: State, request: Call, after: After = None, limit: Limit = None) -> Listing[TaskView]:
        """Lists what workers have said; ``after`` is a worker number."""
        version = await _version(joblog, request, "read")
        start, size = page_of(after, limit, -1)
        found = await joblog.reading(joblog.engine.states.tasks, version.id, start, size)
        return Listing([task_view(each) for each in found], found[-1].worker if len(found) == size else None)

    @get("/versions/{version_id:str}/tasks/{task:str}", summary="How a worker is")
    async def get_task(self, joblog: State, request: Call, task: str) -> TaskView:
        """Returns what a worker has last reported."""
        version = await _version(joblog, request, "read")
        found = await joblog.reading(joblog.engine.states.task, version.id, worker_of_task(task))
        if found is None:
            raise NotFound("report of", task)
        return task_view(found)

    @post("/versions/{version_id:str}/status", summary="Say how a version is", status_code=200)
    async def set_version_status(self, joblog: State, request: Call, data: StatusRequest) -> VersionView:
        """Takes a scheduler's word, by any of ModelArts' names; a run that has ended does not begin again."""
        version = await _version(joblog, request, "write")
        status = status_named(data.status, tuple(Status))
        set_status = joblog.engine.states.set_status
        return version_view(await joblog.writing(set_status, version, status, data.reason, joblog.engine.clock_ms()))

    @post("/versions/{version_id:str}/stop", summary="Ask a run to stop", status_code=200)
    async def stop_version(self, joblog: State, request: Call) -> VersionView:
        """Tells the run's workers, with their next report; KILLING until they have ended, KILLED then."""
        version = await _version(joblog, request, "write")
        return version_view(await joblog.writing(joblog.engine.states.stop, version, joblog.engine.clock_ms()))

    @delete("/versions/{version_id:str}", summary="Delete a version with its logs", status_code=204)
    async def delete_version(self, joblog: State, request: Call) -> None:
        """Deletes the version and all that it has logged, for ever."""
        version = await _version(joblog, request, "admin")
        await joblog.writing(joblog.engine.jobs.delete_version, version, joblog.engine.clock_ms())

    @delete("/", summary="Delete a job with all its versions", status_code=204)
    async def delete_job(self, joblog: State, request: Call) -> None:
        """Deletes the job, its versions and all that they have logged, for ever."""
        parameters = request.path_params
        joblog.auth.allowed(request.scope["headers"], "admin", parameters["project_id"], parameters["job_id"])
        ids = check_project_id(parameters["project_id"]), check_id("job_id", parameters["job_id"])
        job = await joblog.reading(joblog.engine.names.job, *ids)
        await joblog.writing(joblog.engine.jobs.delete_job, job, joblog.engine.clock_ms())


def status_named(name: str, allowed: tuple[Status, ...]) -> Status:
    """Returns the status of that name; raises Invalid."""
    found = [status for status in allowed if status.name == name]
    if not found:
        raise Invalid("status", "one of " + ", ".join(status.name for status in allowed), name)
    return found[0]


def task_view(task: Task) -> TaskView:
    """Renders a task."""
    same = {name: getattr(task, name) for name in TaskView.__struct_fields__ if name not in ("task", "status")}
    return TaskView(task=task.name, status=task.status.name, **same)


async def _version(joblog: State, request: Call, right: str) -> Version:
    """Checks the caller, then the ids, so that strangers learn nothing."""
    parameters = request.path_params
    joblog.auth.allowed(request.scope["headers"], right, parameters["project_id"], parameters["job_id"])
    job_id, version_id = check_id("job_id", parameters["job_id"]), check_id("version_id", parameters["version_id"])
    return await joblog.reading(joblog.engine.names.version, check_project_id(parameters["project_id"]), job_id, version_id)
