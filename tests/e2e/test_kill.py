"""``kill -9`` of the server while four writers append and the janitor seals and merges as fast as it can, again and again."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from joblog.api.refs import LogRef
from joblog.client import Client
from joblog.core.settings import Settings
from joblog.errors import BeyondEnd, Unavailable, Unreachable
from joblog.upkeep.check import check
from tests.conftest import Server, start_server

ROUNDS = 20
WRITERS = 4
# Small, so that every round seals and merges many times.
EAGER = {"seal_bytes": 20_000, "janitor_s": 0.001, "merge_calm_s": 0, "retain_check_s": 0.05, "object_grace_s": 0}


class Writer:
    """Appends an endless known text to one log; what it was told is durable is ``acknowledged``."""

    def __init__(self, number: int, server: Server) -> None:
        self.random = random.Random(number)
        self.number = number
        self.text = b"".join(b"writer %d line %d %s\n" % (number, line, b"x" * (line % 97)) for line in range(100_000))
        self.acknowledged = 0
        with server.client() as client:
            self.ref: LogRef = client.run("default", "killed", run_id="one", task=f"worker-{number}").log.ref

    def write(self, client: Client, enough: threading.Semaphore) -> None:
        """Appends until the server is gone."""
        at = self.acknowledged
        try:
            while True:
                data = self.text[at : at + self.random.choice([1, 50, 200, 3_000, 10_000])]
                try:
                    at = client.append(self.ref, at, data).end_byte
                except BeyondEnd as error:
                    raise RuntimeError(f"lost: the server ends at {error.expected}, {at} were acknowledged") from error
                self.acknowledged = at
                enough.release()
        except (Unreachable, Unavailable):  # the latter by a process that outlives the one it asks for a moment
            return

    def verify(self, client: Client) -> None:
        """Nothing acknowledged is lost, nothing is twice, nothing is different."""
        status = client.status(self.ref)
        assert status.end_byte >= self.acknowledged
        assert b"".join(client.read(self.ref)) == self.text[: status.end_byte]
        self.acknowledged = status.end_byte


@pytest.mark.long  # fifty starts of a server
def test_acknowledged_means_committed(tmp_path: Path) -> None:
    """Fifty times: nothing that was acknowledged is lost, nothing appears twice, the stored data checks clean."""
    data = tmp_path / "joblog"
    server = start_server(data, **EAGER)
    writers = [Writer(number, server) for number in range(WRITERS)]
    chance = random.Random(0)
    for _ in range(ROUNDS):
        one_round(server, writers, appends=chance.randrange(1, 200))
        assert list(check(Settings(data=data)).problems()) == []
        server = start_server(data, **EAGER)
        with server.client() as client:
            for writer in writers:
                writer.verify(client)
    assert server.stop() == 0
    assert all(writer.acknowledged > 0 for writer in writers)


def one_round(server: Server, writers: list[Writer], *, appends: int) -> None:
    """Lets the writers append so many times, then kills the server under them."""
    enough = threading.Semaphore(0)
    failures: list[Exception] = []

    def write(writer: Writer) -> None:
        try:
            with server.client() as client:
                writer.write(client, enough)
        except Exception as error:  # noqa: BLE001  # the test's thread must hear of any
            failures.append(error)
            enough.release()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for _ in range(appends):
        assert enough.acquire(timeout=60)
        assert not failures, failures
    server.kill()
    for thread in threads:
        thread.join()
    assert not failures, failures
