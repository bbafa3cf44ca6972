"""Answers that are sent as they are made: what makes them ends with the request, also when the client is gone.

Litestar leaves a generator that stands at its ``yield``, because the client was slow and then went, to the garbage collector,
which has little to do here and comes late. Until then it counts: as a follower, as a running search.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Receive, Scope, Send

MAX_DOWNLOADS = 128
"""Answers that are read from the store while they are sent: each holds what was sent last, and what compresses it, if anything
does, half a megabyte."""


class Streamed(Stream):
    """A ``Stream`` of an async generator, which it closes."""

    def __init__(self, content: AsyncGenerator[bytes, None], **given: Any) -> None:
        super().__init__(content, **given)
        self._content = content

    def to_asgi_response(self, *given: Any, **named: Any) -> ASGIResponse:
        """Returns what sends it."""
        return _Closing(super().to_asgi_response(*given, **named), self._content)


class Read(Streamed):
    """A stream of what is stored: it begins once its first part was read, so that what is wrong with that is its answer."""

    def __init__(self, content: AsyncGenerator[bytes, None], **given: Any) -> None:
        self._first = b""
        self._parts = content
        super().__init__(self._all(), **given)

    async def begin(self) -> None:
        """Reads the first part; raises what reading does."""
        self._first = await anext(self._parts, b"")

    async def _all(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._parts):
            first, self._first = self._first, b""
            if first:
                yield first
            del first
            async for part in self._parts:
                yield part

    def to_asgi_response(self, *given: Any, **named: Any) -> ASGIResponse:
        """Returns what sends it."""
        return _Begun(super().to_asgi_response(*given, **named), self)


class _Closing(ASGIResponse):
    def __init__(self, sends: ASGIApp, content: AsyncGenerator[bytes, None]) -> None:
        super().__init__()
        self._sends, self._content = sends, content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._sends(scope, receive, send)
        finally:
            await self._content.aclose()


class _Begun(ASGIResponse):
    def __init__(self, sends: ASGIApp, read: Read) -> None:
        super().__init__()
        self._sends, self._read = sends, read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._read.begin()
        await self._sends(scope, receive, send)
