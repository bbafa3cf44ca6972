"""The one way out to a joblog server: urllib3's one door, and what every call has in common."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from joblog import __version__
from joblog.answers import Value, decoded, failure, value
from joblog.errors import Invalid, Unreachable

PAGE_ITEMS = 1000
"""Items asked for at a time in lists: the API's own limit, so that a long list costs the fewest calls."""

CONNECT_S = 5.0
"""Longest wait for a connection: a lost SYN is sent again after 1 and 3 s, so two losses are survived."""


class Transport:
    """Calls one joblog server; may be shared by threads; closed by ``close`` or as a context manager.

    ``timeout_s`` bounds the wait for a connection (at most ``CONNECT_S``) and each wait for bytes, not a whole call.
    """

    def __init__(self, url: str, token: str, *, timeout_s: float = 30.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise Invalid("url", "an http:// or https:// address", url)
        if not (token.isascii() and token.isprintable()):
            raise Invalid("token", "printable ASCII")
        self.url = url.rstrip("/")
        headers = {"User-Agent": f"joblog/{__version__}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        timeout = self._timeout = urllib3.Timeout(connect=min(CONNECT_S, timeout_s), read=timeout_s)
        # retries=False also refuses redirects: the token goes nowhere but to this server.
        proxy = _proxy(self.url)
        self._pool = (
            urllib3.ProxyManager(proxy, headers=headers, timeout=timeout, retries=False)
            if proxy
            else urllib3.PoolManager(headers=headers, timeout=timeout, retries=False)
        )
        self._headers = headers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; may be called again."""
        self._pool.clear()

    def items(self, kind: type[Value], path: str, query: Mapping[str, str] | None = None) -> Iterator[Value]:
        """Yields the items of a list, asking for them page by page."""
        following: object = None
        while True:
            asked = {"limit": str(PAGE_ITEMS), **(query or {})}
            if following is not None:
                asked["after"] = str(following)
            page = self.call("GET", f"{path}?{urlencode(asked)}")
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise Unreachable("the answer is not a joblog list")
            yield from (value(kind, item) for item in page["items"])
            following = page.get("next")
            if following is None:
                return

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Sends and gets JSON; raises what the server said, or Unreachable."""
        if body is None:
            return decoded(self.send(method, path).data)
        return decoded(self.send_json(method, path, body).data)

    def send_json(self, method: str, path: str, body: Mapping[str, object]) -> urllib3.BaseHTTPResponse:
        """Sends JSON and returns an answer of success, which may have no body; raises as ``call`` does."""
        return self.send(method, path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        stream: bool = False,
        silence_s: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Sends a request and returns an answer of success, read unless it is to be streamed; raises as ``call`` does.

        ``silence_s`` is how long to wait for bytes, where that is not ``timeout_s``.
        """
        sent = self._headers | dict(headers or {})
        timeout = self._timeout if silence_s is None else urllib3.Timeout(connect=self._timeout.connect_timeout, read=silence_s)
        try:
            answer = self._pool.request(
                method, self.url + path, body=body, headers=sent, timeout=timeout, preload_content=not stream
            )
            if 200 <= answer.status < 300:
                return answer
            said = answer.data
        except urllib3.exceptions.HTTPError as error:
            raise self.unreachable(error) from error
        error_told = failure(answer.status, said)
        error_told.retry_after_s = _seconds(answer.headers.get("Retry-After"))
        raise error_told

    def unreachable(self, error: BaseException) -> Unreachable:
        """Says of an error of urllib3's that no joblog answered, and why."""
        return Unreachable(f"no answer from {self.url}: {_reason(error)}")


def _proxy(url: str) -> str | None:
    """Returns the proxy that the environment names for ``url`` (``https_proxy``, ``no_proxy``); none to this machine."""
    found = urlsplit(url)
    host = found.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127.") or proxy_bypass(host):
        return None
    return getproxies().get(found.scheme)


def _seconds(header: str | None) -> float | None:
    """Returns the seconds in a ``Retry-After``; None where there are none, as in its other form, a date."""
    return float(header) if header and header.isascii() and header.isdigit() else None


def _reason(error: BaseException) -> str:
    """Returns the cause at the root of ``error`` in a few words; urllib3's own are full of objects and addresses."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    for one in causes:
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
    if any(isinstance(one, TimeoutError) for one in causes):
        return "timed out"
    return str(causes[-1]) or type(causes[-1]).__name__
