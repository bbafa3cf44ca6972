"""The SDK, calling the server that it is in: the same calls with the caller's own token, without a connection between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from http.client import HTTPMessage
from urllib.parse import unquote

from joblog.api.transport import MAX_ANSWER_BYTES
from joblog.client import Client
from joblog.errors import Unreachable
from joblog.server.http.asgi import Application, HTTPScope, Message

_HOST = "http://localhost"
"""Stands where an address must; nothing is sent there."""


class InsideClient(Client):
    """A client for threads beside ``loop``, which serves ``app``. ``outer`` is the request that it works for."""

    def __init__(self, app: Application, loop: asyncio.AbstractEventLoop, outer: HTTPScope, token: str) -> None:
        super().__init__(_HOST, token, retry_s=0)
        self._connections = _Calls(app, loop, outer)  # type: ignore[assignment]  # it is used as one


class _Calls:
    """What ``Connections`` is for a server elsewhere."""

    def __init__(self, app: Application, loop: asyncio.AbstractEventLoop, outer: HTTPScope) -> None:
        self._app, self._loop, self._outer = app, loop, outer

    def close(self) -> None:
        """There is nothing to close."""

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        silence_s: float | None,  # noqa: ARG002 - the server's own bounds hold
        *,
        repeatable: bool | None = None,  # noqa: ARG002 - each call is made once
    ) -> _Whole:
        """Returns the whole answer, which is bounded; raises Unreachable where it is larger."""
        where, _, query = path.partition("?")
        scope: HTTPScope = {
            **self._outer,
            "method": method,
            "path": unquote(where),
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), text.encode("latin-1")) for name, text in headers.items()],
        }
        return asyncio.run_coroutine_threadsafe(_answered(self._app, scope, body or b""), self._loop).result()


class _Whole:
    """An answer that is all there."""

    def __init__(self, status: int, headers: HTTPMessage, data: bytes) -> None:
        self.status, self.headers, self._data = status, headers, data

    def data(self) -> bytes:
        """Returns the body."""
        return self._data

    def stream(self, size: int) -> Iterator[bytes]:
        """Yields the body in pieces of ``size`` bytes."""
        return (self._data[at : at + size] for at in range(0, len(self._data), size))

    def close(self) -> None:
        """There is nothing to close."""


async def _answered(app: Application, scope: HTTPScope, body: bytes) -> _Whole:
    status, headers, parts, size_bytes = 0, HTTPMessage(), list[bytes](), 0
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()  # nobody goes away
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, size_bytes
        if message["type"] == "http.response.start":
            status = message["status"]
            for name, value in message["headers"]:
                headers[name.decode("latin-1")] = value.decode("latin-1")
            return
        parts.append(bytes(message.get("body", b"")))
        size_bytes += len(parts[-1])
        if size_bytes > MAX_ANSWER_BYTES:
            raise Unreachable(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")

    await app(scope, receive, send)
    return _Whole(status, headers, b"".join(parts))
