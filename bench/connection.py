"""A connection of an asyncio program to joblog: as little as there can be, so that thousands of them cost little."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import NamedTuple


class Answer(NamedTuple):
    """A success."""

    status: int
    body: bytes


class Refused(Exception):
    """An answer that is none; ``retry_after_s``, in seconds, where it says when to come again."""

    def __init__(self, status: int, body: bytes, retry_after_s: float | None) -> None:
        super().__init__(f"{status}: {body!r}")
        self.status, self.retry_after_s = status, retry_after_s


class Connection:
    """One connection, made when it is needed, and again after it has broken: OSError, asyncio.IncompleteReadError."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._host, self._port = host, port
        self._heads = f"Host: {host}\r\nX-Auth-Token: {token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        """Closes it, if there is one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Asks; raises Refused."""
        try:
            reader = await self._send(method, path, body)
            status, heads = await _head(reader)
            said = await reader.readexactly(int(heads.get(b"content-length", b"0")))
        except BaseException:
            self.close()
            raise
        if heads.get(b"connection") == b"close":
            self.close()
        if status >= 300:
            raise _refused(status, heads, said)
        return Answer(status, said)

    async def follow(self, path: str) -> AsyncIterator[bytes]:
        """Yields the bytes of a log as they come, until it is closed; raises Refused, and OSError when told to come again."""
        try:
            reader = await self._send("GET", path, b"")
            status, heads = await _head(reader)
            if status != 200:
                said = await reader.readexactly(int(heads.get(b"content-length", b"0")))
                raise _refused(status, heads, said)
            name = b""
            while True:
                line = await reader.readline()
                if line.startswith(b"event: "):
                    name = line[7:].strip()
                elif line.startswith(b"data: ") and name == b"bytes":
                    yield base64.b64decode(line[6:])
                elif line.startswith(b"data: ") and name == b"end":
                    return
                elif not line or name in (b"shutdown", b"error"):
                    raise ConnectionResetError(line)
        finally:
            self.close()

    async def _send(self, method: str, path: str, body: bytes) -> asyncio.StreamReader:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=1 << 20)
        reader, writer = self._streams
        writer.write(f"{method} {path} HTTP/1.1\r\n{self._heads}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        return reader


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    pairs = (line.partition(b":") for line in lines if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


def _refused(status: int, heads: dict[bytes, bytes], body: bytes) -> Refused:
    after = heads.get(b"retry-after")
    return Refused(status, body, None if after is None else float(after))
