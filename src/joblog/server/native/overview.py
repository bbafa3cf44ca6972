"""The native API's jobs at a glance, as the viewer's first page shows them: one call for all that it shows."""

from __future__ import annotations

import asyncio
from typing import Annotated

from msgspec import Struct

from joblog.catalog.overview import SORTS, JobRow, LastRun, Wanted
from joblog.core import lines
from joblog.core.logs import Log
from joblog.core.status import Status
from joblog.engine.engine import Engine
from joblog.engine.progress_view import Watch
from joblog.errors import Invalid, JoblogError
from joblog.server.http.parameters import Labels, Limit, Parameter, number, text
from joblog.server.http.routes import Calls
from joblog.server.native.states import status_named
from joblog.server.state import State

calls = Calls("/api/projects/{project_id}/overview", "jobs")

MAX_OFFSET = 10_000_000
MAX_SEARCH = 64

_LAST_BYTES = 1024
"""What of a log's end is looked at for its last line."""

_SORTS = f"one of {', '.join(SORTS)}, with or without - in front"


def _order(name: str, value: str) -> str:
    if value.removeprefix("-") not in SORTS:
        raise Invalid(name, _SORTS, value)
    return value


Search = Annotated[str, text("stands in the job's name, in any case", most=MAX_SEARCH)]
Statuses = Annotated[str, text("of the latest version: one, or several with commas between them")]
Sort = Annotated[
    str,
    Parameter(
        f"one of {', '.join(SORTS)}, - in front: descending. -recent by default",
        _SORTS,
        _order,
        {"type": "string", "enum": [sign + each for each in SORTS for sign in ("", "-")]},
    ),
]
Offset = Annotated[int, number(0, MAX_OFFSET, "jobs to skip, 0 by default")]


class BarView(Struct):
    """How far a run is, as its own progress bar or counter says: ``fraction`` 0 to 1, null what it does not say.

    ``remaining_s`` is left of what the bar counts, ``run_remaining_s`` of the run.
    """

    label: str
    done: float | None
    total: float | None
    fraction: float | None
    remaining_s: float | None
    run_remaining_s: float | None


class LastRunView(Struct):
    """A job's latest version; its logs together; last line and progress are of the log that has the newest bytes.

    ``progress`` is null where that draws no bar, and for a run that has ended.
    """

    id: int
    name: str
    run_id: str | None
    status: str
    reason: str | None
    expected_tasks: int | None
    started_ms: int | None
    ended_ms: int | None
    logs: int
    open_logs: int
    size_bytes: int
    appended_ms: int
    first_task: str | None
    last_task: str | None
    last_line: str
    progress: BarView | None


class JobRowView(Struct):
    """A job at a glance; ``runs`` is the number of its latest version."""

    id: int
    name: str
    created_ms: int
    labels: dict[str, str]
    runs: int
    last: LastRunView | None


class OverviewView(Struct):
    """A page of jobs, and how many there are in all pages; ``now_ms`` is the server's clock."""

    items: list[JobRowView]
    total: int
    now_ms: int


@calls.get("", "read", "A project's jobs at a glance")
async def get_overview(
    joblog: State,
    project_id: str,
    search: Search = "",
    status: Statuses = "",
    label: Labels | None = None,
    sort: Sort = "-recent",
    offset: Offset = 0,
    limit: Limit = 100,
) -> OverviewView:
    """Lists jobs with their latest versions: state, ranks, size, last line."""
    statuses = [status_named(name, tuple(Status)) for name in status.split(",")] if status else []
    wanted = Wanted(search, statuses, sort.removeprefix("-"), sort.startswith("-"), offset, limit, label or ())
    return await asyncio.to_thread(_overview, joblog, project_id, wanted)


def _overview(joblog: State, project_id: str, wanted: Wanted) -> OverviewView:
    now_ms = joblog.engine.clock_ms()
    rows, total = joblog.engine.overview.jobs(project_id, wanted, now_ms)
    return OverviewView([_row(joblog, project_id, row) for row in rows], total, now_ms)


def _row(joblog: State, project_id: str, row: JobRow) -> JobRowView:
    last = None if row.last is None else _last(joblog, project_id, row.id, row.last)
    return JobRowView(row.id, row.name, row.created_ms, row.labels, 0 if row.last is None else row.last.number, last)


def _last(joblog: State, project_id: str, job_id: int, last: LastRun) -> LastRunView:
    line, progress = "", None
    if last.worker is not None:
        try:
            log = joblog.engine.log(project_id, job_id, last.id, last.worker)
            line = _last_line(joblog.engine, log)
            progress = _progress(joblog.watch, log) if last.status is Status.RUNNING else None
        except JoblogError:
            pass  # deleted meanwhile, or not readable now: the list is shown all the same
    return LastRunView(
        last.id, f"V{last.number:04d}", last.run_id, last.status.name, last.reason, last.expected_tasks, last.started_ms,
        last.ended_ms, last.logs, last.open_logs, last.size_bytes, last.appended_ms, _task(last.first_worker),
        _task(last.worker), line, progress,
    )  # fmt: skip


def _progress(watch: Watch, log: Log) -> BarView | None:
    """Returns the bar that moved last, of those that know how far they are."""
    bars = [bar for bar in watch.progress(log) if bar.fraction is not None]
    if not bars:
        return None
    bar = bars[-1]
    return BarView(bar.label, bar.done, bar.total, bar.fraction, bar.remaining_s, bar.run_remaining_s)


def _last_line(engine: Engine, log: Log) -> str:
    def end(head: Log) -> tuple[int, int]:
        return max(head.end_byte - _LAST_BYTES, head.start_byte), head.end_byte

    data = engine.query.characters(log, end, backwards=False).data
    shown = [part for part in data.replace(b"\r", b"\n").split(b"\n") if part.strip()]
    return lines.text(shown[-1]) if shown else ""


def _task(worker: int | None) -> str | None:
    return None if worker is None else f"worker-{worker}"
