"""Answers that are sent as they are made: what makes them ends with the request, also when the client is gone."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from joblog.server.http.answers import Answer
from joblog.server.http.asgi import Headers

MAX_DOWNLOADS = 128
"""Answers that are read from the store while they are sent: each holds what was sent last, and what compresses it, if anything
does: less than half a mebibyte."""

OCTETS = b"application/octet-stream"
EVENTS = b"text/event-stream; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"


async def begun(
    content: AsyncGenerator[bytes, None], headers: Headers, media_type: bytes = OCTETS, status: int = 200
) -> Answer:
    """Makes an answer of what comes part by part, once the first is there; raises what is wrong with that one."""
    try:
        first = await anext(content, b"")
    except BaseException:
        await content.aclose()
        raise
    return Answer(status, first, headers, rest=content, media_type=media_type)
