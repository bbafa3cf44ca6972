"""ModelArts' v2 calls: training jobs, which are versions here, known by their uuid. docs/modelarts.md has what is answered.

What a training job was asked for with is kept and given back. Its tasks are its workers: those that have a log or have
said something, and those that are still to come.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.params import Parameter
from litestar.response import Response

from joblog.core.jobs import Job, Version
from joblog.core.names import check_job_name
from joblog.errors import Invalid, UnknownAction
from joblog.server.modelarts.bodies import JsonBody, json_body, object_of, text_of
from joblog.server.modelarts.v1_jobs import MAX_JOBS, description_of, project_of
from joblog.server.modelarts.v2_bodies import (
    job_response,
    known,
    known_of_request,
    response_of,
    training_job,
    training_job_by_id,
)
from joblog.server.modelarts.v2_events import DEFAULT_EVENTS, LEVELS, MAX_EVENTS, MAX_PATTERN, SOURCES, events
from joblog.server.modelarts.v2_searches import search_of
from joblog.server.state import Call, State

MAX_BATCH = 100

FlavorType = Annotated[str | None, Parameter(description="CPU, GPU or Ascend; all by default")]

Answer = dict[str, Any]


class TrainingJobCalls(Controller):
    """The v2 calls for training jobs."""

    path = "/v2/{project_id:str}"
    tags = ("ModelArts v2",)

    @post("/training-jobs", summary="Register a training job", status_code=201, operation_class=JsonBody)
    async def v2_create_job(self, joblog: State, request: Call) -> Answer:
        """Makes a job and its first version."""
        project_id = project_of(joblog, request, "write")
        body = await json_body(request)
        if text_of(body, "kind", "job") != "job":
            raise Invalid("kind", "job", body["kind"])
        metadata = object_of(body, "metadata")
        object_of(body, "algorithm"), object_of(body, "spec")
        found, now_ms = known_of_request(body), joblog.engine.clock_ms()
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
        return response_of(job, version, found, now_ms)

    @post("/training-job-searches", summary="List training jobs", status_code=200, operation_class=JsonBody)
    async def v2_search_jobs(self, joblog: State, request: Call) -> Answer:
        """Lists training jobs; ``offset`` counts jobs, not pages."""
        project_id = project_of(joblog, request, "read")
        body = await json_body(request)
        search = search_of(body)
        total, found = await joblog.reading(joblog.engine.jobs.runs, project_id, search)
        return {
            "total": total,
            "count": len(found),
            "limit": search.limit,
            "offset": search.offset,
            "sort_by": "create_time",
            "order": "desc" if search.descending else "asc",
            "group_by": text_of(body, "group_by"),
            "workspace_id": search.workspace_id,
            "ai_project": text_of(body, "ai_project", "default-ai-project"),
            "items": [await job_response(joblog, run.job, run.version) for run in found],
        }

    @get("/training-jobs/{training_job_id:str}", summary="A training job")
    async def v2_get_job(self, joblog: State, request: Call) -> Answer:
        """Describes a training job: what it was asked for with, and how it is."""
        return await job_response(joblog, *await training_job(joblog, request, "read"))

    @put("/training-jobs/{training_job_id:str}", summary="Describe a training job", status_code=200, operation_class=JsonBody)
    async def v2_update_job(self, joblog: State, request: Call) -> Answer:
        """Sets the training job's description."""
        job, version = await training_job(joblog, request, "write")
        description = description_of(await json_body(request), "description")
        await joblog.writing(joblog.engine.jobs.describe, job.id, description)
        return await job_response(joblog, await joblog.reading(joblog.engine.names.job, job.project_id, job.id), version)

    @delete("/training-jobs/{training_job_id:str}", summary="Delete a training job", status_code=202)
    async def v2_delete_job(self, joblog: State, request: Call) -> Response[None]:
        """Deletes for ever, with the logs; the job too when this was its last version."""
        await _remove(joblog, *await training_job(joblog, request, "admin"))
        return Response(None, status_code=202, media_type="text/plain", headers={"content-type": "application/json"})

    @post("/training-jobs/batch-delete", summary="Delete training jobs", status_code=202, operation_class=JsonBody)
    async def v2_delete_jobs(self, joblog: State, request: Call) -> Response[None]:
        """Deletes those that ``jobs`` names, at most 100; none of them where one is not there, or is not the caller's."""
        project_of(joblog, request, "admin")
        ids = _ids(await json_body(request))
        found = [await training_job_by_id(joblog, request, "admin", each) for each in dict.fromkeys(ids)]
        for job, version in found:
            await _remove(joblog, job, version)
        return Response(None, status_code=202, media_type="text/plain", headers={"content-type": "application/json"})

    @post(
        "/training-jobs/{training_job_id:str}/actions", summary="Stop a training job", status_code=202, operation_class=JsonBody
    )
    async def v2_act_on_job(self, joblog: State, request: Call) -> Answer:
        """Does the one action that there is: ``terminate``."""
        job, version = await training_job(joblog, request, "write")
        action = text_of(await json_body(request), "action_type")
        if action != "terminate":
            raise UnknownAction("action_type", "terminate", action)
        version = await joblog.writing(joblog.engine.states.stop, version, joblog.engine.clock_ms())
        return await job_response(joblog, job, version)

    @get("/training-jobs/{training_job_id:str}/tasks", summary="List a training job's tasks")
    async def v2_list_tasks(self, joblog: State, request: Call) -> list[Answer]:
        """Lists the workers, each with its host."""
        job, version = await training_job(joblog, request, "read")
        of_job = await known(joblog, job, version)
        said = {task.name: task for task in of_job.said}
        found = []
        for name in of_job.tasks:
            task = said.get(name)
            host, starts = (task.host or "", task.starts) if task else ("", 0)
            found.append({"task": name, "ip": host, "host_ip": host, "schedule_count": starts})
        return found

    @get("/training-jobs/{training_job_id:str}/events", summary="What has happened to a training job")
    async def v2_list_events(
        self,
        joblog: State,
        request: Call,
        offset: Annotated[str | None, Parameter(description="events that are left out, 0 by default")] = None,
        limit: Annotated[str | None, Parameter(description=f"1 to {MAX_EVENTS}, {DEFAULT_EVENTS} by default")] = None,
        order: Annotated[str | None, Parameter(description="desc (default): newest first; asc")] = None,
        start_time: Annotated[str | None, Parameter(description="milliseconds since 1970: what happened then or later")] = None,
        end_time: Annotated[str | None, Parameter(description="milliseconds since 1970: what happened then or before")] = None,
        level: Annotated[str | None, Parameter(description=", ".join(LEVELS))] = None,
        source: Annotated[str | None, Parameter(description=", ".join(SOURCES))] = None,
        pattern: Annotated[
            str | None, Parameter(description=f"a text that the message contains, at most {MAX_PATTERN} characters")
        ] = None,
    ) -> Answer:
        """Lists events, newest first."""
        job, version = await training_job(joblog, request, "read")
        return await events(joblog, job, version, dict(request.query_params))

    @get("/training-job-engines", summary="What training jobs can run with")
    async def v2_list_engines(self, joblog: State, request: Call) -> Answer:
        """Names one engine, which stands for whatever the jobs of this project really use."""
        project_of(joblog, request, "read")
        image = {"cpu_image_url": "", "gpu_image_url": "", "image_version": ""}
        engine = {"engine_id": "external", "engine_name": "external", "engine_version": "external", "v1_compatible": True}
        return {"total": 1, "items": [engine | {"run_user": "", "image_info": image}]}

    @get("/training-job-flavors", summary="What training jobs can run on")
    async def v2_list_flavors(self, joblog: State, request: Call, flavor_type: FlavorType = None) -> Answer:
        """Names one flavor, which stands for wherever the jobs of this project really run, whatever its type."""
        project_of(joblog, request, "read")
        none = {"unit_num": 0, "product_name": "", "memory": ""}
        size = {"size": 0, "unit": "GB"}
        info = {"max_num": MAX_JOBS, "cpu": {"arch": "", "core_num": 0}, "gpu": none, "npu": none, "memory": size, "disk": size}
        flavor = {"flavor_id": "external", "flavor_name": "external", "flavor_type": flavor_type or "CPU", "max_num": MAX_JOBS}
        flavor |= {"billing": {"code": "", "unit_num": 0}, "flavor_info": info, "attributes": {}}
        return {"total_count": 1, "flavors": [flavor]}


async def _remove(joblog: State, job: Job, version: Version) -> None:
    now_ms = joblog.engine.clock_ms()
    await joblog.writing(joblog.engine.jobs.delete_version, version, now_ms)
    if not await joblog.reading(joblog.engine.names.all_versions, job.id):
        await joblog.writing(joblog.engine.jobs.delete_job, job, now_ms)


def _ids(body: Answer) -> list[str]:
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
