"""A server that has too much to do, or lacks what it depends on: it says so, at once, and goes on."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import pytest

from joblog.core.accounts import DEFAULT_DOMAIN
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.errors import Busy, WrongPassword
from joblog.server.auth.bodies import LoginRequest
from joblog.server.auth.login import Logins
from joblog.server.http.asgi import HTTPScope
from joblog.server.http.pools import Threads
from joblog.server.http.server_log import Seldom
from joblog.server.http.share import CALLER, Caller
from tests.backends import Backend
from tests.conftest import Server, installed, start_server
from tests.engines import BUCKET, PostgresServer, SeaweedServer
from tests.server.calls import Reply, Web, check_api, made_log

MIB = 1024 * 1024

T = TypeVar("T")


def test_calls_beyond_what_may_wait_are_refused() -> None:
    """And taken again when others are done."""
    threads, go = Threads(2, 3), threading.Event()
    waiting: list[Future[bool]] = [threads.submit(go.wait) for _ in range(5)]
    with pytest.raises(Busy):
        threads.submit(go.wait)
    go.set()
    assert all(future.result() for future in waiting)
    assert threads.submit(lambda: 7).result() == 7
    threads.shutdown()


def test_one_callers_calls_leave_room_for_others(tmp_path: Path) -> None:
    """Alone it has a half of what may wait; what it has not taken there is for others, and for the server itself."""
    threads, go = Threads(2, 6), threading.Event()
    waiting = [as_caller("10.0.0.1", tmp_path, partial(threads.submit, go.wait)) for _ in range(4)]
    with pytest.raises(Busy):
        as_caller("10.0.0.1", tmp_path, partial(threads.submit, go.wait))
    waiting += [as_caller("10.0.0.2", tmp_path, partial(threads.submit, go.wait)) for _ in range(2)]
    waiting.append(threads.submit(go.wait))
    go.set()
    assert all(future.result() for future in waiting)
    threads.shutdown()


class Unused(ThreadPoolExecutor):
    """The threads of all other work, which nobody is to need."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise AssertionError(fn)


def test_logins_of_one_caller_are_in_nobodys_way(engine: Engine, tmp_path: Path) -> None:
    """They wait in threads of their own, a share of them for each caller; another one logs in meanwhile."""
    engine.users.create_user(DEFAULT_DOMAIN, "ada", "correct horse battery", 1)

    async def log_in(logins: Logins, address: str, password: str) -> bool:
        user = {"name": "ada", "password": password}
        identity = {"methods": ["password"], "password": {"user": user}}
        request = msgspec.convert({"auth": {"identity": identity}}, LoginRequest)
        return bool((await logins.log_in(request, address)).secret)

    async def run() -> tuple[list[object], bool]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(Unused())
        logins = Logins(engine)

        def one(address: str, password: str) -> asyncio.Task[bool]:
            return as_caller(address, tmp_path, lambda: loop.create_task(log_in(logins, address, password)))

        many = [one("10.0.0.1", "wrong") for _ in range(60)]
        right = await one("10.0.0.2", "correct horse battery")
        return await asyncio.gather(*many, return_exceptions=True), right

    outcomes, right = asyncio.run(run())
    assert right
    kinds = [type(each) for each in outcomes]
    assert (kinds.count(WrongPassword), kinds.count(Busy)) == (18, 42)


def as_caller(address: str, data: Path, call: Callable[[], T]) -> T:
    """Calls as a request from that address does."""
    scope = cast(HTTPScope, {"headers": [], "client": (address, 1)})
    context = copy_context()
    context.run(CALLER.set, Caller(scope, Settings(data=data), None))
    return context.run(call)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Web]:
    """A server with room for little."""
    server = start_server(tmp_path, append_queue_bytes=2 * MIB, append_limit_bytes=MIB, body_silence_s=3600)
    web = Web(server.url, server.token)
    yield web
    web.close()
    assert server.stop() == 0


def test_what_is_said_again_and_again_is_said_seldom() -> None:
    """And then how often it was not."""
    now_s = 100.0
    seldom = Seldom(10, lambda: now_s)
    assert [seldom.withheld("busy") for _ in range(4)] == [0, None, None, None]
    assert seldom.withheld("away") == 0
    now_s = 110.0
    assert [seldom.withheld("busy"), seldom.withheld("busy"), seldom.withheld("away")] == [3, None, 0]


PROBE = b"x" * 16 * 1024
MAX_OF_IT = MIB - 12 * 1024
"""So much of a body that it has room however it is cut on its way, and that a probe has none beside it."""


def test_bodies_beyond_a_callers_share_are_refused(small: Web, tmp_path: Path) -> None:
    """What has come of them counts, not what they announce; with a time to come back after. Others have a share of their own.

    The server's log is not flooded.
    """
    log = made_log(small, "busy")
    path = f"{log.api}/append?at=0"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {small.token}\r\nContent-Length: {MIB}\r\n\r\n".encode()
    other = small.as_(small.post("/api/tokens", {"rights": ["write"], "project_id": "default"}).json["token"])
    with ExitStack() as stack:
        for _ in range(3):  # that announce only
            connection = stack.enter_context(socket.create_connection((small.host, small.port), timeout=120))
            connection.sendall(head)
            assert small.call("POST", path, PROBE).status == 200
        while (refused := refused_beside(stack, small, head, path)) is None:
            pass
        check_api(refused, 503, "busy", "too many bodies are on their way")
        assert refused.headers["retry-after"] == "1"
        assert {small.call("POST", path, PROBE).status for _ in range(50)} == {503}
        assert (tmp_path / "server.log").read_text().count("too many bodies are on their way") in range(1, 10)  # of 50
        assert other.call("POST", path, PROBE).status == 200
    while small.call("POST", path, PROBE).status == 503:  # until it has seen them go
        pass
    assert log.status()["end_byte"] == len(PROBE)


def refused_beside(stack: ExitStack, web: Web, head: bytes, path: str) -> Reply | None:
    """Has a body come that takes a caller's share, and does not end; returns the refusal of a call beside it.

    None where there is none for long: then it was that body that came last, beside a call, and was refused.
    """
    connection = stack.enter_context(socket.create_connection((web.host, web.port), timeout=120))
    connection.sendall(head + b"x" * MAX_OF_IT)
    for _ in range(200):
        reply = web.call("POST", path, PROBE)
        if reply.status != 200:
            return reply
    connection.close()
    return None


def ready(web: Web, path: str = "/readyz") -> tuple[int, str]:
    reply = web.as_(None).get(path)
    return reply.status, reply.json.get("status") or reply.json["error"]["message"]


def wait_ready(web: Web, path: str = "/readyz") -> None:
    while ready(web, path) != (200, "ready"):
        pass


@pytest.mark.long  # what is away is waited for
def test_ready_is_who_can_reach_both(tmp_path: Path) -> None:
    """Without a token. A node whose object store is away is ready for appends; it lives whatever is away."""
    with ExitStack() as stack:
        postgres, s3 = installed(PostgresServer), installed(SeaweedServer)
        stack.callback(postgres.close)
        stack.callback(s3.close)
        os.environ.update(s3.credentials)
        place = {"objects": f"s3://{BUCKET}/ready", "objects_endpoint": s3.endpoint, "objects_region": "us-east-1"}
        server = start_server(tmp_path, catalog=postgres.address("postgres"), **place)
        web = Web(server.url, server.token)
        assert ready(web) == (200, "ready")
        log = made_log(web, "ready", b"one\n")
        s3.kill()
        while ready(web)[0] == 200:
            pass
        assert ready(web) == (503, "the object store cannot be reached")
        assert ready(web, "/readyz/catalog") == (200, "ready")
        assert web.call("POST", f"{log.api}/append?at=4", b"two\n").status == 200
        postgres.kill()
        while ready(web, "/readyz/catalog")[0] == 200:
            pass
        assert ready(web) == (503, "the catalog and the object store cannot be reached")
        assert web.call("POST", f"{log.api}/append?at=8", b"three\n").status == 503
        assert web.as_(None).get("/healthz").status == 200
        postgres.start()
        s3.start()
        wait_ready(web)
        assert web.call("POST", f"{log.api}/append?at=8", b"three\n").status == 200
        assert web.get(f"{log.api}/bytes").body == b"one\ntwo\nthree\n"
        web.close()
        assert server.stop() == 0


def test_embedded_server_is_ready(server: Server, backend: Backend) -> None:
    """It has what it needs beside it."""
    web = Web(server.url, None)
    assert (ready(web), ready(web, "/readyz/catalog")) == ((200, "ready"), (200, "ready"))
    web.close()
