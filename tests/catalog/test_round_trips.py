"""What PostgreSQL is asked for an append, and how often that is waited for: over a network that is what appends cost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from joblog.catalog.database import Value
from joblog.catalog.logs import Logs, append, pack
from joblog.catalog.postgres import Postgres
from joblog.catalog.runs import Runs
from joblog.core.logs import Head
from joblog.errors import Unavailable
from tests.conftest import installed
from tests.engines import PostgresServer
from tests.proxy import Wire

NOW_MS = 1_700_000_000_000
LOGS = 16

BEGIN_AND_COMMIT = 2
STATEMENTS = 3
"""Heads, ends, chunks: each for all logs of a group."""


class Relay:
    """The way to a PostgreSQL: counts the statements and the times that a client speaks after the server has."""

    def __init__(self, address: str) -> None:
        self._wire = Wire(address, recording=True)
        own = address.replace(f":{urlsplit(address).port}/", f":{self._wire.port}/")
        self.address = own + "?sslmode=disable&gssencmode=disable"
        self._counted = 0, 0

    def counted(self) -> tuple[int, int]:
        """Returns statements and round trips since the last call."""
        before, self._counted = self._counted, (sum(map(executed, self._wire.sent)), self._wire.round_trips)
        return self._counted[0] - before[0], self._counted[1] - before[1]

    def close(self) -> None:
        self._wire.stop()


def executed(sent: bytes) -> int:
    """How many Execute and Query messages a client has sent over a connection, whose first message has no type."""
    count, at = 0, int.from_bytes(sent[:4], "big")
    while at < len(sent):
        count += sent[at : at + 1] in (b"E", b"Q")
        at += 1 + int.from_bytes(sent[at + 1 : at + 5], "big")
    return count


@pytest.fixture
def relay() -> Iterator[Relay]:
    server = installed(PostgresServer)
    server.run("CREATE DATABASE relayed")
    relay = Relay(server.address("relayed"))
    yield relay
    relay.close()
    server.close()


@pytest.fixture
def node(relay: Relay) -> Iterator[Postgres]:
    node = Postgres(relay.address)
    yield node
    node.close()


def appended(node: Postgres, logs: list[Head], at: int, body: bytes) -> None:
    with node.transaction() as tx:
        outcomes = append(tx, {log.id: [(at, pack(body))] for log in logs}, NOW_MS)
    assert [outcomes[log.id][0][0] for log in logs] == [True] * len(logs)  # type: ignore[index]  # none of them is missing


def test_an_append_is_three_statements_and_three_round_trips_for_however_many_logs(relay: Relay, node: Postgres) -> None:
    """The first goes with BEGIN, the last with COMMIT. Large ones are a statement each."""
    runs = Runs(node)
    runs.put_project("lab", NOW_MS)
    logs = [runs.put_run("lab", "job", "run", worker, NOW_MS)[2] for worker in range(LOGS)]
    small, large = b"a line\n" * 20, random.Random(0).randbytes(40_000)
    appended(node, logs, 0, small)
    relay.counted()
    for together in (logs[:1], logs[1:]):
        appended(node, together, len(small), small)
        assert relay.counted() == (STATEMENTS + BEGIN_AND_COMMIT, 3)
    appended(node, logs, 2 * len(small), large)
    assert relay.counted()[0] == STATEMENTS - 1 + LOGS + BEGIN_AND_COMMIT
    for log in logs:
        chunks = Logs(node).chunks_by_byte(log.id, 0, 10**9)
        assert b"".join(chunk.data() for chunk in chunks) == small + small + large


def test_a_transaction_that_asks_nothing_costs_nothing(relay: Relay, node: Postgres) -> None:
    Runs(node).put_project("lab", NOW_MS)
    node.rows("counter", name="schema")  # both pools have their connection
    relay.counted()
    with node.transaction():
        pass
    assert relay.counted() == (0, 0)


def test_what_waits_for_the_commit_is_seen_by_what_is_asked_before_it(node: Postgres) -> None:
    """And fails the transaction, all of it, where it cannot be done."""
    runs = Runs(node)
    runs.put_project("lab", NOW_MS)
    first, second = (runs.put_run("lab", "job", "run", worker, NOW_MS)[2] for worker in range(2))
    row: dict[str, Value] = {
        "start_byte": 0,
        "end_byte": 5,
        "start_line": 0,
        "end_line": 1,
        "appended_ms": NOW_MS,
        "data": b"line\n",
    }
    with node.transaction() as tx:
        tx.later("chunk_put", [{"log_id": first.id, **row}])
        assert len(tx.rows("chunks_by_byte", log_id=first.id, low=0, high=5)) == 1
    with pytest.raises(Unavailable, match="duplicate key"), node.transaction() as tx:
        tx.later("chunk_put", [{"log_id": log.id, **row} for log in (second, first)])
    assert Logs(node).chunks_by_byte(second.id, 0, 5) == []
