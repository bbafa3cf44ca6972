"""A server whose disk takes no more: it says so, still reads, keeps what it acknowledged, and goes on when there is room."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from joblog.api.refs import LogRef
from joblog.client import Client
from joblog.errors import Unavailable
from tests.children import Child
from tests.conftest import Server, start_server

MIB = 1 << 20
ROOM_BYTES = 6 * MIB


def set_room(server: Server, size: int) -> None:
    """Lets no file of the server's grow beyond ``size`` bytes."""
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def filled(client: Client, log: LogRef, data: bytes) -> int:
    """Appends until there is no room; returns how much was acknowledged."""
    for at in range(0, len(data), MIB):
        try:
            client.append(log, at, data[at : at + MIB])
        except Unavailable:
            return at
    raise AssertionError("there was room for all of it")


def test_what_was_acknowledged_outlives_a_full_disk(tmp_path: Path) -> None:
    """Appends are refused, none of their bytes is held; reads go on; with room again the same bytes are taken."""
    server = start_server(tmp_path / "data", seal_quiet_s=1)
    data = random.Random(1).randbytes(16 * MIB)
    with Client(server.url, server.token) as client:
        log = client.run("default", "full").log.ref
        set_room(server, ROOM_BYTES)
        at = filled(client, log, data)
        assert 0 < at < ROOM_BYTES
        for _ in range(3):
            with pytest.raises(Unavailable):
                client.append(log, at, data[at : at + MIB])
            assert b"".join(client.read(log)) == data[:at]
        set_room(server, resource.RLIM_INFINITY)
        while at < len(data):
            at = client.append(log, at, data[at : at + MIB]).end_byte
        client.close_log(log, end_byte=at)
        assert b"".join(client.read(log)) == data
    assert server.stop() == 0
    command = [sys.executable, "-m", "joblog", "check", "--data", str(tmp_path / "data")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_server_that_was_killed_on_a_full_disk_starts_again(tmp_path: Path) -> None:
    """With what it had acknowledged."""
    server = start_server(tmp_path / "data")
    data = random.Random(2).randbytes(16 * MIB)
    with Client(server.url, server.token) as client:
        log = client.run("default", "full").log.ref
        set_room(server, ROOM_BYTES)
        at = filled(client, log, data)
        server.kill()
    server = start_server(tmp_path / "data")
    with Client(server.url, server.token) as client:
        assert b"".join(client.read(log)) == data[:at]
        assert client.append(log, at, data[at : at + MIB]).end_byte == at + MIB
    assert server.stop() == 0


def test_server_starts_on_a_full_disk(tmp_path: Path) -> None:
    """What it holds can be read, and it takes more once there is room."""
    server = start_server(tmp_path / "data")
    data = random.Random(3).randbytes(MIB)
    with Client(server.url, server.token) as client:
        log = client.run("default", "full").log.ref
        client.append(log, 0, data)
        server.kill()
    port = server.url.rpartition(":")[2]
    (tmp_path / "data" / "url.part").mkdir()  # so that no address can be written
    command = [sys.executable, "-m", "joblog", "serve", "--data", str(tmp_path / "data"), "--port", port]
    full = ["prlimit", f"--fsize={ROOM_BYTES // 100}:unlimited", "--"]  # less than the write-ahead log has
    again = Child([*full, *command], stderr=subprocess.PIPE)
    assert again.stderr is not None
    assert any(b" serves " in line for line in again.stderr), again.wait()
    with Client(server.url, server.token) as client:
        assert b"".join(client.read(log)) == data
        with pytest.raises(Unavailable):
            client.append(log, len(data), b"more")
        resource.prlimit(again.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert client.append(log, len(data), b"more").end_byte == len(data) + 4
