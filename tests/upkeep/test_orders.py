"""Whatever order the steps of two fall into, and whenever a catalog was copied: nothing that was sealed is lost, at grace 0.

Steps are calls of the catalog and of the store. Of two actors each order is tried in which they change places once, or twice;
of a copy of the catalog each pair of moments: when it was made, and when the server ended that it is put back after.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import psycopg
import pytest

from joblog.catalog.database import Database
from joblog.catalog.logs import Logs
from joblog.catalog.modelarts_jobs import Jobs
from joblog.catalog.runs import Runs
from joblog.catalog.states import States
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.janitor import Janitor
from joblog.engine.ownership import Ownership
from joblog.engine.retention import Retention
from joblog.engine.seal import Sealer
from joblog.errors import Conflict, NotFound
from joblog.objects.frame_store import FrameStore
from joblog.objects.store import Objects
from joblog.upkeep.check import check
from joblog.upkeep.repair import repair
from tests.backends import Backend
from tests.checked import checked
from tests.clock import Clock
from tests.engine.interleaved import Step, SteppedDatabase, SteppedObjects, interleaved

NOW_MS = 1_700_000_000_000
LATER_MS = 7 * 3600 * 1000
"""Longer than all of a janitor's pauses."""

TEXT = b"".join(b"step %d loss=%f\n" % (step, 1 / (step + 1)) for step in range(200))
PIECE = len(TEXT) // 8


@dataclass
class Node:
    """A server's parts, each of whose calls is a step."""

    database: Database
    objects: Objects
    settings: Settings

    def __post_init__(self) -> None:
        self.logs, self.jobs = Logs(self.database), Jobs(self.database)
        self.sealer = Sealer(self.logs, FrameStore(self.objects), self.objects, frame_bytes=100)
        self.retention = Retention(self.database, self.objects)
        self.ownership = Ownership(self.database, self.objects)
        states = States(self.database)
        self.janitor = Janitor(self.settings, self.database, self.sealer, self.retention, states, self.ownership)


Work = Callable[[Node, "Logs3"], None]


@dataclass(frozen=True)
class Logs3:
    """Logs by what they have: segments and a tail; segments that were merged, and are garbage; segments alone.

    And small ones: that can be packed; that share a pack, of which not all is needed.
    """

    tailed: int
    merged: int
    sealed: int
    small: tuple[int, ...]
    packed: tuple[int, ...]


def sealing(node: Node, logs: Logs3) -> None:
    while node.sealer.seal(logs.tailed):
        pass


def merging(node: Node, logs: Logs3) -> None:
    node.sealer.merge(logs.tailed, node.database.clock_ms())


def appending(node: Node, logs: Logs3) -> None:
    """A large append, which becomes an object at once."""
    head = node.logs.head(logs.sealed)
    node.sealer.append_sealed(head, TEXT[head.end_byte :], node.database.clock_ms())


def cleaning(node: Node, logs: Logs3) -> None:
    del logs
    node.janitor.clean()


def starting(node: Node, logs: Logs3) -> None:
    """A second node."""
    del logs
    node.ownership.begin()


def retaining(node: Node, logs: Logs3) -> None:
    Runs(node.database).put_project("lab", NOW_MS, retention={"retain_days": None, "retain_bytes": 1})
    node.retention.retain(node.database.clock_ms())
    del logs


def deleting(node: Node, logs: Logs3) -> None:
    job = Runs(node.database).job("lab", node.logs.head(logs.tailed).job_id)
    node.jobs.delete_job(job, node.database.clock_ms())


def deleting_small(node: Node, logs: Logs3) -> None:
    for log_id in (logs.small[0], logs.packed[0]):
        job = Runs(node.database).job("lab", node.logs.head(log_id).job_id)
        node.jobs.delete_job(job, node.database.clock_ms())


def packing(node: Node, logs: Logs3) -> None:
    del logs
    node.janitor.pack_due()


def repacking(node: Node, logs: Logs3) -> None:
    del logs
    node.janitor.repack_due(node.database.clock_ms(), 0)


PAIRS: tuple[tuple[Work, Work], ...] = (
    *((sealing, cleaning), (merging, cleaning), (appending, cleaning), (retaining, cleaning), (deleting, cleaning)),
    *((cleaning, cleaning), (starting, cleaning), (starting, sealing), (starting, starting)),
    *((sealing, sealing), (sealing, merging), (merging, merging), (appending, appending)),
    *((retaining, sealing), (retaining, merging), (deleting, sealing), (deleting, merging)),
    *((packing, cleaning), (packing, packing), (packing, deleting_small), (packing, starting), (packing, retaining)),
    *((repacking, cleaning), (repacking, repacking), (repacking, deleting_small), (repacking, packing)),
    *((repacking, retaining), (deleting_small, cleaning), (deleting_small, retaining)),
)


class Place:
    """A catalog and its objects, with garbage that is due at once."""

    def __init__(self, backend: Backend, data: Path) -> None:
        self.clock = Clock()
        self.settings = replace(backend.settings(data), object_grace_s=0, retain_share=100.0, pack_after_s=0)
        self.engine = Engine(self.settings, clock_ms=self.clock)
        self.engine.runs.put_project("lab", NOW_MS)
        tailed, merged, sealed = (self._log(name, pieces) for name, pieces in (("tailed", 4), ("merged", 4), ("sealed", 2)))
        *packed, deleted = (self._small(f"packed-{number}") for number in range(4))
        assert self.engine.janitor.pack_due() == 4
        job = self.engine.runs.job("lab", self.engine.logs.head(deleted).job_id)
        self.engine.jobs.delete_job(job, NOW_MS)
        small = tuple(self._small(f"small-{number}") for number in range(3))
        self.logs = Logs3(tailed, merged, sealed, small, tuple(packed))
        self.engine.appender.append(self.logs.tailed, 4 * PIECE, TEXT[4 * PIECE : 6 * PIECE])
        assert self.engine.sealer.merge(self.logs.merged, NOW_MS) == 4
        self.acknowledged = {id: self.engine.logs.head(id).end_byte for id in self.ids}
        self.clock.now_ms += LATER_MS

    @property
    def ids(self) -> tuple[int, ...]:
        return self.logs.tailed, self.logs.merged, self.logs.sealed, *self.logs.small, *self.logs.packed

    def _small(self, name: str) -> int:
        log_id = self.engine.runs.put_run("lab", name, "run", 0, NOW_MS)[2].id
        self.engine.appender.append(log_id, 0, TEXT[:PIECE])
        self.engine.logs.close(self.engine.logs.head(log_id), None, None, NOW_MS)
        return log_id

    def _log(self, name: str, pieces: int) -> int:
        log_id = self.engine.runs.put_run("lab", name, "run", 0, NOW_MS)[2].id
        for number in range(pieces):
            self.engine.appender.append(log_id, number * PIECE, TEXT[number * PIECE : (number + 1) * PIECE])
            assert self.engine.sealer.seal(log_id)
        return log_id

    def acting(self, work: Work) -> Callable[[Step], None]:
        def act(step: Step) -> None:
            database = SteppedDatabase(self.engine.database, step, inside=bool(self.settings.catalog))
            work(Node(database, SteppedObjects(self.engine.objects, step), self.settings), self.logs)

        return act

    @contextmanager
    def looking(self) -> Iterator[Callable[[], bool]]:
        """Gives what says whether somebody waits for a lock of the catalog's; of an embedded one nobody stands still in it."""
        if not self.settings.catalog:
            yield lambda: False
            return
        with psycopg.connect(self.settings.catalog, autocommit=True) as connection:
            sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            yield lambda: bool(connection.execute(sql).fetchall())

    def is_sound(self, works: tuple[Work, Work]) -> None:
        """Whatever was acknowledged is there, but for what was to go; after a janitor's rounds no object is left over."""
        for _ in range(3):
            self.clock.now_ms += LATER_MS
            self.engine.janitor.clean()
        assert list(checked(self.engine).problems()) == []
        named = set[str]()
        for log_id in self.ids:
            try:
                head = self.engine.logs.head(log_id)
            except NotFound:
                assert (log_id == self.logs.tailed and deleting in works) or (
                    log_id in (self.logs.small[0], self.logs.packed[0]) and deleting_small in works
                )
                continue
            assert head.end_byte >= self.acknowledged[log_id]
            assert not head.start_byte or retaining in works
            text = b"".join(self.engine.reader.stream(head, head.start_byte, head.end_byte))
            assert text == TEXT[head.start_byte : head.end_byte]
            named |= {row[1] for row in self.engine.database.rows("segment_keys", log_id=log_id)}
        assert {key for key, _, _ in self.engine.objects.listing()} == named


def tried(backend: Backend, data: Path, works: tuple[Work, Work], changes: Sequence[int]) -> int:
    """Has two actors take their steps in one order; returns how many steps they took."""
    place = Place(backend, data)
    try:
        with place.looking() as waits:
            steps = interleaved(place.acting(works[0]), place.acting(works[1]), changes, waits)
        place.is_sound(works)
        return steps
    finally:
        place.engine.close()
        shutil.rmtree(data)


QUICK_ORDERS, ORDERS = 2, int(os.environ.get("TEST_ORDERS", "20"))
"""Of a pair of works; TEST_ORDERS=10000 tries all, which takes an hour."""


def name_of(works: tuple[Work, Work]) -> str:
    return " and ".join(work.__name__ for work in works)


def every_order(backend: Backend, data: Path, works: tuple[Work, Work], times: int, most: int) -> None:
    """Tries the orders in which they change places so often, whichever begins; of these about ``most``, spread evenly."""
    for pair in (works, works[::-1]) if works[0] is not works[1] else (works,):
        some_orders(backend, data, pair, times, most)


def some_orders(backend: Backend, data: Path, pair: tuple[Work, Work], times: int, most: int) -> None:
    steps = tried(backend, data / "alone", pair, ())
    orders = list(combinations(range(1, steps), times))
    for number, changes in enumerate(orders[:: max(len(orders) // most, 1)]):
        try:
            tried(backend, data / str(number), pair, changes)
        except BaseException as error:
            error.add_note(f"{name_of(pair)}, changing places after {changes} steps")
            raise


@pytest.mark.parametrize("works", PAIRS[::3], ids=name_of)
def test_some_orders_of_steps(backend: Backend, tmp_path: Path, works: tuple[Work, Work]) -> None:
    """One begins, the other does all of its work somewhere between two steps, and the first goes on: at a few steps."""
    some_orders(backend, tmp_path, works, 1, QUICK_ORDERS)


@pytest.mark.long  # hundreds of orders
@pytest.mark.parametrize("works", PAIRS, ids=name_of)
def test_orders_of_steps(backend: Backend, tmp_path: Path, works: tuple[Work, Work]) -> None:
    """Many in which they change places once, and some in which they do it twice."""
    every_order(backend, tmp_path, works, 1, ORDERS)
    every_order(backend, tmp_path, works, 2, ORDERS // 2)


@pytest.mark.long  # hundreds of orders
@pytest.mark.backends("postgres-s3")
@pytest.mark.parametrize("works", PAIRS, ids=name_of)
def test_orders_of_steps_of_two_nodes(backend: Backend, tmp_path: Path, works: tuple[Work, Work]) -> None:
    """Where each statement of a transaction is a step, and one may wait for what the other has locked."""
    every_order(backend, tmp_path, works, 1, ORDERS // 4)


@dataclass(frozen=True)
class Moment:
    """Catalog and store as they were at one moment, and how far a log was."""

    image: Path
    end_byte: int
    sealed_byte: int
    now_ms: int
    packed: frozenset[int]
    """Small logs that are in an object."""


def moments(backend: Backend, directory: Path) -> list[Moment]:
    """A day of a server's, and what there is in its catalog and its store before each of its steps."""
    moments_of_both = list[Moment]()
    place = Place(backend, directory / "data")
    data, (log_id, *_) = place.settings.data, place.ids

    def keep() -> None:
        image = directory / f"moment-{len(moments_of_both)}"
        shutil.copytree(data, image)
        head = place.engine.logs.head(log_id)
        small = place.engine.logs.heads((*place.logs.small, *place.logs.packed)).values()
        packed = frozenset(each.id for each in small if each.sealed_byte)
        moments_of_both.append(Moment(image, head.end_byte, head.sealed_byte, place.clock.now_ms, packed))

    node = Node(
        SteppedDatabase(place.engine.database, keep, inside=False), SteppedObjects(place.engine.objects, keep), place.settings
    )
    sealing(node, place.logs)
    cleaning(node, place.logs)
    merging(node, place.logs)
    packing(node, place.logs)
    repacking(node, place.logs)
    place.clock.now_ms += LATER_MS
    place.engine.appender.append(log_id, 6 * PIECE, TEXT[6 * PIECE :])
    appending(node, place.logs)
    sealing(node, place.logs)
    cleaning(node, place.logs)
    place.engine.close()
    return moments_of_both


def restored(copied: Moment, ended: Moment, settings: Settings, data: Path) -> None:
    """A server ended at one moment, and its catalog is set back to an earlier one: what was sealed is there."""
    shutil.copytree(ended.image, data)
    for each in data.glob("catalog.db*"):
        each.unlink()
    for each in copied.image.glob("catalog.db*"):
        shutil.copy(each, data)
    place, clock = replace(settings, data=data), Clock()
    clock.now_ms = ended.now_ms + LATER_MS
    try:
        Engine(place, clock_ms=clock).close()
    except Conflict:
        repair(place, read=False)
    assert list(check(place).problems()) == []
    engine = Engine(place, clock_ms=clock)
    for _ in range(3):
        clock.now_ms += LATER_MS
        engine.janitor.clean()
    head = engine.logs.all(0, 1)[0]
    assert head.end_byte >= max(copied.end_byte, ended.sealed_byte)
    assert b"".join(engine.reader.stream(head, 0, head.end_byte)) == TEXT[: head.end_byte]
    for small in engine.logs.heads(sorted(ended.packed)).values():
        assert b"".join(engine.reader.stream(small, 0, small.end_byte)) == TEXT[:PIECE]
    assert list(checked(engine).problems()) == []
    engine.close()
    shutil.rmtree(data)


def every_restore(backend: Backend, directory: Path, step: int) -> None:
    """Tries each ``step``-th pair of moments."""
    moments_of_both = moments(backend, directory)
    assert len(moments_of_both) > 60
    settings = replace(backend.settings(directory), object_grace_s=0, retain_share=100.0)
    for first, second in list(combinations(range(len(moments_of_both)), 2))[::step]:
        try:
            restored(moments_of_both[first], moments_of_both[second], settings, directory / "restored")
        except BaseException as error:
            error.add_note(f"copied before step {first}, ended before step {second}")
            raise


def test_some_moments_of_a_copy(backend: Backend, tmp_path: Path) -> None:
    """A few pairs."""
    every_restore(backend, tmp_path, 601)


@pytest.mark.long  # hundreds of pairs
def test_moments_of_a_copy(backend: Backend, tmp_path: Path) -> None:
    """Each thirty-first pair or so."""
    every_restore(backend, tmp_path, 31)
