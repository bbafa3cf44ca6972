"""ModelArts' v1 calls around the logs: jobs and versions, made, listed, described, stopped, deleted.

joblog registers jobs and keeps their state, it does not run them. What a job was asked for with is kept and given back,
fields that joblog does not know among them. What is answered is docs/modelarts.md's.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.params import Parameter, QueryParameter

from joblog.catalog.modelarts_jobs import SORTS, JobSearch, Summary
from joblog.core.jobs import Job, Version
from joblog.core.names import check_id, check_job_name, check_project_id, integer
from joblog.core.status import Status
from joblog.errors import Invalid, OutOfRange
from joblog.server.modelarts.bodies import JsonBody, flag, json_body, text_of
from joblog.server.modelarts.requests import v1_config
from joblog.server.state import Call, State

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

PerPage = Annotated[str | None, Parameter(description=f"1 to {MAX_PER_PAGE}, 10 by default")]
Page = Annotated[str | None, Parameter(description=f"1 to {MAX_PAGE}, 1 by default")]
AnyPage = Annotated[str | None, Parameter(description=f"0 to {MAX_PAGE}; 0, the default: all")]
StatusFilter = Annotated[str | None, Parameter(description="numbers of statuses, | or a comma between them")]
SortBy = Annotated[str | None, QueryParameter(name="sortBy", description=f"one of {', '.join(SORTS)}; job_name by default")]
Order = Annotated[str | None, Parameter(description="asc (default) or desc")]
Content = Annotated[str | None, Parameter(description="what the job's name contains, at most 64 characters")]
Workspace = Annotated[str | None, Parameter(description="0 by default")]

Answer = dict[str, Any]


class JobCalls(Controller):
    """The v1 calls for jobs."""

    path = "/v1/{project_id:str}"
    tags = ("ModelArts v1",)

    @post("/training-jobs", summary="Register a job and its first version", status_code=200, operation_class=JsonBody)
    async def v1_create_job(self, joblog: State, request: Call) -> Answer:
        """Makes a job; its first version too, unless ``config.create_version`` is false."""
        project_id = project_of(joblog, request, "write")
        body = await json_body(request)
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

    @get("/training-jobs", summary="List jobs")
    async def v1_list_jobs(
        self,
        joblog: State,
        request: Call,
        status: StatusFilter = None,
        per_page: PerPage = None,
        page: Page = None,
        sort_by: SortBy = None,
        order: Order = None,
        search_content: Content = None,
        workspace_id: Workspace = None,
    ) -> Answer:
        """Lists jobs with the state of their latest versions."""
        project_id = project_of(joblog, request, "read")
        size = _number("per_page", per_page, 10, 1, MAX_PER_PAGE)
        search = JobSearch(
            text=_at_most("search_content", search_content or "", 64),
            statuses=_statuses(status),
            workspace_id=workspace_id or "0",
            sort=_one_of("sortBy", sort_by, SORTS),
            descending=_one_of("order", order, ("asc", "desc")) == "desc",
            offset=(_number("page", page, 1, 1, MAX_PAGE) - 1) * size,
            limit=size,
        )
        now_ms = joblog.engine.clock_ms()
        total, found = await joblog.reading(joblog.engine.jobs.search, project_id, search, now_ms)
        jobs = [_summary(each, now_ms) for each in found]
        counts = {"job_total_count": total, "job_count_limit": MAX_JOBS - total, "quotas": MAX_JOBS}
        return {"is_success": True, **counts, "jobs": jobs}

    @put("/training-jobs/{job_id:str}", summary="Describe a job", status_code=200, operation_class=JsonBody)
    async def v1_update_job(self, joblog: State, request: Call) -> Answer:
        """Sets the job's description."""
        job = await _job(joblog, request, "write")
        description = description_of(await json_body(request), "job_desc")
        await joblog.writing(joblog.engine.jobs.describe, job.id, description)
        return {"is_success": True}

    @delete("/training-jobs/{job_id:str}", summary="Delete a job with all its versions", status_code=200)
    async def v1_delete_job(self, joblog: State, request: Call) -> Answer:
        """Deletes the job, its versions and their logs, for ever."""
        job = await _job(joblog, request, "admin")
        await joblog.writing(joblog.engine.jobs.delete_job, job, joblog.engine.clock_ms())
        return {"is_success": True}

    @post("/training-jobs/{job_id:str}/versions", summary="Register a version", status_code=200, operation_class=JsonBody)
    async def v1_create_version(self, joblog: State, request: Call) -> Answer:
        """Makes the job's next version; a description that is given becomes the job's."""
        job = await _job(joblog, request, "write")
        body = await json_body(request)
        if not isinstance(body.get("config", {}), dict):
            raise Invalid("config", "an object")
        description = None if body.get("job_desc") is None else description_of(body, "job_desc")
        create, now_ms = joblog.engine.jobs.create_version, joblog.engine.clock_ms()
        version = await joblog.writing(create, job.id, _kept(body), now_ms, description)
        return {"is_success": True, "job_id": job.id, "job_name": job.name, "create_time": version.created_ms} | _made(version)

    @get("/training-jobs/{job_id:str}/versions", summary="List a job's versions")
    async def v1_list_versions(self, joblog: State, request: Call, per_page: PerPage = None, page: AnyPage = None) -> Answer:
        """Lists the versions, newest first; all of them without ``page``."""
        job = await _job(joblog, request, "read")
        size, number = _number("per_page", per_page, 10, 1, MAX_PER_PAGE), _number("page", page, 0, 0, MAX_PAGE)
        found = (await joblog.reading(joblog.engine.names.all_versions, job.id))[::-1]
        shown = found[(number - 1) * size : number * size] if number else found
        details = [await _detail(joblog, job, version) for version in shown]
        head = {"job_id": job.id, "job_name": job.name, "job_desc": job.description, "version_count": len(found)}
        return {"is_success": True, **head, "versions": details}

    @get("/training-jobs/{job_id:str}/versions/{version_id:str}", summary="A version")
    async def v1_get_version(self, joblog: State, request: Call) -> Answer:
        """Describes a version: what it was asked for with, and how it is."""
        job = await _job(joblog, request, "read")
        return await _detail(joblog, job, await _version(joblog, request, job)) | {"is_success": True}

    @post("/training-jobs/{job_id:str}/versions/{version_id:str}/stop", summary="Stop a version", status_code=200)
    async def v1_stop_version(self, joblog: State, request: Call) -> Answer:
        """Asks the run to stop: status 9 until its workers have ended, 12 then."""
        version = await _version(joblog, request, await _job(joblog, request, "write"))
        await joblog.writing(joblog.engine.states.stop, version, joblog.engine.clock_ms())
        return {"is_success": True}

    @delete("/training-jobs/{job_id:str}/versions/{version_id:str}", summary="Delete a version", status_code=200)
    async def v1_delete_version(self, joblog: State, request: Call) -> Answer:
        """Deletes the version and its logs, for ever."""
        version = await _version(joblog, request, await _job(joblog, request, "admin"))
        await joblog.writing(joblog.engine.jobs.delete_version, version, joblog.engine.clock_ms())
        return {"is_success": True}

    @get("/job/resource-specs", summary="What jobs can run on")
    async def v1_list_resource_specs(self, joblog: State, request: Call) -> Answer:
        """Names one specification, which stands for wherever the jobs of this project really run."""
        project_of(joblog, request, "read")
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

    @get("/job/ai-engines", summary="What jobs can run with")
    async def v1_list_engines(self, joblog: State, request: Call) -> Answer:
        """Names one engine, which stands for whatever the jobs of this project really use."""
        project_of(joblog, request, "read")
        engine = {"engine_id": 1, "engine_name": "external", "engine_type": 1, "engine_version": "external"}
        return {"is_success": True, "engines": [engine]}


def description_of(body: dict[str, Any], name: str) -> str:
    """Returns a description of 0 to 256 characters; raises Invalid."""
    return text_of(body, name, "", MAX_DESCRIPTION)


def project_of(joblog: State, request: Call, right: str) -> str:
    """Returns the project of the path. Checks the caller, then the id, so that strangers learn nothing."""
    project_id = str(request.path_params["project_id"])
    joblog.auth.allowed(request.scope["headers"], right, project_id, request.path_params.get("job_id"))
    return check_project_id(project_id)


async def _job(joblog: State, request: Call, right: str) -> Job:
    project_id = project_of(joblog, request, right)
    return await joblog.reading(joblog.engine.names.job, project_id, check_id("job_id", request.path_params["job_id"]))


async def _version(joblog: State, request: Call, job: Job) -> Version:
    number = check_id("version_id", request.path_params["version_id"])
    return await joblog.reading(joblog.engine.names.version, job.project_id, job.id, number)


def _made(version: Version) -> Answer:
    return {"status": version.status, "version_id": version.id, "version_name": version.name, "uuid": version.uuid}


def _kept(body: dict[str, Any]) -> str:
    return msgspec.json.encode({"v1": body}).decode()


def _summary(job: Summary, now_ms: int) -> Answer:
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


async def _detail(joblog: State, job: Job, version: Version) -> Answer:
    """Describes a version: what joblog knows over what it was asked for with."""
    config = v1_config(await joblog.reading(joblog.engine.jobs.request, version.id))
    tasks = await joblog.reading(joblog.engine.names.log_files, job.project_id, job.id, version.id)
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


def _statuses(text: str | None) -> list[Status]:
    """Returns the statuses of a filter such as ``8`` or ``3|5|6|13``."""
    allowed = f"numbers from 0 to {max(Status)}, with | between them"
    names = (text or "").replace(",", "|").split("|") if text else []
    return [Status(integer("status", name.strip(), 0, max(Status), allowed)) for name in names]


def _number(parameter: str, text: str | None, default: int, low: int, high: int) -> int:
    return integer(parameter, text.strip(), low, high, f"an integer from {low} to {high}") if text else default


def _one_of(parameter: str, text: str | None, allowed: tuple[str, ...]) -> str:
    """Returns one of ``allowed``, in any case, the first by default."""
    word = (text or allowed[0]).strip().lower()
    if word not in allowed:
        raise OutOfRange(parameter, "one of " + ", ".join(allowed), text)
    return word


def _at_most(parameter: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise OutOfRange(parameter, f"at most {limit} characters")
    return text
