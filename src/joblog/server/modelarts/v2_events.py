"""What has happened to a training job, in v2's words. It follows from what is known anyway, but for what tasks report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from joblog.api.values import Job, RecordedGap
from joblog.core.jobs import TaskRow, VersionRow
from joblog.core.logs import Head
from joblog.core.status import OVER, Status
from joblog.server.state import State

MAX_EVENTS = 100
DEFAULT_EVENTS = 50

LEVELS = ("Info", "Warning", "Error")

SOURCES = ("K8S", "Job", "Task")
"""Whose events there may be; joblog has none of K8S."""

MAX_PATTERN = 256

_MAX_LOGS = 10_000


class Event(Struct, frozen=True):
    """Something that happened."""

    at_ms: int
    level: str
    source: str
    message: str


def page(events: list[Event], offset: int, limit: int, order: str) -> dict[str, Any]:
    """Returns a page of events, newest first unless ``order`` is ``asc``."""
    events = sorted(events, key=lambda event: event.at_ms, reverse=order == "desc")
    shown = [
        {"message": event.message, "level": event.level, "time": _time(event.at_ms), "source": event.source}
        for event in events[offset : offset + limit]
    ]
    return {"total": len(events), "limit": limit, "offset": offset, "order": order, "events": shown}


async def happened(joblog: State, job: Job, version: VersionRow) -> list[Event]:
    engine = joblog.engine
    versions = await joblog.reading(engine.runs.all_versions, job.id)
    tasks = await joblog.reading(engine.states.tasks, version.id, -1, _MAX_LOGS)
    logs = await joblog.reading(engine.runs.logs, job.project_id, job.id, version.id, -1, _MAX_LOGS)
    reports = await joblog.reading(engine.jobs.reports, version.id)
    gaps = [(log, await joblog.reading(engine.logs.gaps, log.id)) for log in logs if log.lost_bytes or log.start_byte]
    return [
        *_of_version(version, versions),
        *(event for task in tasks for event in _of_task(task)),
        *(Event(each.at_ms, "Info", "Task", f"{each.task} has reported {each.kind}.") for each in reports),
        *(_of_gap(log, gap) for log, gaps_of_log in gaps for gap in gaps_of_log),
        *(_of_closed(log, log.closed_ms) for log in logs if log.closed_ms is not None),
    ]


def _of_version(version: VersionRow, versions: list[VersionRow]) -> Iterator[Event]:
    yield Event(version.created_ms, "Info", "Job", f"Training job {version.name} was created.")
    for other in versions:
        if other.number > version.number:
            yield Event(other.created_ms, "Info", "Job", f"Attempt {other.name} of the same job was created.")
    if version.started_ms is not None:
        yield Event(version.started_ms, "Info", "Job", "The training job has started.")
    if version.stop_ms is not None:
        yield Event(version.stop_ms, "Warning", "Job", "The training job was asked to stop.")
    if version.ended_ms is not None:
        level = "Info" if version.status is Status.COMPLETED else "Warning" if version.status is Status.KILLED else "Error"
        why = f" ({version.reason})" if version.reason else ""
        yield Event(version.ended_ms, level, "Job", f"The training job has ended: {version.status.name}{why}.")


def _of_task(task: TaskRow) -> Iterator[Event]:
    where = f" on {task.host}" if task.host else ""
    again = f" for the {task.starts}. time" if task.starts > 1 else ""
    yield Event(task.started_ms, "Info", "Task", f"{task.name} has started{where}{again}.")
    if task.ended_ms is not None and task.status in OVER:
        facts = [f"exit code {task.exit_code}" if task.exit_code is not None else "", task.signal or "", task.reason or ""]
        how = ", ".join(fact for fact in facts if fact)
        level = "Info" if task.status is Status.COMPLETED else "Error"
        yield Event(task.ended_ms, level, "Task", f"{task.name} has ended: {task.status.name}" + (f" ({how})." if how else "."))


def _of_gap(log: Head, gap: RecordedGap) -> Event:
    message = f"{gap.size_bytes} bytes are not in the log of {log.task} at byte {gap.at_byte}: {gap.reason}."
    return Event(gap.recorded_ms, "Info" if gap.reason == "retention" else "Warning", "Task", message)


def _of_closed(log: Head, closed_ms: int) -> Event:
    if log.complete:
        return Event(closed_ms, "Info", "Task", f"The log of {log.task} is complete: {log.end_byte} bytes, verified.")
    level, how = ("Info", "not verified") if log.complete is None else ("Error", "not all that was written")
    return Event(closed_ms, level, "Task", f"The log of {log.task} was closed at {log.end_byte} bytes, {how}.")


def _time(at_ms: int) -> str:
    return re.sub(r"\+00:00$", "Z", datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds"))
