"""What is PostgreSQL's alone: its address, several nodes at once, and what happens when it goes away."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from joblog.api.values import Job
from joblog.catalog import database
from joblog.catalog.logs import Logs, append, pack
from joblog.catalog.postgres import Postgres, dsn
from joblog.catalog.runs import Runs
from joblog.core.jobs import VersionRow
from joblog.core.logs import Head
from joblog.errors import Invalid, NotFound, Unavailable
from tests.conftest import installed
from tests.engines import PostgresServer, free_ports

NOW_MS = 1_700_000_000_000
NODES = 4


@pytest.fixture(scope="module")
def own() -> Iterator[PostgresServer]:
    """A server that these tests may stop."""
    running = installed(PostgresServer)
    yield running
    running.close()


@pytest.fixture
def address(own: PostgresServer, request: pytest.FixtureRequest) -> str:
    """A new database, without a schema."""
    name = "test_" + str(abs(hash(request.node.name)))
    own.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    own.run(f"CREATE DATABASE {name}")
    return own.address(name)


@pytest.fixture
def nodes(address: str) -> Iterator[list[Postgres]]:
    """Several nodes that start on it at the same moment."""
    with ThreadPoolExecutor(NODES) as pool:
        opened = list(pool.map(lambda _: Postgres(address), range(NODES)))
    yield opened
    for each in opened:
        each.close()


T = TypeVar("T")


def together(nodes: list[Postgres], step: Callable[[Postgres], T]) -> list[T]:
    """Lets each node do it at the same moment."""
    barrier = threading.Barrier(len(nodes))

    def run(node: Postgres) -> T:
        barrier.wait()
        return step(node)

    with ThreadPoolExecutor(len(nodes)) as pool:
        return list(pool.map(run, nodes))


def test_nodes_that_start_together_make_one_schema(nodes: list[Postgres]) -> None:
    """One makes it, the others find it made; so it is when the program is started again."""
    for node in nodes:
        assert node.rows("counter", name="schema") == [(database.SCHEMA_VERSION,)]
        node.migrate()


def test_schema_of_a_newer_joblog_is_left_alone(nodes: list[Postgres]) -> None:
    """An old node must not write into what it does not know."""
    with nodes[0].transaction() as tx:
        tx.rows("set_counter", name="schema", value=database.SCHEMA_VERSION + 1)
    with pytest.raises(Unavailable, match="newer joblog"):
        nodes[1].migrate()


def made(name: str, workers: Iterator[int], node: Postgres) -> tuple[Job, VersionRow, Head]:
    return Runs(node).put_run("lab", name, "run", next(workers), NOW_MS)


def test_all_nodes_meet_in_one_version(nodes: list[Postgres]) -> None:
    """Whoever comes first; each worker gets a log of its own, and a number is used once."""
    Runs(nodes[0]).put_project("lab", NOW_MS)
    for number in range(10):
        workers = iter(range(NODES))
        name = f"job-{number}"
        runs = together(nodes, partial(made, name, workers))
        assert len({(job.id, version) for job, version, _ in runs}) == 1
        assert len({log.id for _, _, log in runs}) == NODES
        again = together(nodes, partial(made, name, repeat(0)))
        assert len({log.id for _, _, log in again}) == 1


def test_versions_of_one_job_are_numbered_without_a_gap(nodes: list[Postgres]) -> None:
    """However many nodes start runs at once."""
    Runs(nodes[0]).put_project("lab", NOW_MS)
    for _ in range(10):
        together(nodes, lambda node: Runs(node).put_run("lab", "job", None, 0, NOW_MS))
    versions = Runs(nodes[0]).versions("lab", 1, 0, 100)
    assert sorted(each.number for each in versions) == list(range(1, 10 * NODES + 1))


def test_of_several_nodes_one_appends_at_a_position(nodes: list[Postgres]) -> None:
    """The others are told where the log ends. Groups of many logs in any order do not wait for each other for ever."""
    names = Runs(nodes[0])
    names.put_project("lab", NOW_MS)
    ids = [names.put_run("lab", "job", "run", worker, NOW_MS)[2].id for worker in range(20)]
    for turn in range(10):
        orders = iter([ids, ids[::-1]] * NODES)

        def write(node: Postgres, turn: int = turn, orders: Iterator[list[int]] = orders) -> dict[int, tuple[bool, Head]]:
            parts = {log_id: [(turn * 5, pack(b"line\n"))] for log_id in next(orders)}
            with node.transaction() as tx:
                outcomes = append(tx, parts, NOW_MS)
            return {log_id: only[0] for log_id, only in outcomes.items() if not isinstance(only, NotFound)}

        outcomes = together(nodes, write)
        for log_id in ids:
            assert sorted(each[log_id][0] for each in outcomes) == [False] * (NODES - 1) + [True]
            assert {each[log_id][1].end_byte for each in outcomes} == {turn * 5 + 5}
    assert [Logs(nodes[1]).head(log_id).end_line for log_id in ids] == [10] * len(ids)


def test_what_a_restart_has_cut_off_is_asked_again(own: PostgresServer, nodes: list[Postgres]) -> None:
    """Every connection is lost; the next read and the next transaction do not notice."""
    node = nodes[0]
    together([node] * 8, lambda node: node.rows("projects", after="", limit=1))
    own.kill()
    own.start()
    assert node.rows("projects", after="", limit=1) == []
    own.kill()
    own.start()
    assert Runs(node).put_project("lab", NOW_MS).id == "lab"


@pytest.mark.long  # what is away is waited for
def test_while_it_is_away_it_is_unavailable(own: PostgresServer, nodes: list[Postgres]) -> None:
    """And back as soon as it is back."""
    own.kill()
    with pytest.raises(Unavailable):
        nodes[0].rows("projects", after="", limit=1)
    with pytest.raises(Unavailable), nodes[1].transaction() as tx:
        tx.rows("projects", after="", limit=1)  # a transaction begins with its first statement
    own.start()
    assert nodes[0].rows("projects", after="", limit=1) == []
    with nodes[1].transaction() as tx:
        tx.rows("set_counter", name="test", value=1)


def test_transaction_that_loses_its_connection_has_done_nothing(own: PostgresServer, nodes: list[Postgres]) -> None:
    """It raises, and is not made again behind its back."""

    def cut() -> None:
        with nodes[0].transaction() as tx:
            tx.rows("set_counter", name="test", value=1)
            own.kill()
            own.start()

    with pytest.raises(Unavailable):
        cut()
    assert nodes[0].rows("counter", name="test") == []


def test_text_that_postgresql_has_no_form_for_is_refused(nodes: list[Postgres]) -> None:
    """A NUL: it is the caller's mistake, not the database's."""
    Runs(nodes[0]).put_project("lab", NOW_MS)
    with pytest.raises(Invalid, match="NUL"):
        Runs(nodes[0]).put_run("lab", "a\0b", "run", 0, NOW_MS)


def test_commit_waits_for_the_disk_whatever_the_database_says(own: PostgresServer, address: str) -> None:
    """Acknowledged means committed."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {conninfo_to_dict(address)['dbname']} SET synchronous_commit = off".encode())
    node = Postgres(address)
    with node.transaction() as tx:
        assert tx.run("SHOW synchronous_commit") == [("on",)]
    node.close()


def test_address_gets_what_it_does_not_say() -> None:
    """Deadlines above all; what it says itself is kept."""
    made = conninfo_to_dict(dsn("postgresql://me@a,b:6000/jobs?connect_timeout=2&options=-csearch_path%3Dx"))
    assert (made["host"], made["port"], made["dbname"], made["connect_timeout"]) == ("a,b", ",6000", "jobs", "2")
    assert (made["target_session_attrs"], made["tcp_user_timeout"], made["keepalives"]) == ("read-write", "10000", "1")
    assert "statement_timeout=9000" in str(made["options"])
    assert "-csearch_path=x" in str(made["options"])
    with pytest.raises(Invalid, match=r"^catalog must be "):
        dsn("postgresql://a?no_such_option=1")


def test_node_hears_of_what_another_has_changed(own: PostgresServer, nodes: list[Postgres]) -> None:
    """By the log's id, also after the connection was lost; of its own commits it hears at once."""
    heard: list[queue.SimpleQueue[set[int]]] = [queue.SimpleQueue() for _ in nodes[:2]]
    for node, queued in zip(nodes, heard, strict=False):
        node.watch(queued.put)
    names = Runs(nodes[0])
    names.put_project("lab", NOW_MS)

    def tell(worker: int) -> int:
        return names.put_run("lab", "job", "run", worker, NOW_MS)[2].id

    def hears(log_id: int) -> bool:
        try:
            return log_id in heard[1].get(timeout=0.5)
        except queue.Empty:
            return False

    assert any(hears(tell(worker)) for worker in range(100))  # it may not listen yet when the first are told
    own.kill()
    own.start()
    assert any(hears(tell(worker)) for worker in range(100, 300))
    while not heard[0].empty():
        last = heard[0].get()
    assert len(last) == 1


def test_database_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    """Which says why; the address, which may hold a password, is not shown when it is none."""
    (port,) = free_ports(1)
    reports = {
        f"postgresql://u:secret@127.0.0.1:{port}/x": "Connection refused",
        "mysql://u:secret@h/x": "begins with postgresql://",
    }
    for address, words in reports.items():
        done = subprocess.run(
            [sys.executable, "-m", "joblog", "check", "--data", str(tmp_path), "--catalog", address],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert words in done.stderr
        assert "secret" not in done.stderr
