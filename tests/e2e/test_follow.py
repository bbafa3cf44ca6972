"""Following with the SDK: whatever happens in between, its bytes are the log's."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest

from joblog.client import Client, LogRef, Piece
from joblog.errors import BeyondEnd, JoblogError, NotFound, Unreachable
from tests.conftest import Server, start_server
from tests.proxy import CuttingProxy

SEALS = {"seal_bytes": 64 << 10, "janitor_s": 0.02, "merge_calm_s": 0.0, "retain_check_s": 0.02, "object_grace_s": 0}
TEXT = b"".join(b"%d \xff\r\n" % number for number in range(100_000))


def made(server: Server) -> LogRef:
    with server.client() as client:
        return client.run("default", "followed").log.ref


def glued(pieces: Iterable[Piece], start: int = 0) -> bytes:
    """Joins pieces, each of which must begin where the one before ended."""
    data = bytearray()
    for piece in pieces:
        assert piece.start_byte == start + len(data)
        data += piece.data
    return bytes(data)


class Writer(threading.Thread):
    """Appends in parts of any size, through whatever happens to the server, and closes the log."""

    def __init__(self, log: LogRef, server: Server, data: bytes, seed: int) -> None:
        super().__init__()
        self.server, self.written = server, 0
        self._log, self._data, self._random = log, data, random.Random(seed)
        self.pause = threading.Event()

    def run(self) -> None:
        while self.written < len(self._data):
            size = int(10 ** self._random.uniform(0, 5))
            self._stubborn(partial(self._append, size))
            self.pause.wait(self._random.uniform(0, 0.01))
        self._stubborn(lambda client: client.close_log(self._log))

    def _append(self, size: int, client: Client) -> None:
        self.written = client.append(self._log, self.written, self._data[self.written : self.written + size]).end_byte

    def _stubborn(self, act: Callable[[Client], object]) -> None:
        while True:
            try:
                with self.server.client() as client:
                    act(client)
                return
            except (Unreachable, OSError):
                self.pause.wait(0.05)


@pytest.mark.slow  # three starts of a server
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])  # another order of cuts
def test_bytes_are_the_logs_through_cuts_and_restarts(tmp_path: Path, seed: int) -> None:
    """While the log grows and is sealed and merged, connections are cut and the server is killed: no gap, no repeat."""
    server = start_server(tmp_path / "data", **SEALS)
    log, token = made(server), server.token
    writer = Writer(log, server, TEXT, seed)
    proxy = CuttingProxy(server.url, seed, most_bytes=400_000)
    writer.start()
    data, refusals = bytearray(), list[JoblogError]()
    try:
        with Client(proxy.url, token) as client:
            restarts = iter((200_000, 500_000))
            restart_at = next(restarts)
            for piece in client.follow(log, waiting=refusals.append):
                assert piece.start_byte == len(data)
                data += piece.data
                if len(data) > restart_at:
                    restart_at = next(restarts, len(TEXT))
                    server.kill()
                    server = writer.server = start_server(tmp_path / "data", **SEALS)
                    proxy.aim(server.url)
    finally:
        writer.join()
        proxy.stop()
    assert bytes(data) == TEXT
    assert proxy.cuts >= 3
    assert len(refusals) >= proxy.cuts
    assert server.stop() == 0


def test_retention_that_overtakes_a_follower_is_seen(tmp_path: Path) -> None:
    """By a jump of the positions; what comes is right, and nothing comes twice."""
    server = start_server(tmp_path / "data", **SEALS | {"merge_calm_s": 3600})  # a merged segment goes as a whole
    log = made(server)
    text = random.Random(5).randbytes(12 << 20).hex().encode()  # hardly shrinks, more than all buffers on the way hold
    with server.client() as client, server.client() as writer:
        pieces = client.follow(log)
        writer.create_project("default", retain_bytes=3 << 20)
        for at in range(0, len(text), 1 << 20):
            writer.append(log, at, text[at : at + (1 << 20)])
            if at == 0:
                first = next(pieces)
        while writer.status(log).start_byte < (16 << 20):  # 3 MiB are 6 as text, and stay
            time.sleep(0.01)
        writer.close_log(log)
        got = [first, *pieces]
    ends = [0] + [piece.end_byte for piece in got]
    jumps = [piece.start_byte - end for piece, end in zip(got, ends, strict=False) if piece.start_byte != end]
    assert jumps
    assert min(jumps) > 0
    assert all(piece.data == text[piece.start_byte : piece.end_byte] for piece in got)
    assert got[-1].end_byte == len(text)
    assert server.stop() == 0


def test_where_the_sdk_begins(server: Server) -> None:
    """At a position, at the end, or with the last lines."""
    log = made(server)
    with server.client() as client:
        client.append(log, 0, b"one\ntwo\nthree")
        live = client.follow(log, from_end=True)
        threading.Timer(0.2, lambda: client.append(log, 13, b"!\n")).start()
        assert next(live) == Piece(13, b"!\n")
        client.close_log(log)
        assert list(live) == []
        assert glued(client.follow(log)) == b"one\ntwo\nthree!\n"
        assert glued(client.follow(log, 5), 5) == b"wo\nthree!\n"
        assert glued(client.follow(log, tail=1), 8) == b"three!\n"
        with pytest.raises(BeyondEnd):
            next(client.follow(log, 99))
        with pytest.raises(NotFound):
            next(client.follow(LogRef("default", log.job_id, log.version_id, "worker-9")))


def test_patience_ends(tmp_path: Path) -> None:
    """A server that stays away is an error after as long as the caller would wait."""
    server = start_server(tmp_path / "data")
    log = made(server)
    with server.client() as client:
        client.append(log, 0, b"one\n")
        pieces: Iterator[Piece] = client.follow(log, patience_s=0.2)
        assert next(pieces).data == b"one\n"
        server.kill()
        with pytest.raises(Unreachable):
            next(pieces)
