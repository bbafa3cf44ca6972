"""Fails the first, second, third ... call of the catalog and of the object store, until the scenario passes untouched.

After each failure the directory is reopened: pieces tile, no row dangles, what was acknowledged is there; and a writer that
simply repeats what was not acknowledged gets everything in, once.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from joblog.catalog.leases import Lease, Leases
from joblog.catalog.logs import Logs
from joblog.catalog.modelarts_jobs import Jobs
from joblog.catalog.runs import Runs
from joblog.catalog.states import LOST_MS, SEEN_MS, Report, States
from joblog.core.settings import Settings
from joblog.core.status import Status
from joblog.engine.append import Appender
from joblog.engine.engine import Engine
from joblog.engine.pack import Packer
from joblog.engine.read import PageReader
from joblog.engine.retention import Retention
from joblog.errors import Unavailable
from joblog.objects.frame_store import FrameStore
from joblog.objects.piece_cache import PieceCache
from joblog.objects.store import is_pack
from joblog.upkeep.repair import Repair
from joblog.upkeep.salvage import describe_pack
from tests.backends import DEFAULT, Backend, storage_contract
from tests.checked import checked
from tests.engine.faults import FailingDatabase, FailingObjects, Fuse
from tests.engine.sealing import IndexingSealer

NOW_MS = 1_700_000_000_000
LINES = [b"step %d loss=%f\n" % (step, 1 / step) * 5 for step in range(1, 9)]


SMALL = 4


class Scenario:
    """A writer's day: reports, appends, a large append, sealing, merging, closing, retention, removal of objects.

    And a day of small logs that share a pack, of which one is deleted.
    """

    def __init__(self, place: Settings, catalog_fuse: Fuse, object_fuse: Fuse) -> None:
        self.engine = Engine(place, clock_ms=lambda: NOW_MS)
        database = FailingDatabase(self.engine.database, catalog_fuse)
        objects = FailingObjects(self.engine.objects, object_fuse)
        self.names, self.logs, self.states = Runs(database), Logs(database), States(database)
        frames = FrameStore(objects)
        self.query = PageReader(self.logs, PieceCache(0), frames)  # each read fetches
        self.sealer = IndexingSealer(self.logs, frames, objects, frame_bytes=100)
        self.packer, self.leases = Packer(self.sealer), Leases(database, lambda: NOW_MS)
        self.database, self.jobs = database, Jobs(database)
        self.retention = Retention(database, objects)
        self.ingest = Appender(self.logs, self.query, clock_ms=lambda: NOW_MS, queue_bytes=10**6)
        self.acknowledged = 0

    def run(self) -> None:
        """Does everything; what it has done already, in an earlier attempt, it may do again."""
        self.names.put_project("lab", NOW_MS)
        _, version, log = self.names.put_run("lab", "job", "run", 0, NOW_MS)
        self.states.report(version, 0, Report(Status.RUNNING, host="node-1", tasks=1), NOW_MS)
        self.states.report(self.names.version("lab", log.job_id, version.id), 0, Report(Status.RUNNING), NOW_MS + SEEN_MS)
        at = 0
        for number, line in enumerate(LINES):
            if number == 4:
                while self.sealer.seal(log.id):
                    pass
                head = self.logs.head(log.id)
                if head.end_byte == at and head.sealed_byte == at:
                    self.sealer.append_sealed(head, line, NOW_MS)
            head = self.ingest.append(log.id, at, line)
            at += len(line)
            self.acknowledged = at
            if number % 2:
                self.sealer.seal(log.id)
        self.states.close_log(self.logs.head(log.id), (at, zlib.crc32(b"".join(LINES))), [], NOW_MS)
        self.states.report(version, 0, Report(Status.FAILED, 3, reason="an exception"), NOW_MS + SEEN_MS)
        self.states.mark_lost(NOW_MS + 2 * LOST_MS)
        while self.sealer.seal(log.id):
            pass
        self.sealer.merge(log.id, NOW_MS)
        self.sealer.compress(log.id, NOW_MS)
        head = self.logs.head(log.id)
        assert b"".join(self.query.stream(head, 0, at)) == b"".join(LINES)
        self.small_logs()
        self.retention.remove_garbage(NOW_MS + 1, 0)
        self.retention.remove_garbage(2**60, 0)

    def small_logs(self) -> None:
        """Packs them, deletes the first one, and packs anew what is left; each is what it was."""
        self.leases.forget(2**62)  # as a start does
        ids = []
        for number in range(SMALL if not self.deleted() else 0):
            log = self.names.put_run("lab", f"small-{number}", "run", 0, NOW_MS)[2]
            self.ingest.append(log.id, 0, LINES[number])
            self.states.close_log(self.logs.head(log.id), (None, None), [], NOW_MS)
            ids.append(log.id)
        self.held(ids, self.packer.pack)
        if not self.deleted():
            job = self.names.put_job("lab", "small-0", NOW_MS)
            self.jobs.delete_job(job, NOW_MS)
        for (key,) in self.database.rows("packs_due", before_ms=2**60, limit=10):
            self.held([each.log_id for each in self.logs.segments_of(key)], partial(self.packer.renew, key, now_ms=NOW_MS))
        for number in range(1, SMALL):
            head = self.names.put_run("lab", f"small-{number}", "run", 0, NOW_MS)[2]
            assert b"".join(self.query.stream(head, 0, head.end_byte)) == LINES[number]

    def held(self, log_ids: Sequence[int], work: Callable[[Sequence[Lease]], int]) -> None:
        """Works on logs that are leased."""
        leases = self.leases.take(log_ids)
        work(leases)
        self.leases.give_back(leases)

    def deleted(self) -> bool:
        """Whether all were made, and the first of them is no more."""
        names = {job.name for job in self.names.jobs("lab", None, 0, 100)}
        return f"small-{SMALL - 1}" in names and "small-0" not in names

    def close(self) -> None:
        self.ingest.close()
        self.engine.close()


def survives(place: Settings, catalog_fuse: Fuse, object_fuse: Fuse) -> bool:
    """Runs the scenario into its fault, checks what is left, repeats it without; says whether the fault was reached."""
    fuse = catalog_fuse if catalog_fuse.at else object_fuse
    first = Scenario(place, catalog_fuse, object_fuse)
    try:
        first.run()
    except Unavailable:
        assert fuse.blown
    first.close()
    second = Scenario(place, Fuse(0), Fuse(0))
    assert list(checked(second.engine).problems()) == []
    repaired = Repair(second.engine.database, second.engine.objects)
    repaired.run(read=True)
    assert (repaired.mended, repaired.lines) == (0, [])
    logs = second.engine.logs.all(0, 10)
    assert first.acknowledged <= (logs[0].end_byte if logs else 0)
    second.run()
    assert list(checked(second.engine).problems()) == []
    log = second.engine.logs.all(0, 10)[0]
    assert log.complete is True
    version = second.names.version("lab", log.job_id, log.version_id)
    (task,) = second.states.tasks(version.id)
    assert (version.status, version.reason) == (Status.FAILED, "worker-0: an exception")
    assert (task.status, task.exit_code, task.host, version.expected_tasks) == (Status.FAILED, 3, "node-1", 1)
    logs = second.engine.logs.all(0, 10)
    named = {row[1] for log in logs for row in second.engine.database.rows("segment_keys", log_id=log.id)}
    keys = {key for key, _, _ in second.engine.objects.listing()}
    assert keys == named
    assert {part.log_id for key in filter(is_pack, keys) for part in describe_pack(second.engine.objects, key, 0).parts} == {
        log.id for log in logs[1:]
    }
    second.close()
    return fuse.blown


either_way = pytest.mark.parametrize("after", [False, True], ids=["before it is done", "when it is done, its answer lost"])
either_seam = pytest.mark.parametrize("seam", ["catalog", "objects"])


@either_way
@either_seam
@storage_contract
def test_some_failing_call_is_survived(backend: Backend, tmp_path: Path, seam: str, after: bool) -> None:
    """Calls all over the scenario, not each of them."""
    step = 4 if backend.name == DEFAULT else 11
    every_call_survives(backend, tmp_path, seam, after=after, step=step if seam == "objects" else 5 * step)


@pytest.mark.long  # hundreds of scenarios
@either_way
@either_seam
@storage_contract
def test_any_failing_call_is_survived(backend: Backend, tmp_path: Path, seam: str, after: bool) -> None:
    """Every call on the embedded default; elsewhere, where the calls are the same and take longer, some of them."""
    step = 1 if backend.name == DEFAULT else 4
    every_call_survives(backend, tmp_path, seam, after=after, step=step if seam == "objects" or step == 1 else 2 * step)


def every_call_survives(backend: Backend, tmp_path: Path, seam: str, *, after: bool, step: int) -> None:
    """Whichever call fails, nothing acknowledged is lost, nothing is twice, no row dangles, no object stays behind."""
    call = 0
    reached = True
    while reached:
        call += step
        catalog_fuse = Fuse(call if seam == "catalog" else 0, after=after)
        object_fuse = Fuse(call if seam == "objects" else 0, after=after)
        reached = survives(backend.settings(tmp_path / str(call)), catalog_fuse, object_fuse)
    assert call > (100 if seam == "catalog" else 10)
