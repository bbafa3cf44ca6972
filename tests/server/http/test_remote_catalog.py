"""A catalog on another machine: tokens and access keys are looked up in threads, and everything is as always."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, cast

from joblog.catalog.database import Row, Value
from joblog.catalog.sqlite import Sqlite
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.server.app import App
from joblog.server.http.asgi import HTTPScope
from tests.signer import authorization, canonical, sdk_date

NAMES = "/v1/lab/training-jobs/1/versions/1/log/file-names"


class Remote(Sqlite):
    """Says that it is not embedded, and notes which look-ups of credentials were made on the thread of the event loop."""

    embedded = False

    def __init__(self, path: Path) -> None:
        self.on_loop: list[str] = []
        super().__init__(path)

    def rows(self, query: str, **values: Value) -> list[Row]:
        if query in ("token_by_hash", "access_key", "memberships") and threading.current_thread() is threading.main_thread():
            self.on_loop.append(query)
        return super().rows(query, **values)


class RemoteEngine(Engine):
    """An engine whose catalog is a Remote one."""

    def __init__(self, data: Path) -> None:
        super().__init__(Settings(data=data))
        self.remote = Remote(self.settings.catalog_path)
        self.database = self.tokens._db = self.users._db = self.remote


async def status_of(app: App, scope: HTTPScope) -> int:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return int(sent[0]["status"])


def asked(app: App, *headers: tuple[str, str]) -> int:
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"},
        **{"path": NAMES, "raw_path": NAMES.encode(), "query_string": b"", "root_path": ""},
        **{"headers": [(name.encode(), value.encode()) for name, value in headers], "client": ("127.0.0.1", 1)},
    }
    return asyncio.run(status_of(app, cast(HTTPScope, scope)))


def test_credentials_are_looked_up_in_threads(tmp_path: Path) -> None:
    """Good ones and bad ones, of both kinds."""
    engine = RemoteEngine(tmp_path / "data")
    now_ms = engine.clock_ms()
    engine.runs.put_project("lab", now_ms)
    engine.runs.put_run("lab", "job", None, 0, now_ms)
    _, token = engine.tokens.make("lab", ["read"], "", now_ms, None)
    user = engine.users.create_user("default", "someone", "long enough", now_ms)
    engine.users.grant(user.id, "lab", ["read"], now_ms)
    key = engine.users.create_key(user.id, "", now_ms)
    app = App(engine)
    headers = {"host": "x", "x-sdk-date": sdk_date(time.time())}
    text = canonical("GET", NAMES, (), headers, b"")
    engine.remote.on_loop.clear()
    for access, status in ((key.access, 200), ("A" * 20, 401)):
        signed = [*headers.items(), ("authorization", authorization(access, str(key.secret), headers, text))]
        assert asked(app, *signed) == status
    for sent, status in ((token, 200), ("wrong", 401), (token, 200), ("wrong", 401), ("", 401)):
        assert asked(app, ("x-auth-token", sent)) == status
    assert engine.remote.on_loop == []
    engine.remote.close()
    engine.close()
