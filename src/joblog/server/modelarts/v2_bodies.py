"""A training job as v2 shows it."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from joblog.api.values import Job
from joblog.core.jobs import TaskRow, VersionRow
from joblog.core.status import OVER, phases
from joblog.engine.engine import Engine
from joblog.errors import NotFound
from joblog.server.http.routes import Call
from joblog.server.modelarts.requests import v2_request
from joblog.server.state import State

MAX_TASK_NAMES = 10_000
"""Tasks that are named although nothing was heard of them: a request may ask for any number of nodes."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


async def training_job(joblog: State, call: Call) -> tuple[Job, VersionRow]:
    """Returns the training job that the path names, if the caller has the call's right to it; raises NotFound."""
    return await training_job_by_id(joblog, call, call.path["training_job_id"])


async def training_job_by_id(joblog: State, call: Call, training_job_id: str) -> tuple[Job, VersionRow]:
    """Returns a training job of the path's project, if the caller has the call's right to it; raises NotFound."""
    project_id: str = call.path["project_id"]
    version = await _version(joblog, project_id, training_job_id)
    joblog.auth.allowed(call.headers, call.right, project_id, None if version is None else version.job_id)
    if version is None:
        raise NotFound("training job", training_job_id)
    return await joblog.reading(joblog.engine.runs.job, project_id, version.job_id), version


async def _version(joblog: State, project_id: str, training_job_id: str) -> VersionRow | None:
    """Looks a training job up; what is not there is told only to those who may know."""
    if not _UUID.fullmatch(training_job_id):
        return None
    try:
        return await joblog.reading(joblog.engine.runs.version_by_uuid, project_id, training_job_id.lower())
    except NotFound:
        return None


class Known(Struct, frozen=True):
    """What is kept of a training job: its v2 request, what its tasks have said, and the names of all of them, in order.

    Those of tasks that are known, and those still to come.
    """

    asked: dict[str, Any]
    reports: list[TaskRow]
    tasks: list[str]


async def known(joblog: State, job: Job, version: VersionRow) -> Known:
    """Reads what is kept of a training job."""
    return await joblog.reading(_known, joblog.engine, job, version)


def _known(engine: Engine, job: Job, version: VersionRow) -> Known:
    asked, reports = v2_request(engine.jobs.request(version.id)), engine.states.tasks(version.id)
    workers = {log.worker for log in engine.runs.logs(job.project_id, job.id, version.id, -1, 2**31)}
    workers |= {task.worker for task in reports}
    expected = _node_count(asked) if version.expected_tasks is None else version.expected_tasks
    return Known(asked, reports, _task_names(workers, expected))


def known_of_request(asked: dict[str, Any]) -> Known:
    """Returns what will be known of a training job that is about to be made: it is looked at before anything is."""
    return Known(asked, [], _task_names(set(), _node_count(asked)))


def _task_names(workers: set[int], expected: int | None) -> list[str]:
    return [f"worker-{number}" for number in sorted(workers | set(range(min(expected or 0, MAX_TASK_NAMES))))]


async def job_response(joblog: State, job: Job, version: VersionRow) -> dict[str, Any]:
    """Describes a training job: what it was asked for with, and how it is."""
    return response_of(job, version, await known(joblog, job, version), joblog.engine.clock_ms())


def response_of(job: Job, version: VersionRow, known: Known, now_ms: int) -> dict[str, Any]:
    """Describes a training job of which this is known."""
    asked, tasks = known.asked, known.tasks
    phase, secondary = phases(version.status)
    metadata = asked.get("metadata") or {}
    return {
        "kind": "job",
        "metadata": {
            **metadata,
            "id": version.uuid,
            "name": job.name,
            "description": job.description,
            "create_time": version.created_ms,
            "workspace_id": job.workspace_id,
            "user_name": "",
        },
        "status": {
            "phase": phase,
            "secondary_phase": secondary,
            "duration": version.duration_ms(now_ms),
            "start_time": version.started_ms or 0,
            "node_count_metrics": [] if version.started_ms is None else [[version.started_ms, len(tasks)]],
            "tasks": tasks,
            "task_statuses": [_ended(task) for task in known.reports if task.status in OVER],
        },
        "algorithm": asked.get("algorithm") or {},
        "spec": asked.get("spec") or {},
        "endpoints": asked.get("endpoints") or {},  # clients look into it without asking whether it is there
    }


def _ended(task: TaskRow) -> dict[str, Any]:
    message = task.reason or task.signal or ("" if task.exit_code == 0 else task.status.name.lower())
    return {"task": task.name, "exit_code": task.exit_code, "message": message}


def _node_count(asked: dict[str, Any]) -> int | None:
    spec = asked.get("spec")
    resource = spec.get("resource") if isinstance(spec, dict) else None
    count = resource.get("node_count") if isinstance(resource, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None
