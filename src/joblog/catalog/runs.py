"""Projects, jobs, versions and logs by name: found, made when missing, listed.

Getting and making are one step, so that all workers of one run meet in one version whoever comes first. Nodes that make the
same thing at the same time wait for each other at its counter: whoever has taken a number holds the counter until its commit.
So what is missing is looked for once more with the number in hand; a number that is not needed then is left out.

All lock in one order: the counters of jobs and of versions, the job, the counter of logs, the version, the log.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from joblog.api.values import Job
from joblog.api.values.accounts import Project
from joblog.catalog.database import Database, Row, Transaction, Value
from joblog.catalog.job_lists import label_columns
from joblog.catalog.together import Together
from joblog.catalog.users import put_domain
from joblog.core import labels
from joblog.core.accounts import DEFAULT_DOMAIN
from joblog.core.jobs import VersionRow
from joblog.core.logs import Head
from joblog.core.names import MAX_ID, log_file_name
from joblog.core.status import ENDED, Status
from joblog.errors import Conflict, NotFound

_PAGE = 100


class _Run(NamedTuple):
    project_id: str
    job_name: str
    run_id: str | None
    labelled: tuple[tuple[str, str | None], ...]


class Runs:
    """The catalog's directory of what there is. All methods block; ids from outside must have been checked."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._runs = Together(self._put_run)

    def put_project(
        self,
        project_id: str,
        now_ms: int,
        *,
        name: str | None = None,
        domain: str | None = None,
        retention: Mapping[str, int | None] | None = None,
    ) -> Project:
        """Gets or makes a project, named after its id unless a name is given, which is also given to one that is there.

        ``domain`` is a name, of one that is made if there is none; ``retention`` has what is to be set of retain_days and
        retain_bytes. Raises Conflict, and changes nothing, when another project of the domain has the name, or the project
        is in another domain, where it stays.
        """
        with self._db.transaction() as tx:
            domain_id = DEFAULT_DOMAIN if domain is None else put_domain(tx, domain, now_ms).id
            tx.rows("project_put", id=project_id, name=name or project_id, domain_id=domain_id, now_ms=now_ms)
            rows = tx.rows("project", id=project_id)
            taken = not rows  # by another project, in the domain in which it was to be made
            project = Project(project_id, name or project_id, domain_id, now_ms, None, None) if taken else Project(*rows[0])
            if domain is not None and project.domain_id != domain_id:
                raise Conflict(f"project {project_id} is in another domain, and stays there")
            wanted = name or project.name
            named = tx.rows("project_by_name", domain_id=project.domain_id, name=wanted)
            if named and named[0][0] != project_id:
                raise Conflict(f"there is another project named {wanted!r}")
            if project.name != wanted:
                tx.rows("project_rename", id=project_id, name=wanted)
            if retention:
                both = {"retain_days": project.retain_days, "retain_bytes": project.retain_bytes} | dict(retention)
                tx.rows("project_retain", id=project_id, **both)
            return Project(*tx.rows("project", id=project_id)[0])

    def project(self, project_id: str) -> Project:
        """Returns a project; raises NotFound."""
        rows = self._db.rows("project", id=project_id)
        if not rows:
            raise NotFound("project", project_id)
        return Project(*rows[0])

    def projects(self, after: str, limit: int) -> list[Project]:
        """Lists projects by id."""
        return [Project(*row) for row in self._db.rows("projects", after=after, limit=limit)]

    def put_run(
        self,
        project_id: str,
        job_name: str,
        run_id: str | None,
        worker: int,
        now_ms: int,
        labelled: Mapping[str, str | None] | None = None,
    ) -> tuple[Job, VersionRow, Head]:
        """Gets or makes a job, its version of that run (a new one when ``run_id`` is None) and a worker's log.

        ``run_id`` may also be the uuid of a version that was registered before. A version that somebody begins to write runs.
        ``labelled`` is as for ``label``. The workers of a run that come at the same time are one transaction.
        """
        run = _Run(project_id, job_name, run_id, tuple(sorted((labelled or {}).items())))
        if run_id is None:
            (begun,) = self._put_run(run, [(worker, now_ms)])
            return begun
        return self._runs.call(run, (worker, now_ms))

    def _put_run(self, run: _Run, workers: Sequence[tuple[int, int]]) -> list[tuple[Job, VersionRow, Head]]:
        """The same for several workers, each with the time."""
        now_ms = max(at_ms for _, at_ms in workers)
        while True:
            self.project(run.project_id)
            try:
                with self._db.transaction() as tx:
                    job = _put_job(tx, run.project_id, run.job_name, now_ms)
                    version = _put_version(tx, job, run.run_id, now_ms, Status.RUNNING)
                    # Behind the counter of versions, which others hold when they come to the job.
                    job = _labelled(tx, job, dict(run.labelled)) if run.labelled else job
                    if _sleeps(version):
                        tx.rows("job_locked", id=job.id)
                    logs, made = _put_logs(tx, job, version, [worker for worker, _ in workers], now_ms)
                    version = _awake(tx, version, now_ms) if made else version
                    return [(job, version, logs[worker]) for worker, _ in workers]
            except NotFound:
                pass  # Job or version was deleted since it was found: now it is not found, and made.

    def put_job(self, project_id: str, name: str, now_ms: int, labelled: Mapping[str, str | None] | None = None) -> Job:
        """Gets or makes a job, ``labelled`` as for ``label``; raises NotFound for the project, OutOfRange."""
        self.project(project_id)
        with self._db.transaction() as tx:
            job = _put_job(tx, project_id, name, now_ms)
            return _labelled(tx, job, labelled) if labelled else job

    def label(self, project_id: str, job_id: int, change: Mapping[str, str | None]) -> Job:
        """Sets the labels of a job that are given, and removes those given as None; others stay.

        Raises NotFound, OutOfRange when they would be too many.
        """
        with self._db.transaction() as tx:
            return _labelled(tx, _job(tx.rows("job", project_id=project_id, id=job_id), job_id), change)

    def put_version(self, project_id: str, job_id: int, run_id: str | None, now_ms: int) -> VersionRow:
        """Gets or makes the version of a run; raises NotFound for the job."""
        job = self.job(project_id, job_id)
        with self._db.transaction() as tx:
            return _put_version(tx, job, run_id, now_ms, Status.INIT)

    def put_log(self, project_id: str, job_id: int, version_id: int, worker: int, now_ms: int) -> Head:
        """Gets or makes a worker's log; raises NotFound for job or version."""
        job = self.job(project_id, job_id)
        version = self.version(project_id, job_id, version_id)
        with self._db.transaction() as tx:
            return _put_log(tx, job, version, worker, now_ms)[0]

    def job(self, project_id: str, job_id: int) -> Job:
        """Returns a job; raises NotFound."""
        return _job(self._db.rows("job", project_id=project_id, id=job_id), job_id)

    def jobs(self, project_id: str, name: str | None, after: int, limit: int, wanted: Sequence[str] = ()) -> list[Job]:
        """Lists a project's jobs by id, or the one of that name; only those with all the ``wanted`` labels: ``a=b``, or ``a``.

        Raises Invalid, OutOfRange for the labels.
        """
        if name is not None and not wanted:
            return [job_of(row) for row in self._db.rows("job_by_name", project_id=project_id, name=name) if row[0] > after]
        rows = self._db.rows("jobs", project_id=project_id, name=name or "", after=after, limit=limit, **label_columns(wanted))
        return [job_of(row) for row in rows]

    def version(self, project_id: str, job_id: int, version_id: int) -> VersionRow:
        """Returns a version; raises NotFound for job or version."""
        self.job(project_id, job_id)
        rows = self._db.rows("version", job_id=job_id, id=version_id)
        if not rows:
            raise NotFound("version", version_id)
        return version_of(rows[0])

    def version_by_number(self, job_id: int, number: int) -> VersionRow:
        """Returns the version that is named after ``number``, as V0002 is; raises NotFound."""
        rows = self._db.rows("version_by_number", job_id=job_id, number=number)
        if not rows:
            raise NotFound("version", f"V{number:04d}")
        return version_of(rows[0])

    def kept_wrong(self) -> Iterator[tuple[str, int]]:
        """Yields the projects and ids of jobs that keep of their versions what is not so, nor when looked at again."""
        after = 0
        while rows := self._db.rows("jobs_kept_wrong", after=after, limit=_PAGE):
            for project_id, after in rows:
                if self._db.rows("jobs_kept_wrong", after=after - 1, limit=1)[:1] == [(project_id, after)]:
                    yield project_id, after

    def latest_version(self, job_id: int) -> VersionRow:
        """Returns the version that a job began last; raises NotFound while it has none."""
        rows = self._db.rows("version_latest", job_id=job_id)
        if not rows:
            raise NotFound("version", "latest")
        return version_of(rows[0])

    def version_by_uuid(self, project_id: str, uuid: str) -> VersionRow:
        """Returns the version of that uuid; raises NotFound."""
        rows = self._db.rows("version_by_uuid", project_id=project_id, uuid=uuid)
        if not rows:
            raise NotFound("training job", uuid)
        return version_of(rows[0])

    def versions(self, project_id: str, job_id: int, after: int, limit: int) -> list[VersionRow]:
        """Lists a job's versions by id; raises NotFound for the job."""
        self.job(project_id, job_id)
        return [version_of(row) for row in self._db.rows("versions", job_id=job_id, after=after, limit=limit)]

    def all_versions(self, job_id: int) -> list[VersionRow]:
        """Lists all versions of a job that is there."""
        return [version_of(row) for row in self._db.rows("versions", job_id=job_id, after=0, limit=MAX_ID)]

    def log(self, project_id: str, job_id: int, version_id: int, worker: int) -> Head:
        """Returns a worker's log; raises NotFound for whichever of job, version and log is not there."""
        rows = self._db.rows("log_by_worker", project_id=project_id, job_id=job_id, version_id=version_id, worker=worker)
        if not rows:
            self.version(project_id, job_id, version_id)
            raise NotFound("log", f"worker-{worker}")
        return Head(*rows[0])

    def logs(self, project_id: str, job_id: int, version_id: int, after: int, limit: int) -> list[Head]:
        """Lists a version's logs by worker, those after worker ``after``; raises NotFound for job or version."""
        self.version(project_id, job_id, version_id)
        return [Head(*row) for row in self._db.rows("logs", version_id=version_id, after=after, limit=limit)]

    def log_files(self, project_id: str, job_id: int, version_id: int) -> list[str]:
        """Returns the names of a version's logs in worker order; raises NotFound for job or version."""
        rows = self._db.rows("log_files", version_id=version_id)
        self.version(project_id, job_id, version_id)
        return [row[0] for row in rows]


def next_id(tx: Transaction, counter: str) -> int:
    """Takes the next number of a counter, 1 first."""
    return int(tx.rows("next_id", name=counter)[0][0])


def _put_job(tx: Transaction, project_id: str, name: str, now_ms: int) -> Job:
    rows = tx.rows("job_by_name", project_id=project_id, name=name)
    if not rows:
        number = next_id(tx, "job")
        rows = tx.rows("job_by_name", project_id=project_id, name=name)
        if not rows:
            tx.rows("job_put", id=number, project_id=project_id, name=name, now_ms=now_ms)
            return Job(number, project_id, name, now_ms, "", "0", {})
    return job_of(rows[0])


def job_of(row: Row) -> Job:
    """Returns the job of a row that has its columns in the order of its fields."""
    return Job(row[0], row[1], row[2], row[3], row[4], row[5], labels.unpacked(row[6]))


def _job(rows: list[Row], job_id: int) -> Job:
    if not rows:
        raise NotFound("job", job_id)
    return job_of(rows[0])


def _labelled(tx: Transaction, job: Job, change: Mapping[str, str | None]) -> Job:
    """Changes a job's labels; where another node does so at the same time, one after the other."""
    while True:
        after = labels.changed(job.labels, change)
        if after == job.labels:
            return job
        if tx.rows("job_set_labels", id=job.id, was=labels.packed(job.labels), labels=labels.packed(after)):
            return Job(**vars(job) | {"labels": after})
        job = _job(tx.rows("job", project_id=job.project_id, id=job.id), job.id)


def version_of(row: Row) -> VersionRow:
    """Returns the version of a row that has its columns in the order of its fields."""
    return structs.replace(VersionRow(*row), status=Status(row[6]))


def _put_version(tx: Transaction, job: Job, run_id: str | None, now_ms: int, status: Status) -> VersionRow:
    rows = [] if run_id is None else tx.rows("version_by_run", job_id=job.id, run_id=run_id)
    return version_of(rows[0]) if rows else make_version(tx, job.id, run_id, now_ms, status)


def make_version(tx: Transaction, job_id: int, run_id: str | None, now_ms: int, status: Status) -> VersionRow:
    """Makes the job's next version, or returns the run's that another node has made meanwhile; raises NotFound for the job."""
    number = next_id(tx, "version")
    rows = [] if run_id is None else tx.rows("version_by_run", job_id=job_id, run_id=run_id)
    if rows:
        return version_of(rows[0])
    started_ms = now_ms if status is Status.RUNNING else None
    jobs = tx.rows("job_begin", id=job_id, version_id=number, status=status, started_ms=started_ms)
    if not jobs:
        raise NotFound("job", job_id)
    project_id, workspace_id = jobs[0]
    rows = tx.rows(
        "version_put",
        id=number,
        job_id=job_id,
        uuid=str(uuid.uuid4()),
        run_id=run_id,
        now_ms=now_ms,
        status=status,
        started_ms=started_ms,
        project_id=project_id,
        workspace_id=workspace_id,
    )
    return version_of(rows[0])


def _awake(tx: Transaction, version: VersionRow, now_ms: int) -> VersionRow:
    """Marks as running a version that was waiting, or of which nobody knew any more, and whose job is locked then."""
    if not _sleeps(version):
        return version
    started_ms = version.started_ms if version.started_ms is not None else now_ms
    changed = tx.rows(
        "version_set_status",
        id=version.id,
        was=version.status,
        status=Status.RUNNING,
        reason=None,
        started_ms=started_ms,
        ended_ms=None,
    )
    version = structs.replace(version, status=Status.RUNNING, reason=None, started_ms=started_ms, ended_ms=None)
    if changed:
        tell_job(tx, version)
    return version


def _sleeps(version: VersionRow) -> bool:
    return version.status not in ENDED and version.status not in (Status.RUNNING, Status.KILLING)


def tell_job(tx: Transaction, version: VersionRow) -> None:
    """Has the job, which is locked, keep how a version is now, if that is its latest."""
    tx.rows(
        "job_latest_set",
        id=version.job_id,
        version_id=version.id,
        status=version.status,
        started_ms=version.started_ms,
        ended_ms=version.ended_ms,
    )


def _put_log(tx: Transaction, job: Job, version: VersionRow, worker: int, now_ms: int) -> tuple[Head, bool]:
    """Returns the log and whether it is new; raises NotFound for the version."""
    logs, made = _put_logs(tx, job, version, [worker], now_ms)
    return logs[worker], made


def _put_logs(
    tx: Transaction, job: Job, version: VersionRow, workers: Iterable[int], now_ms: int
) -> tuple[dict[int, Head], bool]:
    """Returns the logs by their workers, and whether any is new; raises NotFound for the version."""
    of: dict[str, Value] = {"project_id": job.project_id, "job_id": job.id, "version_id": version.id}
    logs = dict[int, Head]()

    def look(missing: Sequence[int]) -> list[int]:
        for rows in tx.many("log_by_worker", [{**of, "worker": worker} for worker in missing]):
            logs.update((row[4], Head(*row)) for row in rows)
        return [worker for worker in missing if worker not in logs]

    missing = look(sorted(set(workers)))
    if not missing:
        return logs, False
    last = int(tx.rows("next_ids", name="log", count=len(missing))[0][0])
    missing = look(missing)
    if not missing:
        return logs, False
    if not tx.rows("version_locked", id=version.id):
        raise NotFound("version", version.id)
    new = [
        {**of, "id": last - number, "worker": worker, "log_file": log_file_name(job.name, worker), "now_ms": now_ms}
        for number, worker in enumerate(reversed(missing))
    ]
    tx.many("log_put", new)
    look(missing)
    return logs, True
