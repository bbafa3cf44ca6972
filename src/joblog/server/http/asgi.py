"""What ASGI's messages are, as far as joblog reads and writes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NotRequired, TypedDict

Headers = list[tuple[bytes, bytes]]


class HTTPScope(TypedDict):
    """A request, but for its body."""

    type: str
    method: str
    scheme: str
    path: str
    raw_path: NotRequired[bytes]
    query_string: bytes
    headers: Headers
    client: tuple[str, int] | None
    server: NotRequired[tuple[str, int | None] | None]
    http_version: NotRequired[str]
    root_path: NotRequired[str]


Message = dict[str, Any]
"""A part of a request or of an answer; ``type`` says which."""

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[HTTPScope, Receive, Send], Awaitable[None]]
