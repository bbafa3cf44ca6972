"""Fixtures for HTTP: the server that all tests share, called as clients call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from tests.backends import Backend
from tests.conftest import Server, start_server
from tests.server.calls import MadeLog, Web, made_log
from tests.server.modelarts.requests import CONFIG, Made

CONTENT = b"one\ntwo\n"

MakeLog = Callable[..., MadeLog]

_numbers = count(1)


@pytest.fixture
def web(server: Server) -> Iterator[Web]:
    """The shared server, called with the token that may do everything."""
    web = Web(server.url, server.token)
    yield web
    web.close()


@pytest.fixture(scope="module")
def module_web(server: Server) -> Iterator[Web]:
    """The same for generated tests, of which one fixture serves all examples."""
    web = Web(server.url, server.token)
    yield web
    web.close()


@pytest.fixture
def make_log(web: Web) -> MakeLog:
    """Makes a log of a job of its own: ``make_log(b"text\\n", closed=True)``."""

    def make(data: bytes = b"", *, closed: bool = False) -> MadeLog:
        return made_log(web, f"http-{next(_numbers)}", data, closed=closed)

    return make


@pytest.fixture
def log(make_log: MakeLog) -> Iterator[MadeLog]:
    """A log that whatever is refused must leave as it is."""
    log = make_log(CONTENT)
    before = log.held()
    yield log
    assert log.held() == before
    assert log.web.get(f"{log.api}/bytes").body == CONTENT


@dataclass
class Documented:
    """A server on which the documented examples can be asked for."""

    web: Web
    by_bytes: MadeLog
    by_lines: MadeLog
    expired_token: str


@pytest.fixture(scope="session")
def documented(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Documented]:
    """Its logs were made at the documented time and are of job 10, version 10; it also has a token that has expired."""
    data, made_ms = tmp_path_factory.mktemp("documented"), 1551252759254
    place = backend.place()
    engine = Engine(Settings(data=data, **place), clock_ms=lambda: made_ms)
    engine.runs.put_project("p", made_ms)
    for number in range(1, 11):
        _, _, first = engine.runs.put_run("p", f"log{number}", None, 0, made_ms)
    second = engine.runs.put_log("p", 10, 10, 1, made_ms)
    engine.appender.append(first.id, 0, b"Log string")
    engine.appender.append(second.id, 0, b"First line\nSecond line\nLog string\n")
    _, expired = engine.tokens.make(None, ["admin"], "", made_ms, made_ms + 1)
    engine.close()
    server = start_server(data, seal_quiet_s=3600, **place)
    web = Web(server.url, server.token)
    by_bytes, by_lines = (MadeLog(web, 10, 10, log.log_file, "p", log.task) for log in (first, second))
    yield Documented(web, by_bytes, by_lines, expired)
    web.close()
    assert server.stop() == 0


@pytest.fixture
def own_project(web: Web) -> str:
    """A project of its own, so that lists hold what the test made."""
    project_id = f"jobs{next(_numbers)}"
    assert web.post("/api/projects", {"id": project_id}).status == 200
    return project_id


@pytest.fixture
def create(web: Web, own_project: str) -> Made:
    def make(name: str, **body: object) -> dict[str, Any]:
        reply = web.post(f"/v1/{own_project}/training-jobs", {"job_name": name, "config": CONFIG} | body)
        assert reply.status == 200, reply.body
        return dict(reply.json)

    return make
