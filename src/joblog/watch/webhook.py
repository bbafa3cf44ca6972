"""An alert as a webhook: JSON by POST, signed and named as Standard Webhooks has it.

``webhook-id`` (and ``Idempotency-Key``) is the alert's key, the same at each try. ``webhook-signature`` is an HMAC-SHA256 of
id, time and body with the project's secret. Redirects are not followed: the address is the one that somebody gave.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import threading
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

from joblog import __version__
from joblog.watch.hosts import Hosts, Refused

TIMEOUT_S = 10.0
"""For the connection, and for each wait for bytes."""

TOTAL_S = 30.0
"""For all of it: a receiver that answers byte by byte must not keep a thread."""

_PORTS = {"http": 80, "https": 443}
_DRAINED_BYTES = 4096
_AGAIN = frozenset((408, 409, 423, 425, 429))
"""Statuses below 500 that another try may do away with."""


class NotSent(Exception):
    """An alert was not taken: ``again``, whether another try may do better, ``after_ms``, when the receiver wants one."""

    def __init__(self, problem: str, *, again: bool = True, after_ms: int = 0) -> None:
        super().__init__(problem)
        self.again, self.after_ms = again, after_ms


def signature(secret: str, key: str, timestamp_s: int, body: bytes) -> str:
    """Returns what ``webhook-signature`` says."""
    signed = f"{key}.{timestamp_s}.".encode() + body
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def post(  # noqa: PLR0913 - each is a choice of its own
    address: str, body: bytes, *, key: str, secret: str, now_ms: int, hosts: Hosts, total_s: float = TOTAL_S
) -> None:
    """Sends it; raises NotSent. Blocks for ``total_s`` seconds at most, and while names are resolved."""
    timestamp_s = now_ms // 1000
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"joblog/{__version__}",
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(secret, key, timestamp_s, body),
        "Connection": "close",
    }
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme.lower()]
    try:
        connection = _Pinned(host, port, hosts, tls=parts.scheme.lower() == "https")
        late = threading.Timer(total_s, connection.cut)
        late.daemon = True
        late.start()
        try:
            connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
            answer = connection.getresponse()
            answer.read(_DRAINED_BYTES)
        finally:
            late.cancel()
            connection.close()
    except Refused as error:
        raise NotSent(str(error), again=False) from error
    except (OSError, HTTPException) as error:
        raise NotSent(_problem(error)) from error
    _check(answer, now_ms)


def _check(answer: HTTPResponse, now_ms: int) -> None:
    if 200 <= answer.status < 300:
        return
    again = answer.status >= 500 or answer.status in _AGAIN
    kind = ", a redirect, which is not followed" if 300 <= answer.status < 400 else ""
    raise NotSent(
        f"it answered {answer.status}{kind}", again=again, after_ms=_after_ms(answer.headers.get("Retry-After"), now_ms)
    )


def _after_ms(text: str | None, now_ms: int) -> int:
    if text is None:
        return 0
    if text.strip().isdigit():
        return int(text.strip()[:6]) * 1000
    try:
        return max(int(parsedate_to_datetime(text).timestamp() * 1000) - now_ms, 0)
    except ValueError:
        return 0


def _problem(error: Exception) -> str:
    """Returns what went wrong, without the address."""
    if isinstance(error, TimeoutError):
        return f"no answer in {TIMEOUT_S:.0f} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, HTTPException):
        return "its answer is no HTTP"
    return f"no connection: {error.strerror}" if isinstance(error, OSError) and error.strerror else "no connection"


class _Pinned(HTTPConnection):
    """Connects to an address that was checked, whatever the host's name leads to a moment later."""

    def __init__(self, host: str, port: int, hosts: Hosts, *, tls: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S)
        self._hosts = hosts
        self._is_cut = False
        self._tls = ssl.create_default_context() if tls else None
        if tls:
            self.default_port = _PORTS["https"]

    def cut(self) -> None:
        """Ends whatever is waited for, from another thread; a connection that is made only later, too."""
        self._is_cut = True
        try:
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended by itself

    def connect(self) -> None:
        problem: OSError | None = None
        for place in self._hosts.resolved(self.host, self.port)[:2]:
            try:
                self.sock = socket.create_connection(place, TIMEOUT_S)
                break
            except OSError as error:
                problem = error
        else:
            raise problem or OSError("no address")
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)
        if self._is_cut:  # while there was no socket yet, or a handshake had it
            raise TimeoutError
