"""The ranks of a run begin, report, end and are closed at once, on two nodes: as if they had done so one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from joblog.api.values import RecordedGap
from joblog.catalog.states import Report
from joblog.core.status import Status
from joblog.engine.engine import Engine
from joblog.errors import Conflict
from tests.backends import Backend, both_catalogs

pytestmark = both_catalogs

T = TypeVar("T")

NOW_MS = 1_700_000_000_000
RANKS = 60
FAILS, GROWS = 17, 23


@pytest.fixture
def nodes(backend: Backend, tmp_path: Path) -> Iterator[list[Engine]]:
    """Two nodes where a catalog can have them; else the one twice."""
    settings = backend.settings(tmp_path)
    engines = [Engine(settings, clock_ms=lambda: NOW_MS) for _ in range(2 if settings.catalog else 1)]
    engines[0].runs.put_project("lab", NOW_MS)
    yield [engines[0], engines[-1]]
    for engine in engines:
        engine.close()


def at_once(act: Callable[[int], T]) -> list[T]:
    """Has each rank do it, many at a time; returns what came of each."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(act, range(RANKS)))


def test_a_run_of_many_ranks(nodes: list[Engine]) -> None:
    """One version, a log for each; it runs until the last has ended, and has failed as the one that did."""
    labels = {"team": "vision"}
    begun = at_once(lambda rank: nodes[rank % 2].runs.put_run("lab", "job", "run", rank, NOW_MS, labels))
    assert len({job.id for job, _, _ in begun}) == len({version.id for _, version, _ in begun}) == 1
    job, version, _ = begun[0]
    assert nodes[1].runs.job("lab", job.id).labels == labels
    logs = nodes[1].runs.logs("lab", job.id, version.id, -1, 1000)
    assert [log.worker for log in logs] == list(range(RANKS))
    assert len({log.id for log in logs}) == RANKS
    assert [log.id for _, _, log in begun] == [log.id for log in logs]

    def report(rank: int, status: Status) -> Status:
        word = Report(status, exit_code=1 if status is Status.FAILED else 0, tasks=RANKS)
        return nodes[rank % 2].states.report(version, rank, word, NOW_MS).status

    assert set(at_once(lambda rank: report(rank, Status.RUNNING))) == {Status.RUNNING}
    assert set(at_once(lambda rank: report(rank, Status.COMPLETED) if rank < RANKS // 2 else None)) == {Status.RUNNING, None}
    at_once(lambda rank: report(rank, Status.FAILED if rank == FAILS + RANKS // 2 else Status.COMPLETED))
    ended = nodes[0].runs.version("lab", job.id, version.id)
    assert (ended.status, ended.reason) == (Status.FAILED, f"worker-{FAILS + RANKS // 2}: exit code 1")
    assert [task.ended_ms for task in nodes[0].states.tasks(version.id)] == [NOW_MS] * RANKS
    assert list(nodes[0].runs.kept_wrong()) == []


def test_all_logs_of_a_run_are_closed(nodes: list[Engine]) -> None:
    """One that has grown is refused and the others are not; when it is closed too, the run has ended, how is not known."""
    job, version, _ = nodes[0].runs.put_run("lab", "job", "run", 0, NOW_MS)
    at_once(lambda rank: nodes[rank % 2].runs.put_run("lab", "job", "run", rank, NOW_MS))
    logs = nodes[0].runs.logs("lab", job.id, version.id, -1, 1000)
    nodes[0].appender.append(logs[GROWS].id, 0, b"more\n")
    gap = RecordedGap(0, 7, "spool full", NOW_MS)

    def close(rank: int) -> tuple[bool, int, int] | None:
        try:
            closed, gaps = nodes[rank % 2].states.close_log(logs[rank], (0, 0), [gap] if rank == 1 else [], NOW_MS)
        except Conflict:
            return None
        return closed.closed, closed.lost_bytes, len(gaps)

    done = at_once(close)
    assert done[GROWS] is None
    assert [each for rank, each in enumerate(done) if rank not in (GROWS, 1)] == [(True, 0, 0)] * (RANKS - 2)
    assert done[1] == (True, 7, 1)
    assert nodes[1].logs.head(logs[1].id).lost_bytes == 7
    assert nodes[0].runs.version("lab", job.id, version.id).status is Status.RUNNING
    nodes[1].states.close_log(nodes[1].logs.head(logs[GROWS].id), (5, None), [], NOW_MS)
    assert nodes[0].runs.version("lab", job.id, version.id).status is Status.UNKNOWN
    assert list(nodes[0].runs.kept_wrong()) == []


def test_a_deleted_run_leaves_nothing(nodes: list[Engine]) -> None:
    """However many logs it has; its objects wait for their removal."""
    job, version, _ = nodes[0].runs.put_run("lab", "job", "run", 0, NOW_MS)
    at_once(lambda rank: nodes[rank % 2].runs.put_run("lab", "job", "run", rank, NOW_MS))
    for log in nodes[0].runs.logs("lab", job.id, version.id, -1, 1000):
        nodes[0].appender.append(log.id, 0, b"line\n")
        if log.worker % 2:
            nodes[0].sealer.seal(log.id)
    nodes[1].jobs.delete_version(version, NOW_MS)
    assert nodes[0].logs.all(0, 10) == []
    assert nodes[0].database.rows("garbage_count")[0][0] == RANKS // 2
    assert nodes[0].database.rows("segments_any") == []
    assert nodes[0].runs.versions("lab", job.id, 0, 10) == []
    assert list(nodes[0].runs.kept_wrong()) == []
