"""Requests on their way from a worker to the owner and back: ASGI's own messages over a socket in the data directory.

Each message is its length and its MessagePack. A connection has one request at a time: its scope, then what ``receive`` gives
in the one direction and what ``send`` takes in the other. The owner's ``end`` says that it is ready for the next one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import msgspec

from joblog.errors import Unavailable
from joblog.server.http.asgi import Application, HTTPScope, Message, Receive, Send

SOCKET_FILE = "workers.sock"

_CARRIED = (
    *("type", "method", "scheme", "path", "raw_path", "query_string", "headers"),
    *("client", "server", "http_version", "root_path"),
)
_END: Message = {"type": "end"}
_DISCONNECT: Message = {"type": "http.disconnect"}
_AHEAD = 2
"""Parts of a body that are read before they are asked for."""

_REST_S = 30.0
"""For what is left of a body that was refused."""

_LENGTH = struct.Struct(">I")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


@contextmanager
def _short(directory: Path) -> Iterator[str]:
    """Gives a directory a short name: a socket's address has room for a hundred characters."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


async def _taken(reader: asyncio.StreamReader) -> Any:
    """Returns the next message, or None when there will be none."""
    try:
        (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return _decode(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def _put(writer: asyncio.StreamWriter, message: Any) -> None:
    """Sends a message; raises ConnectionError."""
    body = _encode(message)
    writer.write(_LENGTH.pack(len(body)) + body)
    await writer.drain()


def _with_pairs(message: Any) -> Any:
    """Returns a message with headers as ASGI has them."""
    if "headers" in message:
        message["headers"] = [(name, value) for name, value in message["headers"]]
    return message


class OwnerEnd:
    """The owner's end: answers what workers ask."""

    def __init__(self, app: Application, directory: Path) -> None:
        self._app = app
        self._directory = directory
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listens in the directory, which its owner alone may enter; raises OSError."""
        (self._directory / SOCKET_FILE).unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        try:
            with _short(self._directory) as name:
                listening.bind(f"{name}/{SOCKET_FILE}")
            self._server = await asyncio.start_unix_server(self._serve, sock=listening, backlog=1024)
        except BaseException:
            listening.close()
            raise

    def close(self) -> None:
        """Takes no more requests, and ends those that are under way."""
        if self._server is not None:
            self._server.close()
            (self._directory / SOCKET_FILE).unlink(missing_ok=True)
        for writer in tuple(self._open):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (scope := await _taken(reader)) is not None:
                # In a task of its own, since a request has a context of its own.
                if not await asyncio.create_task(self._exchange(_with_pairs(scope), reader, writer)):
                    break
        finally:
            self._open.discard(writer)
            writer.close()

    async def _exchange(self, scope: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; returns whether there may be another on the connection."""
        incoming = _Body(reader)
        scope["client"] = tuple(scope["client"]) if scope.get("client") else None
        reading = asyncio.create_task(incoming.read())

        async def send(message: Message) -> None:
            with suppress(ConnectionError):  # as HTTP servers do: that the client is gone, ``receive`` says
                await _put(writer, message)

        try:
            await self._app(cast(HTTPScope, scope), incoming.receive, send)
            await incoming.rest()
        except Exception:  # noqa: BLE001  # it is logged, and what has begun cannot become an error any more
            return False
        finally:
            reading.cancel()
            await asyncio.wait((reading,))
        if not incoming.whole or incoming.gone:
            return False
        try:
            await _put(writer, _END)
        except ConnectionError:
            return False
        return True


class _Body:
    """The parts of a request's body as they come, and whether the client is still there."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._parts: asyncio.Queue[Message] = asyncio.Queue(_AHEAD)
        self._ended = asyncio.Event()
        self.whole = self.gone = False

    async def read(self) -> None:
        """Takes parts until the last one, then waits: before the answer's end nothing can come but that the client is gone."""
        while (message := await _taken(self._reader)) is not None and message["type"] == "http.request":
            self.whole = not message.get("more_body", False)
            await self._parts.put(message)
        self.gone = True
        self._ended.set()

    async def rest(self) -> None:
        """Drops what nobody has asked for: were the connection closed before, the answer could be lost with it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_REST_S):
                while not (self.whole or self.gone):
                    await self.receive()

    async def receive(self) -> Message:
        """Returns the next part, or that the client is gone."""
        if not self._parts.empty():
            return self._parts.get_nowait()
        part, ended = asyncio.ensure_future(self._parts.get()), asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((part, ended), return_when=asyncio.FIRST_COMPLETED)
            return part.result() if part.done() else _DISCONNECT
        finally:
            part.cancel()
            ended.cancel()


class WorkerEnd:
    """A worker's end: an application whose answers are the owner's."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Has one request answered. Raises Unavailable before the answer has begun, ConnectionError afterwards."""
        reader, writer = self._idle.pop() if self._idle else await self._connected()
        asking = _Asking(receive, writer)
        again = False
        try:
            await _put(writer, {name: scope[name] for name in _CARRIED if name in scope})  # type: ignore[literal-required]  # they are its keys
            passing = asyncio.create_task(asking.run())
            try:
                ended = await _pass_answer(reader, send)
            finally:
                passing.cancel()
                await asyncio.wait((passing,))
            again = ended and asking.whole and not asking.gone
        finally:
            if again:
                self._idle.append((reader, writer))
            else:
                writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            with _short(self._directory) as name:
                return await asyncio.open_unix_connection(f"{name}/{SOCKET_FILE}")
        except OSError as error:
            raise Unavailable("the server is starting or stopping") from error


class _Asking:
    """Passes a request's body on, then looks out for the client's going."""

    def __init__(self, receive: Receive, writer: asyncio.StreamWriter) -> None:
        self._receive, self._writer = receive, writer
        self.whole = self.gone = False

    async def run(self) -> None:
        """Ends with the client; is cancelled with the answer."""
        with suppress(ConnectionError):
            while not self.gone:
                message = await self._receive()
                self.gone = message["type"] != "http.request"
                self.whole = self.whole or not (self.gone or message.get("more_body", False))
                await _put(self._writer, message)


async def _pass_answer(reader: asyncio.StreamReader, send: Send) -> bool:
    """Passes an answer on; returns whether the owner takes another request on the connection."""
    begun = whole = False
    while (message := await _taken(reader)) is not None:
        if message["type"] == "end":
            return True
        await send(_with_pairs(message))
        begun = True
        whole = message["type"] == "http.response.body" and not message.get("more_body", False)
    if not begun:
        raise Unavailable("the server is stopping")
    if not whole:
        raise ConnectionResetError("the answer was cut off")
    return False
