"""Nodes that share the background work: each log's is done once, and goes on when the node that did it dies."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from joblog.catalog.leases import LEASE_MS, Leases
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from tests.backends import Backend
from tests.checked import checked
from tests.clock import Clock

pytestmark = pytest.mark.backends("postgres-directory")

LOGS = 30


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def nodes(backend: Backend, tmp_path: Path, clock: Clock) -> Iterator[list[Engine]]:
    """Three nodes on one catalog and one directory of objects."""
    shared = replace(backend.settings(tmp_path), objects=f"file://{tmp_path}/objects", seal_bytes=1, object_grace_s=0)
    shared = replace(shared, retain_share=100.0)
    engines = [Engine(replace(shared, data=tmp_path / str(number)), clock_ms=clock) for number in range(3)]
    yield engines
    for node in engines:
        node.close()


@pytest.fixture
def ids(nodes: list[Engine], clock: Clock) -> list[int]:
    """Logs with something to seal."""
    nodes[0].runs.put_project("lab", clock())
    log_ids = [nodes[0].runs.put_run("lab", "job", "run", worker, clock())[2].id for worker in range(LOGS)]
    for log_id in log_ids:
        nodes[log_id % 3].appender.append(log_id, 0, b"line\n" * 1000)
    return log_ids


def test_each_log_is_sealed_once_whoever_does_it(nodes: list[Engine], ids: list[int]) -> None:
    """All nodes work at the same time until nothing is due: one object for each log, nothing left behind."""

    def work(node: Engine) -> int:
        made = 0
        while node.database.rows("logs_to_seal_early", limit=1, seal_bytes=1, now_ms=2**60):  # as if all leases had run out
            made += node.janitor.seal_due()
        return made

    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(work, nodes))
    assert sum(made) == LOGS
    assert len(list(nodes[0].objects.listing())) == LOGS
    assert list(checked(nodes[1]).problems()) == []


def test_what_another_node_has_leased_is_left_to_it(nodes: list[Engine], ids: list[int], clock: Clock) -> None:
    """Until its lease has run out, as it does when that node dies."""
    dead = Leases(nodes[0].database, clock)
    assert [lease.log_id for lease in dead.take(ids)] == ids
    assert nodes[1].janitor.seal_due() == 0
    assert Leases(nodes[1].database, clock).take(ids) == []
    clock.now_ms += LEASE_MS
    while nodes[1].janitor.seal_due():
        pass
    assert all(nodes[2].logs.head(log_id).sealed_byte == 5000 for log_id in ids)


def test_node_that_lost_its_lease_cannot_swap(nodes: list[Engine], ids: list[int], clock: Clock) -> None:
    """Whether another one has it or nobody: what was prepared is an object that no row names."""
    slow = Leases(nodes[0].database, clock)
    (lost, expired) = slow.take(ids[:2])
    clock.now_ms += LEASE_MS
    assert Leases(nodes[1].database, clock).take([lost.log_id]) != []
    assert not nodes[0].sealer.seal(lost.log_id, lost)
    assert not nodes[0].sealer.seal(expired.log_id, expired)
    assert nodes[0].logs.head(lost.log_id).sealed_byte == 0
    assert nodes[0].retention.remove_garbage(2**60, 0) == 2
    (mine,) = Leases(nodes[2].database, clock).take([expired.log_id])
    assert nodes[2].sealer.seal(expired.log_id, mine)


def test_node_that_lost_its_lease_cannot_merge(nodes: list[Engine], ids: list[int], clock: Clock) -> None:
    """The segments stay what they were."""
    node = nodes[0]
    for _ in range(5):
        node.appender.append(ids[0], node.logs.head(ids[0]).end_byte, b"line\n" * 100)
        assert node.sealer.seal(ids[0])
    before = node.logs.segment_sizes(ids[0])
    (lease,) = Leases(node.database, clock).take([ids[0]])
    clock.now_ms += LEASE_MS
    assert node.sealer.merge(ids[0], clock(), lease) == 0
    assert node.logs.segment_sizes(ids[0]) == before
    assert node.sealer.merge(ids[0], clock()) == 5
    assert list(checked(node).problems()) == []


def test_merge_that_is_given_up_is_begun_again(nodes: list[Engine], ids: list[int], clock: Clock) -> None:
    """As when the node is told to end: nothing was changed, and nothing is forgotten."""
    node, asked = nodes[0], count(1)
    for _ in range(5):
        node.appender.append(ids[0], node.logs.head(ids[0]).end_byte, b"line\n" * 100)
        assert node.sealer.seal(ids[0])
    before = node.logs.segment_sizes(ids[0]), node.logs.head(ids[0])
    assert node.sealer.merge(ids[0], clock(), give_up=lambda: next(asked) > 2) == 0
    assert (node.logs.segment_sizes(ids[0]), node.logs.head(ids[0])) == before
    assert len(list(node.objects.listing())) == 5
    assert node.sealer.merge(ids[0], clock()) == 5


def test_retention_is_one_nodes_at_a_time(nodes: list[Engine], ids: list[int], clock: Clock) -> None:
    """And the next one's after the pause."""
    while nodes[0].janitor.seal_due():
        pass
    nodes[0].runs.put_project("lab", clock(), retention={"retain_days": None, "retain_bytes": 0})
    nodes[0].janitor.clean()
    assert list(nodes[0].objects.listing()) == []
    nodes[1].appender.append(ids[0], 5000, b"more\n")
    assert nodes[1].sealer.seal(ids[0])
    nodes[1].janitor.clean()
    assert len(list(nodes[1].objects.listing())) == 1
    clock.now_ms += int(nodes[0].settings.retain_check_s * 1000)
    nodes[2].janitor.clean()
    assert list(nodes[1].objects.listing()) == []


def test_retention_and_merging_at_once(nodes: list[Engine], ids: list[int], clock: Clock) -> None:
    """Of two nodes, one merges what the other removes, again and again: the log is whole after each."""
    text = b"0123456789\n" * 50
    for turn in range(10):
        for _ in range(4):
            nodes[0].appender.append(ids[0], nodes[0].logs.head(ids[0]).end_byte, text)
            nodes[0].sealer.seal(ids[0])
        nodes[0].runs.put_project("lab", clock(), retention={"retain_days": None, "retain_bytes": 600 + turn * 10})
        with ThreadPoolExecutor(2) as pool:
            merging = pool.submit(nodes[1].sealer.merge, ids[0], clock())
            retaining = pool.submit(nodes[2].retention.retain, clock())
            merging.result()
            retaining.result()
        assert list(checked(nodes[0]).problems()) == []


def test_embedded_catalog_has_no_leases_of_the_dead(tmp_path: Path) -> None:
    """Whoever opens it is alone on it."""
    settings = Settings(data=tmp_path, seal_bytes=1)
    with_leases = Engine(settings)
    with_leases.runs.put_project("lab", 1)
    log = with_leases.runs.put_run("lab", "job", "run", 0, 1)[2]
    with_leases.appender.append(log.id, 0, b"line\n")
    assert Leases(with_leases.database, with_leases.clock_ms).take([log.id])
    assert with_leases.janitor.seal_due() == 0
    with_leases.close()
    again = Engine(settings)
    again.janitor.start()
    again.janitor.close()
    assert again.janitor.seal_due() + again.logs.head(log.id).sealed_byte > 0
    again.close()
