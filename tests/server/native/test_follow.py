"""``GET .../follow`` as it goes over the wire."""

from __future__ import annotations

import base64
import http.client
import json
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import Server, start_server
from tests.server.calls import ANSWER_S, MadeLog, Web, check_api, made_log
from tests.server.conftest import MakeLog
from tests.server.people import made_person

ODD = b"bad \xff utf-8, NUL \0, ESC \x1b[31m, CR 10%\r20%\r\n\xe8\xa8\n\nid: 7\n\nno newline"


@dataclass(frozen=True)
class Event:
    name: str
    at: int
    data: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.data))


class Stream:
    """One connection that follows a log."""

    def __init__(self, log: MadeLog, headers: dict[str, str] | None = None, **query: object) -> None:
        self._connection = http.client.HTTPConnection(log.web.host, log.web.port, timeout=ANSWER_S)
        sent = {"x-auth-token": str(log.web.token), **(headers or {})}
        self._connection.request("GET", f"{log.api}/follow?{urlencode(query)}", headers=sent)
        self.answer = self._connection.getresponse()
        self.comments = 0

    def events(self) -> Iterator[Event]:
        """Yields the events until the server ends the stream."""
        fields: dict[str, str] = {}
        at = 0
        while line := self.answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                at = int(value)
            elif name == "" and value:
                self.comments += 1
            elif name:
                fields[name] = value
            elif "event" in fields:
                data = fields["data"].encode()
                yield Event(fields["event"], at, base64.b64decode(data) if fields["event"] == "bytes" else data)
                fields = {}

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


Follow = Callable[..., Stream]


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Makes connections that follow, and closes them."""
    with ExitStack() as opened:

        def make(log: MadeLog, headers: dict[str, str] | None = None, **query: object) -> Stream:
            stream = Stream(log, headers, **query)
            opened.callback(stream.close)
            return stream

        yield make


def followed(follow: Follow, log: MadeLog, headers: dict[str, str] | None = None, **query: object) -> tuple[int, bytes]:
    """Follows a closed log to its end; returns where that began, and the bytes."""
    start, *pieces, end = follow(log, headers, **query).events()
    assert (start.name, end.name, end.at) == ("start", "end", log.status()["end_byte"])
    data = b"".join(piece.data for piece in pieces)
    assert {piece.name for piece in pieces} <= {"bytes"}
    assert start.at + len(data) == end.at
    return start.at, data


def test_events_of_a_closed_log(follow: Follow, make_log: MakeLog) -> None:
    """What it is, its bytes as they are, and what it has become."""
    log = make_log(ODD, closed=True)
    stream = follow(log)
    assert (stream.answer.status, stream.answer.getheader("content-type")) == (200, "text/event-stream; charset=utf-8")
    assert stream.answer.getheader("cache-control") == "no-cache"
    status = log.status()
    start, bytes_, end = stream.events()
    assert (start.name, start.at, start.json | {"sealed_byte": 0}) == ("start", 0, status | {"line": 0, "sealed_byte": 0})
    assert bytes_ == Event("bytes", len(ODD), ODD)
    assert (end.name, end.at, end.json | {"sealed_byte": 0}) == ("end", len(ODD), status | {"sealed_byte": 0})


def test_how_a_log_is_without_its_bytes(follow: Follow, make_log: MakeLog) -> None:
    """At once, each time that it has changed, and when it has been closed; with the log's end as id, and no bytes."""
    log = make_log(ODD)
    events = follow(log, only="state").events()
    start = next(events)
    assert (start.name, start.at, start.json["end_line"], start.json["closed"]) == ("start", len(ODD), ODD.count(b"\n"), False)
    assert log.append(len(ODD), b"more\n").status == 200
    state = next(events)
    assert (state.name, state.at, state.json["end_byte"]) == ("state", len(ODD) + 5, len(ODD) + 5)
    assert log.close().status == 200
    (end,) = events
    assert (end.name, end.json | {"sealed_byte": 0}) == ("end", log.status() | {"sealed_byte": 0})
    check_api(log.web.get(f"{log.api}/follow", only="all"), 400, "invalid", "only must be state, not 'all'", parameter="only")


def test_where_it_begins(follow: Follow, make_log: MakeLog) -> None:
    """At a byte, at either end, so many bytes or lines before the end, or behind the last event that was seen."""
    text = b"one\ntwo\nthree\nfour"
    log = make_log(text, closed=True)
    for query, at in (
        ({}, 0), ({"from": "start"}, 0), ({"from": 0}, 0), ({"from": 5}, 5), ({"from": 18}, 18), ({"from": "end"}, 18),
        ({"from": -4}, 14), ({"from": -99}, 0), ({"tail": 0}, 18), ({"tail": 1}, 14), ({"tail": 3}, 4), ({"tail": 99}, 0),
    ):  # fmt: skip
        assert followed(follow, log, **query) == (at, text[at:]), query
    assert followed(follow, log, {"Last-Event-ID": "9"}, tail=1) == (9, text[9:])


def test_lines_before_the_beginning_are_counted(follow: Follow, make_log: MakeLog) -> None:
    """So that a viewer can number what comes."""
    log = make_log(b"one\ntwo\nthree\nfour", closed=True)
    for at, line in ((0, 0), (3, 0), (4, 1), (13, 2), (14, 3), (18, 3)):
        stream = follow(log, **{"from": at})
        assert next(stream.events()).json["line"] == line


def test_bad_positions(log: MadeLog) -> None:
    """Are refused before the stream begins."""
    position = "a byte position, start, end, or -N for N bytes before the end"
    for query, status, code, message, more in (
        ("from=x", 400, "invalid", f"from must be {position}, not 'x'", {"parameter": "from"}),
        ("from=9", 416, "beyond_end", "the log ends at 8, the position is 9", {"expected": 8}),
        ("tail=-1", 400, "out_of_range", "tail must be an integer from 0 to 1000000, not '-1'", {"parameter": "tail"}),
        ("tail=1&from=1", 400, "invalid", "tail must be absent where from is given", {"parameter": "tail"}),
    ):
        check_api(log.web.get(f"{log.api}/follow?{query}"), status, code, message, **more)
    check_api(log.web.as_(None).get(f"{log.api}/follow"), 401, "no_credentials",
              "no token: send it as X-Auth-Token or as Authorization: Bearer")  # fmt: skip


def test_bytes_alone(follow: Follow, make_log: MakeLog) -> None:
    """With Accept: application/octet-stream; the answer ends when the log does."""
    log = make_log(ODD)
    stream = follow(log, {"accept": "application/octet-stream"}, **{"from": 4})
    assert stream.answer.getheader("content-type") == "application/octet-stream"
    assert stream.answer.getheader("x-joblog-start-byte") == "4"
    assert stream.answer.read(len(ODD) - 4) == ODD[4:]
    log.append(len(ODD), b"\nmore")
    log.close()
    assert stream.answer.read() == b"\nmore"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server that the test may stop; followers hear from it 20 times a second."""
    server = start_server(tmp_path / "own", heartbeat_s=0.05)
    yield server
    server.kill()


def test_quiet_log_is_heard_of(follow: Follow, own: Server) -> None:
    """By comments, until something comes."""
    web = Web(own.url, own.token)
    log = made_log(web, "quiet", b"first\n")
    stream = follow(log)
    events = stream.events()
    assert [next(events).name, next(events).data] == ["start", b"first\n"]
    closing = threading.Timer(0.5, log.close)
    closing.start()
    assert [event.name for event in events] == ["end"]
    assert stream.comments >= 3
    closing.join()
    web.close()


def test_end_of_the_server_is_told(follow: Follow, own: Server) -> None:
    """By an event; bytes alone are cut off, as they have not ended."""
    web = Web(own.url, own.token)
    log = made_log(web, "stopped", b"first\n")
    stream, octets = follow(log), follow(log, {"accept": "application/octet-stream"})
    events = stream.events()
    assert [next(events).name, next(events).data, octets.answer.read(6)] == ["start", b"first\n", b"first\n"]
    web.close()
    assert own.stop() == 0
    assert list(events) == [Event("shutdown", 6, b'{"retry_ms":1000}')]
    with pytest.raises(http.client.IncompleteRead):
        octets.answer.read()
    said = (own.data / "server.log").read_text()
    assert "Traceback" not in said
    assert "cut off: " in said


def test_revoked_token_ends_a_follower(follow: Follow, own: Server) -> None:
    """It is looked at again at every heartbeat."""
    web = Web(own.url, own.token)
    log = made_log(web, "revoked", b"first\n")
    token = web.post("/api/tokens", {"rights": ["read"], "project_id": "default"}).json
    stream = follow(MadeLog(web.as_(token["token"]), log.job_id, log.version_id, log.log_file))
    events = stream.events()
    assert [next(events).name, next(events).name] == ["start", "bytes"]
    assert web.call("DELETE", f"/api/tokens/{token['id']}").status in (200, 204)
    (error,) = events
    assert (error.name, error.json["error"]["code"]) == ("error", "unknown_token")
    web.close()


def test_signed_follower_is_looked_at_again(follow: Follow, own: Server) -> None:
    """Its key and its rights, at every heartbeat; while both are there it goes on."""
    web = Web(own.url, own.token)
    for ends in ("keys", "members"):
        person = made_person(web, "read", content=b"first\n")
        stream = follow(person.log, person.signature("GET", f"{person.log.api}/follow") | {"x-auth-token": ""})
        events = stream.events()
        assert [next(events).name, next(events).name] == ["start", "bytes"]
        assert web.call("DELETE", "/api/tokens/999999").status == 404
        person.log.append(6, b"second\n")
        assert next(events).data == b"second\n"
        keys, members = f"/api/users/{person.id}/keys/{person.access}", f"/api/projects/{person.project_id}/members/{person.id}"
        assert web.call("DELETE", keys if ends == "keys" else members).status == 204
        (error,) = events
        code = "bad_signature" if ends == "keys" else "wrong_project"
        assert (error.name, error.json["error"]["code"]) == ("error", code)
    web.close()


def test_token_of_a_job_follows_its_log(follow: Follow, own: Server) -> None:
    """Beyond the first heartbeat."""
    web = Web(own.url, own.token)
    log = made_log(web, "limited", b"first\n")
    body = {"rights": ["read"], "project_id": "default", "job_name": "limited"}
    stream = follow(log, {"x-auth-token": web.post("/api/tokens", body).json["token"]})
    events = stream.events()
    assert [next(events).name, next(events).data] == ["start", b"first\n"]
    closing = threading.Timer(0.5, log.close)
    closing.start()
    assert [event.name for event in events] == ["end"]
    closing.join()
    web.close()


@pytest.mark.long  # hundreds of connections
def test_hundreds_of_followers(follow: Follow, make_log: MakeLog) -> None:
    """500 at once all get every byte, and others are served meanwhile."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    log = make_log(b"before\n")
    streams = [follow(log) for _ in range(500)]
    data = b"before\n"
    for number in range(20):
        data += b"line %d\n" % number
        assert log.append(len(data) - len(b"line %d\n" % number), b"line %d\n" % number).status == 200
    log.close()
    for stream in streams:
        start, *pieces, end = stream.events()
        assert (start.name, b"".join(piece.data for piece in pieces), end.name) == ("start", data, "end")


def test_slow_followers_cost_bounded_memory(follow: Follow, own: Server) -> None:
    """30 that do not read, of a log of 64 MiB: what waits for them is in the kernel, or not read yet."""
    web = Web(own.url, own.token)
    log = made_log(web, "slow", b"0123456789abcde\n" * (1 << 22))
    before = _resident(own)
    slow = []
    for _ in range(30):
        connection = socket.create_connection((web.host, web.port), timeout=ANSWER_S)
        connection.sendall(f"GET {log.api}/follow HTTP/1.1\r\nhost: x\r\nx-auth-token: {own.token}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        slow.append(connection)
    events = follow(log).events()  # one that reads: the others are offered as much meanwhile
    assert next(events).name == "start"
    got = 0
    while got < 1 << 26:
        got += len(next(events).data)
    assert _resident(own) - before < 150e6, "64 MiB for each would be 1.9 GB, or 2.5 in base64"
    for connection in slow:
        connection.close()
    web.close()


def _resident(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
