"""Answers on their way out: in small parts, each when the connection has taken the one before.

The HTTP server holds up to five parts of an answer, and what it has begun to write: that is what an answer that nobody reads
has in memory, beside what makes it. Answers that were made whole are counted, all callers' together, until they are sent.
"""

from __future__ import annotations

from joblog.errors import Busy
from joblog.server.http.answers import answer_headers, error_answer
from joblog.server.http.asgi import HTTPScope, Message, Send
from joblog.server.http.request_log import Exchange
from joblog.server.http.share import Share

PART_BYTES = 64 * 1024
"""Five parts, and 64 KiB and one more part that are being written: less than half a mebibyte. A frame of a log is one part."""

MAX_UNREAD_BYTES = 128 * 1024 * 1024
"""Answers that were made whole and are not sent yet; the largest, lines, have 5 MiB."""


class Outgoing:
    """The ``send`` of one request."""

    def __init__(self, send: Send, exchange: Exchange, scope: HTTPScope, unread: Share) -> None:
        self._send, self._exchange, self._scope, self._unread = send, exchange, scope, unread
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Sends a message; the first one waits for the next, which may still become a refusal."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        start, self._start = self._start, None
        if start is not None:
            if len(body) > PART_BYTES and not more:
                start, body = self._delayed(start, body)
            self._exchange.begun(start["status"])
            await self._send(start)
        if len(body) <= PART_BYTES:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})
            return
        view = memoryview(body)
        for at in range(0, len(body), PART_BYTES):
            rest = more or at + PART_BYTES < len(body)
            await self._send({"type": "http.response.body", "body": bytes(view[at : at + PART_BYTES]), "more_body": rest})

    def _delayed(self, start: Message, body: bytes) -> tuple[Message, bytes]:
        """Returns the answer, for which there is room until it is sent, or a refusal."""
        try:
            self._unread.hold(len(body))
        except Busy as error:
            answer = error_answer(error, self._scope["path"])
            headers = answer_headers(answer, self._exchange.number)
            return {"type": "http.response.start", "status": answer.status, "headers": headers}, answer.body
        return start, body
