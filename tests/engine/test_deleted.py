"""Deletion on one node beside what makes something new on another: nothing is left that belongs to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from joblog.api.values import Job, RecordedGap
from joblog.catalog.database import Transaction, Value
from joblog.catalog.leases import Leases
from joblog.catalog.modelarts_jobs import _drop_job, _drop_version
from joblog.catalog.runs import _put_log, make_version
from joblog.catalog.states import Report
from joblog.core.jobs import VersionRow
from joblog.core.status import Status
from joblog.engine.engine import Engine
from joblog.errors import NotFound
from tests.backends import Backend

pytestmark = pytest.mark.backends("postgres-directory")

NOW_MS = 1_700_000_000_000
DEADLINE_S = 60.0

ORPHANS = """
SELECT 'log', id FROM log WHERE version_id NOT IN (SELECT id FROM version)
UNION ALL SELECT 'task', version_id FROM task WHERE version_id NOT IN (SELECT id FROM version)
UNION ALL SELECT 'version', id FROM version WHERE job_id NOT IN (SELECT id FROM job)
"""


class Nodes:
    """Two of them, on one catalog, with a run."""

    def __init__(self, backend: Backend, directory: Path) -> None:
        settings = backend.settings(directory / "one")
        self.catalog = settings.catalog
        self.one, self.other = (Engine(settings, clock_ms=lambda: NOW_MS) for _ in range(2))
        self.one.runs.put_project("lab", NOW_MS)
        self.job, self.version, _ = self.one.runs.put_run("lab", "job", "run", 0, NOW_MS)

    def close(self) -> None:
        self.one.close()
        self.other.close()

    def during(self, act: Callable[[Transaction], object], call: Callable[[], Any]) -> Future[Any]:
        """Makes the call of the other node while this one has acted and not committed; returns what came of it.

        Commits once the call waits for it, or is over without having done so.
        """
        with ThreadPoolExecutor(1) as thread, self.one.database.transaction() as tx:
            act(tx)
            called = thread.submit(call)
            deadline = time.monotonic() + DEADLINE_S
            while not called.done() and not self._waits():
                assert time.monotonic() < deadline
                time.sleep(0.01)
        assert self.rows(ORPHANS) == []
        return called

    def _waits(self) -> bool:
        waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return bool(self.rows(waiting))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.catalog) as connection:
            return connection.execute(sql.encode()).fetchall()


@pytest.fixture
def nodes(backend: Backend, tmp_path: Path) -> Iterator[Nodes]:
    running = Nodes(backend, tmp_path)
    yield running
    running.close()


def drop_version(nodes: Nodes) -> Callable[[Transaction], object]:
    return lambda tx: _drop_version(tx, nodes.version.id, NOW_MS)


def test_a_log_of_a_version_that_is_being_deleted(nodes: Nodes) -> None:
    """Is refused: the version is not there."""
    made = nodes.during(drop_version(nodes), lambda: nodes.other.runs.put_log("lab", 1, nodes.version.id, 1, NOW_MS))
    with pytest.raises(NotFound, match="version"):
        made.result()


def test_a_version_that_is_deleted_while_it_gets_a_log(nodes: Nodes) -> None:
    """Goes with that log."""
    version = nodes.version
    nodes.during(
        lambda tx: _put_log(tx, nodes.job, version, 1, NOW_MS), lambda: nodes.other.jobs.delete_version(version, NOW_MS)
    ).result()
    assert nodes.rows("SELECT id FROM log") == []


def test_a_run_whose_version_is_being_deleted(nodes: Nodes) -> None:
    """Begins anew, as it does a moment later."""
    made = nodes.during(drop_version(nodes), lambda: nodes.other.runs.put_run("lab", "job", "run", 1, NOW_MS))
    _, version, log = made.result()
    assert (version.number, version.id > nodes.version.id) == (1, True)
    assert nodes.one.logs.head(log.id).version_id == version.id


def test_a_run_of_a_job_that_is_being_deleted(nodes: Nodes) -> None:
    """Makes the job anew."""
    made = nodes.during(
        lambda tx: _drop_job(tx, nodes.job.id, NOW_MS),
        lambda: nodes.other.runs.put_run("lab", "job", "next", 0, NOW_MS),
    )
    job, version, _ = made.result()
    assert (job.id > nodes.job.id, version.job_id) == (True, job.id)
    again = nodes.during(
        lambda tx: _drop_job(tx, job.id, NOW_MS),
        lambda: nodes.other.runs.put_version("lab", job.id, None, NOW_MS),
    )
    with pytest.raises(NotFound, match="job"):
        again.result()


def test_a_job_that_is_deleted_while_it_gets_a_version(nodes: Nodes) -> None:
    """Goes with that version."""
    job: Job = nodes.job
    nodes.during(
        lambda tx: make_version(tx, job.id, None, NOW_MS, Status.INIT),
        lambda: nodes.other.jobs.delete_job(job, NOW_MS),
    ).result()
    assert nodes.rows("SELECT id FROM version") == []


def test_a_report_of_a_version_that_is_being_deleted(nodes: Nodes) -> None:
    """Is refused, and leaves no task; nor does one that came first."""
    report, version = Report(Status.RUNNING), nodes.version
    said = nodes.during(drop_version(nodes), lambda: nodes.other.states.report(version, 3, report, NOW_MS))
    with pytest.raises(NotFound):
        said.result()
    second: VersionRow = nodes.one.runs.put_run("lab", "job", "second", 0, NOW_MS)[1]

    def heard(tx: Transaction) -> None:
        said: dict[str, Value] = dict.fromkeys(("exit_code", "signal", "reason", "host", "terminal_rows", "ended_ms"))
        assert tx.rows("version_locked", id=second.id)
        tx.rows("task_put", version_id=second.id, worker=3, status=Status.RUNNING, now_ms=NOW_MS, **said)

    nodes.during(heard, lambda: nodes.other.jobs.delete_version(second, NOW_MS)).result()
    with pytest.raises(NotFound):
        nodes.one.states.report(second, 3, report, NOW_MS)
    assert nodes.rows(ORPHANS) == []


def test_a_run_of_many_logs_leaves_nothing_but_the_names_of_its_objects(nodes: Nodes) -> None:
    """Also of those that share a pack with logs of another run; what is kept stays what it was."""
    kept = nodes.one.runs.put_run("lab", "kept", "run", 0, NOW_MS)[2]
    logs = [nodes.one.runs.put_run("lab", "job", "run", worker, NOW_MS)[2] for worker in range(6)]
    for log in (kept, *logs):
        nodes.one.appender.append(log.id, 0, b"one\n")
        nodes.one.logs.add_gaps(log.id, [RecordedGap(0, 5, "spool full", NOW_MS)])
    for log in (kept, *logs[:3]):
        nodes.one.logs.close(nodes.one.logs.head(log.id), None, None, NOW_MS)
    leases = Leases(nodes.one.database, lambda: NOW_MS)
    assert nodes.one.packer.pack(leases.take([kept.id, *(log.id for log in logs[:3])])) == 4
    assert nodes.one.sealer.seal(logs[3].id)
    nodes.other.jobs.delete_version(nodes.version, NOW_MS + 1)
    assert nodes.rows("SELECT id FROM log") == [(kept.id,)]
    for table in ("segment", "gap"):
        assert nodes.rows(f"SELECT DISTINCT log_id FROM {table}") == [(kept.id,)]
    assert nodes.rows("SELECT log_id FROM chunk") == []
    assert len(nodes.rows(f"SELECT object_key FROM garbage WHERE since_ms = {NOW_MS + 1}")) == 2
    head = nodes.one.logs.head(kept.id)
    assert b"".join(nodes.one.reader.stream(head, 0, head.end_byte)) == b"one\n"
