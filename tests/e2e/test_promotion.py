"""The server that PostgreSQL runs on is lost under load, and its synchronous standby takes over: nothing is lost."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import pytest

from tests.conftest import installed
from tests.e2e.chaos import EAGER, GIVE_UP_S, SECRET_KEY, Load, Nodes, problems
from tests.engines import PostgresServer

WRITERS = 4
ROUND_BYTES = 30_000
"""What each writer has acknowledged before the first server is lost, and again after it."""


@pytest.mark.long  # two servers of PostgreSQL and two nodes are started
def test_a_standby_is_promoted_under_load(tmp_path: Path) -> None:
    """The nodes are told of both servers when they start, and of nothing after that."""
    first = installed(PostgresServer)
    first.run("CREATE DATABASE promoted")
    second = PostgresServer(first)
    nodes: Nodes | None = None
    try:
        _synchronous(first)
        address = f"postgresql://postgres@127.0.0.1:{first.port},127.0.0.1:{second.port}/promoted"
        settings = {"catalog": address, "objects": f"file://{tmp_path}/objects", "secret_key": SECRET_KEY, **EAGER}
        nodes = Nodes(tmp_path / "nodes", settings, 2)
        load = Load(nodes, WRITERS)
        load.start()
        _written(load, ROUND_BYTES)
        first.kill()
        before = list(load.acknowledged)
        second.promote()
        _written(load, max(before) + ROUND_BYTES)
        load.stop()
        load.verify()
        assert load.failures == []
        assert all(after > was for after, was in zip(load.acknowledged, before, strict=True))
        assert nodes.stop() == [0, 0]
        settings["catalog"] = second.address("promoted")
        assert problems(tmp_path / "check", settings) == []
    finally:
        if nodes is not None:
            nodes.close()
        first.close()
        second.close()


def _synchronous(first: PostgresServer) -> None:
    """Returns when the first server commits nothing without the second."""
    deadline = time.monotonic() + GIVE_UP_S
    with psycopg.connect(first.address("postgres"), autocommit=True) as connection:
        while connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall() != [("sync",)]:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _written(load: Load, size: int) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while min(load.acknowledged) < size and not load.stopping.is_set():
        assert time.monotonic() < deadline, (load.acknowledged, load.failures)
        time.sleep(0.02)
