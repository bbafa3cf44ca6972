"""ModelArts' v1 calls around the logs: jobs and versions, made, listed, described, stopped, deleted.

joblog registers jobs and keeps their state, it does not run them. What a job was asked for with is kept and given back,
fields that joblog does not know among them. What is answered is docs/modelarts.md's.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any

import msgspec

from joblog.api.values import Job
from joblog.catalog.modelarts_jobs import SORTS, JobSearch, Summary
from joblog.core.jobs import VersionRow
from joblog.core.names import check_job_name, integer
from joblog.core.status import Status
from joblog.errors import Invalid
from joblog.server.http.parameters import JOB_NAME_SCHEMA, choice, number, text
from joblog.server.http.routes import Call, Calls
from joblog.server.modelarts.bodies import flag, json_body, object_schema, text_of
from joblog.server.modelarts.requests import v1_config
from joblog.server.state import State

MAX_DESCRIPTION = 256
MAX_PER_PAGE = 1000
MAX_PAGE = 65_535
MAX_JOBS = 2**31 - 1
"""joblog limits nobody's number of jobs; ModelArts' answers name a limit, and clients hold it in 32 bits."""

# The fields of a version's description that come from its config, and what they are where it does not say: null, but for
# those that a client takes a list or an object from.
_FROM_CONFIG = (
    *("app_url", "boot_file_url", "data_url", "train_url", "log_url", "dataset_id", "dataset_version_id", "dataset_name"),
    *("dataset_version_name", "data_source", "spec_id", "pool_id", "pool_name", "engine_id", "engine_name", "engine_version"),
    *("engine_type", "model_id", "user_image_url", "user_command", "volumes", "nas_type", "nas_share_addr", "nas_mount_path"),
    *("pre_version_id", "core", "cpu", "gpu_num", "gpu_type", "spec_code"),
)
_NUMBERS = ("worker_server_num", "engine_id", "engine_type", "model_id", "spec_id", "pre_version_id", "gpu_num")
_STRINGS = ("core", "cpu")

PerPage = Annotated[int, number(1, MAX_PER_PAGE, f"1 to {MAX_PER_PAGE}, 10 by default").in_blanks()]
Page = Annotated[int, number(1, MAX_PAGE, f"1 to {MAX_PAGE}, 1 by default").in_blanks()]
AnyPage = Annotated[int, number(0, MAX_PAGE, f"0 to {MAX_PAGE}; 0, the default: all").in_blanks()]
StatusFilter = Annotated[str, text("numbers of statuses, | or a comma between them")]
SortBy = Annotated[
    str,
    choice(*SORTS, description=f"one of {', '.join(SORTS)}; job_name by default", any_case=True, out_of_range=True)
    .in_blanks()
    .named("sortBy"),
]
Order = Annotated[str, choice("asc", "desc", description="asc (default) or desc", any_case=True, out_of_range=True).in_blanks()]
Content = Annotated[str, text("what the job's name contains, at most 64 characters", most=64)]
Workspace = Annotated[str, text("0 by default")]

_DESCRIPTION = {"type": ["string", "null"], "maxLength": MAX_DESCRIPTION}
_OBJECT = {"type": "object"}
_CREATE = object_schema("job_name config", job_name=JOB_NAME_SCHEMA, job_desc=_DESCRIPTION, config=_OBJECT)
_CREATE_VERSION = object_schema(job_desc=_DESCRIPTION, config=_OBJECT)
_UPDATE = object_schema(job_desc=_DESCRIPTION)

Body = dict[str, Any]


calls = Calls("/v1/{project_id}", "ModelArts v1")


@calls.post("/training-jobs", "write", "Register a job and its first version", body=_CREATE)
async def v1_create_job(joblog: State, call: Call) -> Body:
    """Makes a job; its first version too, unless ``config.create_version`` is false."""
    project_id: str = call.path["project_id"]
    body = await json_body(call)
    config = body.get("config")
    if not isinstance(config, dict):
        raise Invalid("config", "an object")
    create = functools.partial(
        joblog.engine.jobs.create,
        project_id,
        check_job_name(text_of(body, "job_name")),
        joblog.engine.clock_ms(),
        description=description_of(body, "job_desc"),
        workspace_id=text_of(body, "workspace_id", "0", 64),
        request=_kept(body) if flag(config, "create_version", default=True) else None,
    )
    job, version = await joblog.writing(create)
    made = {"is_success": True, "job_id": job.id, "job_name": job.name, "create_time": job.created_ms}
    return made if version is None else made | _made(version) | {"resource_id": version.uuid}


@calls.get("/training-jobs", "read", "List jobs")
async def v1_list_jobs(
    joblog: State,
    project_id: str,
    status: StatusFilter = "",
    per_page: PerPage = 10,
    page: Page = 1,
    sort_by: SortBy = SORTS[0],
    order: Order = "asc",
    search_content: Content = "",
    workspace_id: Workspace = "0",
) -> Body:
    """Lists jobs with the state of their latest versions."""
    search = JobSearch(
        text=search_content,
        statuses=_statuses(status),
        workspace_id=workspace_id,
        sort=sort_by,
        descending=order == "desc",
        offset=(page - 1) * per_page,
        limit=per_page,
    )
    now_ms = joblog.engine.clock_ms()
    total, listed = await joblog.reading(joblog.engine.jobs.search, project_id, search, now_ms)
    jobs = [_summary(each, now_ms) for each in listed]
    counts = {"job_total_count": total, "job_count_limit": MAX_JOBS - total, "quotas": MAX_JOBS}
    return {"is_success": True, **counts, "jobs": jobs}


@calls.put("/training-jobs/{job_id}", "write", "Describe a job", body=_UPDATE)
async def v1_update_job(joblog: State, call: Call) -> Body:
    """Sets the job's description."""
    job = await _job(joblog, call)
    description = description_of(await json_body(call), "job_desc")
    await joblog.writing(joblog.engine.jobs.describe, job.id, description)
    return {"is_success": True}


@calls.delete("/training-jobs/{job_id}", "admin", "Delete a job with all its versions")
async def v1_delete_job(joblog: State, call: Call) -> Body:
    """Deletes the job, its versions and their logs, for ever."""
    job = await _job(joblog, call)
    await joblog.writing(joblog.engine.jobs.delete_job, job, joblog.engine.clock_ms())
    return {"is_success": True}


@calls.post("/training-jobs/{job_id}/versions", "write", "Register a version", body=_CREATE_VERSION)
async def v1_create_version(joblog: State, call: Call) -> Body:
    """Makes the job's next version; a description that is given becomes the job's."""
    job = await _job(joblog, call)
    body = await json_body(call)
    if not isinstance(body.get("config", {}), dict):
        raise Invalid("config", "an object")
    description = None if body.get("job_desc") is None else description_of(body, "job_desc")
    create, now_ms = joblog.engine.jobs.create_version, joblog.engine.clock_ms()
    version = await joblog.writing(create, job.id, _kept(body), now_ms, description)
    return {"is_success": True, "job_id": job.id, "job_name": job.name, "create_time": version.created_ms} | _made(version)


@calls.get("/training-jobs/{job_id}/versions", "read", "List a job's versions")
async def v1_list_versions(joblog: State, call: Call, per_page: PerPage = 10, page: AnyPage = 0) -> Body:
    """Lists the versions, newest first; all of them without ``page``."""
    job = await _job(joblog, call)
    versions = (await joblog.reading(joblog.engine.runs.all_versions, job.id))[::-1]
    shown = versions[(page - 1) * per_page : page * per_page] if page else versions
    details = [await _detail(joblog, job, version) for version in shown]
    head = {"job_id": job.id, "job_name": job.name, "job_desc": job.description, "version_count": len(versions)}
    return {"is_success": True, **head, "versions": details}


@calls.get("/training-jobs/{job_id}/versions/{version_id}", "read", "A version")
async def v1_get_version(joblog: State, call: Call) -> Body:
    """Describes a version: what it was asked for with, and how it is."""
    job = await _job(joblog, call)
    return await _detail(joblog, job, await _version(joblog, call, job)) | {"is_success": True}


@calls.post("/training-jobs/{job_id}/versions/{version_id}/stop", "write", "Stop a version")
async def v1_stop_version(joblog: State, call: Call) -> Body:
    """Asks the run to stop: status 9 until its workers have ended, 12 then."""
    version = await _version(joblog, call, await _job(joblog, call))
    await joblog.writing(joblog.engine.states.stop, version, joblog.engine.clock_ms())
    return {"is_success": True}


@calls.delete("/training-jobs/{job_id}/versions/{version_id}", "admin", "Delete a version")
async def v1_delete_version(joblog: State, call: Call) -> Body:
    """Deletes the version and its logs, for ever."""
    version = await _version(joblog, call, await _job(joblog, call))
    await joblog.writing(joblog.engine.jobs.delete_version, version, joblog.engine.clock_ms())
    return {"is_success": True}


@calls.get("/job/resource-specs", "read", "What jobs can run on")
async def v1_list_resource_specs() -> Body:
    """Names one specification, which stands for wherever the jobs of this project really run."""
    spec = {
        "spec_id": 1,
        "spec_code": "external",
        "core": "0",
        "cpu": "0",
        "gpu_num": 0,
        "gpu_type": "",
        "max_num": MAX_JOBS,
    }
    spec |= {"unit_num": 0, "storage": "", "interface_type": 1, "no_resource": False}
    return {"is_success": True, "spec_total_count": 1, "specs": [spec]}


@calls.get("/job/ai-engines", "read", "What jobs can run with")
async def v1_list_engines() -> Body:
    """Names one engine, which stands for whatever the jobs of this project really use."""
    engine = {"engine_id": 1, "engine_name": "external", "engine_type": 1, "engine_version": "external"}
    return {"is_success": True, "engines": [engine]}


def description_of(body: dict[str, Any], name: str) -> str:
    """Returns a description of 0 to 256 characters; raises Invalid."""
    return text_of(body, name, "", MAX_DESCRIPTION)


async def _job(joblog: State, call: Call) -> Job:
    return await joblog.reading(joblog.engine.runs.job, call.path["project_id"], call.path["job_id"])


async def _version(joblog: State, call: Call, job: Job) -> VersionRow:
    return await joblog.reading(joblog.engine.runs.version, job.project_id, job.id, call.path["version_id"])


def _made(version: VersionRow) -> Body:
    return {"status": version.status, "version_id": version.id, "version_name": version.name, "uuid": version.uuid}


def _kept(body: dict[str, Any]) -> str:
    return msgspec.json.encode({"v1": body}).decode()


def _summary(job: Summary, now_ms: int) -> Body:
    started_ms, ended_ms = job.started_ms, now_ms if job.ended_ms is None else job.ended_ms
    return {
        "job_id": job.job_id,
        "job_name": job.name,
        "job_desc": job.description,
        "create_time": job.created_ms,
        "version_id": job.version_id,
        "status": job.status,
        "duration": 0 if started_ms is None else max(ended_ms - started_ms, 0),
        "version_count": job.version_count,
    }


async def _detail(joblog: State, job: Job, version: VersionRow) -> Body:
    """Describes a version: what joblog knows over what it was asked for with."""
    config = v1_config(await joblog.reading(joblog.engine.jobs.request, version.id))
    tasks = await joblog.reading(joblog.engine.runs.log_files, job.project_id, job.id, version.id)
    config = {name: _number_in(value) if name in _NUMBERS else value for name, value in config.items()}
    config |= {name: str(config[name]) for name in _STRINGS if config.get(name) is not None}
    parameter = config.get("parameter")
    return dict.fromkeys(_FROM_CONFIG) | config | {
        "job_id": job.id,
        "job_name": job.name,
        "job_desc": job.description,
        "version_id": version.id,
        "version_name": version.name,
        "uuid": version.uuid,
        "status": version.status,
        "create_time": version.created_ms,
        "start_time": version.started_ms,
        "duration": version.duration_ms(joblog.engine.clock_ms()),
        "worker_server_num": version.expected_tasks or config.get("worker_server_num") or max(len(tasks), 1),
        "parameter": parameter if isinstance(parameter, list) else [],
        "resource_id": version.uuid,
        "model_metric_list": "{}",
        "system_metric_list": {},
    }  # fmt: skip


def _number_in(value: object) -> int | None:
    """Returns a number where one was given, also as a string: clients that read it back take nothing else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else None


def _statuses(text: str) -> list[Status]:
    """Returns the statuses of a filter such as ``8`` or ``3|5|6|13``."""
    allowed = f"numbers from 0 to {max(Status)}, with | between them"
    names = text.replace(",", "|").split("|") if text else []
    return [Status(integer("status", name.strip(), 0, max(Status), allowed)) for name in names]
