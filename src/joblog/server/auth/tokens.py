"""Who is calling: a token, in either of the two headers that ModelArts' clients use, and what it may do.

Signed requests come here as tokens too: signed.py verifies each one before anything else sees it, and gives it a ticket.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable

from msgspec import field, structs

from joblog.core.accounts import Grant
from joblog.engine.engine import Engine
from joblog.errors import (
    BadSignature,
    ExpiredToken,
    NoCredentials,
    NoProject,
    NotPermitted,
    Unauthorized,
    UnknownToken,
    WrongJob,
    WrongProject,
)

# How long a token is believed without looking it up again: a revocation on another node takes effect within this.
BELIEVED_S = 5.0

# Tokens remembered; beyond it all are forgotten, which costs one look-up each.
REMEMBERED = 10_000

_MAX_TOKEN = 4096

TOKEN_HEADERS = frozenset((b"x-auth-token", b"authorization"))

SESSION = b"session "
"""Stands before the token of a browser's session (session.py)."""

Headers = Iterable[tuple[bytes, bytes]]


class Signer(Grant, frozen=True):
    """A user who signed a request or has a session: its project is what the URL names, its rights are the user's there."""

    grants: dict[str, str] = field(default_factory=dict)


class _Ticket:
    """What stands for a signature while its request is answered, which may take hours where a log is followed."""

    def __init__(self, signer: Signer, renew: Callable[[], Signer | None], revocations: int) -> None:
        self.signer = signer
        self.renew = renew
        self.revocations = revocations
        self.until_s = time.monotonic() + BELIEVED_S


class Auth:
    """Finds the token of a request and checks what it may do. Used from the event loop only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[bytes, tuple[Grant, float]] = {}
        self._tickets: dict[bytes, _Ticket] = {}
        self._strangers: dict[bytes, float] = {}
        self.revocations = 0
        """Counts what makes remembered things wrong, for others that remember any."""
        engine.timeline.forgets(self.forget)

    def token(self, headers: Headers) -> Grant:
        """Returns the caller's token; raises NoCredentials, UnknownToken, ExpiredToken.

        What it may do is for ``allowed`` to say: a user's token and a signature have no project of their own.
        """
        secret = _secret(headers)
        known = self._known.get(secret)
        if known is None or known[1] < time.monotonic():
            known = self._look_up(secret)
        token = known[0]
        if token.expires_ms is not None and token.expires_ms <= self._engine.clock_ms():
            raise ExpiredToken
        return token

    def allowed(self, headers: Headers, right: str, project_id: str | None, job_id: str | int | None = None) -> Grant:
        """Returns the caller's token if it may do ``right`` in the project (None: in all), to the job (None: to all in it).

        ``job_id`` may be as the path has it; whoever leaves it out shuts tokens of one job out.
        Raises Unauthorized, WrongProject, WrongJob, NotPermitted.
        """
        token = self.token(headers)
        if token.user_id is not None:
            token = _in_project(token, right, project_id)
        if token.project_id is not None and token.project_id != project_id:
            if project_id is None:
                raise NotPermitted(f"{right} in all projects")
            raise WrongProject(project_id)
        if token.job_id is not None and not _same_job(token.job_id, job_id):
            raise WrongJob
        if not token.may(right):
            raise NotPermitted(right)
        return token

    def caller(self, headers: Headers) -> Grant | None:
        """Returns the caller's token, if it has one that is good."""
        try:
            return self.token(headers)
        except Unauthorized:
            return None

    def remembered(self, headers: Headers) -> Grant | None:
        """Returns the caller's token if it is in memory; asks nobody."""
        try:
            secret = _secret(headers)
        except Unauthorized:
            return None
        ticket, known = self._tickets.get(secret), self._known.get(secret)
        return ticket.signer if ticket is not None else None if known is None else known[0]

    def forget(self) -> None:
        """Drops what is remembered, after a revocation; other processes of this server do so as well."""
        generations = self._engine.generations
        if generations is not None and not self._engine.reads:
            generations.revoked()
        self._known.clear()
        self._strangers.clear()
        self.revocations += 1

    def admit(self, signer: Signer, renew: Callable[[], Signer | None]) -> bytes:
        """Returns a ticket: a token that nobody has but the request that is being answered; ``dismiss`` ends it.

        ``renew`` looks the signer up again, as is done with tokens, and returns None when the access key is gone.
        """
        ticket = secrets.token_hex(32).encode()
        self._tickets[ticket] = _Ticket(signer, renew, self.revocations)
        return ticket

    def dismiss(self, ticket: bytes) -> None:
        """Ends a ticket, with its request."""
        del self._tickets[ticket]

    async def learn(self, headers: Headers) -> None:
        """Looks a token up in a thread, for a catalog that is not a matter of microseconds away."""
        try:
            secret = _secret(headers)
        except Unauthorized:
            return
        known = self._known.get(secret)
        if known is None or known[1] < time.monotonic() + BELIEVED_S / 2:
            token = await asyncio.to_thread(self._find, secret)
            if token is not None:
                self._remember(secret, token)
                return
            if len(self._strangers) >= REMEMBERED:
                self._strangers.clear()
            self._strangers[secret] = time.monotonic() + BELIEVED_S

    def _look_up(self, secret: bytes) -> tuple[Grant, float]:
        ticket = self._tickets.get(secret)
        if ticket is not None:
            return self._renewed(ticket), 0.0
        if self._strangers.get(secret, 0.0) > time.monotonic():
            raise UnknownToken
        token = self._find(secret)
        if token is None:
            self._known.pop(secret, None)
            raise UnknownToken
        return self._remember(secret, token)

    def _find(self, secret: bytes) -> Grant | None:
        """Finds a token; a session of a user, who has logged in for no project, is for all that the user is a member of."""
        token = self._engine.tokens.find(_text(secret.removeprefix(SESSION)))
        if token is None or token.user_id is None or token.project_id is not None or not secret.startswith(SESSION):
            return token
        return Signer(**structs.asdict(token), grants=self._engine.users.grants(token.user_id))

    def _renewed(self, ticket: _Ticket) -> Signer:
        if ticket.until_s < time.monotonic() or ticket.revocations != self.revocations:
            signer = ticket.renew()
            if signer is None:
                raise BadSignature
            ticket.signer, ticket.revocations = signer, self.revocations
            ticket.until_s = time.monotonic() + BELIEVED_S
        return ticket.signer

    def _remember(self, secret: bytes, token: Grant) -> tuple[Grant, float]:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        known = self._known[secret] = (token, time.monotonic() + BELIEVED_S)
        return known


def _in_project(token: Grant, right: str, project_id: str | None) -> Grant:
    """Returns a user's token as one for the project."""
    if project_id is None:
        raise NotPermitted(f"{right} in all projects")
    if isinstance(token, Signer):
        if project_id not in token.grants:
            raise WrongProject(project_id)
        return structs.replace(token, project_id=project_id, rights=token.grants[project_id])
    if token.project_id is None:
        raise NoProject
    return token


def _same_job(job_id: int, named: str | int | None) -> bool:
    return named is not None and str(named).lstrip("0") == str(job_id)


def _text(secret: bytes) -> str:
    return secret.decode("utf-8", "surrogateescape")


def _secret(headers: Headers) -> bytes:
    """Returns the token as it was sent. X-Auth-Token comes first: what a proxy puts into Authorization does no harm."""
    sent = dict(headers)  # of a header that is there twice the last counts
    secret = sent.get(b"x-auth-token", b"").strip() or _bearer(sent.get(b"authorization", b"").strip())
    if not secret:
        raise NoCredentials
    if len(secret) > _MAX_TOKEN:
        raise UnknownToken
    return secret


def _bearer(value: bytes) -> bytes:
    scheme, _, secret = value.partition(b" ")
    if scheme and scheme.lower() != b"bearer":
        raise UnknownToken
    return secret.strip()
