"""Jobs and versions as ModelArts registers, lists and deletes them: with the request that made them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from msgspec import Struct

from joblog.api.values import Job
from joblog.catalog import watching
from joblog.catalog.database import Database, Row, Transaction, Value, batches
from joblog.catalog.job_lists import FEW, NONE, JobFilter, JobLists, ListedJob, PageOf, escaped, like, listed
from joblog.catalog.logs import drop_logs
from joblog.catalog.runs import make_version, next_id, version_of
from joblog.catalog.segments import note_garbage
from joblog.core.jobs import VersionRow
from joblog.core.names import MAX_ID
from joblog.core.status import Status
from joblog.errors import Exists, NotFound

SORTS = ("job_name", "job_desc", "status", "duration", "version_count", "create_time")

_ORDERS = {"job_name": "name", "job_desc": "description", "version_count": "runs", "create_time": "made"}
"""What job_lists.py calls these orders, where it calls them something else."""


_NOT_ASKED = '{"v1":{}}'
"""The request of a version that nobody has registered."""

_DROPPED = 500
"""Logs whose rows are dropped at once, over a network without waiting for each."""

MAX_REPORTS = 100
"""Reports kept of a version, the newest: they are read with each look at its events."""


class Summary(Struct, frozen=True):
    """A job in a list, with its latest version; a job without any has no ``version_id`` and is UNKNOWN."""

    job_id: int
    name: str
    description: str
    created_ms: int
    version_id: int | None
    status: Status
    started_ms: int | None
    ended_ms: int | None
    version_count: int
    version_number: int | None


class JobSearch(Struct, frozen=True):
    """Which jobs: ``text`` stands in the name in any case; ``statuses`` of the latest version, all when empty."""

    text: str = ""
    statuses: Collection[Status] = ()
    workspace_id: str = "0"
    sort: str = "job_name"
    descending: bool = False
    offset: int = 0
    limit: int = 10


class RunSearch(Struct, frozen=True):
    """Which runs of a project; None is no bound.

    Of each of ``likes`` a text stands in the job's name, in any case; ``names`` are of jobs, exactly; ``not_names`` are left
    out. Of each of ``types`` one is the ``runtime_type`` that was asked for; those of ``not_types`` are left out.
    """

    likes: Sequence[Collection[str]] = ()
    names: Collection[str] | None = None
    not_names: Collection[str] = ()
    types: Sequence[Collection[str]] = ()
    not_types: Collection[str] = ()
    statuses: Collection[Status] | None = None
    since_ms: int = 0
    until_ms: int = MAX_ID
    workspace_id: str = "0"
    descending: bool = True
    offset: int = 0
    limit: int = 50


class TaskReport(Struct, frozen=True, array_like=True):
    """What a task has told of itself beside how it is."""

    at_ms: int
    task: str
    kind: str


class ListedRun(Struct, frozen=True):
    """A version with what its job is called."""

    version: VersionRow
    job: Job


class Jobs:
    """The catalog's jobs, ModelArts' way. All methods block; what comes from outside must have been checked."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lists = JobLists(database)

    def create(
        self, project_id: str, name: str, now_ms: int, *, description: str = "", workspace_id: str = "0", request: str | None
    ) -> tuple[Job, VersionRow | None]:
        """Makes a job and its first version, none when ``request`` (its JSON) is None; raises NotFound, Exists."""
        if not self._db.rows("project", id=project_id):
            raise NotFound("project", project_id)
        with self._db.transaction() as tx:
            job = Job(next_id(tx, "job"), project_id, name, now_ms, description, workspace_id, {})
            made = tx.rows(
                "job_make",
                id=job.id,
                project_id=project_id,
                name=name,
                now_ms=now_ms,
                description=description,
                workspace_id=workspace_id,
            )
            if not made:
                raise Exists("Job", name)
            return job, None if request is None else _requested(tx, job.id, request, now_ms)

    def create_version(self, job_id: int, request: str, now_ms: int, description: str | None = None) -> VersionRow:
        """Makes the next version of a job that is there, and describes the job, unless that is None; raises NotFound."""
        with self._db.transaction() as tx:
            if description is not None:
                _describe(tx, job_id, description)
            return _requested(tx, job_id, request, now_ms)

    def request(self, version_id: int) -> str | None:
        """Returns the JSON that a version was asked for with."""
        rows = self._db.rows("request", version_id=version_id)
        return rows[0][0] if rows else None

    def add_report(self, version_id: int, report: TaskReport) -> None:
        """Keeps a task's report, the newest MAX_REPORTS of a version; raises NotFound."""
        with self._db.transaction() as tx:
            kept = _locked_kept(tx, version_id)
            kept["reports"] = msgspec.Raw(msgspec.json.encode([*_reports(kept), report][-MAX_REPORTS:]))
            tx.rows("request_put", version_id=version_id, body=msgspec.json.encode(kept).decode())

    def reports(self, version_id: int) -> list[TaskReport]:
        """Returns what a version's tasks have reported, in the order in which it came."""
        body = self.request(version_id)
        return [] if body is None else _reports(_kept(body))

    def note(self, version_id: int) -> str:
        """Returns the note on a version, empty where there is none."""
        return self.notes([version_id]).get(version_id, "")

    def notes(self, version_ids: Sequence[int]) -> dict[int, str]:
        """Returns the notes on several versions, those that there are."""
        rows = [row for some in batches(version_ids) for row in self._db.rows("requests", **some)]
        kept = {version_id: _kept(body) for version_id, body in rows}
        return {each: msgspec.json.decode(kept[each]["note"], type=str) for each in kept if "note" in kept[each]}

    def set_note(self, version_id: int, note: str) -> None:
        """Replaces the note on a version; raises NotFound."""
        with self._db.transaction() as tx:
            kept = _locked_kept(tx, version_id)
            kept["note"] = msgspec.Raw(msgspec.json.encode(note))
            tx.rows("request_put", version_id=version_id, body=msgspec.json.encode(kept).decode())

    def search(self, project_id: str, search: JobSearch, now_ms: int) -> tuple[int, list[Summary]]:
        """Returns how many jobs there are, and a page of them."""
        statuses = [NONE, *search.statuses] if Status.UNKNOWN in search.statuses else search.statuses
        page = self._lists.page(
            JobFilter(project_id, search.text, statuses, (), search.workspace_id),
            PageOf(_ORDERS.get(search.sort, search.sort), search.descending, search.limit, search.offset),
            now_ms,
        )
        numbers = {
            row[1]: row[0]
            for some in batches([job.latest_id for job in page.jobs])
            for row in self._db.rows("run_numbers", **some)
        }
        return page.total, [_summary(job, numbers.get(job.latest_id)) for job in page.jobs]

    def runs(self, project_id: str, search: RunSearch) -> tuple[int, list[ListedRun]]:
        """Returns how many versions of a project there are, and a page of them, by when they were made."""
        which: dict[str, Value] = {
            "project_id": project_id,
            "workspace_id": search.workspace_id,
            "since_ms": search.since_ms,
            "until_ms": search.until_ms,
            "statuses": "" if search.statuses is None else listed(search.statuses) or ",-1,",
        }
        one = _only_text(search)
        if one is not None and self._lists.is_common(one):
            which["like"] = like(one)
            total = int(self._db.rows("run_count_named", **which)[0][0])
            query = "run_ids_named_desc" if search.descending else "run_ids_named"
            ids = [row[0] for row in self._db.rows(query, **which, offset=search.offset, limit=search.limit)]
        elif search.likes or search.names is not None or search.not_names or search.types or search.not_types:
            chosen = self._chosen(project_id, search, which)
            total, ids = len(chosen), chosen[search.offset : search.offset + search.limit]
        else:
            total = self._run_count(which, search.statuses)
            query = "run_ids_desc" if search.descending else "run_ids"
            ids = [row[0] for row in self._db.rows(query, **which, offset=search.offset, limit=search.limit)]
        runs = {row[0]: _run(project_id, row) for some in batches(ids) for row in self._db.rows("runs_listed", **some)}
        return total, [runs[each] for each in ids if each in runs]

    def _run_count(self, which: dict[str, Value], statuses: Collection[Status] | None) -> int:
        if statuses is None:
            return int(self._db.rows("run_count", **which)[0][0])
        return sum(int(self._db.rows("run_count_in_state", **which, status=status)[0][0]) for status in set(statuses))

    def _chosen(self, project_id: str, search: RunSearch, which: dict[str, Value]) -> list[int]:
        """Returns the ids of all versions, in order, for a search that names jobs or what was asked for."""
        jobs, versions = self._jobs_of(project_id, search), None
        for wanted in search.types:
            versions = _both(versions, self._of_types(project_id, wanted))
        not_jobs, not_versions = self._ids(project_id, search.not_names), self._of_types(project_id, search.not_types)
        if jobs is not None and len(jobs) <= FEW:
            keys = [key for some in batches(sorted(jobs)) for key in self._db.rows("run_keys_of_jobs", **which, **some)]
        else:
            keys = self._db.rows("run_keys", **which)
        kept = [
            (created_ms, each)
            for created_ms, each, job_id in keys
            if (jobs is None or job_id in jobs) and job_id not in not_jobs
            if (versions is None or each in versions) and each not in not_versions
        ]
        return [each for _, each in sorted(kept, reverse=search.descending)]

    def _jobs_of(self, project_id: str, search: RunSearch) -> set[int] | None:
        """Returns the ids of the jobs that a search names; None where it names none."""
        ids = None if search.names is None else self._ids(project_id, search.names)
        for texts in search.likes:
            ids = _both(ids, {each for text in texts for each in self._lists.ids_named(project_id, text)})
        return ids

    def _ids(self, project_id: str, names: Collection[str]) -> set[int]:
        matches = [self._db.rows("job_by_name", project_id=project_id, name=name) for name in names]
        return {rows[0][0] for rows in matches if rows}

    def _of_types(self, project_id: str, types: Collection[str]) -> set[int]:
        """Returns the ids of the versions whose request has one of these types: it is kept as compact JSON."""
        likes = (f'%"runtime_type":{escaped(msgspec.json.encode(each).decode())}%' for each in types)
        query = "versions_asked_for_with"
        return {row[0] for like in likes for row in self._db.rows(query, project_id=project_id, like=like)}

    def describe(self, job_id: int, description: str) -> None:
        """Sets a job's description; raises NotFound."""
        with self._db.transaction() as tx:
            _describe(tx, job_id, description)

    def delete_version(self, version: VersionRow, now_ms: int) -> None:
        """Deletes a version with its logs; what is reading them may finish."""
        with self._db.transaction() as tx:
            tx.rows("job_locked", id=version.job_id)
            _drop_version(tx, version.id, now_ms)
            tx.rows("job_latest", id=version.job_id)

    def delete_job(self, job: Job, now_ms: int) -> None:
        """Deletes a job with all its versions."""
        with self._db.transaction() as tx:
            _drop_job(tx, job.id, now_ms)


def _only_text(search: RunSearch) -> str | None:
    """Returns the text that stands in the job's name, where that is all that is asked for."""
    paged = {name: getattr(search, name) for name in ("descending", "offset", "limit", "workspace_id")}
    if len(search.likes) != 1 or len(search.likes[0]) != 1 or search != RunSearch(search.likes, **paged):
        return None
    return next(iter(search.likes[0])) or None


def _locked_kept(tx: Transaction, version_id: int) -> dict[str, msgspec.Raw]:
    """Returns what is kept of a version that cannot change before the transaction's end; raises NotFound."""
    if not tx.rows("version_locked", id=version_id):
        raise NotFound("version", version_id)
    rows = tx.rows("request", version_id=version_id)
    return _kept(rows[0][0] if rows else _NOT_ASKED)


def _kept(body: str) -> dict[str, msgspec.Raw]:
    """Reads what is kept of a version: its request, as ``v1`` or ``v2``, ``reports`` and ``note``.

    A request that is nested too deep to be passed over, as earlier versions took it, is given up.
    """
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except RecursionError:
        return _kept(_NOT_ASKED)


def _reports(kept: dict[str, msgspec.Raw]) -> list[TaskReport]:
    return msgspec.json.decode(kept["reports"], type=list[TaskReport]) if "reports" in kept else []


def _describe(tx: Transaction, job_id: int, description: str) -> None:
    if not tx.rows("job_describe", id=job_id, description=description):
        raise NotFound("job", job_id)


def _requested(tx: Transaction, job_id: int, request: str, now_ms: int) -> VersionRow:
    version = make_version(tx, job_id, None, now_ms, Status.INIT)
    tx.rows("request_put", version_id=version.id, body=request)
    return version


def _drop_job(tx: Transaction, job_id: int, now_ms: int) -> None:
    tx.rows("job_drop", id=job_id)  # first: what another node makes of the job is there then, or will find it gone
    after, dropped = 0, list[Row]()
    while rows := tx.rows("versions", job_id=job_id, after=after, limit=1000):
        for row in rows:
            dropped += _dropped(tx, row[0])
        after = rows[-1][0]
    note_garbage(tx, dropped, now_ms)


def _drop_version(tx: Transaction, version_id: int, now_ms: int) -> None:
    note_garbage(tx, _dropped(tx, version_id), now_ms)


def _dropped(tx: Transaction, version_id: int) -> list[Row]:
    """Drops a version; returns what was the place of its segments."""
    dropped: list[Row] = []
    tx.rows("version_drop", id=version_id)  # first, for the same reason: logs and tasks of it
    ids = [row[0] for row in tx.rows("log_ids", version_id=version_id)]
    for start in range(0, len(ids), _DROPPED):
        dropped += drop_logs(tx, ids[start : start + _DROPPED])
    for drop in ("request_drop", "tasks_drop"):
        tx.rows(drop, version_id=version_id)
    watching.drop(tx, version_id)
    return dropped


def _summary(job: ListedJob, number: int | None) -> Summary:
    """Returns a job as ModelArts lists it; ``number`` is of its latest version."""
    times = job.latest_started_ms, job.latest_ended_ms
    status = Status(max(job.latest_status, Status.UNKNOWN))
    return Summary(job.id, job.name, job.description, job.created_ms, job.latest_id or None, status, *times, job.runs, number)


def _both(first: set[int] | None, second: set[int]) -> set[int]:
    return second if first is None else first & second


def _run(project_id: str, row: Row) -> ListedRun:
    version, (name, description, workspace_id) = version_of(row[:17]), row[17:]
    return ListedRun(version, Job(version.job_id, project_id, name, 0, description, workspace_id, {}))
