"""The native API's jobs and runs at a glance: one call for all that a list of them shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, Any

from joblog.api.values.overview import Bar, JobPage, JobSummary, RunPage, RunSummary
from joblog.catalog.job_lists import KEYS, Place
from joblog.catalog.overview import SORTS, JobRow, RunRow, Wanted
from joblog.catalog.watching import AlertRow
from joblog.core import lines
from joblog.core.logs import Head
from joblog.core.names import MAX_ID
from joblog.core.status import Status
from joblog.engine.engine import Engine
from joblog.engine.progress_view import Watch
from joblog.errors import Invalid, JoblogError
from joblog.server.http.parameters import Labels, Limit, Parameter, number, text
from joblog.server.http.routes import KNOWN, Call, Calls
from joblog.server.native.states import status_named
from joblog.server.state import State

calls = Calls("/api/projects/{project_id}", "jobs")

MAX_OFFSET = 10_000_000
MAX_SEARCH = 64

_RUNS, _RUN_KEYS = "-created", 2
"""The one order of runs, as ``next`` names it, and how many values a place in it has."""

_NUMBER = re.compile(r"-1|[0-9]{1,18}", re.ASCII)

_LAST_BYTES = 1024
"""What of a log's end is looked at for its last line."""

Alerts = dict[int, tuple[int, AlertRow]]

_SORTS = f"one of {', '.join(SORTS)}, with or without - in front"


def _order(name: str, value: str) -> str:
    if value.removeprefix("-") not in SORTS:
        raise Invalid(name, _SORTS, value)
    return value


Search = Annotated[str, text("stands in the job's name, in any case", most=MAX_SEARCH)]
Statuses = Annotated[str, text("of the latest version: one, or several with commas between them")]
RunStatuses = Annotated[str, text("of the run: one, or several with commas between them")]
Sort = Annotated[
    str,
    Parameter(
        f"one of {', '.join(SORTS)}, - in front: descending. -recent by default",
        _SORTS,
        _order,
        {"type": "string", "enum": [sign + each for each in SORTS for sign in ("", "-")]},
    ),
]
Offset = Annotated[int, number(0, MAX_OFFSET, "items to skip, 0 by default")]
After = Annotated[str, text("`next` of another page in this order: the page that follows it")]
JobId = Annotated[int, number(1, MAX_ID, "keeps the runs of the job of this id")]


@calls.get("/overview", "read", "A project's jobs at a glance")
async def get_overview(
    joblog: State,
    project_id: str,
    search: Search = "",
    status: Statuses = "",
    label: Labels | None = None,
    sort: Sort = "-recent",
    offset: Offset = 0,
    limit: Limit = 100,
    after: After = "",
) -> JobPage:
    """Lists jobs with their latest versions: state, ranks, size, last line; and counts those that match by their states."""
    order, descending, place = sort.removeprefix("-"), sort.startswith("-"), _place(after, sort)
    wanted = Wanted(search, statuses_named(status), order, descending, offset, limit, label or (), place)
    return await asyncio.to_thread(_overview, joblog, project_id, wanted)


@calls.get("/runs", KNOWN, "A project's runs at a glance")
async def list_runs(
    joblog: State,
    call: Call,
    project_id: str,
    job: JobId | None = None,
    status: Statuses = "",
    label: Labels | None = None,
    offset: Offset = 0,
    limit: Limit = 100,
    after: After = "",
) -> RunPage:
    """Lists runs, the newest first: state, ranks, size, last line."""
    only = joblog.auth.token(call.headers).job_id
    joblog.auth.allowed(call.headers, "read", project_id, only if job is None else job)
    place = _place(after, _RUNS)
    wanted = Wanted(statuses=statuses_named(status), offset=offset, limit=limit, labels=label or (), after=place)
    return await asyncio.to_thread(_runs, joblog, project_id, only if job is None else job, wanted)


def statuses_named(names: str) -> list[Status]:
    """Returns the states that a parameter names; raises Invalid."""
    return [status_named(name, tuple(Status)) for name in names.split(",")] if names else []


def _place(text: str, sort: str) -> Place | None:
    """Returns the place that ``next`` of a page in this order says; raises Invalid."""
    if not text:
        return None
    order, *values = text.split(".")
    count = _RUN_KEYS if sort == _RUNS else KEYS[sort.removeprefix("-")]
    if order == sort and count and len(values) == count:
        if sort.removeprefix("-") == "name":
            return tuple(values)
        if all(_NUMBER.fullmatch(value) for value in values):
            return tuple(map(int, values))
    raise Invalid("after", f"`next` of a page that is sorted by {sort}", text)


def _next(sort: str, end: Place | None) -> str | None:
    return None if end is None else ".".join((sort, *map(str, end)))


def _runs(joblog: State, project_id: str, job_id: int | None, wanted: Wanted) -> RunPage:
    rows, total, end = joblog.engine.overview.runs(project_id, job_id, wanted)
    heads = joblog.engine.logs.heads([row.run.newest_log for row in rows if row.run.newest_log])
    ids = [row.run.id for row in rows]
    alerts, notes = joblog.engine.watching.alerts_of_runs(ids), joblog.engine.jobs.notes(ids)
    items = [_run(joblog, heads, *row, **_alerted(alerts, row.run.id), note=notes.get(row.run.id, "")) for row in rows]
    return RunPage(items, total, joblog.engine.clock_ms(), _next(_RUNS, end))


def _overview(joblog: State, project_id: str, wanted: Wanted) -> JobPage:
    now_ms = joblog.engine.clock_ms()
    rows, total, states, end = joblog.engine.overview.jobs(project_id, wanted, now_ms)
    heads = joblog.engine.logs.heads([row.last.newest_log for row in rows if row.last and row.last.newest_log])
    alerts = joblog.engine.watching.alerts_of_runs([row.last.id for row in rows if row.last is not None])
    sort = "-" * wanted.descending + wanted.sort
    by_name = {status.name: count for status, count in sorted(states.items())}
    return JobPage([_job(joblog, heads, row, alerts) for row in rows], total, now_ms, by_name, _next(sort, end))


def _job(joblog: State, heads: Mapping[int, Head], row: JobRow, alerts: Alerts) -> JobSummary:
    last = None
    if row.last is not None:
        last = _run(joblog, heads, row.id, row.name, row.last, **_alerted(alerts, row.last.id))
    return JobSummary(row.id, row.name, row.created_ms, row.labels, row.note, row.runs, last)


def _run(joblog: State, heads: Mapping[int, Head], job_id: int, job_name: str, run: RunRow, **more: Any) -> RunSummary:
    line, progress, log = "", None, heads.get(run.newest_log or 0)
    if log is not None:
        try:
            line = _last_line(joblog.engine, log)
            progress = _progress(joblog.watch, log) if run.status is Status.RUNNING else None
        except JoblogError:
            pass  # deleted meanwhile, or not readable now: the list is shown all the same
    return RunSummary(
        run.id, f"V{run.number:04d}", job_id, job_name, run.created_ms, run.run_id, run.status.name, run.reason,
        run.expected_tasks, run.started_ms, run.ended_ms, run.logs, run.open_logs, run.size_bytes, run.appended_ms,
        _task(run.first_worker), _task(log.worker if log else None), line, progress,
        run.title, run.command, run.host, run.user, run.commit, **more,
    )  # fmt: skip


def _alerted(alerts: Alerts, run_id: int) -> dict[str, Any]:
    """Returns how many alerts a run has, and the newest."""
    count, newest = alerts.get(run_id, (0, None))
    return {"alerts": count, "alert": None if newest is None else newest.reason}


def _progress(watch: Watch, log: Head) -> Bar | None:
    """Returns the bar that moved last, of those that know how far they are."""
    bars = [bar for bar in watch.progress(log) if bar.fraction is not None]
    if not bars:
        return None
    bar = bars[-1]
    return Bar(bar.label, bar.done, bar.total, bar.fraction, bar.remaining_s, bar.run_remaining_s)


def _last_line(engine: Engine, log: Head) -> str:
    def end(head: Head) -> tuple[int, int]:
        return max(head.end_byte - _LAST_BYTES, head.start_byte), head.end_byte

    data = engine.reader.characters(log, end, backwards=False).data
    shown = [part for part in data.replace(b"\r", b"\n").split(b"\n") if part.strip()]
    return lines.text(shown[-1]) if shown else ""


def _task(worker: int | None) -> str | None:
    return None if worker is None else f"worker-{worker}"
