"""A project's jobs, and its runs, at a glance: each with what its logs add up to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct

from joblog.catalog.database import Database, Row, batches
from joblog.catalog.job_lists import NONE, JobFilter, JobLists, PageOf, Place, label_columns
from joblog.core.labels import unpacked
from joblog.core.status import Status
from joblog.errors import NotFound

SORTS = ("recent", "name", "status", "duration", "runs")

_END = 2**63 - 1


@dataclass(frozen=True)
class Wanted:
    """Which jobs: ``text`` stands in the name, in any case; ``statuses`` of the latest version, all when empty.

    ``labels``, as ``team=vision`` or ``team``: the job has all of them. ``after`` is the place where another page ended.
    """

    text: str = ""
    statuses: Collection[Status] = ()
    sort: str = "recent"
    descending: bool = True
    offset: int = 0
    limit: int = 50
    labels: Sequence[str] = ()
    after: Place | None = None


class RunRow(Struct, frozen=True):
    """A version and its logs together; ``newest_log`` has the newest bytes, None where no log has any."""

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
    newest_log: int | None
    title: str | None
    command: str | None
    host: str | None
    user: str | None
    commit: str | None


class JobRow(Struct, frozen=True):
    """A job, how many runs it has, and the latest if there is one."""

    id: int
    name: str
    created_ms: int
    labels: dict[str, str]
    note: str
    runs: int
    last: RunRow | None


class JobRows(NamedTuple):
    """A page, how many jobs there are in all pages, how many are how, and where the page ends, None in some orders."""

    jobs: list[JobRow]
    total: int
    states: dict[Status, int]
    """Whatever ``statuses`` were wanted; jobs without a run are in none."""
    end: Place | None


class ListedRow(NamedTuple):
    """A run and its job."""

    job_id: int
    job_name: str
    run: RunRow


class RunRows(NamedTuple):
    """A page, how many runs there are in all pages, and where the page ends: None where no page follows."""

    runs: list[ListedRow]
    total: int
    end: Place | None


class Overview:
    """Lists jobs. All methods block."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lists = JobLists(database)

    def jobs(self, project_id: str, wanted: Wanted, now_ms: int) -> JobRows:
        """Returns a page; raises NotFound for the project, Invalid for labels."""
        if not self._db.rows("project", id=project_id):
            raise NotFound("project", project_id)
        page = self._lists.page(
            JobFilter(project_id, wanted.text, wanted.statuses, wanted.labels),
            PageOf(wanted.sort, wanted.descending, wanted.limit, wanted.offset, wanted.after),
            now_ms,
        )
        latest = self._runs([job.latest_id for job in page.jobs if job.latest_id])
        rows = [
            JobRow(job.id, job.name, job.created_ms, unpacked(job.labels), job.description, job.runs, run.run if run else None)
            for job, run in ((job, latest.get(job.latest_id)) for job in page.jobs)
        ]
        states = {Status(status): count for status, count in page.states.items() if status != NONE}
        full = len(rows) == wanted.limit
        return JobRows(rows, page.total, states, self._lists.place(wanted.sort, page.jobs[-1]) if full else None)

    def runs(self, project_id: str, job_id: int | None, wanted: Wanted) -> RunRows:
        """Returns a page of runs, of one job where one is named, the newest first.

        Of ``wanted`` text and sort are not used. Raises NotFound for the project, Invalid for labels.
        """
        if not self._db.rows("project", id=project_id):
            raise NotFound("project", project_id)
        keys, total = self._run_keys(project_id, job_id, wanted)
        runs = self._runs([key[1] for key in keys])
        end = keys[-1] if len(keys) == wanted.limit else None
        return RunRows([runs[key[1]] for key in keys if key[1] in runs], total, end)

    def _run_keys(self, project_id: str, job_id: int | None, wanted: Wanted) -> tuple[list[tuple[int, int]], int]:
        """Returns when the runs of a page were made, and their ids; and how many there are in all pages."""
        if job_id is not None or wanted.labels:
            return self._some_run_keys(project_id, job_id, wanted)
        key, last = wanted.after or (_END, _END)
        place = {"project_id": project_id, "key": key, "id": last}
        if not wanted.statuses:
            rows = self._db.rows("runs_by_recent_desc", **place, limit=wanted.limit, offset=wanted.offset)
            return [(row[0], row[1]) for row in rows], int(self._db.rows("run_total", project_id=project_id)[0][0])
        keys, total, until = list[tuple[int, int]](), 0, wanted.offset + wanted.limit
        for status in set(wanted.statuses):
            keys += [(row[0], row[1]) for row in self._db.rows("runs_in_state_desc", **place, status=status, limit=until)]
            total += int(self._db.rows("run_total_in_state", project_id=project_id, status=status)[0][0])
        return sorted(keys, reverse=True)[wanted.offset : until], total

    def _some_run_keys(self, project_id: str, job_id: int | None, wanted: Wanted) -> tuple[list[tuple[int, int]], int]:
        """The same, of one job or of those with some labels: all of their runs are looked at."""
        rows = list[Row]()
        if job_id is not None and self._db.rows("job", project_id=project_id, id=job_id):
            rows = self._db.rows("runs_of_job_desc", job_id=job_id)
        if wanted.labels:
            of_labels = self._db.rows("runs_labelled", project_id=project_id, **label_columns(wanted.labels))
            ids = {row[1] for row in rows}
            rows = of_labels if job_id is None else [row for row in of_labels if row[1] in ids]
        keys = sorted(((row[0], row[1]) for row in rows if not wanted.statuses or row[2] in wanted.statuses), reverse=True)
        behind = keys if wanted.after is None else [key for key in keys if key < wanted.after]
        return behind[wanted.offset : wanted.offset + wanted.limit], len(keys)

    def _runs(self, ids: Sequence[int]) -> dict[int, ListedRow]:
        """Returns runs by their ids, those that are there, with what their logs add up to."""
        runs = dict[int, ListedRow]()
        for some in batches(ids):
            sums = {row[0]: row[1:] for row in self._db.rows("run_logs", **some)}
            for job_id, job_name, *row in self._db.rows("runs_of_ids", **some):
                runs[row[0]] = ListedRow(job_id, job_name, _run(tuple(row), sums.get(row[0], _NO_LOGS)))
        return runs


_NO_LOGS = (0, 0, 0, 0, None, None)


def _run(row: Row, sums: Row) -> RunRow:
    version_id, number, run_id, status, reason, expected, started_ms, ended_ms, created_ms, *described = row
    logs, size, appended_ms, opened, first, newest = sums
    return RunRow(
        version_id, number, run_id, Status(status), reason, expected, started_ms, ended_ms, created_ms,
        int(logs), int(opened), int(size), int(appended_ms), first, newest, *described,
    )  # fmt: skip
