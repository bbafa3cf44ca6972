"""What bounds those who call too often, send too much, or send nothing: each of them is told so, and nobody else notices."""

from __future__ import annotations

import gzip
import json
import re
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import zstandard

from joblog.errors import TooMany
from joblog.server.http.limits import Buckets, network_of
from tests.conftest import Server, start_server
from tests.server.calls import Web, check_api, check_v1, made_log
from tests.server.people import made_person

MIB = 1024 * 1024


def test_buckets_fill_with_time() -> None:
    """As many at once as fit, then one for each of its shares of time; each key has its own, and there are only so many."""
    buckets = Buckets(2.0, 3.0)
    for _ in range(3):
        buckets.take("a", 100.0)
    with pytest.raises(TooMany) as refused:
        buckets.take("a", 100.1)
    assert refused.value.retry_after_s == 1
    buckets.take("b", 100.1)
    buckets.take("a", 100.5)
    with pytest.raises(TooMany):
        buckets.take("a", 100.5)
    buckets.give_back("a", 100.5)
    buckets.take("a", 100.5)
    for number in range(30_000):
        buckets.take(f"many {number}", 100.5)
    assert len(buckets._levels) <= 10_000
    with pytest.raises(TooMany):
        Buckets(0.1, 0.5).take("never", 0.0)


def test_addresses_that_are_one_callers() -> None:
    """A network of IPv6 is one; IPv4 in IPv6 is IPv4."""
    assert {network_of(each) for each in ("2001:db8::1", "2001:db8::ffff:1:2")} == {"2001:db8::"}
    assert (network_of("192.0.2.7"), network_of("::ffff:192.0.2.7"), network_of("")) == ("192.0.2.7", "192.0.2.7", "")


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Web]:
    """A server that allows little, but trusts a proxy on this machine."""
    server = start_server(tmp_path / "data", rate_limit=2, login_limit=3, trusted_proxies="127.0.0.1", body_silence_s=1)
    web = Web(server.url, server.token)
    yield web
    web.close()
    assert server.stop() == 0


def test_token_that_calls_too_often(strict: Web) -> None:
    """It is told when to come back, in the words of each API; others are not concerned."""
    other = strict.as_(strict.post("/api/tokens", {"rights": ["read"]}).json["token"])
    while (reply := strict.get("/api/projects")).status == 200:
        pass
    wait_s = int(reply.headers["retry-after"])
    assert 1 <= wait_s <= 2
    check_api(reply, 429, "too_many", f"too many requests: come back in {wait_s} s")
    for path in ("/v1/default/training-jobs/1/versions/1/aom-log", "/v1/default/training-jobs", "/v2/default/training-jobs/x"):
        while (reply := strict.get(path)).status != 429:
            pass
        wait_s = int(reply.headers["retry-after"])
        check_v1(reply, 429, "2799", f"too many requests: come back in {wait_s} s")
    while (reply := strict.get("/v3/projects")).status != 429:
        pass
    assert (reply.json["error_code"], reply.json["error"]["code"]) == ("APIGW.0308", 429)
    assert other.get("/api/projects").status == 200
    assert strict.as_("jl_nobody").get("/api/projects").status == 401
    deadline = time.monotonic() + 60
    while strict.get("/api/projects").status != 200:
        assert time.monotonic() < deadline


def test_password_that_is_guessed(strict: Web) -> None:
    """After some wrong ones even the right one is not looked at, from that address; right ones do not count."""
    person = made_person(strict)
    wrong = {"user": person.name, "password": "not it at all"}
    right = {"user": person.name, "password": person.password}
    stranger = strict.as_(None)
    for _ in range(5):
        assert stranger.post("/api/session", right).status == 200
    while stranger.post("/api/session", wrong).status == 401:
        pass
    refused = stranger.post("/api/session", right)
    assert (refused.status, refused.json["error"]["code"]) == (429, "too_many")
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert person.login().status == 429
    elsewhere = {"content_type": "application/json", "x_forwarded_for": "192.0.2.1, 198.51.100.7"}
    body = f'{{"user": "{person.name}", "password": "{person.password}"}}'.encode()
    assert stranger.call("POST", "/api/session", body, **elsewhere).status == 200


def test_users_change_their_own_passwords(web: Web) -> None:
    """By the old one. It ends their tokens; who does not know it changes nothing."""
    person = made_person(web)
    token, stranger = person.token(), web.as_(None)
    body = {"user": person.name, "password": person.password, "new_password": "a better password"}
    assert stranger.post("/api/session/password", body | {"password": "wrong"}).json["error"]["code"] == "wrong_password"
    assert stranger.post("/api/session/password", body | {"new_password": "x"}).status == 400
    assert web.as_(token).get(f"/api/projects/{person.project_id}/jobs").status == 200
    assert stranger.post("/api/session/password", body).status == 204
    assert web.as_(token).get(f"/api/projects/{person.project_id}/jobs").status == 401
    assert person.login().status == 401
    assert stranger.post("/api/session", {"user": person.name, "password": "a better password"}).status == 200
    foreign = stranger.call("POST", "/api/session/password", json.dumps(body).encode(), content_type="text/plain")
    assert foreign.json["error"]["code"] == "foreign_page"


def memory_mib(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def test_bombs_cost_bounded_memory(tmp_path: Path) -> None:
    """A gigabyte of nothing, in each compression and in as many layers as it takes, is refused for the size of one body."""
    server = start_server(tmp_path / "data", append_limit_bytes=4 * MIB)
    web = Web(server.url, server.token)
    log = made_log(web, "bombs")
    packer = zstandard.ZstdCompressor(write_content_size=False)
    nothing = bytes(16 * MIB)
    bombs = {
        "zstd": b"".join(packer.compress(nothing) for _ in range(64)),
        "gzip": gzip.compress(nothing, 9) * 64,
    }
    before = memory_mib(server)
    for encoding, bomb in bombs.items():
        for _ in range(3):
            check_api(
                log.append(0, bomb, content_encoding=encoding),
                *(413, "too_large", f"the decompressed body is larger than {4 * MIB} bytes"),
                limit_bytes=4 * MIB,
            )
    assert memory_mib(server) - before < 200
    assert log.status()["end_byte"] == 0
    web.close()
    assert server.stop() == 0


def test_body_that_stands_still(strict: Web) -> None:
    """Is given up, and gives its room back."""
    log = made_log(strict, "slow")
    head = f"POST {log.api}/append?at=0 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {strict.token}\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((strict.host, strict.port), timeout=60) as connection:
        connection.sendall(head.encode() + b"x" * 50)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"body must be sent without pauses of more than 1 s" in answer
    assert log.append(0, b"one\n").status == 200


def test_idle_and_slow_connections_keep_nobody_out(server: Server, web: Web) -> None:
    """A thousand that say nothing, half a line, or half a request."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2048:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    log = made_log(web, "idle", b"one\n")
    half = (b"", b"GET /api/pro", b"GET /api/projects HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    with ExitStack() as stack:
        for number in range(1000):
            connection = stack.enter_context(socket.create_connection((web.host, web.port), timeout=60))
            connection.sendall(half[number % 3])
        fresh = Web(server.url, server.token)
        assert fresh.get(f"{log.api}/bytes").body == b"one\n"
        assert fresh.call("POST", f"{log.api}/append?at=4", b"two\n").status == 200
        fresh.close()


def test_followers_that_are_gone_are_let_go(server: Server, web: Web) -> None:
    """Whether they said so or not: those that read nothing cost a piece each, those that hung up nothing."""
    log = made_log(web, "gone", bytes(range(32, 127)) * 20_000 + b"\n")
    request = f"GET {log.api}/follow HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {web.token}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(socket.create_connection((web.host, web.port), timeout=60))
            connection.sendall(request)
            assert connection.recv(100).startswith(b"HTTP/1.1 200")  # and then reads no more
        assert log.append(log.status()["end_byte"], b"goes on\n").status == 200
    assert log.close().status == 200
    deadline = time.monotonic() + 60
    while b"\njoblog_followers 0.0\n" not in web.get("/metrics").body:
        assert time.monotonic() < deadline


HOSTILE = (
    "%0d%0aX-Injected:%20yes",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%3Cscript%3E",
    "%00",
    "%ff%fe",
    "a%0aSet-Cookie:x",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_is_injected(server: Server, web: Web, hostile: str) -> None:
    """In paths, queries, names and headers: not into a header, a page, a file's name or a statement."""
    log = made_log(web, "injected", b"one\n")
    places = (
        *(
            f"/{hostile}",
            f"/api/projects/{hostile}/jobs",
            f"/api/projects/default/jobs/{hostile}",
            f"{log.version}/logs/{hostile}",
        ),
        *(f"{log.v1}/aom-log?log_file={hostile}", f"{log.api}/lines?since={hostile}", f"{log.api}/search?pattern={hostile}"),
        *(f"/p/default/injected/{hostile}/worker-0", f"/links/{hostile}/x", f"/api/projects?after={hostile}", f"/ui/{hostile}"),
    )
    for place in places:
        reply = web.get(place)
        assert reply.status in (200, 301, 302, 307, 400, 403, 404), place
        assert not {"x-injected", "set-cookie"} & set(reply.headers), place
        assert "html" not in reply.headers.get("content-type", ""), place
    reply = web.call("GET", "/v3", host="evil<script>", x_forwarded_host="evil.example")
    assert b"evil" not in reply.body
    objects = server.data / "objects"
    stored = [str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file()]
    assert all(re.fullmatch(r"[\w/-]+\.zst|\.joblog/[0-9]+-\w+", each) for each in stored), stored
