"""Logging in: a password, an access key or a token in; a token of 24 hours for a project or a domain out.

Checking a password is made to cost much, so only a few are checked at a time, a few more wait, of each caller a share, and the
rest is told to come back. All of it is done in threads of its own: logging in can then not keep the server from anything else.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from msgspec import Struct

from joblog.api.values.accounts import Project, User
from joblog.catalog.tokens import USER_TOKEN_MS
from joblog.core.accounts import DEFAULT_DOMAIN, Domain, Grant
from joblog.engine.engine import Engine
from joblog.errors import ExpiredToken, Invalid, Missing, NoProject, NotFound, TooMany, UnknownToken, WrongPassword
from joblog.server.auth.bodies import Identity, KeyMethod, LoginRequest, PasswordUser, ProjectRef, Ref, Scope
from joblog.server.http.audit import note
from joblog.server.http.limits import Buckets, network_of
from joblog.server.http.share import Share, Turns

P = ParamSpec("P")
T = TypeVar("T")

METHODS = ("password", "hw_ak_sk", "token")

# A check takes 19 MiB and some 30 ms of a core: two of them leave room for reads. Of who logs in or waits to, each caller has a
# share: one alone 18, which is a quarter of a second.
_CHECKS_AT_ONCE = 2
_LOGINS = 36

# They wait for the catalog, too, where that is not at hand.
_THREADS = 4

_MAX_PASSWORD = 1024


class LoggedIn(Struct, frozen=True):
    """A new token, its secret, whose it is, what it is for, and how it was got."""

    token: Grant
    secret: str
    user: User
    scope: Project | Domain
    method: str


class _Known(Struct, frozen=True):
    """Who somebody has shown to be; the token to come expires no later than what it was shown with."""

    user: User
    password_hash: str | None
    expires_ms: int


class Logins:
    """Checks credentials and makes tokens. Used from the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="joblog-login")
        self._places = Share(_LOGINS, "too many log-ins at once")
        self._checks = Turns(_CHECKS_AT_ONCE)
        limit = engine.settings.login_limit
        self._guesses = Buckets(limit / 60, limit) if limit else None

    async def log_in(self, request: LoginRequest, address: str) -> LoggedIn:
        """Returns a token for who asks from ``address``; raises WrongPassword, NoProject, Invalid, Missing, Busy, TooMany."""
        method = _method(request.auth.identity)
        with self._places.taking(1):
            return await self._log_in(request, method, address)

    async def _log_in(self, request: LoginRequest, method: str, address: str) -> LoggedIn:
        known = await self._counted(self._known(method, request.auth.identity), address)
        note(user_id=known.user.id)
        scope, rights = await self._run(self._scope, known.user, request.auth.scope)
        now_ms = self._engine.clock_ms()
        project_id = scope.id if isinstance(scope, Project) else None
        make = self._engine.tokens.make_for_user
        token, secret = await self._run(
            make, known.user.id, project_id, known.password_hash, now_ms, min(known.expires_ms, now_ms + USER_TOKEN_MS)
        )
        shown = Grant(
            token.id, project_id, rights, token.label, token.created_ms, token.expires_ms, token.job_id, token.user_id
        )
        return LoggedIn(shown, secret, known.user, scope, method)

    async def change_password(self, named: PasswordUser, password: str, address: str) -> None:
        """Sets a new password for whoever knows the old one, which ends all tokens of the user.

        Raises WrongPassword, Missing, Busy, TooMany.
        """
        with self._places.taking(1):
            user, _ = await self._counted(self._by_password(named), address)
            note(user_id=user.id)
            await self._run(self._engine.users.set_password, user.id, password)

    async def hashing(self, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs what hashes a password, and stores it; raises Busy, and what it raises."""
        with self._places.taking(1):
            return await self._checked(make, *args, **kwargs)

    async def _checked(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs what makes a hash: of one caller's one at a time."""
        return await self._checks.run(self._pool, partial(step, *args, **kwargs))

    async def _run(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(step, *args, **kwargs))

    async def _counted(self, checking: Coroutine[Any, Any, T], address: str) -> T:
        """Counts what was wrong by address: whoever guesses is soon told to wait, also when it guesses right then."""
        if self._guesses is None:
            return await checking
        key = network_of(address)
        try:
            self._guesses.take(key, time.monotonic())
        except TooMany:
            checking.close()
            raise
        try:
            known = await checking
        except (WrongPassword, UnknownToken):
            raise
        except BaseException:
            self._guesses.give_back(key, time.monotonic())
            raise
        self._guesses.give_back(key, time.monotonic())
        return known

    async def _known(self, method: str, identity: Identity) -> _Known:
        for_ever = 2**63 - 1
        if method == "password" and identity.password is not None:
            user, password_hash = await self._by_password(identity.password.user)
            return _Known(user, password_hash, for_ever)
        if method == "hw_ak_sk" and identity.hw_ak_sk is not None:
            return _Known(await self._run(self._by_key, identity.hw_ak_sk), None, for_ever)
        if method == "token" and identity.token is not None:
            return await self._run(self._by_token, identity.token.id)
        raise Missing(f"auth.identity.{method}", "what the method needs")

    async def _by_password(self, named: PasswordUser) -> tuple[User, str]:
        if len(named.password) > _MAX_PASSWORD:
            raise WrongPassword
        user = await self._run(self._named, named)
        password_hash = None if user is None else await self._run(self._engine.users.password_hash, user.id)
        right = await self._checked(self._engine.users.passwords.match, named.password, password_hash)
        if not right or user is None or password_hash is None:
            raise WrongPassword
        return user, password_hash

    def _named(self, named: PasswordUser) -> User | None:
        iam = self._engine.users
        if named.id:
            try:
                return iam.user(named.id)
            except NotFound:
                return None
        if not named.name:
            raise Missing("auth.identity.password.user", "a user with its name or its id, and a password")
        if named.domain is not None and named.domain.id:
            return iam.user_by_domain_id(named.domain.id, named.name)
        return iam.user_by_name(named.domain.name if named.domain and named.domain.name else DEFAULT_DOMAIN, named.name)

    def _by_key(self, given: KeyMethod) -> User:
        key = self._engine.users.key(given.access.key)
        secret = "" if key is None else key[1]
        same = hmac.compare_digest(secret.encode(), given.secret.key.encode("utf-8", "replace"))
        if key is None or not same:
            raise WrongPassword
        return self._engine.users.user(key[0])

    def _by_token(self, secret: str) -> _Known:
        """Looks the token up in the catalog: one that is only remembered may have been revoked."""
        token = self._engine.tokens.find(secret)
        if token is None or token.user_id is None:
            raise UnknownToken
        expires_ms = token.expires_ms or 0
        if expires_ms <= self._engine.clock_ms():
            raise ExpiredToken
        password_hash = self._engine.users.password_hash(token.user_id)
        if self._engine.tokens.find(secret) is None:  # it ended with a password; the hash is the new one's
            raise UnknownToken
        return _Known(self._engine.users.user(token.user_id), password_hash, expires_ms)

    def _scope(self, user: User, scope: Scope | None) -> tuple[Project | Domain, str]:
        """Returns what the token is to be for, and the user's rights there."""
        if scope is not None and scope.project is not None:
            return self._project(user, scope.project)
        domain = self._engine.users.domain(user.domain_id)
        if scope is not None and scope.domain is not None and not _is(domain, scope.domain):
            raise NoProject("the domain of the scope is not the user's")
        return domain, ""

    def _project(self, user: User, named: ProjectRef) -> tuple[Project, str]:
        grants = self._engine.users.grants(user.id)
        for project in self._engine.users.projects(user.id):
            if named.id:
                if project.id == named.id:
                    return project, grants.get(project.id, "")
            elif project.name == named.name and self._in_domain(project, user, named.domain):
                return project, grants.get(project.id, "")
        if not (named.id or named.name):
            raise Missing("auth.scope.project", "a project with its id or its name")
        raise NoProject("the user has no rights in the project of the scope")

    def _in_domain(self, project: Project, user: User, named: Ref | None) -> bool:
        if named is None or not (named.id or named.name):
            return project.domain_id == user.domain_id
        return _is(self._engine.users.domain(project.domain_id), named)


def _is(domain: Domain, named: Ref) -> bool:
    return named.id in (None, domain.id) and named.name in (None, domain.name)


def _method(identity: Identity) -> str:
    if len(identity.methods) != 1 or identity.methods[0] not in METHODS:
        raise Invalid("auth.identity.methods", f"a list with one of {', '.join(METHODS)}", identity.methods)
    return identity.methods[0]
