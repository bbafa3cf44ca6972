"""How versions and their tasks are: reported by whoever runs them, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from joblog.api.values import RecordedGap
from joblog.catalog.database import Database, Row, Transaction, Value
from joblog.catalog.logs import Claims, add_gaps, close
from joblog.catalog.runs import tell_job, version_of
from joblog.catalog.together import Together
from joblog.core.jobs import TaskRow, VersionRow
from joblog.core.logs import Head
from joblog.core.status import ENDED, OVER, STOPPED, Status, end_of
from joblog.errors import Conflict, NotFound, Over

SEEN_MS = 30_000
"""How old the note of a task's last word may be: it is not written down for every heartbeat."""

LOST_MS = 600_000
"""A task that has been silent for so long counts as lost, until it speaks again."""

_BATCH = 1000


class Report(Struct, frozen=True):
    """What a worker says of itself: see ``TaskRow``. ``tasks`` is how many workers the run has in all."""

    status: Status
    exit_code: int | None = None
    signal: str | None = None
    reason: str | None = None
    host: str | None = None
    tasks: int | None = None
    terminal_rows: int | None = None


class _Word(NamedTuple):
    worker: int
    report: Report
    now_ms: int


class _Closing(NamedTuple):
    log: Head
    claims: Claims
    gaps: Sequence[RecordedGap]
    now_ms: int


class States:
    """The catalog's states. All methods block; versions from outside must have been looked up in their project."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._reports = Together(self._report)
        self._closes = Together(self._close)

    def report(self, version: VersionRow, worker: int, report: Report, now_ms: int) -> VersionRow:
        """Takes a worker's word and returns the version as it is then. The same again changes nothing."""
        if report.status is Status.RUNNING and self._is_heartbeat(version, worker, report, now_ms):
            return version
        return self._reports.call((version.job_id, version.id), _Word(worker, report, now_ms))

    def _report(self, run: tuple[int, int], reports: Sequence[_Word]) -> list[VersionRow]:
        """Takes the words of several workers of a run, a job's and a version's id."""
        with self._db.transaction() as tx:
            version = _locked(tx, *run)
            now_ms, begins = max(each.now_ms for each in reports), False
            workers = [{"version_id": version.id, "worker": each.worker} for each in reports]
            ended = {row[0]: row[8] for rows in tx.many("task", workers) for row in rows}
            puts = list[dict[str, Value]]()
            for each in reports:
                report, before = each.report, ended.get(each.worker)
                runs = report.status is Status.RUNNING
                begins = begins or (runs and (each.worker not in ended or before is not None))
                # One that has ended before has said so then.
                ended[each.worker] = None if runs else each.now_ms if before is None else before
                puts.append(_put(version.id, each, ended[each.worker]))
            tx.many("task_put", puts)
            for each in reports:
                if each.report.tasks not in (None, version.expected_tasks):
                    tx.rows("version_expect", id=version.id, expected_tasks=each.report.tasks)
                    version = structs.replace(version, expected_tasks=each.report.tasks)
            if any(each.report.status is Status.RUNNING for each in reports):
                version = _running(tx, version, now_ms, begins=begins)
            if any(each.report.status is not Status.RUNNING for each in reports):
                version = _maybe_over(tx, version, now_ms)
            return [version] * len(reports)

    def set_status(self, version: VersionRow, status: Status, reason: str | None, now_ms: int) -> VersionRow:
        """Sets what a scheduler says; raises Over for a run that has ended and is said to go on."""
        with self._db.transaction() as tx:
            version = _locked(tx, version.job_id, version.id)
            if version.status in ENDED and status not in OVER:
                raise Over(f"the run has ended: it is {version.status.name}, and cannot become {status.name}")
            return _set(tx, version, status, reason, now_ms)

    def describe(self, version: VersionRow, facts: Mapping[str, str | None]) -> VersionRow:
        """Sets what a run is called and began with, by the names of ``VersionRow``'s fields; raises NotFound."""
        with self._db.transaction() as tx:
            after = structs.replace(_locked(tx, version.job_id, version.id), **facts)
            tx.rows(
                "version_describe",
                id=after.id,
                title=after.title,
                command=after.command,
                host=after.host,
                user_name=after.user,
                commit_id=after.commit,
            )
            return after

    def stop(self, version: VersionRow, now_ms: int) -> VersionRow:
        """Asks a run to stop: its tasks are told with their next report; where none is there, it is KILLED at once.

        Raises Over when it has ended.
        """
        with self._db.transaction() as tx:
            version = _locked(tx, version.job_id, version.id)
            if version.status in OVER:
                raise Over(f"the run has ended: it is {version.status.name}")
            if version.status is Status.KILLING:
                return version
            alive = [task for task in _tasks(tx, version.id) if task.ended_ms is None and task.seen_ms >= now_ms - LOST_MS]
            tx.rows("version_stop", id=version.id, was=version.status, status=Status.KILLING, now_ms=now_ms)
            version = structs.replace(version, status=Status.KILLING, stop_ms=now_ms)
            tell_job(tx, version)
            return version if alive else _set(tx, version, Status.KILLED, "stopped", now_ms)

    def close_log(self, log: Head, claims: Claims, gaps: Sequence[RecordedGap], now_ms: int) -> tuple[Head, list[RecordedGap]]:
        """Records gaps and closes a log at the end that ``log`` shows; returns it, and the gaps that were new.

        A version all of whose logs are closed, and in which no task has ever said anything, has ended: how is not known.
        Raises NotFound, and Conflict when the log has grown.
        """
        return self._closes.call((log.job_id, log.version_id), _Closing(log, claims, gaps, now_ms))

    def _close(self, run: tuple[int, int], closing: Sequence[_Closing]) -> list[tuple[Head, list[RecordedGap]] | Exception]:
        """Closes several logs of a run, a job's and a version's id."""
        in_order = sorted(range(len(closing)), key=lambda number: closing[number].log.id)
        with self._db.transaction() as tx:
            version = _locked(tx, *run)
            outcomes = {number: _closed(tx, closing[number]) for number in in_order}
            going = tx.rows("log_open", version_id=version.id) or tx.rows("task_any", version_id=version.id)
            if version.status not in OVER and not going:
                _set(tx, version, Status.UNKNOWN, None, max(each.now_ms for each in closing))
            return [outcomes[number] for number in range(len(closing))]

    def task(self, version_id: int, worker: int) -> TaskRow | None:
        """Returns how a worker is, None where it has said nothing."""
        rows = self._db.rows("task", version_id=version_id, worker=worker)
        return _task(rows[0]) if rows else None

    def tasks(self, version_id: int, after: int = -1, limit: int = 2**31) -> list[TaskRow]:
        """Lists a version's tasks by worker."""
        return [_task(row) for row in self._db.rows("tasks", version_id=version_id, after=after, limit=limit)]

    def mark_lost(self, now_ms: int) -> int:
        """Marks what has been silent for too long as lost; returns how many tasks were."""
        lost = 0
        for version_id, worker, job_id in self._db.rows("tasks_silent", before_ms=now_ms - LOST_MS, limit=_BATCH):
            with self._db.transaction() as tx:
                tx.rows("job_locked", id=job_id)
                rows = tx.rows("version_locked", id=version_id)
                key = {"version_id": version_id, "worker": worker, "before_ms": now_ms - LOST_MS}
                if rows and tx.rows("task_lose", status=Status.LOST, **key):
                    lost += 1
                    _maybe_over(tx, version_of(rows[0]), now_ms)
        return lost

    def _is_heartbeat(self, version: VersionRow, worker: int, report: Report, now_ms: int) -> bool:
        """Whether a running task only says again that it runs; notes the time now and then."""
        if version.status not in (Status.RUNNING, *STOPPED) or report.tasks not in (None, version.expected_tasks):
            return False
        task = self.task(version.id, worker)
        if task is None or task.ended_ms is not None:
            return False
        if now_ms - task.seen_ms >= SEEN_MS:
            with self._db.transaction() as tx:
                tx.rows("task_seen", version_id=version.id, worker=worker, now_ms=now_ms)
        return True


def _locked(tx: Transaction, job_id: int, version_id: int) -> VersionRow:
    """Locks the job, which keeps how its latest version is, and then the version; raises NotFound."""
    tx.rows("job_locked", id=job_id)
    rows = tx.rows("version_locked", id=version_id)
    if not rows:
        raise NotFound("version", version_id)
    return version_of(rows[0])


def _running(tx: Transaction, version: VersionRow, now_ms: int, *, begins: bool) -> VersionRow:
    """A task runs: so does the version, unless it was stopped. One that had ended does again only if a task begins anew."""
    if version.status in STOPPED or version.status is Status.RUNNING:
        return version
    return version if version.status in ENDED and not begins else _set(tx, version, Status.RUNNING, None, now_ms)


def _put(version_id: int, word: _Word, ended_ms: int | None) -> dict[str, Value]:
    report = word.report
    return {
        "version_id": version_id,
        "worker": word.worker,
        "status": report.status,
        "exit_code": report.exit_code,
        "signal": report.signal,
        "reason": report.reason,
        "host": report.host,
        "terminal_rows": report.terminal_rows,
        "now_ms": word.now_ms,
        "ended_ms": ended_ms,
    }


def _closed(tx: Transaction, closing: _Closing) -> tuple[Head, list[RecordedGap]] | Exception:
    """Returns the log, closed, and its new gaps; or why it is not: then nothing of it is written."""
    log = closing.log
    try:
        closed = close(tx, log, closing.claims, closing.now_ms)
    except (Conflict, NotFound) as error:
        return error
    added = add_gaps(tx, log.id, closing.gaps)
    return structs.replace(closed, lost_bytes=closed.lost_bytes + sum(gap.size_bytes for gap in added)), added


def _maybe_over(tx: Transaction, version: VersionRow, now_ms: int) -> VersionRow:
    """Ends the version if all tasks have ended: these are read then, and not while one runs or is still to come."""
    if tx.rows("task_running", version_id=version.id):
        return version
    if tx.rows("task_count", version_id=version.id)[0][0] < (version.expected_tasks or 1):
        return version
    tasks = _tasks(tx, version.id)
    ends = [(task.status, task.reason) for task in tasks]
    end = end_of(ends, version.expected_tasks, stopping=version.status in STOPPED)
    if end is None or end is version.status:
        return version
    return _set(tx, version, end, _reason(tasks, end), now_ms)


def _reason(tasks: Sequence[TaskRow], end: Status) -> str | None:
    """Says which task was the first to end as the run did, and how."""
    for task in tasks:
        if end is not Status.COMPLETED and task.status is not Status.COMPLETED:
            how = task.reason or (f"exit code {task.exit_code}" if task.exit_code is not None else task.status.name)
            return f"{task.name}: {how}" + (f" ({task.signal})" if task.signal else "")
    return None


def _set(tx: Transaction, version: VersionRow, status: Status, reason: str | None, now_ms: int) -> VersionRow:
    started = status is Status.RUNNING and version.started_ms is None
    after = structs.replace(
        version,
        status=status,
        reason=reason,
        started_ms=now_ms if started else version.started_ms,
        ended_ms=None if status not in OVER else version.ended_ms if version.ended_ms is not None else now_ms,
    )
    tx.rows(
        "version_set_status",
        id=version.id,
        was=version.status,
        status=status,
        reason=reason,
        started_ms=after.started_ms,
        ended_ms=after.ended_ms,
    )
    tell_job(tx, after)
    return after


def _tasks(tx: Transaction, version_id: int) -> list[TaskRow]:
    return [_task(row) for row in tx.rows("task_ends", version_id=version_id)]


def _task(row: Row) -> TaskRow:
    return TaskRow(row[0], Status(row[1]), *row[2:])
