"""A project's jobs, and its runs, at a glance: each with what its logs add up to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct

from joblog.catalog.database import Database, Value
from joblog.catalog.runs import label_columns
from joblog.core.labels import unpacked
from joblog.core.status import Status
from joblog.errors import NotFound

SORTS = ("recent", "name", "status", "duration", "runs")


@dataclass(frozen=True)
class Wanted:
    """Which jobs: ``text`` stands in the name, in any case; ``statuses`` of the latest version, all when empty.

    ``labels``, as ``team=vision`` or ``team``: the job has all of them.
    """

    text: str = ""
    statuses: Collection[Status] = ()
    sort: str = "recent"
    descending: bool = True
    offset: int = 0
    limit: int = 50
    labels: Sequence[str] = ()


class RunRow(Struct, frozen=True):
    """A version and its logs together; ``worker`` has the newest bytes, None where no log has any."""

    id: int
    number: int
    run_id: str | None
    status: Status
    reason: str | None
    expected_tasks: int | None
    started_ms: int | None
    ended_ms: int | None
    created_ms: int
    logs: int
    open_logs: int
    size_bytes: int
    appended_ms: int
    first_worker: int | None
    worker: int | None
    title: str | None
    command: str | None
    host: str | None
    user: str | None
    commit: str | None


class JobRow(Struct, frozen=True):
    """A job, and its latest version if it has one."""

    id: int
    name: str
    created_ms: int
    labels: dict[str, str]
    note: str
    last: RunRow | None


class ListedRow(NamedTuple):
    """A run and its job."""

    job_id: int
    job_name: str
    run: RunRow


class Overview:
    """Lists jobs. All methods block."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def jobs(self, project_id: str, wanted: Wanted, now_ms: int) -> tuple[list[JobRow], int, dict[Status, int]]:
        """Returns a page, how many jobs there are in all pages, and how many of each status, whichever are wanted.

        Raises NotFound for the project, Invalid for labels. The whole costs two walks over the project's jobs; what the logs
        add up to is looked up for the page alone.
        """
        if not self._db.rows("project", id=project_id):
            raise NotFound("project", project_id)
        statuses = "".join(f",{int(status)}" for status in wanted.statuses)
        which: dict[str, Value] = {"project_id": project_id, "like": _pattern(wanted.text)}
        which |= label_columns(wanted.labels)
        named = wanted.sort == "name"
        rows = self._db.rows(
            "overview",
            **which,
            statuses=statuses and statuses + ",",
            sort="-name" if named and wanted.descending else wanted.sort,
            sign=-1 if wanted.descending else 1,
            now_ms=now_ms,
            limit=wanted.limit,
            offset=wanted.offset,
        )
        counts = {int(status): int(count) for status, count in self._db.rows("overview_count", **which)}
        total = sum(count for status, count in counts.items() if not wanted.statuses or status in wanted.statuses)
        listed = [
            JobRow(row[0], row[1], row[2], unpacked(row[3]), row[4], None if row[5] is None else self._run(*row[5:]))
            for row in rows
        ]
        return listed, total, {Status(status): count for status, count in counts.items() if status in list(Status)}

    def runs(self, project_id: str, job_id: int | None, wanted: Wanted) -> tuple[list[ListedRow], int]:
        """Returns a page of runs, of one job where one is named, the newest first, and how many there are in all pages.

        Of ``wanted`` text and sort are not used. Raises NotFound for the project, Invalid for labels.
        """
        if not self._db.rows("project", id=project_id):
            raise NotFound("project", project_id)
        statuses = "".join(f",{int(status)}" for status in wanted.statuses)
        which: dict[str, Value] = {"project_id": project_id, "job_id": job_id or 0, "statuses": statuses and statuses + ","}
        which |= label_columns(wanted.labels)
        rows = self._db.rows("overview_runs", **which, limit=wanted.limit, offset=wanted.offset)
        count = int(self._db.rows("overview_runs_count", **which)[0][0])
        return [ListedRow(row[0], row[1], self._run(*row[2:])) for row in rows], count

    def _run(self, version_id: int, number: int, run_id: str | None, status: int, *rest: object) -> RunRow:
        logs, size, appended_ms, opened = self._db.rows("overview_logs", version_id=version_id)[0]
        newest = self._db.rows("overview_last_worker", version_id=version_id)
        first = self._db.rows("overview_first_worker", version_id=version_id)[0][0]
        reason, expected, started_ms, ended_ms, created_ms, *described = rest
        worker = newest[0][0] if newest else None
        return RunRow(
            version_id, number, run_id, Status(status), reason, expected, started_ms, ended_ms, created_ms,  # type: ignore[arg-type]  # rows are of any values
            int(logs), int(opened), int(size), int(appended_ms), first, worker, *described,  # type: ignore[arg-type]  # likewise
        )  # fmt: skip


def _pattern(text: str) -> str:
    """Returns the LIKE pattern of what stands anywhere in a name."""
    escaped = text.lower()
    for special in "!%_":
        escaped = escaped.replace(special, "!" + special)
    return f"%{escaped}%"
