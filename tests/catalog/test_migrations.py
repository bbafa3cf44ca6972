"""A catalog that an older joblog made is brought up to date when it is opened, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import apsw
import psycopg

from joblog.catalog.database import SCHEMA_VERSION, Database, statements
from joblog.catalog.logs import Logs
from joblog.catalog.overview import Overview, Wanted
from joblog.catalog.postgres import Postgres
from joblog.catalog.runs import Runs
from joblog.catalog.sqlite import Sqlite
from joblog.core.status import Status
from tests.engines import PostgresServer

NOW_MS = 1_700_000_000_000

FIRST = [
    *statements(Path(__file__).with_name("schema-1.sql").read_text("utf-8")),
    "INSERT INTO counter (name, value) VALUES ('schema', 1), ('job', 7)",
    "INSERT INTO project (id, name, domain_id, created_ms) VALUES ('lab', 'lab', 'default', 0)",
    "INSERT INTO job (id, project_id, name, created_ms, description) VALUES (7, 'lab', 'old', 5, 'd')",
    "INSERT INTO job (id, project_id, name, created_ms) VALUES (6, 'lab', 'idle', 4)",
    "INSERT INTO version (id, job_id, number, uuid, created_ms, status, started_ms, ended_ms)"
    " VALUES (1, 7, 1, 'a', 5, 10, 6, 9), (2, 7, 2, 'b', 5, 11, 7, 8)",
    "INSERT INTO segment (log_id, start_byte, end_byte, start_line, end_line, project_id, object_key, object_bytes, level,"
    " first_ms, last_ms, frames) VALUES (9, 10, 20, 1, 2, 'lab', 'lab/7/8/worker-0/x.zst', 5, 1, 3, 4, '')",
]
"""What version 1 made, with two jobs in it, two runs of one, and a segment."""


def is_up_to_date(database: Database) -> None:
    """What is there is there still, and what is new can be used."""
    assert database.rows("counter", name="schema") == [(SCHEMA_VERSION,)]
    names = Runs(database)
    idle, old = names.jobs("lab", None, 0, 10)
    page = Overview(database).jobs("lab", Wanted(text="OLD"), NOW_MS)
    assert [(job.name, job.runs, job.last.number if job.last else None) for job in page.jobs] == [("old", 2, 2)]
    assert page.states == {Status.FAILED: 1}
    assert [row.run.id for row in Overview(database).runs("lab", None, Wanted()).runs] == [2, 1]
    assert list(names.kept_wrong()) == []
    assert (idle.id, idle.name) == (6, "idle")
    assert (old.id, old.name, old.description, old.labels) == (7, "old", "d", {})
    assert names.label("lab", 7, {"team": "vision"}).labels == {"team": "vision"}
    assert names.jobs("lab", None, 0, 10, ["team=vision"]) == [names.job("lab", 7)]
    assert names.put_job("lab", "new", NOW_MS).id == 8
    (segment,) = Logs(database).segments_by_byte(9, 10, 11)
    assert (segment.end_byte, segment.place, segment.object_bytes) == (20, ("lab/7/8/worker-0/x.zst", None), 5)


def columns(path: Path) -> list[tuple[object, ...]]:
    """Every column that is there, as SQLite describes it; in any order, as those that were added stand behind the others."""
    connection = apsw.Connection(str(path))
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    described = [(table, *row[1:]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return sorted(described, key=repr)


def indexes(path: Path) -> dict[str, str]:
    """How every index was made, however the statement is broken into lines."""
    connection = apsw.Connection(str(path))
    made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
    connection.close()
    return {name: " ".join(sql.split()) for name, sql in made.items()}


def test_sqlite(tmp_path: Path) -> None:
    """It is then as a new one."""
    connection = apsw.Connection(str(tmp_path / "old.db"))
    for statement in FIRST:
        connection.execute(statement)
    connection.close()
    old, new = Sqlite(tmp_path / "old.db"), Sqlite(tmp_path / "new.db")
    is_up_to_date(old)
    old.close()
    new.close()
    assert columns(tmp_path / "old.db") == columns(tmp_path / "new.db")
    assert indexes(tmp_path / "old.db") == indexes(tmp_path / "new.db")
    again = Sqlite(tmp_path / "old.db")
    assert [job.name for job in Runs(again).jobs("lab", None, 0, 10)] == ["idle", "old", "new"]
    again.close()


def test_postgres(postgres: PostgresServer) -> None:
    postgres.run("CREATE DATABASE from_version_1")
    address = postgres.address("from_version_1")
    with psycopg.connect(address) as connection:
        for statement in FIRST:
            connection.execute(statement.encode())
    connection.close()
    database = Postgres(address)
    is_up_to_date(database)
    database.close()
