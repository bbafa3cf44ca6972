"""Signed requests, verified in front of everything else.

A signature covers the body, so the body is read, bounded, before the request is believed; what can be refused without it
is refused first. Behind this the request is one with a token: a ticket that lives as long as it does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from joblog.engine.engine import Engine
from joblog.errors import BadSignature, Invalid, TooLarge
from joblog.server.auth.signature import Signed, signed_request
from joblog.server.auth.tokens import BELIEVED_S, REMEMBERED, TOKEN_HEADERS, Auth, Signer
from joblog.server.http.asgi import HTTPScope, Message, Receive

# Hashing less than this takes less time than handing it to a thread.
_INLINE_BYTES = 128 * 1024

_SCHEMES = (b"SDK-", b"V11-")
"""How the names of Huawei's signing schemes begin; one of them is verified, the others are refused."""

# Calls that tell everybody the same, or that check who is calling by themselves: the SDK signs them all the same.
_OPEN = frozenset(("/", "/v3", "/v3/", "/v3/auth/tokens", "/v3/auth/tokens/"))


class Admitted(NamedTuple):
    """A verified request, as one with a token; ``close`` ends the token when it is answered."""

    scope: HTTPScope
    receive: Receive
    close: Callable[[], None]


def is_signed(path: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request's signature is what says who is calling."""
    for name, value in headers:
        if name == b"authorization" and value[:4].upper() in _SCHEMES:
            return path not in _OPEN and not any(name == b"x-auth-token" and value.strip() for name, value in headers)
    return False


class Admission:
    """Verifies signed requests. Used from the event loop only."""

    def __init__(self, engine: Engine, auth: Auth) -> None:
        self._engine = engine
        self._auth = auth
        self._keys: dict[str, tuple[str, Signer, float]] = {}
        self._revocations = 0

    async def admitted(self, scope: HTTPScope, receive: Receive) -> Admitted:
        """Verifies a request; raises BadSignature, TooLarge, Invalid, Busy. Whoever gets it closes it."""
        headers = scope["headers"]
        raw_path = scope.get("raw_path") or scope["path"].encode()
        signed = signed_request(scope["method"], raw_path, scope["query_string"], headers, self._engine.clock_ms() / 1000)
        secret, signer = await self._key(signed.access)
        size = _announced(headers, self._engine.settings.append_limit_bytes)
        body = await _body(receive, size) if size else b""
        await _checked(signed, secret, body)
        ticket = self._auth.admit(signer, partial(self._signer, signed.access))
        return Admitted(_with_ticket(scope, ticket), _Again(body, receive), partial(self._auth.dismiss, ticket))

    async def _key(self, access: str) -> tuple[str, Signer]:
        """Returns an access key's secret and what its user may do; raises BadSignature for a key that is not known."""
        if self._revocations != self._auth.revocations:
            self._keys.clear()
            self._revocations = self._auth.revocations
        known = self._keys.get(access)
        if known is None or known[2] < time.monotonic():
            if self._engine.database.embedded:
                key = self._find(access)
            else:
                key = await asyncio.to_thread(self._find, access)
            if key is None:
                self._keys.pop(access, None)
                raise BadSignature
            if len(self._keys) >= REMEMBERED:
                self._keys.clear()
            known = self._keys[access] = (*key, time.monotonic() + BELIEVED_S)
        return known[0], known[1]

    def _signer(self, access: str) -> Signer | None:
        key = self._find(access)
        return None if key is None else key[1]

    def _find(self, access: str) -> tuple[str, Signer] | None:
        key = self._engine.users.key(access)
        if key is None:
            return None
        user_id, secret = key
        return secret, Signer(0, None, "", "", 0, None, None, user_id, self._engine.users.grants(user_id))


async def _checked(signed: Signed, secret: str, body: bytes) -> None:
    if len(body) <= _INLINE_BYTES:
        signed.check(secret, body)
    else:
        await asyncio.to_thread(signed.check, secret, body)


def _announced(headers: Iterable[tuple[bytes, bytes]], limit_bytes: int) -> int:
    """Returns how long a body may be: what its length says, or the limit where it says nothing; raises TooLarge."""
    size = 0
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            size = max(size, int(value[:20]))
        elif name == b"transfer-encoding":
            size = max(size, limit_bytes)
    if size > limit_bytes:
        raise TooLarge("the body", limit_bytes)
    return size


async def _body(receive: Receive, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Invalid("body", "sent to its end")
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size > limit_bytes:
            raise TooLarge("the body", limit_bytes)
        parts.append(part)
    return b"".join(parts)


class _Again:
    """Gives a body that was read already to whoever reads it next; after it, what comes."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _with_ticket(scope: HTTPScope, ticket: bytes) -> HTTPScope:
    headers = [header for header in scope["headers"] if header[0] not in TOKEN_HEADERS]
    return {**scope, "headers": [*headers, (b"x-auth-token", ticket)]}
