"""ModelArts' v2 calls: training jobs, which are versions here, known by their uuid. docs/modelarts.md has what is answered.

What a training job was asked for with is kept and given back. Its tasks are its workers: those that have a log or have
said something, and those that are still to come.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from joblog.api.values import Job
from joblog.core.jobs import VersionRow
from joblog.core.names import MAX_ID, check_job_name
from joblog.errors import Invalid, UnknownAction
from joblog.server.http.answers import Answer
from joblog.server.http.parameters import JOB_NAME_SCHEMA, choice, integers, number, text
from joblog.server.http.routes import Call, Calls
from joblog.server.modelarts.bodies import json_body, object_of, object_schema, text_of
from joblog.server.modelarts.v1_jobs import MAX_DESCRIPTION, MAX_JOBS, description_of
from joblog.server.modelarts.v2_bodies import (
    job_response,
    known,
    known_of_request,
    response_of,
    training_job,
    training_job_by_id,
)
from joblog.server.modelarts.v2_events import DEFAULT_EVENTS, LEVELS, MAX_EVENTS, MAX_PATTERN, SOURCES, happened, page
from joblog.server.modelarts.v2_searches import search_of
from joblog.server.state import State

MAX_BATCH = 100

FlavorType = Annotated[str, text("CPU, GPU or Ascend; all by default")]
EventOffset = Annotated[int, number(0, MAX_ID, "events that are left out, 0 by default").in_blanks()]
EventLimit = Annotated[int, number(1, MAX_EVENTS, f"1 to {MAX_EVENTS}, {DEFAULT_EVENTS} by default").in_blanks()]
EventOrder = Annotated[str, choice("desc", "asc", description="desc (default): newest first; asc", any_case=True)]
Since = Annotated[int, number(0, MAX_ID, "milliseconds since 1970: what happened then or later").in_blanks()]
Until = Annotated[int, number(0, MAX_ID, "milliseconds since 1970: what happened then or before").in_blanks()]
Level = Annotated[str, choice(*LEVELS, description=", ".join(LEVELS), any_case=True, out_of_range=True)]
Source = Annotated[str, choice(*SOURCES, description=", ".join(SOURCES), any_case=True, out_of_range=True)]
MessagePart = Annotated[str, text(f"a text that the message contains, at most {MAX_PATTERN} characters", most=MAX_PATTERN)]

_ANY_OBJECT = {"type": ["object", "null"]}
_DESCRIPTION = {"type": ["string", "null"], "maxLength": MAX_DESCRIPTION}
_CREATE = object_schema(
    "metadata",
    kind={"type": "string", "enum": ["job"]},
    metadata=object_schema("name", name=JOB_NAME_SCHEMA, description=_DESCRIPTION),
    algorithm=_ANY_OBJECT,
    spec=_ANY_OBJECT,
)
_UPDATE = object_schema(description=_DESCRIPTION)
_ACTION = object_schema("action_type", action_type={"type": "string", "enum": ["terminate"]})
_BATCH = object_schema("jobs", jobs={"type": "array", "maxItems": MAX_BATCH, "items": {"type": "object"}})
_FILTER = object_schema("key", key={"type": "string", "enum": ["name", "phase", "create_time"]})
_SEARCH = object_schema(
    offset=integers(0, 2**31),
    limit=integers(1, 50),
    order={"type": "string", "enum": ["asc", "desc"]},
    sort_by={"type": "string", "enum": ["create_time"]},
    filters={"type": ["array", "null"], "items": _FILTER},
)

Body = dict[str, Any]


calls = Calls("/v2/{project_id}", "ModelArts v2")


@calls.post("/training-jobs", "write", "Register a training job", status=201, body=_CREATE)
async def v2_create_job(joblog: State, call: Call) -> Body:
    """Makes a job and its first version."""
    project_id: str = call.path["project_id"]
    body = await json_body(call)
    if text_of(body, "kind", "job") != "job":
        raise Invalid("kind", "job", body["kind"])
    metadata = object_of(body, "metadata")
    object_of(body, "algorithm"), object_of(body, "spec")
    known, now_ms = known_of_request(body), joblog.engine.clock_ms()
    job, version = await joblog.writing(
        joblog.engine.jobs.create,
        project_id,
        check_job_name(text_of(metadata, "name")),
        now_ms,
        description=description_of(metadata, "description"),
        workspace_id=text_of(metadata, "workspace_id", "0", 64) or "0",
        request=msgspec.json.encode({"v2": body}).decode(),
    )
    assert version is not None, "there is one for every request"
    return response_of(job, version, known, now_ms)


@calls.post("/training-job-searches", "read", "List training jobs", body=_SEARCH)
async def v2_search_jobs(joblog: State, call: Call) -> Body:
    """Lists training jobs; ``offset`` counts jobs, not pages."""
    project_id: str = call.path["project_id"]
    body = await json_body(call)
    search = search_of(body)
    total, versions = await joblog.reading(joblog.engine.jobs.runs, project_id, search)
    return {
        "total": total,
        "count": len(versions),
        "limit": search.limit,
        "offset": search.offset,
        "sort_by": "create_time",
        "order": "desc" if search.descending else "asc",
        "group_by": text_of(body, "group_by"),
        "workspace_id": search.workspace_id,
        "ai_project": text_of(body, "ai_project", "default-ai-project"),
        "items": [await job_response(joblog, run.job, run.version) for run in versions],
    }


@calls.get("/training-jobs/{training_job_id}", "read", "A training job")
async def v2_get_job(joblog: State, call: Call) -> Body:
    """Describes a training job: what it was asked for with, and how it is."""
    return await job_response(joblog, *await training_job(joblog, call))


@calls.put("/training-jobs/{training_job_id}", "write", "Describe a training job", body=_UPDATE)
async def v2_update_job(joblog: State, call: Call) -> Body:
    """Sets the training job's description."""
    job, version = await training_job(joblog, call)
    description = description_of(await json_body(call), "description")
    await joblog.writing(joblog.engine.jobs.describe, job.id, description)
    return await job_response(joblog, await joblog.reading(joblog.engine.runs.job, job.project_id, job.id), version)


@calls.delete("/training-jobs/{training_job_id}", "admin", "Delete a training job", status=202)
async def v2_delete_job(joblog: State, call: Call) -> Answer:
    """Deletes for ever, with the logs; the job too when this was its last version."""
    await _remove(joblog, *await training_job(joblog, call))
    return Answer(202, b"")


@calls.post("/training-jobs/batch-delete", "admin", "Delete training jobs", status=202, body=_BATCH)
async def v2_delete_jobs(joblog: State, call: Call) -> Answer:
    """Deletes those that ``jobs`` names, at most 100; none of them where one is not there, or is not the caller's."""
    ids = _ids(await json_body(call))
    versions = [await training_job_by_id(joblog, call, each) for each in dict.fromkeys(ids)]
    for job, version in versions:
        await _remove(joblog, job, version)
    return Answer(202, b"")


@calls.post("/training-jobs/{training_job_id}/actions", "write", "Stop a training job", status=202, body=_ACTION)
async def v2_act_on_job(joblog: State, call: Call) -> Body:
    """Does the one action that there is: ``terminate``."""
    job, version = await training_job(joblog, call)
    action = text_of(await json_body(call), "action_type")
    if action != "terminate":
        raise UnknownAction("action_type", "terminate", action)
    version = await joblog.writing(joblog.engine.states.stop, version, joblog.engine.clock_ms())
    return await job_response(joblog, job, version)


@calls.get("/training-jobs/{training_job_id}/tasks", "read", "List a training job's tasks")
async def v2_list_tasks(joblog: State, call: Call) -> list[Body]:
    """Lists the workers, each with its host."""
    job, version = await training_job(joblog, call)
    of_job = await known(joblog, job, version)
    by_name = {task.name: task for task in of_job.reports}
    rows = []
    for name in of_job.tasks:
        task = by_name.get(name)
        host, starts = (task.host or "", task.starts) if task else ("", 0)
        rows.append({"task": name, "ip": host, "host_ip": host, "schedule_count": starts})
    return rows


@calls.get("/training-jobs/{training_job_id}/events", "read", "What has happened to a training job")
async def v2_list_events(
    joblog: State,
    call: Call,
    offset: EventOffset = 0,
    limit: EventLimit = DEFAULT_EVENTS,
    order: EventOrder = "desc",
    start_time: Since = 0,
    end_time: Until = MAX_ID,
    level: Level = "",
    source: Source = "",
    pattern: MessagePart = "",
) -> Body:
    """Lists events, newest first."""
    job, version = await training_job(joblog, call)
    events = [
        event
        for event in await happened(joblog, job, version)
        if start_time <= event.at_ms <= end_time
        and level in ("", event.level)
        and source in ("", event.source)
        and pattern in event.message
    ]
    return page(events, offset, limit, order)


@calls.get("/training-job-engines", "read", "What training jobs can run with")
async def v2_list_engines() -> Body:
    """Names one engine, which stands for whatever the jobs of this project really use."""
    image = {"cpu_image_url": "", "gpu_image_url": "", "image_version": ""}
    engine = {"engine_id": "external", "engine_name": "external", "engine_version": "external", "v1_compatible": True}
    return {"total": 1, "items": [engine | {"run_user": "", "image_info": image}]}


@calls.get("/training-job-flavors", "read", "What training jobs can run on")
async def v2_list_flavors(flavor_type: FlavorType = "CPU") -> Body:
    """Names one flavor, which stands for wherever the jobs of this project really run, whatever its type."""
    none = {"unit_num": 0, "product_name": "", "memory": ""}
    size = {"size": 0, "unit": "GB"}
    info = {"max_num": MAX_JOBS, "cpu": {"arch": "", "core_num": 0}, "gpu": none, "npu": none, "memory": size, "disk": size}
    flavor = {"flavor_id": "external", "flavor_name": "external", "flavor_type": flavor_type, "max_num": MAX_JOBS}
    flavor |= {"billing": {"code": "", "unit_num": 0}, "flavor_info": info, "attributes": {}}
    return {"total_count": 1, "flavors": [flavor]}


async def _remove(joblog: State, job: Job, version: VersionRow) -> None:
    now_ms = joblog.engine.clock_ms()
    await joblog.writing(joblog.engine.jobs.delete_version, version, now_ms)
    if not await joblog.reading(joblog.engine.runs.all_versions, job.id):
        await joblog.writing(joblog.engine.jobs.delete_job, job, now_ms)


def _ids(body: Body) -> list[str]:
    """Returns the ids of ``{"jobs": [{"kind": "job", "metadata": {"id": ...}}]}``; raises Invalid."""
    allowed = f"a list of 1 to {MAX_BATCH} objects, each with the id of a training job in its metadata"
    jobs = body.get("jobs")
    if not isinstance(jobs, list) or not 1 <= len(jobs) <= MAX_BATCH:
        raise Invalid("jobs", allowed)
    metadata = [each.get("metadata") if isinstance(each, dict) else None for each in jobs]
    ids = [each.get("id") if isinstance(each, dict) else None for each in metadata]
    if not all(isinstance(each, str) for each in ids):
        raise Invalid("jobs", allowed)
    return [str(each) for each in ids]
