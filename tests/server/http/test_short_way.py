"""The short way of the log calls and the framework's handlers: two ways in, one answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from joblog.core.logs import Log
from joblog.engine.engine import Engine
from joblog.engine.read import PAGE_BYTES
from joblog.server.app import App, Parts, litestar, with_parts

# Litestar 2.25 names, for what Litestar 3 will want, types that the releases before it, which joblog runs on, do not have.
pytestmark = pytest.mark.filterwarnings("ignore::litestar.exceptions.base_exceptions.LitestarDeprecationWarning")

Answered = tuple[int, bytes | None, bytes]
"""Status, content type, body."""


class Called:
    """An engine with a log, behind an application."""

    def __init__(self, engine: Engine, log: Log, token: str) -> None:
        self.base = f"/v1/lab/training-jobs/{log.job_id}/versions/{log.version_id}"
        self.log_file = log.log_file
        parts = Parts.of(engine)

        async def long(scope: Any, receive: Any, send: Any) -> None:
            await litestar()(with_parts(scope, parts), receive, send)

        self._ways = (App(engine), long)
        self._token = token.encode()

    def both(self, path: str, query: str = "", *, token: bytes | None = None, method: str = "GET") -> tuple[Answered, Answered]:
        """Asks by the short way and by Litestar's."""
        headers = [(b"x-auth-token", self._token if token is None else token)]
        scope = {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http"},
            **{"path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": ""},
            **{"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)},
        }
        short, long = (asyncio.run(answered(way, dict(scope))) for way in self._ways)
        return short, long


async def answered(way: Any, scope: dict[str, Any]) -> Answered:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not sent:
            return {"type": "http.request", "body": b"", "more_body": False}
        never: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        return await never  # whoever asks waits for a client that stays

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await way(scope, receive, send)
    headers = dict(sent[0]["headers"])
    body = b"".join(message.get("body", b"") for message in sent[1:])
    assert int(headers.get(b"content-length", len(body))) == len(body)
    return sent[0]["status"], headers.get(b"content-type"), body


@pytest.fixture
def called(engine: Engine) -> Called:
    engine.names.put_project("lab", 0)
    _, _, log = engine.names.put_run("lab", "job", None, 0, 1_700_000_000_000)
    engine.ingest.append(log.id, 0, "one\n训练\n\xff\n".encode() + b"\xff\nlast")
    _, secret = engine.tokens.make(None, ["read"], "", 0, None)
    return Called(engine, log, secret)


def test_pages_are_the_same(called: Called) -> None:
    """Of bytes and of lines, whatever is asked for."""
    queries = ["", "&start_byte=3&offset=5", "&start_byte=-1&offset=7", "&offset=-2", "&offset=0", "&unknown=1"]
    for query in queries:
        short, long = called.both(f"{called.base}/log", f"log_file={called.log_file}{query}")
        assert short == long
        assert short[:2] == (200, b"application/json")
    for query in (
        "",
        "&lines=2",
        "&order=asc&lines=2",
        "&base_line=+1700000000000000001",
        "&lines=0",
        "&order=ASC",
        "&base_line=",
    ):
        short, long = called.both(f"{called.base}/aom-log", f"log_file={called.log_file}{query}")
        assert short == long
        assert short[:2] == (200, b"application/json")


def test_file_names_are_the_same(called: Called) -> None:
    """With and without a slash behind."""
    for path in ("log/file-names", "log/file-names/"):
        short, long = called.both(f"{called.base}/{path}")
        assert short == long == (200, b"application/json", b'{"is_success":true,"log_file_list":["job-job.0"]}')


def test_refusals_are_the_same(called: Called) -> None:
    """Status, code and words."""
    name = f"log_file={called.log_file}"
    for call, query in (
        *(
            ("log", query)
            for query in ("", "log_file=", "log_file=x", f"{name}&offset=2049", f"{name}&offset=x", f"{name}&start_byte=-2")
        ),
        *(
            ("aom-log", query)
            for query in ("", f"{name}&lines=501", f"{name}&base_line=x", f"{name}&order=up", f"{name}&lines=%FF")
        ),
    ):
        short, long = called.both(f"{called.base}/{call}", query)
        assert short == long
        assert short[0] in (400, 404)
    for base in (called.base.replace("/1/", "/x/"), called.base.replace("/1/", "/99/"), called.base.replace("lab", "a_b")):
        short, long = called.both(f"{base}/log", name)
        assert short == long
        assert short[0] in (400, 404)


def test_strangers_are_told_the_same(called: Called) -> None:
    """401."""
    for token in (b"", b"wrong"):
        short, long = called.both(f"{called.base}/log", f"log_file={called.log_file}", token=token)
        assert short == long
        assert short[0] == 401


def test_page_too_large_to_hold_is_the_same(called: Called, engine: Engine) -> None:
    """It is streamed, by either way, and whole."""
    log = engine.logs.head(1)
    size = PAGE_BYTES + 1000
    end = engine.ingest.append(log.id, log.end_byte, b"x" * size + b"\n").end_byte
    while engine.sealer.seal(log.id):
        pass
    assert engine.logs.head(log.id).sealed_byte == end
    short, long = called.both(f"{called.base}/aom-log", f"log_file={called.log_file}&lines=1")
    assert short == long
    assert json.loads(short[2])["content"] == "last" + "x" * size + "\n"
