"""Connections to one joblog server, open between calls, and what it answers on them.

Made of the standard library's ``http.client``: an agent loads it while a job starts, and larger libraries take longer to load
than everything else that ``joblog run`` does.
"""

from __future__ import annotations

import os
import select
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
    RemoteDisconnected,
)
from importlib import import_module
from urllib.parse import SplitResult, quote, unquote, urlsplit

from joblog.errors import Invalid, Unreachable

_LEGAL = "/?#[]@!$&'()*+,;=:%~"
"""What a path and a query may hold as it is, besides letters, digits and ``_.-``."""

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods that leave the same behind, made once or twice; a second DELETE may say that nothing is there."""


class _Response(HTTPResponse):
    """Raises RemoteDisconnected only where not one byte of the answer came, and there whatever the connection ended with."""

    def begin(self) -> None:
        try:
            self.fp.peek(1)
        except TimeoutError:
            raise
        except OSError as error:
            raise RemoteDisconnected(_reason(error)) from error
        super().begin()


class Response:
    """What the server answers: ``status``, ``headers``, and the body, all at once or as it comes; to be closed."""

    def __init__(self, response: HTTPResponse, connection: HTTPConnection, connections: Connections) -> None:
        self._response, self._connection, self._connections = response, connection, connections
        self._kept = False
        self.status: int = response.status
        self.headers: HTTPMessage = response.headers

    def data(self) -> bytes:
        """Returns the body, or what is left of it.

        Raises:
            Unreachable: it was cut off.
        """
        with self._reading():
            return self._response.read()

    def stream(self, size: int) -> Iterator[bytes]:
        """Yields the body as it comes, at most ``size`` bytes at a time; raises as ``data`` does."""
        while not self._response.isclosed():
            with self._reading():
                data = self._response.read1(size)
                if not data and self._response.length:
                    raise IncompleteRead(b"", self._response.length)
                # At the end only read takes note of it.
                data = data or self._response.read()
            if data:
                yield data

    def close(self) -> None:
        """Gives up what has not been read; the connection serves again if nothing was left."""
        if not self._response.isclosed():
            self._response.close()
            self._connection.close()
        elif not self._kept:
            self._kept = True  # once: two callers must not get the same one
            self._connections.keep(self._connection)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException) as error:
            self._response.close()
            self._connection.close()
            raise self._connections.unreachable(error) from error


class Connections:
    """Sends requests to the server at ``url``, through the proxy that the environment names; may be shared by threads.

    ``connect_s`` bounds the wait for a connection, ``silence_s`` each wait for bytes.
    """

    def __init__(self, url: str, *, connect_s: float, silence_s: float) -> None:
        self._idle = deque[HTTPConnection]()
        self._url = urlsplit(url)
        self._connect_s, self._silence_s = connect_s, silence_s
        self._shown = self._url._replace(netloc=_host(self._url)).geturl()
        self._proxy = _proxy(self._url)
        if self._proxy is not None and (self._proxy.scheme != "http" or not self._proxy.hostname):
            raise Invalid(f"{self._url.scheme}_proxy", "the http:// address of a proxy", self._proxy.hostname or "")

    def close(self) -> None:
        """Closes the connections; others are opened for what is sent after this."""
        while connection := self._idle_one():
            connection.close()

    def __del__(self) -> None:
        self.close()

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        silence_s: float | None = None,
        *,
        repeatable: bool | None = None,
    ) -> Response:
        """Sends a request and returns the answer, whatever its status; ``path`` has the query as well.

        A connection that was idle may die just when it is used again. A request that got not one byte of an answer on such a
        one is sent once more, on a new one, if it is ``repeatable``; None: if its method is.

        Raises:
            Unreachable: there is none.
        """
        ask = partial(self._asked, method, path, body, headers, self._silence_s if silence_s is None else silence_s)
        if (idle := self._alive_one()) is not None:
            with self._failing(idle, connected=True):
                try:
                    return ask(idle)
                except RemoteDisconnected:
                    if not (method in _IDEMPOTENT if repeatable is None else repeatable):
                        raise
                    idle.close()
        fresh = self._new_one()
        with self._failing(fresh, connected=False):
            fresh.connect()
        with self._failing(fresh, connected=True):
            return ask(fresh)

    def unreachable(self, error: BaseException) -> Unreachable:
        """Says of an error that no joblog answered, and why."""
        return Unreachable(f"no answer from {self._shown}: {_reason(error)}")

    def _asked(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        silence_s: float,
        connection: HTTPConnection,
    ) -> Response:
        connection.sock.settimeout(silence_s)
        try:
            connection.request(method, self._target(path), body, dict(headers) | self._proxy_headers())
        except (BrokenPipeError, ConnectionResetError):
            pass  # a server that refuses a body may have said so before it was sent
        return Response(connection.getresponse(), connection, self)

    @contextmanager
    def _failing(self, connection: HTTPConnection, *, connected: bool) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException) as error:
            connection.close()
            failure = self.unreachable(error)
            failure.late = connected and isinstance(error, TimeoutError)
            raise failure from error

    def _alive_one(self) -> HTTPConnection | None:
        while connection := self._idle_one():
            # One that can be read from has been closed by the server, which sends nothing by itself.
            if connection.sock is not None and not _readable(connection.sock.fileno()):
                return connection
            connection.close()
        return None

    def _new_one(self) -> HTTPConnection:
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        if self._proxy is None:
            connection = kind(self._url.hostname or "", self._url.port, timeout=self._connect_s)
        else:
            connection = kind(self._proxy.hostname or "", self._proxy.port or 80, timeout=self._connect_s)
            if self._url.scheme == "https":
                connection.set_tunnel(self._url.hostname or "", self._url.port, _authorization(self._proxy))
        connection.response_class = _Response
        return connection

    def _idle_one(self) -> HTTPConnection | None:
        try:
            return self._idle.pop()
        except IndexError:  # asked first whether there is one, another thread might take it meanwhile
            return None

    def _target(self, path: str) -> str:
        target = self._url.path + path
        if not target.isascii() or not target.isprintable() or " " in target:
            target = quote(target, safe=_LEGAL)
        return target if self._proxy is None or self._url.scheme == "https" else f"http://{_host(self._url)}{target}"

    def _proxy_headers(self) -> dict[str, str]:
        return {} if self._proxy is None or self._url.scheme == "https" else _authorization(self._proxy)

    def keep(self, connection: HTTPConnection) -> None:
        """Takes back a connection whose answer has been read, for what is sent next."""
        if connection.sock is not None:
            self._idle.append(connection)


def _readable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):  # as on Windows, whose select takes sockets of any number
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _host(url: SplitResult) -> str:
    return url.netloc.rpartition("@")[2]


def _proxy(url: SplitResult) -> SplitResult | None:
    """Returns the proxy that the environment names for ``url`` (``https_proxy``, ``no_proxy``); none to this machine."""
    host = url.hostname or ""
    here = host in ("localhost", "::1") or host.startswith("127.")
    if here or not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    proxies = import_module("urllib.request")  # takes as long to load as the rest of this module
    proxy = None if proxies.proxy_bypass(host) else proxies.getproxies().get(url.scheme)
    return None if proxy is None else urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    words = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(words.encode()).decode()}"}


def _reason(error: BaseException) -> str:
    """Returns the cause at the root of ``error`` in a few words."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
