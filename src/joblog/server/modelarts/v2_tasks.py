"""ModelArts' v2 calls for reading a task's log: lines, the last 5 MiB, a link that needs no credentials."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any

from litestar import Controller, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter, QueryParameter
from litestar.response import Response
from msgspec import Struct

from joblog.catalog.modelarts_jobs import TaskReport
from joblog.core import lines
from joblog.core.jobs import Version
from joblog.core.logs import Log
from joblog.core.names import worker_of_task
from joblog.engine.engine import Engine
from joblog.engine.read import Page
from joblog.errors import Invalid, NoLogYet, NotFound
from joblog.server.http.answers import query_parameters
from joblog.server.http.streams import Streamed
from joblog.server.modelarts.bodies import JsonBody, json_body, text_of
from joblog.server.modelarts.v1_logs import DEFAULT_LINES, MAX_LINES, LogCalls, TaskLineAnswer
from joblog.server.modelarts.v1_logs_docs import whole
from joblog.server.modelarts.v2_bodies import known, training_job
from joblog.server.modelarts.v3_identity import base_url
from joblog.server.native.download_links import CONTENT_TYPES, link_path
from joblog.server.state import Call, State

METRICS = ("cpuUsage", "memUsage", "gpuUtil", "gpuMemUsage", "npuUtil", "npuMemUsage")

MAX_KIND = 64
_KIND = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,64}")

Answer = dict[str, Any]

PREVIEW_BYTES = 5 * 1024 * 1024

BaseLine = Annotated[str | None, Parameter(description="a position from an earlier answer; empty: the latest lines")]
Lines = Annotated[str | None, Parameter(description=f"1 to {MAX_LINES}, {DEFAULT_LINES} by default")]
Order = Annotated[str | None, Parameter(description="desc (default): towards newer lines; asc: older")]


ContentType = Annotated[str | None, QueryParameter(name="Content-Type", description=" or ".join(CONTENT_TYPES))]


class PreviewAnswer(Struct):
    """The log's last bytes, whole characters; sizes in bytes."""

    content: str
    current_size: int
    full_size: int


class LinkAnswer(Struct):
    """A link to the whole log."""

    obs_url: str


class TaskCalls(Controller):
    """The v2 calls for logs."""

    path = "/v2/{project_id:str}/training-jobs/{training_job_id:str}"
    tags = ("ModelArts v2",)

    @get("/logs/{task_id:str}", summary="Read a task's log by lines", responses={200: ResponseSpec(TaskLineAnswer)})
    async def v2_read_log_lines(
        self,
        joblog: State,
        log_calls: LogCalls,
        request: Call,
        base_line: BaseLine = None,
        lines: Lines = None,
        order: Order = None,
    ) -> Response[Any]:
        """Answers as v1's ``aom-log`` does."""
        log = await task_log(joblog, request)
        answer = await log_calls.lines(lambda: log, query_parameters(request.scope["query_string"]), 1, TaskLineAnswer)
        if answer.rest is not None:
            return Streamed(whole(answer.body, answer.rest), media_type="application/json")
        return Response(answer.body, media_type="application/json")

    @get("/tasks/{task_id:str}/logs/preview", summary="Read a task's last 5 MiB")
    async def v2_preview_log(self, joblog: State, request: Call) -> PreviewAnswer:
        """Returns the whole log or its last 5 MiB."""
        log = await task_log(joblog, request)
        page = await asyncio.to_thread(_last, joblog.engine, log)
        return PreviewAnswer(lines.text(page.data), len(page.data), page.log.end_byte)

    @get("/tasks/{task_id:str}/logs/url", summary="Get a link to a task's log that needs no credentials")
    async def v2_get_log_link(self, joblog: State, request: Call, content_type: ContentType = None) -> LinkAnswer:
        """Returns a link that is good for five minutes and streams a log of any size, with ``Range``."""
        log = await task_log(joblog, request)
        wanted, now_ms = _content_type(request), joblog.engine.clock_ms()
        name = f"modelarts-job-{request.path_params['training_job_id']}-{log.task}.log"
        path = link_path(joblog.engine.vault, log, name, wanted, now_ms)
        return LinkAnswer(base_url(request.scope, joblog.engine.settings) + path)

    @get("/metrics/{task_id:str}", summary="What was measured of a task")
    async def v2_get_task_metrics(self, joblog: State, request: Call) -> Answer:
        """Names what ModelArts measures, each with no values: joblog measures nothing."""
        await _task(joblog, request, "read")
        return {"metrics": [{"metric": name, "value": []} for name in METRICS]}

    @post(
        "/tasks/{task_id:str}/reports/{report_type:str}",
        summary="Report an event of a task",
        status_code=200,
        operation_class=JsonBody,
    )
    async def v2_report_event(self, joblog: State, request: Call) -> Answer:
        """Keeps what a task reports; it is an event of its training job."""
        task, version = await _task(joblog, request, "write")
        kind = text_of(await json_body(request), "type", "", MAX_KIND) or str(request.path_params["report_type"])
        if not _KIND.fullmatch(kind):
            raise Invalid("type", f"1 to {MAX_KIND} characters without control characters", kind)
        report = TaskReport(joblog.engine.clock_ms(), task, kind)
        await joblog.writing(joblog.engine.jobs.add_report, version.id, report)
        return {}


async def _task(joblog: State, request: Call, right: str) -> tuple[str, Version]:
    """Returns the task that the path names, which is known or still to come, and its version; there is a first one always."""
    job, version = await training_job(joblog, request, right)
    task_id = str(request.path_params["task_id"])
    if task_id not in ((await known(joblog, job, version)).tasks or ["worker-0"]):
        raise NotFound("task", task_id)
    return task_id, version


def _content_type(request: Call) -> str:
    """Returns the type asked for; Huawei's table has it as a header, its sample and its clients as a parameter."""
    parameters = query_parameters(request.scope["query_string"])
    asked = parameters.get("Content-Type") or parameters.get("content-type")
    if asked is None:
        # As a header it stands on every request of some clients, whatever they want.
        sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        return sent if sent in CONTENT_TYPES else CONTENT_TYPES[0]
    if asked.strip().lower() not in CONTENT_TYPES:
        raise Invalid("Content-Type", " or ".join(CONTENT_TYPES), asked)
    return asked.strip().lower()


async def task_log(joblog: State, request: Call) -> Log:
    """Returns the log of the task that the path names; raises NoLogYet for a task that has none."""
    job, version = await training_job(joblog, request, "read")
    task_id = str(request.path_params["task_id"])
    try:
        return await joblog.reading(joblog.engine.log, job.project_id, job.id, version.id, worker_of_task(task_id))
    except (NotFound, Invalid) as error:
        raise NoLogYet("log of task", task_id) from error


def _last(engine: Engine, log: Log) -> Page:
    return engine.query.characters(log, _last_bytes, backwards=False)


def _last_bytes(log: Log) -> tuple[int, int]:
    return max(log.start_byte, log.end_byte - PREVIEW_BYTES), log.end_byte
