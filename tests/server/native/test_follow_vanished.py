"""Followers that go without having read all: with a word or, as their machine is gone, without; and others like them."""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from joblog.api.refs import LogRef
from joblog.client import Client
from joblog.server.http.pools import MAX_SEARCHES
from tests.conftest import Server, start_server
from tests.server.calls import ANSWER_S, MadeLog, Web, made_log

SO_ATTACH_FILTER = 26
VANISHED = 100


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    server = start_server(tmp_path / "own", heartbeat_s=0.05, body_silence_s=3600)  # after which they would be let go
    yield server
    server.kill()


def vanish(connection: socket.socket) -> None:
    """Has the kernel drop whatever arrives: a filter whose one instruction takes none of a segment's bytes."""
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(instruction)))


def asked(log: MadeLog, token: str, path: str) -> socket.socket:
    """Asks, with room for little of the answer, and reads its beginning."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(ANSWER_S)
    connection.connect((log.web.host, log.web.port))
    connection.sendall(f"GET {log.api}/{path} HTTP/1.1\r\nhost: x\r\nx-auth-token: {token}\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


@pytest.mark.long  # hundreds of connections
def test_vanished_followers_keep_nobody_waiting(own: Server) -> None:
    """A hundred of them: who is there gets every byte at once, the log is written on, and the server stops when it is told."""
    web = Web(own.url, own.token)
    log = made_log(web, "left", b"first\n")
    vanished = [asked(log, own.token, "follow") for _ in range(VANISHED)]
    for connection in vanished:
        vanish(connection)
    piece, size = b"0123456789abcde\n" * (1 << 14), 6
    with Client(own.url, own.token) as client:
        pieces = client.follow(LogRef("default", log.job_id, log.version_id, "worker-0"))
        assert isinstance(pieces, Generator)
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


def test_who_goes_while_much_is_on_its_way_is_gone(own: Server) -> None:
    """It had not read for a while: it is no follower any more, and what searched for it searches for others."""
    web = Web(own.url, own.token)
    log = made_log(web, "behind", b"0123456789abcde\n" * (1 << 20), closed=True)
    for path in ("follow", "search?pattern=0&limit=100000", "bytes"):
        behind = [asked(log, own.token, path) for _ in range(MAX_SEARCHES // 2)]  # one caller's share
        if "search" in path:
            assert web.get(f"{log.api}/search?pattern=z").status == 503, "all have begun, and none has ended"
        for connection in behind:
            connection.close()
    until(lambda: "\njoblog_followers 0.0\n" in web.get("/metrics").body.decode())
    until(lambda: web.get(f"{log.api}/search?pattern=z").status == 200)
    web.close()


def until(condition: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + ANSWER_S
    while not condition():
        assert time.monotonic() < ends_s
