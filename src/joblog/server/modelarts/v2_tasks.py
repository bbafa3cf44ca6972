"""ModelArts' v2 calls for reading a task's log: lines, the last 5 MiB, a link that needs no credentials."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any

from msgspec import Struct

from joblog.catalog.modelarts_jobs import TaskReport
from joblog.core import lines
from joblog.core.jobs import VersionRow
from joblog.core.logs import Head
from joblog.core.names import worker_of_task
from joblog.engine.engine import Engine
from joblog.engine.read import Page
from joblog.errors import Invalid, NoLogYet, NotFound
from joblog.server.http.answers import Answer
from joblog.server.http.base_url import base_url
from joblog.server.http.parameters import choice, number
from joblog.server.http.routes import Call, Calls
from joblog.server.modelarts.bodies import json_body, object_schema, text_of
from joblog.server.modelarts.v1_logs import DEFAULT_LINES, MAX_LINES, BaseLine, LogCalls, Order, TaskLineAnswer, line_span
from joblog.server.modelarts.v2_bodies import known, training_job
from joblog.server.native.download_links import CONTENT_TYPES, link_path
from joblog.server.state import State

METRICS = ("cpuUsage", "memUsage", "gpuUtil", "gpuMemUsage", "npuUtil", "npuMemUsage")

MAX_KIND = 64
_KIND = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,64}")

Body = dict[str, Any]

_REPORT = object_schema(type={"type": "string", "maxLength": MAX_KIND})

PREVIEW_BYTES = 5 * 1024 * 1024

Lines = Annotated[int, number(1, MAX_LINES, f"1 to {MAX_LINES}, {DEFAULT_LINES} by default").in_blanks()]
ContentType = Annotated[
    str, choice(*CONTENT_TYPES, description=" or ".join(CONTENT_TYPES), any_case=True).in_blanks().named("Content-Type")
]


class PreviewAnswer(Struct):
    """The log's last bytes, whole characters; sizes in bytes."""

    content: str
    current_size: int
    full_size: int


class LinkAnswer(Struct):
    """A link to the whole log."""

    obs_url: str


calls = Calls("/v2/{project_id}/training-jobs/{training_job_id}", "ModelArts v2")


@calls.get("/logs/{task_id}", "read", "Read a task's log by lines", answer=TaskLineAnswer)
async def v2_read_log_lines(
    joblog: State,
    log_calls: LogCalls,
    call: Call,
    base_line: BaseLine = "",
    lines: Lines = DEFAULT_LINES,
    order: Order = "desc",
) -> Answer:
    """Answers as v1's ``aom-log`` does."""
    log = await task_log(joblog, call)
    return await log_calls.lines(log, line_span(base_line, lines, order), TaskLineAnswer)


@calls.get("/tasks/{task_id}/logs/preview", "read", "Read a task's last 5 MiB")
async def v2_preview_log(joblog: State, call: Call) -> PreviewAnswer:
    """Returns the whole log or its last 5 MiB."""
    log = await task_log(joblog, call)
    page = await asyncio.to_thread(_last, joblog.engine, log)
    return PreviewAnswer(lines.text(page.data), len(page.data), page.log.end_byte)


@calls.get("/tasks/{task_id}/logs/url", "read", "Get a link to a task's log that needs no credentials")
async def v2_get_log_link(joblog: State, call: Call, content_type: ContentType = "") -> LinkAnswer:
    """Returns a link that is good for five minutes and streams a log of any size, with ``Range``."""
    log = await task_log(joblog, call)
    wanted, now_ms = content_type or _content_type(call), joblog.engine.clock_ms()
    name = f"modelarts-job-{call.path['training_job_id']}-{log.task}.log"
    path = link_path(joblog.engine.vault, log, name, wanted, now_ms)
    return LinkAnswer(base_url(call.scope, joblog.engine.settings) + path)


@calls.get("/metrics/{task_id}", "read", "What was measured of a task")
async def v2_get_task_metrics(joblog: State, call: Call) -> Body:
    """Names what ModelArts measures, each with no values: joblog measures nothing."""
    await _task(joblog, call)
    return {"metrics": [{"metric": name, "value": []} for name in METRICS]}


@calls.post("/tasks/{task_id}/reports/{report_type}", "write", "Report an event of a task", body=_REPORT)
async def v2_report_event(joblog: State, call: Call) -> Body:
    """Keeps what a task reports; it is an event of its training job."""
    task, version = await _task(joblog, call)
    kind = text_of(await json_body(call), "type", "", MAX_KIND) or call.path["report_type"]
    if not _KIND.fullmatch(kind):
        raise Invalid("type", f"1 to {MAX_KIND} characters without control characters", kind)
    report = TaskReport(joblog.engine.clock_ms(), task, kind)
    await joblog.writing(joblog.engine.jobs.add_report, version.id, report)
    return {}


async def _task(joblog: State, call: Call) -> tuple[str, VersionRow]:
    """Returns the task that the path names, which is known or still to come, and its version; there is a first one always."""
    job, version = await training_job(joblog, call)
    task_id = call.path["task_id"]
    if task_id not in ((await known(joblog, job, version)).tasks or ["worker-0"]):
        raise NotFound("task", task_id)
    return task_id, version


def _content_type(call: Call) -> str:
    """Returns the type that a header asks for: there it stands on every request of some clients, whatever they want.

    Huawei's table has it as a header, its sample and its clients as a parameter.
    """
    sent = (call.header(b"content-type") or "").partition(";")[0].strip().lower()
    return sent if sent in CONTENT_TYPES else CONTENT_TYPES[0]


async def task_log(joblog: State, call: Call) -> Head:
    """Returns the log of the task that the path names; raises NoLogYet for a task that has none."""
    job, version = await training_job(joblog, call)
    task_id = call.path["task_id"]
    try:
        return await joblog.heads.log(job.project_id, job.id, version.id, worker_of_task(task_id))
    except (NotFound, Invalid) as error:
        raise NoLogYet("log of task", task_id) from error


def _last(engine: Engine, log: Head) -> Page:
    return engine.reader.characters(log, _last_bytes, backwards=False)


def _last_bytes(log: Head) -> tuple[int, int]:
    return max(log.start_byte, log.end_byte - PREVIEW_BYTES), log.end_byte
