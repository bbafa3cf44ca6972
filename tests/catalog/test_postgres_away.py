"""A PostgreSQL that neither answers nor goes away, a standby that does, locks that others hold: nothing waits for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import psycopg
import pytest

from joblog.catalog.database import SCHEMA_VERSION
from joblog.catalog.postgres import Postgres
from joblog.catalog.runs import Runs
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.errors import Unavailable
from joblog.server.ops.health import Readiness
from tests.catalog.test_migrations import FIRST
from tests.conftest import installed
from tests.engines import PostgresServer

NOW_MS = 1_700_000_000_000
GIVE_UP_S = 120.0


@pytest.fixture
def pair() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """A server with an empty database, ``away``, and its standby, without which it commits nothing."""
    first = installed(PostgresServer)
    first.run("CREATE DATABASE away")
    second = PostgresServer(first)
    with psycopg.connect(first.address("postgres"), autocommit=True) as connection:
        until(lambda: connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall() == [("sync",)])
    yield first, second
    first.close()
    second.close()


def until(true: Callable[[], bool]) -> None:
    """Returns once it is."""
    deadline = time.monotonic() + GIVE_UP_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def of_both(pair: tuple[PostgresServer, PostgresServer]) -> str:
    return f"postgresql://postgres@127.0.0.1:{pair[0].port},127.0.0.1:{pair[1].port}/away"


def works(step: Callable[[], object]) -> bool:
    try:
        step()
    except Unavailable:
        return False
    return True


@pytest.mark.long  # two servers are started, and a deadline passes
def test_standby_takes_over_from_a_server_that_hangs(pair: tuple[PostgresServer, PostgresServer]) -> None:
    """It is not told to end, and its kernel acknowledges what is sent to it; reads and writes go on with the other one."""
    node = Postgres(of_both(pair))
    names = Runs(node)
    names.put_project("before", NOW_MS)
    pair[0].hang()
    pair[1].promote()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: works(lambda: names.put_project(f"during-{number}", NOW_MS)), range(8)))
    until(lambda: works(lambda: names.put_project("after", NOW_MS)))
    until(lambda: works(lambda: names.project("before")))
    assert names.project("after").id == "after"
    node.close()


@pytest.mark.long  # two servers are started, and a deadline passes
def test_reads_go_on_while_commits_wait_for_a_standby(pair: tuple[PostgresServer, PostgresServer], tmp_path: Path) -> None:
    """However many commits wait; and a node that cannot commit says that it is not ready, though it can read."""
    engine = Engine(Settings(data=tmp_path, catalog=of_both(pair)))

    def ready() -> bool:
        return asyncio.run(Readiness(engine).reachable("catalog"))

    engine.runs.put_project("lab", NOW_MS)
    assert ready()
    pair[1].hang()
    with ThreadPoolExecutor(32) as pool:
        commits = [pool.submit(engine.runs.put_project, f"lab-{number}", NOW_MS) for number in range(32)]
        assert [engine.runs.project("lab").id for _ in range(100)] == ["lab"] * 100
        assert [commit for commit in commits if commit.done()] == []
        wait(commits)
        assert {type(commit.exception()) for commit in commits} == {Unavailable}
    assert not ready()
    assert engine.runs.project("lab").id == "lab"
    engine.close()


def blocked(address: str, words: str) -> bool:
    """Whether somebody waits for a lock with such a statement."""
    with psycopg.connect(address) as connection:
        sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
        return connection.execute(sql, (f"%{words}%",)).fetchall() != [(0,)]


def database(postgres: PostgresServer, name: str) -> str:
    postgres.run(f"CREATE DATABASE {name}")
    return postgres.address(name)


def test_migration_that_waits_for_a_reader_is_in_nobodys_way(postgres: PostgresServer) -> None:
    """As while ``pg_dump`` reads all of it: what writes comes past whoever waits to change the table."""
    address = database(postgres, "migrated_while_read")
    with psycopg.connect(address) as connection:
        for statement in FIRST:
            connection.execute(statement.encode())
    with ThreadPoolExecutor(1) as pool, psycopg.connect(address) as reader, psycopg.connect(address, autocommit=True) as writer:
        reader.execute("SELECT * FROM job").fetchall()
        migrating = pool.submit(Postgres, address)
        until(lambda: blocked(address, "ALTER TABLE job"))
        writer.execute("SET lock_timeout = '20s'")
        for _ in range(3):
            writer.execute("UPDATE job SET name = name")
        assert not migrating.done()
        reader.rollback()
        node = migrating.result(GIVE_UP_S)
    assert node.rows("counter", name="schema") == [(SCHEMA_VERSION,)]
    node.close()


def test_labelled_run_waits_for_the_counter_before_it_holds_the_job(postgres: PostgresServer) -> None:
    """As one without labels does: else each holds what the other waits for."""
    address = database(postgres, "labelled_in_order")
    node = Postgres(address)
    names = Runs(node)
    names.put_project("lab", NOW_MS)
    job = names.put_job("lab", "job", NOW_MS)
    with ThreadPoolExecutor(1) as pool:
        with node.transaction() as tx:
            tx.rows("next_id", name="version")
            run: Future[Any] = pool.submit(names.put_run, "lab", "job", "run", 0, NOW_MS, {"team": "vision"})
            until(lambda: blocked(address, "INSERT INTO counter"))
            assert tx.rows("job_locked", id=job.id) == [(job.id,)]
        first_job, version, log = run.result(GIVE_UP_S)
    assert (first_job.labels, version.number, log.worker) == ({"team": "vision"}, 1, 0)
    node.close()


def test_labelled_and_other_runs_at_once(postgres: PostgresServer) -> None:
    """None of them fails."""
    node = Postgres(database(postgres, "labelled_at_once"))
    names = Runs(node)
    names.put_project("lab", NOW_MS)

    def put(number: int) -> int:
        labelled = {"turn": str(number)} if number % 2 else None
        return names.put_run("lab", "job", f"run-{number // 3}", number, NOW_MS, labelled)[2].id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(put, range(60)))) == 60
    node.close()


@pytest.mark.slow  # a lock is waited for until its deadline
def test_retention_that_waits_in_vain_does_not_stop_the_round(postgres: PostgresServer, tmp_path: Path) -> None:
    """What somebody else holds stays for the next round; objects that nothing names are removed in this one."""
    engine = Engine(Settings(data=tmp_path, catalog=database(postgres, "retained_in_vain"), object_grace_s=0))
    engine.runs.put_project("lab", NOW_MS)
    log = engine.runs.put_run("lab", "job", "run", 0, NOW_MS)[2]
    engine.appender.append(log.id, 0, b"line\n" * 1000)
    assert engine.sealer.seal(log.id)
    engine.runs.put_project("lab", NOW_MS, retention={"retain_days": None, "retain_bytes": 0})
    engine.objects.put("orphan", b"x")
    with engine.database.transaction() as tx:
        tx.rows("garbage_put", object_key="orphan", now_ms=0)
    with psycopg.connect(postgres.address("retained_in_vain")) as other:
        other.execute("SELECT * FROM log FOR UPDATE")
        engine.janitor.clean()
        assert engine.database.rows("garbage_due", before_ms=2**60, after_ms=-1, after="", limit=10) == []
        assert engine.logs.head(log.id).start_byte == 0
    engine.close()
