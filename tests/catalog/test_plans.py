"""Each statement finds its rows by an index: what looks at all of a large table is named here, with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import psycopg
import pytest

from joblog.catalog.database import QUERIES
from joblog.catalog.postgres import Postgres
from joblog.catalog.postgres_statements import numbered
from joblog.catalog.sqlite import Sqlite
from tests.engines import PostgresServer

LARGE = ("job", "version", "request", "task", "log", "chunk", "segment", "gap", "garbage", "token")
"""Tables that grow with what is kept. Of leases there are as many as logs are worked on."""

WHOLE = {
    "facts_tails": "adds up all tails, when somebody asks for the metrics",
    "facts_seal_due": "the same",
    "facts_agents": "counts all tasks that run, when somebody asks for the metrics",
    "garbage_count": "once in a round in which something is removed",
    "garbage_rows": "joblog move carries all of it",
    "garbage_spare": "joblog rebuild",
    "logs_total": "joblog move says how far it is",
    "segments_any": "its first row is enough",
    "version_number_last": "joblog rebuild",
    "logs_to_seal_early": "tails that are sealed when they are small: as many are growing, but not for long",
}


def parameters(sql: str) -> set[str]:
    """The names of a statement's parameters."""
    return set(re.findall(r"(?<![:\w]):([a-z_][a-z0-9_]*)", re.sub(r"'[^']*'", "", sql)))


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    path: Path = tmp_path_factory.mktemp("plans") / "catalog.db"
    Sqlite(path).close()
    with closing(apsw.Connection(str(path))) as connection:
        yield connection


@pytest.fixture(scope="module")
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    """On which a sequential scan is what PostgreSQL does where there is nothing else."""
    postgres.run("CREATE DATABASE plans")
    Postgres(postgres.address("plans")).close()
    with psycopg.connect(postgres.address("plans"), autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        yield connection


def test_sqlite_searches(embedded: apsw.Connection) -> None:
    """It says SCAN of a table, or of an index, that it reads from its beginning to its end."""
    scanning = {}
    for name, sql in QUERIES.items():
        values = dict.fromkeys(parameters(sql), 1)
        plan = [row[3] for row in embedded.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        aliases = dict(re.findall(r"\b(?:FROM|JOIN) (\w+) (?!WHERE|JOIN|LEFT|ON|ORDER|GROUP|LIMIT)(\w+)\b", sql))
        tables = {*LARGE, *(alias for table, alias in aliases.items() if table in LARGE)}
        scans = [each for each in plan if (scan := re.match(r"SCAN (\w+)", each)) and scan[1] in tables]
        if scans and name not in WHOLE:
            scanning[name] = scans
    assert scanning == {}


def test_postgres_searches(connection: psycopg.Connection) -> None:
    """Whatever the parameters are, as a plan is made once for all of them."""
    scanning = {}
    for name, sql in QUERIES.items():
        statement, names = numbered(sql)
        connection.execute(f"PREPARE one AS {statement}".encode())
        arguments = f"({', '.join(['NULL'] * len(names))})" if names else ""
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN EXECUTE one{arguments}".encode()))
        connection.execute("DEALLOCATE one")
        scans = [table for table in re.findall(r"Seq Scan on (\w+)", plan) if table in LARGE]
        if scans and name not in WHOLE:
            scanning[name] = scans
    assert scanning == {}


def test_what_looks_at_all_is_there() -> None:
    """The list has no names of statements that are gone."""
    assert set(WHOLE) <= set(QUERIES)
