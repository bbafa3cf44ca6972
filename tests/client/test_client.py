"""The client against a server that says exactly what the test wants: the seam at which HTTP misbehaves."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from joblog import errors
from joblog.api.values import RecordedGap
from joblog.client import Appended, Client, Gap, Job, LogRef

LOG = LogRef("lab", 1, 2, "worker-3")
TOKEN = "jl_secret"
JOB = b'{"id": 1, "project_id": "lab", "name": "resnet", "created_ms": 1}'

Answer = tuple[int, dict[str, str], bytes]


class Script:
    """Gives the answers in turn, the last one again and again, and notes the requests."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                script.requests.append((self.command, self.path, dict(self.headers), body))
                status, headers, content = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(content))} | headers).items():
                    self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, format: str, *values: object) -> None:
                """Keeps quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.client = Client(f"http://127.0.0.1:{self.server.server_port}/", TOKEN, timeout_s=60, retry_s=0)

    def answer(self, status: int, body: object, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, headers, content))

    def stop(self) -> None:
        self.client.close()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    yield script
    script.stop()


def test_append_sends_the_bytes_and_the_token(script: Script) -> None:
    """Position, encoding and credentials are where the API wants them."""
    script.answer(200, {"end_byte": 14, "end_line": 1})
    assert script.client.append(LOG, 10, b"\x1f\x8b\xff\x00", encoding="gzip") == Appended(14, 1)
    method, path, headers, body = script.requests[0]
    assert (method, path) == ("POST", "/api/projects/lab/jobs/1/versions/2/logs/worker-3/append?at=10")
    assert (headers["Authorization"], headers["Content-Encoding"]) == (f"Bearer {TOKEN}", "gzip")
    assert body == b"\x1f\x8b\xff\x00"


def test_unknown_fields_are_ignored(script: Script) -> None:
    """A newer server may say more."""
    script.answer(200, {"id": 1, "project_id": "lab", "name": "a", "created_ms": 5, "owner": {"new": True}})
    assert script.client.job("lab", 1) == Job(1, "lab", "a", 5)


def test_lists_follow_next(script: Script) -> None:
    """A list of any length is one iterator."""
    jobs = [{"id": n, "project_id": "lab", "name": f"j{n}", "created_ms": n} for n in (1, 2, 3)]
    script.answer(200, {"items": jobs[:2], "next": 2})
    script.answer(200, {"items": jobs[2:], "next": None})
    assert [job.id for job in script.client.jobs("lab", name="j")] == [1, 2, 3]
    paths = [path for _, path, _, _ in script.requests]
    assert paths == ["/api/projects/lab/jobs?limit=1000&name=j", "/api/projects/lab/jobs?limit=1000&name=j&after=2"]


def test_range_of_bytes_is_half_open(script: Script) -> None:
    """[start, end) here is start to end - 1 in HTTP; nothing is asked for an empty range."""
    script.answer(206, b"\xffabc")
    assert b"".join(script.client.read(LOG, 4, 8)) == b"\xffabc"
    assert list(script.client.read(LOG, 8, 8)) == []
    assert [headers["Range"] for _, _, headers, _ in script.requests] == ["bytes=4-7"]


def test_close_tells_count_checksum_and_gaps(script: Script) -> None:
    """And understands the log that comes back."""
    log = {
        **{"project_id": "lab", "job_id": 1, "version_id": 2, "task": "worker-3", "log_file": "job-a.3"},
        **{"created_ms": 1, "appended_ms": 2, "start_byte": 0, "start_line": 0, "sealed_byte": 0, "end_byte": 9},
        **{"end_line": 1, "partial_byte": 9, "crc32": 7, "closed": True, "closed_ms": 3, "complete": False},
        "gaps": [{"at_byte": 4, "size_bytes": 100, "reason": "spool full", "recorded_ms": 3}],
    }
    script.answer(200, log)
    closed = script.client.close_log(LOG, end_byte=9, crc32=7, gaps=[Gap(4, 100, "spool full")])
    assert (closed.ref, closed.complete, closed.gaps) == (LOG, False, (RecordedGap(4, 100, "spool full", 3),))
    sent = {"gaps": [{"at_byte": 4, "size_bytes": 100, "reason": "spool full"}], "end_byte": 9, "crc32": 7}
    assert json.loads(script.requests[0][3]) == sent


def test_errors_of_the_server_are_its_own_classes(script: Script) -> None:
    """The code gives the class, what stands beside it its attributes."""

    def check(status: int, raised: type[errors.JoblogError], **details: str | int) -> None:
        script.answers.clear()
        script.answer(status, {"error": {"code": raised.code, "message": "the server's words", **details}})
        with pytest.raises(errors.JoblogError) as caught:
            script.client.status(LOG)
        assert type(caught.value) is raised
        assert (str(caught.value), caught.value.details()) == ("the server's words", details)

    check(400, errors.Invalid, parameter="at")
    check(400, errors.Missing, parameter="job_name")
    check(401, errors.UnknownToken)
    check(403, errors.WrongProject)
    check(404, errors.NotFound, kind="job")
    check(409, errors.Different, expected=4096)
    check(409, errors.Closed, expected=4096)
    check(413, errors.TooLarge, limit_bytes=16)
    check(416, errors.BeyondEnd, expected=4096)
    check(503, errors.Busy)
    check(500, errors.Damaged)


def test_answers_that_are_not_joblog_s(script: Script) -> None:
    """What stands between client and server may answer too: away, busy or too large keep their meaning."""

    def check(status: int, body: object, kind: type[errors.JoblogError]) -> None:
        script.answers.clear()
        script.answer(status, body)
        with pytest.raises(errors.JoblogError) as caught:
            script.client.status(LOG)
        assert type(caught.value) is kind

    check(502, b"<html>bad gateway", errors.Unreachable)
    check(500, {"error": {"code": "internal", "message": "sorry"}}, errors.Unreachable)
    check(503, b"", errors.Busy)
    check(413, b"<html>", errors.TooLarge)
    check(404, b"<html>", errors.JoblogError)
    check(302, b"", errors.JoblogError)
    check(200, b"<html>log in", errors.Unreachable)
    check(200, {"hello": "world"}, errors.Unreachable)
    check(200, [], errors.Unreachable)


def test_cut_answer_is_noticed(script: Script) -> None:
    """Half a log must not look like a whole one."""
    script.answers.append((200, {"Content-Length": "1000"}, b"half"))
    with pytest.raises(errors.Unreachable):
        script.client.status(LOG)
    script.answers = [(200, {"Content-Length": "1000"}, b"half"), (404, {}, b"")]
    received = list[bytes]()
    with pytest.raises(errors.JoblogError):
        received.extend(script.client.read(LOG))
    assert received == [b"half"]


def test_reading_goes_on_where_it_was_cut_off(script: Script) -> None:
    """From the byte after the last one that came, also where retention had removed the first ones; and no further."""
    script.answers = [
        (200, {"Content-Length": "10", "X-Joblog-Start-Byte": "5"}, b"half"),
        (206, {"Content-Length": "6", "Content-Range": "bytes 9-14/99"}, b"and"),
        (503, {}, b""),
    ]
    received = list[bytes]()
    with pytest.raises(errors.Busy):
        received.extend(script.client.read(LOG))
    assert received == [b"half", b"and"]
    assert [request[2].get("Range") for request in script.requests] == [None, "bytes=9-14", "bytes=12-14"]


def test_following_goes_on_where_it_was_after_an_error(script: Script) -> None:
    """Which may be the first that a server says, before any position: when its catalog is away."""
    event = b"id: %d\nevent: %b\ndata: %b\n\n"
    begun = event % (0, b"start", b"{}") + event % (3, b"bytes", b"b25l")
    away = b'event: error\ndata: {"error": {"code": "unavailable", "message": "the catalog is away"}}\n\n'
    ended = event % (3, b"start", b"{}") + event % (6, b"bytes", b"dHdv") + event % (6, b"end", b"{}")
    for said in (away, begun, away, ended):
        script.answer(200, said)
    assert [(piece.start_byte, piece.data) for piece in script.client.follow(LOG, tail=5)] == [(0, b"one"), (3, b"two")]
    asked = [path.partition("?")[2] for _, path, _, _ in script.requests]
    assert asked == ["tail=5", "tail=5", "from=3", "from=3"]


def test_what_reads_is_tried_again(script: Script) -> None:
    """As long as nobody answers, or the server is busy; what writes is not."""
    client = Client(script.client.url, TOKEN, retry_s=60)
    script.answers = [(503, {}, b""), (429, {"Retry-After": "0"}, b""), (502, {}, b"a proxy"), (200, {}, JOB)]
    assert client.job("lab", 1).name == "resnet"
    script.answers = [(503, {}, b"")]
    with pytest.raises(errors.Busy):
        client.append(LOG, 0, b"x")
    script.answers = [(404, {}, b"")]
    with pytest.raises(errors.JoblogError, match="404"):
        client.job("lab", 1)
    assert [request[0] for request in script.requests] == ["GET"] * 4 + ["POST", "GET"]
    client.close()


def test_absent_server_is_named_with_the_reason() -> None:
    """In words that fit a line; the token is not among them."""
    with Client("http://127.0.0.1:1", TOKEN, retry_s=0) as client, pytest.raises(errors.Unreachable) as caught:
        client.status(LOG)
    assert str(caught.value) == "no answer from http://127.0.0.1:1: Connection refused"


def test_silent_server_is_given_up() -> None:
    """A server that accepts and says nothing is unreachable after the timeout."""
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # accepts, as it listens, and never serves
    client = Client(f"http://127.0.0.1:{silent.server_port}", TOKEN, timeout_s=0.1, retry_s=0)
    with client, pytest.raises(errors.Unreachable, match="timed out"):
        client.status(LOG)
    silent.server_close()


def test_wrong_settings_are_refused_without_showing_the_token() -> None:
    """An address without a scheme, a token with a line break in it."""
    with pytest.raises(errors.Invalid, match="url must be"):
        Client("localhost:8470", TOKEN)
    with pytest.raises(errors.Invalid, match=r"^token must be printable ASCII$"):
        Client("http://localhost", "jl_sec\nret")
