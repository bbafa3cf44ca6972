"""Chunks come and go: PostgreSQL's table of them stays as large as what is in it at a time, however much has passed through."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from joblog.engine.engine import Engine
from tests.backends import Backend

pytestmark = pytest.mark.backends("postgres-directory")

LOGS = 8
CHUNK = 64 * 1024
ROUNDS = 40  # of 4 MiB each: in all phases as much as 10,000 ranks print in a minute at 1 KB/s
PHASES = 4
VACUUMED_S = 60.0


def churn(engine: Engine, ids: list[int], data: bytes) -> None:
    """Appends to every log and seals it, again and again."""
    for _ in range(ROUNDS):
        for log_id in ids:
            end = engine.logs.head(log_id).end_byte
            engine.appender.append(log_id, end, data)
            engine.sealer.seal(log_id)


def size_when_vacuumed(address: str) -> int:
    """Waits for PostgreSQL's own vacuum to have come by; returns the bytes of the table, its indexes and its large values."""
    deadline = time.monotonic() + VACUUMED_S
    with psycopg.connect(address, autocommit=True) as connection:
        while True:
            connection.execute("SELECT pg_stat_force_next_flush()")
            rows = connection.execute(
                "SELECT c.relname, s.n_dead_tup FROM pg_class c"
                " JOIN pg_stat_all_tables s ON s.relid IN (c.oid, c.reltoastrelid) WHERE c.relname = 'chunk'"
            ).fetchall()
            size = connection.execute("SELECT pg_total_relation_size('chunk')").fetchall()[0][0]
            if sum(row[1] for row in rows) < 15_000:  # beyond which it is due
                return int(size)
            assert time.monotonic() < deadline, rows
            time.sleep(0.1)


@pytest.fixture
def busy_vacuum(backend: Backend) -> Iterator[None]:
    """Has PostgreSQL look each second: rows come in minutes here. All the while it would cost more than the tests themselves,
    as it looks at each of their databases."""
    assert backend.postgres is not None
    backend.postgres.run("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    backend.postgres.run("SELECT pg_reload_conf()")
    yield
    backend.postgres.run("ALTER SYSTEM RESET autovacuum_naptime")
    backend.postgres.run("SELECT pg_reload_conf()")


@pytest.mark.long  # as much as 10,000 ranks print in an hour
@pytest.mark.usefixtures("busy_vacuum")
def test_chunk_table_does_not_grow_with_what_has_passed_through(backend: Backend, tmp_path: Path) -> None:
    """However many phases there are, it is never larger than what one or two of them have left."""
    settings = replace(backend.settings(tmp_path), object_grace_s=0)
    engine, data = Engine(settings), os.urandom(CHUNK * 8)
    engine.runs.put_project("lab", 1)
    ids = [engine.runs.put_run("lab", "job", "run", worker, 1)[2].id for worker in range(LOGS)]
    sizes = []
    for _ in range(PHASES):
        churn(engine, ids, data)
        sizes.append(size_when_vacuumed(settings.catalog))
    passed = PHASES * ROUNDS * LOGS * len(data)
    assert max(sizes) < passed / 2
    assert sizes[-1] < passed / 3
    engine.close()
