"""The shipper against a server that misbehaves: the log gets there, once and whole, or the spool stays."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from joblog.agent.spool.files import Outcome
from joblog.agent.spool.ship import Shipper
from joblog.agent.spool.spool import Meta, Spool
from joblog.api.refs import LogRef
from joblog.api.values import Log
from joblog.client import Client
from tests.agent.harness import NOWHERE, FlakyServer
from tests.conftest import Server
from tests.proxy import CuttingProxy

META = Meta("lab", "resnet", "run-1", "worker-0")
NEVER = threading.Event()


@pytest.fixture
def flaky() -> Iterator[FlakyServer]:
    server = FlakyServer()
    yield server
    server.stop()


def shipped(spool: Spool, url: str, data: bytes, messages: list[str], timeout_s: float = 0.5) -> bool:
    shipper = Shipper(spool, lambda: Client(url, "token", timeout_s=timeout_s), messages.append, first_pause_s=0.01)
    shipper.start()
    spool.append(data)
    spool.note_outcome(Outcome("FAILED", 3))
    spool.finish()
    return shipper.finish(20, NEVER)


def test_whole_log_arrives_and_is_proved(tmp_path: Path, flaky: FlakyServer) -> None:
    """3 MiB go in batches; the close tells their number and CRC-32."""
    data, messages = bytes(range(256)) * 12288, list[str]()
    assert shipped(Spool.create(tmp_path, META), flaky.url, data, messages)
    assert (bytes(flaky.held), messages) == (data, [])
    assert flaky.closed == {"end_byte": len(data), "crc32": zlib.crc32(data), "gaps": []}


@pytest.mark.slow  # the client waits for a server that hangs
@pytest.mark.parametrize("failure", ["away", "deaf", "busy", "throttled", "broken", "proxy", "half", "part", "hangs"])
def test_any_failing_call_is_survived(tmp_path: Path, failure: str) -> None:
    """Call 1 fails, then 2, and so on, until none does: the log is always the same."""
    for failing in range(1, 99):
        server, messages = FlakyServer({failing: failure}), list[str]()
        try:
            assert shipped(Spool.create(tmp_path, META), server.url, b"some bytes\n" * 100, messages)
        finally:
            server.stop()
        assert (bytes(server.held), messages, server.closed is not None) == (b"some bytes\n" * 100, [], True)
        assert server.reports[-1] == {"status": "FAILED", "exit_code": 3}
        if server.calls < failing:
            break


def test_run_too_short_for_a_report_is_never_over_without_its_outcome(tmp_path: Path, server: Server) -> None:
    """Between the log's end and the outcome it runs still, as far as anybody can see."""
    seen = list[str]()

    class Watching(Client):
        def close_log(self, log: LogRef, **claims: Any) -> Log:
            closed = super().close_log(log, **claims)
            seen.append(self.version(log.project_id, log.job_id, log.version_id).status)
            return closed

    spool = Spool.create(tmp_path, META._replace(project_id="default", job_name="short-run"))
    spool.append(b"short\n")
    spool.note_outcome(Outcome("COMPLETED", 0))
    spool.finish()
    shipper = Shipper(spool, lambda: Watching(server.url, server.token), seen.append)
    shipper.start()
    assert shipper.finish(20, NEVER)
    with Client(server.url, server.token) as client:
        (job,) = client.jobs("default", name="short-run")
        (version,) = client.versions("default", job.id)
    assert [*seen, version.status] == ["RUNNING", "COMPLETED"]


def test_server_that_lost_its_last_bytes_gets_them_again(tmp_path: Path, flaky: FlakyServer) -> None:
    """After a restore from a backup the agent goes back to where the server is."""
    spool = Spool.create(tmp_path, META)
    shipper = Shipper(spool, lambda: Client(flaky.url, "token"), list[str]().append)
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
    shipper = Shipper(spool, lambda: Client(gone.url, "token"), list[str]().append)
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
    """Where the server holds bytes of an earlier attempt, this one gets a log of its own, and all of it arrives."""
    flaky.held.extend(b"all")
    assert shipped(Spool.create(tmp_path, META), flaky.url, b"all of mine\n", [])
    assert {run_id: bytes(log.held) for run_id, log in flaky.logs.items()} == {
        "run-1": b"all",
        "run-1.attempt-2": b"all of mine\n",
    }
    assert flaky.closed is None


def test_restart_of_a_closed_run_is_its_next_attempt(tmp_path: Path, flaky: FlakyServer) -> None:
    """The second, then the third, also when the first one printed nothing."""
    for line in (b"", b"second\n", b"third\n"):
        assert shipped(Spool.create(tmp_path, META), flaky.url, line, [])
    assert [bytes(log.held) for log in flaky.logs.values()] == [b"", b"second\n", b"third\n"]
    assert list(flaky.logs) == ["run-1", "run-1.attempt-2", "run-1.attempt-3"]


def test_log_that_is_closed_by_somebody_else_is_left_alone(tmp_path: Path, flaky: FlakyServer) -> None:
    """What comes then stays in the spool, and that is said once."""
    spool, messages = Spool.create(tmp_path, META), list[str]()
    shipper = Shipper(spool, lambda: Client(flaky.url, "token"), messages.append)
    shipper.start()
    spool.append(b"early\n")
    assert wait_for(lambda: flaky.held == b"early\n")
    flaky.logs["run-1"].closed = {}
    spool.append(b"late\n")
    spool.finish()
    assert not shipper.finish(10, NEVER)
    assert (bytes(flaky.held), spool.read(0, 100)) == (b"early\n", b"early\nlate\n")
    assert len(messages) == 1
    assert str(spool.path) in messages[0]


@pytest.mark.slow  # dozens of cuts, with a pause after each
def test_connections_that_are_cut_anywhere(tmp_path: Path, flaky: FlakyServer) -> None:
    """Each connection ends after a random number of bytes, there or back: the log is whole, and once."""
    proxy, messages = CuttingProxy(flaky.url, seed=3, most_bytes=60_000), list[str]()
    data = random.Random(1).randbytes(100_000)
    spool = Spool.create(tmp_path, META, part_bytes=10_000)
    for at in range(0, len(data), 5000):
        spool.append(data[at : at + 5000])
    try:
        assert shipped(spool, proxy.url, b"", messages)
    finally:
        proxy.stop()
    assert (bytes(flaky.held), messages) == (data, [])
    assert proxy.cuts > 0


@pytest.mark.slow  # Retry-After counts in seconds
def test_server_can_ask_for_a_pause(tmp_path: Path) -> None:
    """Retry-After is kept to, also by who is in a hurry."""
    server, messages = FlakyServer({1: "busy"}), list[str]()
    server.retry_after_s = 1
    begun_s = time.monotonic()
    assert shipped(Spool.create(tmp_path, META), server.url, b"some\n", messages)
    server.stop()
    assert time.monotonic() - begun_s >= 1
    assert (bytes(server.held), messages) == (b"some\n", [])


def test_proxy_s_smaller_limit_is_met(tmp_path: Path, flaky: FlakyServer) -> None:
    """413 halves the batches until they pass."""
    flaky.limit_bytes = 100_000
    data, messages = zlib.compress(bytes(range(256)) * 4096) * 200, list[str]()
    assert shipped(Spool.create(tmp_path, META), flaky.url, data, messages)
    assert flaky.held == data


def test_absent_server_is_not_waited_for_as_long_as_a_known_one(tmp_path: Path) -> None:
    """The final wait ends with the reason known, and the spool stays."""
    spool = Spool.create(tmp_path, META)
    shipper = Shipper(spool, lambda: Client(NOWHERE, "token"), list[str]().append)
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


@pytest.mark.parametrize("installed", [True, False])
def test_body_is_zstd_where_that_is_installed(tmp_path: Path, flaky: FlakyServer, installed: bool) -> None:
    """Without the library gzip does; what saves nothing is sent as it is."""
    program = (
        "import sys\n"
        f"if not {installed}: sys.modules['zstandard'] = None\n"
        "from joblog.client import Client\n"
        "from joblog.api.refs import LogRef\n"
        f"client, log = Client({flaky.url!r}, 'token'), LogRef('lab', 1, 1, 'worker-0')\n"
        "at = client.send_bytes(log, 0, b'step 1\\n' * 1000).end_byte\n"
        "client.send_bytes(log, at, b'short\\n')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    assert flaky.held == b"step 1\n" * 1000 + b"short\n"
    assert flaky.encodings == {"zstd" if installed else "gzip", None}
