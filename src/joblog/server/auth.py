"""Who is calling: a token, in either of the two headers that ModelArts' clients use, and what it may do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from joblog.engine import Engine
from joblog.errors import ExpiredToken, NoCredentials, NotPermitted, Unauthorized, UnknownToken, WrongProject
from joblog.model import Token

# How long a token is believed without looking it up again: a revocation on another node takes effect within this.
_BELIEVED_S = 5.0

# Tokens remembered; beyond it all are forgotten, which costs one look-up each.
_REMEMBERED = 10_000

_LONGEST_TOKEN = 4096

_TOKEN_HEADERS = frozenset((b"x-auth-token", b"authorization"))


class Auth:
    """Finds the token of a request and checks what it may do. Used from the event loop only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[bytes, tuple[Token, float]] = {}

    def token(self, headers: Iterable[tuple[bytes, bytes]]) -> Token:
        """Returns the caller's token; raises NoCredentials, UnknownToken, ExpiredToken."""
        secret = _secret(headers)
        known = self._known.get(secret)
        if known is None or known[1] < time.monotonic():
            known = self._look_up(secret)
        token = known[0]
        if token.expires_ms is not None and token.expires_ms <= self._engine.clock_ms():
            raise ExpiredToken
        return token

    def allowed(self, headers: Iterable[tuple[bytes, bytes]], right: str, project_id: str | None) -> Token:
        """Returns the caller's token if it may do ``right`` in the project (None: in all of them).

        Raises Unauthorized, WrongProject, NotPermitted.
        """
        token = self.token(headers)
        if token.project_id is not None and token.project_id != project_id:
            if project_id is None:
                raise NotPermitted(f"{right} in all projects")
            raise WrongProject(project_id)
        if not token.may(right):
            raise NotPermitted(right)
        return token

    async def ready(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Looks the caller's token up in a thread, where looking it up takes long: ``token`` then has it in memory."""
        if self._engine.database.embedded:
            return
        try:
            secret = _secret(headers)
            known = self._known.get(secret)
            if known is None or known[1] < time.monotonic() + _BELIEVED_S / 2:
                await asyncio.to_thread(self._look_up, secret)
        except Unauthorized:
            pass  # for whoever needs a token to say

    def forget(self) -> None:
        """Drops what is remembered, after a revocation."""
        self._known.clear()

    def _look_up(self, secret: bytes) -> tuple[Token, float]:
        token = self._engine.tokens.find(secret.decode("utf-8", "surrogateescape"))
        if token is None:
            self._known.pop(secret, None)
            raise UnknownToken
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        known = self._known[secret] = (token, time.monotonic() + _BELIEVED_S)
        return known


def _secret(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns the token as it was sent. X-Auth-Token comes first: what a proxy puts into Authorization does no harm."""
    sent = {name: value.strip() for name, value in headers if name in _TOKEN_HEADERS}
    secret = sent.get(b"x-auth-token") or _bearer(sent.get(b"authorization", b""))
    if not secret:
        raise NoCredentials
    if len(secret) > _LONGEST_TOKEN:
        raise UnknownToken
    return secret


def _bearer(value: bytes) -> bytes:
    scheme, _, secret = value.partition(b" ")
    if scheme and scheme.lower() != b"bearer":
        raise UnknownToken
    return secret.strip()
