"""The one way out to a joblog server: what every call has in common."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack
from urllib.parse import quote, urlencode

from joblog import __version__
from joblog.api.answers import T, decoded, failure, value
from joblog.api.backoff import Backoff
from joblog.api.connections import Connections, Response
from joblog.errors import Busy, Invalid, Unavailable, Unreachable

PAGE_ITEMS = 1000
"""Items asked for at a time in lists: the API's own limit, so that a long list costs the fewest calls."""

MAX_ANSWER_BYTES, MAX_REASON_BYTES = 16 << 20, 64 << 10
"""Most that is read of an answer, and of the reason for a refusal: a page of a list is a thousandth of that, and whatever
else answers is not to fill the memory of a job's node."""

READ_BYTES = 64 << 10

CONNECT_S = 5.0
"""Longest wait for a connection: a lost SYN is sent again after 1 and 3 s, so two losses are survived."""

FIRST_PAUSE_S, MAX_PAUSE_S = 0.1, 2.0
"""Between two tries of what reads."""


Body = bytes | Mapping[str, object] | None
"""What is sent: bytes as they are, or JSON."""


class CallOptions(TypedDict, total=False):
    """How a request is sent, where that is not as its method has it.

    ``silence_s`` is how long to wait for bytes, in place of ``timeout_s``; ``retry_s`` how long to try again while no joblog
    answers, or it is busy. ``repeatable`` says whether the call made twice leaves the same behind as made once, so that it may
    be sent again when a connection that was idle dies under it.
    """

    headers: Mapping[str, str]
    silence_s: float
    repeatable: bool
    retry_s: float


class Transport:
    """Calls one joblog server; may be shared by threads; closed by ``close`` or as a context manager.

    ``timeout_s`` bounds the wait for a connection (at most ``CONNECT_S``) and each wait for bytes, not a whole call. What only
    reads is tried again for ``retry_s`` while no joblog answers, or it is busy.
    """

    def __init__(self, url: str, token: str, *, timeout_s: float = 30.0, retry_s: float = 0.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise Invalid("url", "an http:// or https:// address", url)
        if not (token.isascii() and token.isprintable()):
            raise Invalid("token", "printable ASCII")
        self.url = url.rstrip("/")
        headers = {"User-Agent": f"joblog/{__version__}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._headers, self._retry_s = headers, retry_s
        self._connections = Connections(self.url, connect_s=min(CONNECT_S, timeout_s), silence_s=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; may be called again."""
        self._connections.close()

    def items(self, kind: type[T], path: str, query: Mapping[str, str | Sequence[str]] | None = None) -> Iterator[T]:
        """Yields the items of a list, asking for them page by page."""
        following: object = None
        while True:
            asked: dict[str, str | Sequence[str]] = {"limit": str(PAGE_ITEMS), **(query or {})}
            if following is not None:
                asked["after"] = str(following)
            page = self.call("GET", f"{path}?{urlencode(asked, doseq=True)}")
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise Unreachable("the answer is not a joblog list")
            yield from (value(kind, item) for item in page["items"])
            following = page.get("next")
            if following is None:
                return

    def call(self, method: str, path: str, body: Body = None, **options: Unpack[CallOptions]) -> Any:
        """Sends and gets JSON; raises what the server said, or Unreachable."""
        return decoded(self.ask(method, path, body, **options))

    def ask(self, method: str, path: str, body: Body = None, **options: Unpack[CallOptions]) -> bytes:
        """Sends a request and returns the body of an answer of success, which may be empty; raises as ``call`` does."""
        answer = self.send(method, path, body, **options)
        try:
            if (data := _body(answer, MAX_ANSWER_BYTES)) is None:
                raise Unreachable(f"the answer is larger than {MAX_ANSWER_BYTES} bytes: it is not joblog's")
            return data
        finally:
            answer.close()

    def send(self, method: str, path: str, body: Body = None, **options: Unpack[CallOptions]) -> Response:
        """Sends a request and returns an answer of success, to be read and closed; raises as ``call`` does.

        Redirects are refused: the token goes nowhere but to this server.
        """
        retry_s = options.get("retry_s", self._retry_s if method == "GET" else 0.0)
        ends_s, backoff = time.monotonic() + retry_s, Backoff(FIRST_PAUSE_S, MAX_PAUSE_S)
        while True:
            try:
                return self._send(method, path, body, options)
            except (Unreachable, Busy, Unavailable) as error:
                wait_s = max(backoff.pause_s(), error.retry_after_s or 0.0)
                if time.monotonic() + wait_s > ends_s:
                    raise
            time.sleep(wait_s)

    def _send(self, method: str, path: str, body: Body, options: CallOptions) -> Response:
        headers = {**self._headers, **options.get("headers", {})}
        if isinstance(body, Mapping):
            body, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        silence_s, repeatable = options.get("silence_s"), options.get("repeatable")
        answer = self._connections.send(method, path, body, headers, silence_s, repeatable=repeatable)
        if 200 <= answer.status < 300:
            return answer
        try:
            refused = failure(answer.status, _body(answer, MAX_REASON_BYTES) or b"")
        finally:
            answer.close()
        refused.retry_after_s = _seconds(answer.headers.get("Retry-After"))
        raise refused


def project_path(project_id: str) -> str:
    """Returns the path of a project in the native API."""
    return f"/api/projects/{quote(project_id, safe='')}"


def _body(answer: Response, limit_bytes: int) -> bytes | None:
    """Returns the body; None where it is larger than it may be, of which no more is read."""
    body = bytearray()
    for piece in answer.stream(READ_BYTES):
        body += piece
        if len(body) > limit_bytes:
            return None
    return bytes(body)


def _seconds(header: str | None) -> float | None:
    """Returns the seconds in a ``Retry-After``; None where there are none, as in its other form, a date."""
    return float(header) if header and header.isascii() and header.isdigit() else None
