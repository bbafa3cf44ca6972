"""Followers whose machine is gone without a word: nothing comes back from them any more, not even an acknowledgement."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog.client import Client
from joblog.refs import LogRef
from tests.conftest import Server, start_server
from tests.http.calls import ANSWER_S, MadeLog, Web, made_log

SO_ATTACH_FILTER = 26
VANISHED = 100


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    server = start_server(tmp_path / "own", heartbeat_s=0.05)
    yield server
    server.kill()


def vanish(connection: socket.socket) -> None:
    """Has the kernel drop whatever arrives: a filter whose one instruction takes none of a segment's bytes."""
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(instruction)))


def follower(log: MadeLog, token: str) -> socket.socket:
    connection = socket.create_connection((log.web.host, log.web.port), timeout=ANSWER_S)
    connection.sendall(f"GET {log.api}/follow HTTP/1.1\r\nhost: x\r\nx-auth-token: {token}\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def test_vanished_followers_keep_nobody_waiting(own: Server) -> None:
    """A hundred of them: who is there gets every byte at once, the log is written on, and the server stops when it is told."""
    web = Web(own.url, own.token)
    log = made_log(web, "left", b"first\n")
    vanished = [follower(log, own.token) for _ in range(VANISHED)]
    for connection in vanished:
        vanish(connection)
    piece, size = b"0123456789abcde\n" * (1 << 14), 6
    with Client(own.url, own.token) as client:
        pieces = client.follow(LogRef("default", log.job_id, log.version_id, "worker-0"))
        got = next(pieces).data
        for _ in range(32):
            assert log.append(size, piece).status == 200
            size += len(piece)
            while len(got) < size:
                got += next(pieces).data
        pieces.close()
    assert got == b"first\n" + piece * 32
    assert f"joblog_followers {VANISHED}" in web.get("/metrics").body.decode(), "they count, as long as TCP hopes"
    web.close()
    assert own.stop() == 0
    assert "Traceback" not in (own.data / "server.log").read_text()
    for connection in vanished:
        connection.close()
