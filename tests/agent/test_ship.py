"""The shipper against a server that misbehaves: the log gets there, once and whole, or the spool stays."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import NOWHERE, FlakyServer

from joblog.agent.ship import Shipper
from joblog.agent.spool import Meta, Spool
from joblog.client import Client

META = Meta("lab", "resnet", "run-1", "worker-0")
NEVER = threading.Event()


@pytest.fixture
def flaky() -> Iterator[FlakyServer]:
    server = FlakyServer()
    yield server
    server.stop()


def shipped(spool: Spool, url: str, data: bytes, said: list[str], wait_s: float = 10) -> bool:
    shipper = Shipper(spool, lambda: Client(url, "token", timeout_s=5), said.append)
    shipper.start()
    spool.append(data)
    spool.finish()
    return shipper.finish(wait_s, NEVER)


def test_whole_log_arrives_and_is_proved(tmp_path: Path, flaky: FlakyServer) -> None:
    """3 MiB go in batches; the close tells their number and CRC-32."""
    data, said = bytes(range(256)) * 12288, list[str]()
    assert shipped(Spool.create(tmp_path, META), flaky.url, data, said)
    assert (bytes(flaky.held), said) == (data, [])
    assert flaky.closed == {"end_byte": len(data), "crc32": zlib.crc32(data), "gaps": []}


@pytest.mark.parametrize("failure", ["away", "deaf", "busy", "proxy"])
def test_any_failing_call_is_survived(tmp_path: Path, failure: str) -> None:
    """Call 1 fails, then 2, and so on, until none does: the log is always the same."""
    for failing in range(1, 99):
        server, said = FlakyServer({failing: failure}), list[str]()
        try:
            assert shipped(Spool.create(tmp_path, META), server.url, b"some bytes\n" * 100, said)
        finally:
            server.stop()
        assert (bytes(server.held), said, server.closed is not None) == (b"some bytes\n" * 100, [], True)
        if server.calls < failing:
            break


def test_server_that_lost_its_last_bytes_gets_them_again(tmp_path: Path, flaky: FlakyServer) -> None:
    """After a restore from a backup the agent goes back to where the server is."""
    spool = Spool.create(tmp_path, META)
    shipper = Shipper(spool, lambda: Client(flaky.url, "token"), print)
    shipper.start()
    spool.append(b"first\n")
    assert wait_for(lambda: flaky.held == b"first\n")
    del flaky.held[3:]
    spool.append(b"second\n")
    spool.finish()
    assert shipper.finish(10, NEVER)
    assert flaky.held == b"first\nsecond\n"


def test_server_that_comes_later_gets_everything(tmp_path: Path) -> None:
    """Away from the start is like away in between."""
    gone = FlakyServer()
    gone.stop()
    spool = Spool.create(tmp_path, META)
    shipper = Shipper(spool, lambda: Client(gone.url, "token"), print)
    shipper.start()
    spool.append(b"early\n")
    assert wait_for(lambda: "refused" in shipper.why_not())
    late = FlakyServer(port=int(gone.url.rpartition(":")[2]))
    spool.append(b"late\n")
    spool.finish()
    assert shipper.finish(10, NEVER)
    late.stop()
    assert late.held == b"early\nlate\n"


def test_another_writer_s_log_is_left_alone(tmp_path: Path, flaky: FlakyServer) -> None:
    """Where the server holds other bytes nothing is sent; the spool stays and that is said once."""
    flaky.held += b"somebody else's"
    spool, said = Spool.create(tmp_path, META), list[str]()
    assert not shipped(spool, flaky.url, b"all of mine, which are more\n", said)
    assert (bytes(flaky.held), flaky.closed, spool.read(0, 100)) == (b"somebody else's", None, b"all of mine, which are more\n")
    assert len(said) == 1
    assert str(spool.path) in said[0]


def test_closed_log_is_left_alone(tmp_path: Path, flaky: FlakyServer) -> None:
    """Somebody closed it: the same."""
    flaky.closed = {}
    said = list[str]()
    assert not shipped(Spool.create(tmp_path, META), flaky.url, b"late\n", said)
    assert (bytes(flaky.held), len(said)) == (b"", 1)


def test_proxy_s_smaller_limit_is_met(tmp_path: Path, flaky: FlakyServer) -> None:
    """413 halves the batches until they pass."""
    flaky.limit_bytes = 100_000
    data, said = zlib.compress(bytes(range(256)) * 4096) * 200, list[str]()
    assert shipped(Spool.create(tmp_path, META), flaky.url, data, said)
    assert flaky.held == data


def test_absent_server_is_not_waited_for_as_long_as_a_known_one(tmp_path: Path) -> None:
    """The final wait ends with the reason known, and the spool stays."""
    spool = Spool.create(tmp_path, META)
    shipper = Shipper(spool, lambda: Client(NOWHERE, "token"), print)
    shipper.start()
    spool.append(b"kept\n")
    spool.finish()
    assert not shipper.finish(0.3, NEVER)
    assert shipper.why_not() == f"no answer from {NOWHERE}: Connection refused"
    assert (shipper.unacknowledged_bytes(), spool.read(0, 10)) == (5, b"kept\n")


def wait_for(condition: object, deadline_s: float = 5) -> bool:
    ends = threading.Event()
    for _ in range(int(deadline_s / 0.01)):
        if callable(condition) and condition():
            return True
        ends.wait(0.01)
    return False
