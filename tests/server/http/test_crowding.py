"""One caller never keeps another out: what one caller can take is bounded, and others go on meanwhile."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import zstandard

from joblog.server.http.pools import MAX_SEARCHES
from joblog.server.http.streams import MAX_DOWNLOADS
from tests.conftest import Server, start_server
from tests.server.calls import Web, made_log
from tests.server.http.crowd import Attacker, attacked
from tests.server.http.test_limits import memory_mib
from tests.server.people import made_person

MIB = 1024 * 1024

HUGE = ("a{0,1000}" * 100, "(.*)" * 200, r"\pL" * 300, r"(\pL\pN){500}", "[ab]*a[ab]{200}z", "a{0,900}b|a")
"""What each of them is large in: instructions, groups, classes, classes in brackets, states, matches."""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    server = start_server(tmp_path / "own")
    yield server
    server.kill()


def test_pattern(own: Server) -> None:
    """Whatever a pattern is: it is refused, or the search ends at its deadline; nobody else waits for it."""
    with attacked(own) as (attacker, other):
        data = b"ab" * (1 << 19) + b"\n" + b"a" * (1 << 20) + b"\n" + b"step 1 loss 0.5 aabab\n" * 100_000
        path = f"{attacker.log('searched', data).api}/search"

        def search(pattern: str, web: Web) -> None:
            reply = web.get(path, pattern=pattern, kind="regex", timeout_s=2, limit=100_000)
            if reply.status == 200:
                assert json.loads(reply.body.splitlines()[-1])["type"] == "end"
            else:
                assert reply.status in (400, 503), reply

        for pattern in HUGE:
            attacker.call(2, partial(search, pattern))
        other.go_on()


def test_pattern_of_metrics(own: Server) -> None:
    """As with a search: what it compiles to, its groups and its matches are bounded."""
    with attacked(own) as (attacker, other):
        log = attacker.log("measured", (b"a" * 4000 + b"\n") * 500)
        path = f"{log.version}/metrics"
        for pattern in (HUGE[0][:450], r"(?P<loss>\pL{1000})", "(.*)" * 30 + "(?P<loss>.*)", "(?P<a>.{0,100})z"):
            assert log.web.get(path, pattern=pattern).status == 400, pattern
        attacker.call(4, lambda web: web.get(path, pattern=["(?P<a>a{0,150})z", "(?P<b>a?)", "(?P<c>[ab]*a[ab]{40}z|a)"]))
        other.go_on()


NOTHING = {"gzip": gzip.compress(b""), "zstd": zstandard.compress(b"")}
BLOCKS = bytes.fromhex("28b52ffd0058") + bytes(3) * 300_000 + b"\1\0\0"
"""A frame of very many empty blocks."""


@pytest.mark.long  # ten seconds; what a body may cost is tried in test_limits, too
def test_body_of_many_parts(own: Server) -> None:
    """A mebibyte of members or frames of nothing is refused as it is met, on every call that takes a compressed body."""
    with attacked(own) as (attacker, other):
        log = attacker.log("parts")
        paths = (f"{log.api}/append?at=0", "/loki/api/v1/push", "/otlp/v1/logs")
        bodies = [(encoding, part * (MIB // len(part))) for encoding, part in NOTHING.items()] + [("zstd", BLOCKS)]

        def send(path: str, encoding: str, body: bytes, web: Web) -> None:
            reply = web.call("POST", path, body, content_type="application/json", content_encoding=encoding)
            assert reply.status in (400, 503), reply
            assert reply.status == 503 or b"members or frames" in reply.body, reply

        for path in paths:
            for encoding, body in bodies:
                send(path, encoding, body, log.web)
                attacker.call(2, partial(send, path, encoding, body))
        other.go_on()


def test_bodies_of_several_parts_are_taken(web: Web) -> None:
    """As many as anybody makes: one for each line, a block for each line, frames without their size, frames to be skipped."""
    lines = [b"line %d\n" % number for number in range(900)]
    silent = zstandard.ZstdCompressor(write_content_size=False, write_checksum=True)
    flushed = zstandard.ZstdCompressor().compressobj()
    blocks = (
        b"".join(flushed.compress(line) + flushed.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for line in lines) + flushed.flush()
    )
    skipped = (0x184D2A53).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"xyz"
    for encoding, body in (
        *(
            ("gzip", b"".join(gzip.compress(line) for line in lines)),
            ("zstd", b"".join(zstandard.compress(line) for line in lines)),
        ),
        *(
            ("zstd", blocks),
            ("zstd", skipped.join(silent.compress(line) for line in lines[:400]) + silent.compress(b"".join(lines[400:]))),
        ),
    ):
        log = made_log(web, "several")
        assert log.append(0, body, content_encoding=encoding).status == 200, encoding
        assert web.get(f"{log.api}/bytes").body == b"".join(lines)


@pytest.mark.long  # bodies drip
def test_bodies_that_drip(tmp_path: Path) -> None:
    """Room is for bytes that came: large bodies that have hardly begun keep nobody out, and lose their place for being slow."""
    own = start_server(tmp_path / "own", body_silence_s=3)
    with attacked(own) as (attacker, other):
        path = f"{attacker.log('slow').api}/append?at=0"
        slow = [attacker.open(attacker.request("POST", path, f"Content-Length: {16 * MIB}")) for _ in range(64)]
        late = list(slow)
        while late:
            other.go_on()
            for connection in list(late):
                try:
                    connection.sendall(b"x")
                except OSError:
                    late.remove(connection)
        assert slow[0].recv(65536).startswith(b"HTTP/1.1 400 ")


@pytest.mark.long  # hundreds of megabytes
def test_bodies_that_fill_the_room(own: Server) -> None:
    """One caller's bodies take half of it, and are refused beyond that; nobody else's are."""
    with attacked(own) as (attacker, other):
        paths = [f"{attacker.log(f'large-{number}').api}/append?at=0" for number in range(8)]
        for path in paths:
            connection = attacker.open(attacker.request("POST", path, f"Content-Length: {16 * MIB}"))
            connection.sendall(bytes(16 * MIB - 1))  # and never the last one
        other.go_on()


def unread(attacker: Attacker, times: int, path: str) -> list[bytes]:
    """Asks so many times and reads the statuses, and nothing more."""
    connections = [attacker.open(attacker.request("GET", path)) for _ in range(times)]
    return [connection.recv(12)[-3:] for connection in connections]


@pytest.mark.long  # hundreds of connections
def test_answers_that_nobody_reads(own: Server) -> None:
    """One caller's are bounded in number and in memory, and then refused; others have their searches, views and downloads."""
    with attacked(own) as (attacker, other):
        log = attacker.log("unread", b"0123456789abcdef" * 63 + b"\n" * 16 + b"x" * 1023 + b"\n", closed=True)
        large = attacker.log("large", (b"0123456789abcdef" * 63 + b"\n") * (16 * MIB // 1009), closed=True)
        assert log.web.get(f"{log.api}/lines").status == 200
        before = memory_mib(own)
        cases = {
            "bytes": MAX_DOWNLOADS // 2,
            "raw": 0,
            "search?pattern=0&limit=100000": MAX_SEARCHES // 2,
            "lines?count=5000": 13,
        }
        for path, places in cases.items():
            statuses = unread(attacker, 100, f"{large.api}/{path}")
            assert set(statuses) <= {b"200", b"503"}
            assert statuses.count(b"200") <= places, path
            other.go_on()
        unread(attacker, 100, f"{large.v1}/aom-log?log_file={large.log_file}&lines=1000")
        unread(attacker, 100, f"{large.api}/follow")
        other.go_on()
        assert memory_mib(own) - before < 600  # 64 downloads of a mebibyte and more, 64 MiB of answers, 100 followers


@pytest.mark.long  # a deadline passes
def test_answer_that_stands_still_loses_its_place(tmp_path: Path) -> None:
    """Though its client is there, and only reads nothing."""
    own = start_server(tmp_path / "own", body_silence_s=1)
    with attacked(own) as (attacker, other):
        log = attacker.log("still", b"0123456789abcde\n" * MIB, closed=True)
        path = f"{log.api}/search?pattern=0&limit=100000"
        assert unread(attacker, MAX_SEARCHES // 2, path) == [b"200"] * (MAX_SEARCHES // 2)
        assert log.web.get(path).status == 503
        other.go_on()
        while log.web.get(path).status == 503:
            pass


def status(web: Web, request: bytes) -> bytes:
    with socket.create_connection((web.host, web.port), timeout=60) as connection:
        connection.sendall(request)
        return connection.recv(12)[-3:]


def test_coding_of_a_body_on_its_way(web: Web) -> None:
    """What is not chunks is refused rather than misread."""
    log = made_log(web, "coded")
    head = f"POST {log.api}/append?at=0 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {web.token}\r\n"
    body = gzip.compress(b"one\n")
    for coding in ("gzip", "gzip, chunked", "chunked, gzip", "deflate, chunked", "identity"):
        sent = f"{head}Transfer-Encoding: {coding}\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        assert status(web, sent) == b"400", coding
    assert log.status()["end_byte"] == 0
    sent = f"{head}Transfer-Encoding: Chunked\r\n\r\n4\r\none\n\r\n0\r\n\r\n".encode()
    assert status(web, sent) == b"200"


def test_metrics_name_no_project(web: Web) -> None:
    """Who may read them, and nothing else, learns no name from them, whatever was called."""
    person = made_person(web)
    for path in (
        person.log.api,
        f"{person.log.v1}/aom-log",
        f"/api/projects/{person.project_id}/nothing",
        f"/v2/{person.project_id}",
    ):
        web.get(path)
    reader = web.as_(web.post("/api/tokens", {"rights": ["metrics"]}).json["token"])
    reply = reader.call("GET", "/metrics", x_forwarded_for="192.0.2.7")
    assert (reply.status, person.project_id.encode() in reply.body) == (200, False)
    for path in (
        "/api/projects",
        "/api/tokens",
        "/api/users",
        f"/api/projects/{person.project_id}",
        "/v3/projects",
        "/v3/auth/projects",
    ):
        reply = reader.get(path)
        assert person.project_id.encode() not in reply.body, path
