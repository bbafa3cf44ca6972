"""Answers on their way out: in small parts, each when the connection has taken the one before.

The HTTP server holds up to five parts of an answer, and what it has begun to write: that is what an answer that nobody reads
has in memory, beside what makes it. Answers that were made whole are counted, all callers' together, until they are sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from joblog.errors import Busy
from joblog.server.http.answers import Answer, answer_headers, error_answer
from joblog.server.http.asgi import HTTPScope, Message, Receive, Send
from joblog.server.http.bodies import Incoming
from joblog.server.http.request_log import Exchange
from joblog.server.http.share import Share

PART_BYTES = 64 * 1024
"""Five parts, and 64 KiB and one more part that are being written: less than half a mebibyte. A frame of a log is one part."""

MAX_UNREAD_BYTES = 128 * 1024 * 1024
"""Answers that were made whole and are not sent yet; the largest, lines, have 5 MiB."""


class Outgoing:
    """Sends the answer of one request; what is left of the request's ``body`` is taken in before."""

    __slots__ = ("_body", "_exchange", "_scope", "_send", "_unread")

    def __init__(self, send: Send, exchange: Exchange, scope: HTTPScope, unread: Share, body: Incoming | None = None) -> None:
        self._send, self._exchange, self._scope, self._unread, self._body = send, exchange, scope, unread, body

    async def answer(self, answer: Answer, receive: Receive) -> None:
        """Sends an answer; to HEAD without its body, of which nothing is made either."""
        bare, rest = self._scope["method"] == "HEAD", answer.rest
        try:
            if self._body is not None:
                await self._body.finish()
            if rest is None and len(answer.body) > PART_BYTES and not bare:
                answer = self._delayed(answer)
            self._exchange.begun(answer.status)
            headers = answer_headers(answer, self._exchange.number)
            await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
            body, answer.body = b"" if bare else answer.body, b""
            await self._parts(body, more=not (bare or rest is None))
            del body
            if rest is not None and not bare:
                await _while_read(self._rest(rest), receive)
        finally:
            if rest is not None:
                await rest.aclose()

    async def forward(self, message: Message) -> None:
        """Sends a message of an answer that another application makes."""
        if message["type"] == "http.response.body":
            await self._parts(message.get("body", b""), more=message.get("more_body", False))
            return
        if message["type"] == "http.response.start":
            if self._body is not None:
                await self._body.finish()
            self._exchange.begun(message["status"])
        await self._send(message)

    async def _rest(self, parts: AsyncGenerator[bytes, None]) -> None:
        async for part in parts:
            await self._parts(part, more=True)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _parts(self, body: bytes, *, more: bool) -> None:
        if len(body) <= PART_BYTES:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})
            return
        view = memoryview(body)
        for at in range(0, len(body), PART_BYTES):
            rest = more or at + PART_BYTES < len(body)
            await self._send({"type": "http.response.body", "body": bytes(view[at : at + PART_BYTES]), "more_body": rest})

    def _delayed(self, answer: Answer) -> Answer:
        """Returns an answer for which there is room until it is sent, or a refusal."""
        try:
            self._unread.hold(len(answer.body))
        except Busy as error:
            return error_answer(error, self._scope["path"])
        return answer


async def _while_read(sending: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Sends until all is sent or the client has gone, which may be long before there is anything more to send."""
    tasks = asyncio.create_task(sending), asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcome = (await asyncio.gather(*tasks, return_exceptions=True))[0]
    if isinstance(outcome, Exception):
        raise outcome


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
