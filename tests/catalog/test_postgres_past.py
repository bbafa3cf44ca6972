"""A database that was set back while no node was there to see it: numbers that were given are never given again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from joblog.catalog.left_out import PAST
from joblog.catalog.postgres import Postgres
from joblog.catalog.runs import Runs
from joblog.errors import Unavailable
from tests.conftest import installed
from tests.engines import PostgresServer

GIVE_UP_S = 120.0
NOW_MS = 1_700_000_000_000

Numbers = tuple[int, int, int, int]


def given(node: Postgres, run_id: str, job: str = "resnet") -> Numbers:
    """Makes a run; returns the numbers of its job, its version and its log, and which version of its job it is."""
    names = Runs(node)
    names.put_project("lab", NOW_MS)
    _, version, log = names.put_run("lab", job, run_id, 0, NOW_MS)
    return log.job_id, version.id, log.id, version.number


def given_at_last(node: Postgres, run_id: str) -> Numbers:
    """Makes a run as soon as there is a server."""
    deadline = time.monotonic() + GIVE_UP_S
    while True:
        try:
            return given(node, run_id, run_id)
        except Unavailable:
            assert time.monotonic() < deadline


def opened(address: str, step: Callable[[Postgres], Numbers]) -> Numbers:
    node = Postgres(address)
    try:
        return step(node)
    finally:
        node.close()


@pytest.fixture
def name(postgres: PostgresServer) -> Iterator[str]:
    postgres.run("CREATE DATABASE past")
    yield "past"
    for each in ("past", "past_copy"):
        postgres.run(f"DROP DATABASE IF EXISTS {each} WITH (FORCE)")


def test_same_past_leaves_nothing_out(postgres: PostgresServer, name: str) -> None:
    """However often a catalog is opened, numbers follow each other."""
    results = [opened(postgres.address(name), lambda node, number=number: given(node, f"run-{number}")) for number in range(3)]  # type: ignore[misc]  # a default binds it
    assert results == [(1, number, number, number) for number in (1, 2, 3)]


def test_restored_while_no_node_was_there(postgres: PostgresServer, name: str) -> None:
    """Nodes that come to it together leave numbers out once."""
    address = postgres.address(name)
    opened(address, lambda node: given(node, "kept"))
    postgres.run("CREATE DATABASE past_copy TEMPLATE past")
    lost = opened(address, lambda node: given(node, "lost"))
    other = opened(address, lambda node: given(node, "other", "bert"))
    postgres.run("DROP DATABASE past")
    postgres.run("ALTER DATABASE past_copy RENAME TO past")
    with ThreadPoolExecutor(4) as threads:
        nodes = list(threads.map(lambda _: Postgres(address), range(4)))
    after, new = given(nodes[0], "after"), given(nodes[1], "new", "bert")
    for node in nodes:
        node.close()
    assert all(number > gone for number, gone in zip(after[1:], lost[1:], strict=True))
    assert new[0] > other[0]
    assert opened(address, lambda node: given(node, "again"))[1] == new[1] + 1


def test_restored_from_a_copy_that_names_no_past(postgres: PostgresServer, name: str) -> None:
    """As an older joblog's: numbers are left out, once."""
    address = postgres.address(name)
    kept = opened(address, lambda node: given(node, "kept"))
    node = Postgres(address)
    node.rows("counter_drop", name=PAST)
    node.close()
    after = opened(address, lambda node: given(node, "after"))
    assert after[1] > kept[1] + 10**6 - 2
    assert opened(address, lambda node: given(node, "again"))[1] == after[1] + 1


@pytest.mark.long  # two servers are started
def test_promoted_while_no_node_was_there() -> None:
    """A standby that lacks what was committed last: what it lacks had numbers, and nobody gets them again."""
    first = installed(PostgresServer)
    try:
        first.run("CREATE DATABASE promoted")
        second = PostgresServer(first)
        try:
            kept = opened(first.address("promoted"), lambda node: given(node, "kept"))
            second.kill()
            first.run("ALTER SYSTEM SET synchronous_standby_names = ''")
            first.run("SELECT pg_reload_conf()")
            lost = opened(first.address("promoted"), lambda node: given(node, "lost"))
            first.kill()
            second.start()
            second.promote()
            after = opened(second.address("promoted"), lambda node: given(node, "after"))
            assert kept[1] < lost[1] < after[1]
            assert lost[2] < after[2]
            assert lost[3] < after[3]
        finally:
            second.close()
    finally:
        first.close()


@pytest.mark.long  # three servers are started
def test_two_standbys_promoted_one_after_the_other() -> None:
    """Both may begin the same timeline: a node that was there sees that they are not the same past."""
    first = installed(PostgresServer)
    servers = [first]
    try:
        first.run("CREATE DATABASE twice")
        for _ in range(2):
            standby = PostgresServer(first)
            servers.append(standby)
            first.run("ALTER SYSTEM SET synchronous_standby_names = ''")
            first.run("SELECT pg_reload_conf()")
        addresses = ",".join(f"127.0.0.1:{each.port}" for each in servers)
        node, went_back = Postgres(f"postgresql://postgres@{addresses}/twice"), list[int]()
        node.watch(lambda _: None, lambda: went_back.append(1))
        given(node, "kept")
        servers[1].kill()
        servers[2].kill()
        first.kill()
        numbers = list[Numbers]()
        for count, standby in enumerate(servers[1:], 1):
            standby.start()
            standby.promote()
            numbers.append(given_at_last(node, f"run-{count}"))
            assert len(went_back) == count
            standby.kill()
        assert numbers[0][:3] != numbers[1][:3]  # but for one chance in a thousand
        node.close()
    finally:
        for each in servers:
            each.close()
