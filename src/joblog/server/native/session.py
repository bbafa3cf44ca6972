"""A browser's session: the token in a cookie that no script can read.

The cookie is good for reading the native API and for nothing else, so a foreign page that makes a browser send it gains
nothing: it changes nothing, and the browser keeps the answer from that page. Beginning a session takes JSON, which a foreign
page may not send. Revoking the token ends the session.
"""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

from litestar import Controller, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Response
from litestar.types import HTTPScope
from msgspec import Struct

from joblog.core.accounts import DEFAULT_DOMAIN, Token, check_password
from joblog.errors import ForeignPage, Missing
from joblog.server.auth.bodies import Identity, Login, LoginRequest, PasswordMethod, PasswordUser, Ref
from joblog.server.auth.tokens import SESSION, TOKEN_HEADERS
from joblog.server.http.limits import address_of
from joblog.server.state import Call, State

COOKIE = "joblog_session"

SESSION_S = 7 * 24 * 3600
"""How long a browser keeps the cookie; a token that expires earlier ends it earlier."""

_PATH = "/api"
_PREFIX = COOKIE.encode() + b"="


class SessionRequest(Struct, forbid_unknown_fields=True):
    """Who logs in: a token, or a user of a domain with a password."""

    token: str | None = None
    user: str | None = None
    password: str | None = None
    domain: str = DEFAULT_DOMAIN


class OwnPasswordRequest(Struct, forbid_unknown_fields=True):
    """Who changes the password: a user of a domain, by the old one."""

    user: str
    password: str
    new_password: str
    domain: str = DEFAULT_DOMAIN


class SessionView(Struct):
    """Whose session it is: the user, or what the token is called. No project: all that ``GET /api/projects`` lists."""

    name: str
    project_id: str | None
    rights: list[str]
    expires_ms: int | None


class SessionController(Controller):
    """A browser's session."""

    path = "/api/session"
    tags = ("session",)

    @post("/", summary="Begin a session: a token or a password in, a cookie out", status_code=200, security=[{}])
    async def begin_session(self, joblog: State, request: Call, data: SessionRequest) -> Response[SessionView]:
        """Sets a cookie that may read what the token, or the user, may read."""
        _own_page(request)
        if data.token:
            secret = data.token.strip()
        elif data.user and data.password:
            user, address = _user(data.user, data.password, data.domain), address_of(request.scope, joblog.engine.settings)
            identity = Identity(["password"], password=PasswordMethod(user))
            secret = (await joblog.logins.log_in(LoginRequest(Login(identity)), address)).secret
        else:
            raise Missing("token", "a token, or user and password")
        headers = [(b"x-auth-token", SESSION + secret.encode("utf-8", "replace"))]
        if not joblog.engine.database.embedded:
            await joblog.auth.learn(headers)
        token = joblog.auth.token(headers)
        left_s = SESSION_S
        if token.expires_ms is not None:
            left_s = min(left_s, max((token.expires_ms - joblog.engine.clock_ms()) // 1000, 1))
        cookie = _cookie(request, secret, left_s)
        return Response(await _view(joblog, token), headers={"set-cookie": cookie, **_NOT_KEPT})

    @post(
        "/password",
        summary="Change one's own password: the old one and the new one in",
        status_code=204,
        security=[{}],
        responses={204: ResponseSpec(None, description="It is the new one")},
    )
    async def change_own_password(self, joblog: State, request: Call, data: OwnPasswordRequest) -> Response[None]:
        """Sets a new password for whoever knows the old one, and ends all tokens of the user; access keys stay."""
        _own_page(request)
        address = address_of(request.scope, joblog.engine.settings)
        user = _user(data.user, data.password, data.domain)
        await joblog.logins.change_password(user, check_password(data.new_password), address)
        joblog.auth.forget()
        return Response(None, status_code=204, headers=_NOT_KEPT)

    @get("/", summary="Whose session it is")
    async def get_session(self, joblog: State, request: Call) -> Response[SessionView]:
        """Tells who the caller is and what it may do; for any token, not only a session's."""
        return Response(await _view(joblog, joblog.auth.token(request.scope["headers"])), headers=_NOT_KEPT)

    @delete(
        "/",
        summary="End the session",
        status_code=204,
        security=[{}],
        responses={204: ResponseSpec(None, description="It has ended")},
    )
    async def end_session(self, request: Call) -> Response[None]:
        """Removes the cookie; the token stays good."""
        _own_page(request)
        return Response(None, status_code=204, headers={"set-cookie": _cookie(request, "", 0), **_NOT_KEPT})


_NOT_KEPT = {"cache-control": "no-store"}


def with_session(scope: HTTPScope) -> HTTPScope:
    """Returns a request to read the native API as one with the token of its cookie, if it has one and no other."""
    if not scope["path"].startswith(_PATH + "/"):
        return scope
    found = b""
    for name, value in scope["headers"]:
        if name in TOKEN_HEADERS:
            return scope
        if name == b"cookie":
            found = _secret(value) or found
    return {**scope, "headers": [*scope["headers"], (b"x-auth-token", SESSION + found)]} if found else scope


def _user(name: str, password: str, domain: str) -> PasswordUser:
    return PasswordUser(password, name=name, domain=Ref(name=domain))


def _secret(cookies: bytes) -> bytes:
    for part in cookies.split(b";"):
        part = part.strip()
        if part.startswith(_PREFIX):
            return part[len(_PREFIX) :]
    return b""


def _own_page(request: Call) -> None:
    """Raises ForeignPage for what a foreign page could send without asking."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForeignPage("a session begins and ends on joblog's own page")
    if request.method == "POST" and request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ForeignPage("a session begins with a body of the type application/json")


def _cookie(request: Call, secret: str, left_s: int) -> str:
    cookie: SimpleCookie = SimpleCookie()
    cookie[COOKIE] = secret
    attributes: dict[str, Any] = {"path": _PATH, "max-age": left_s, "httponly": True, "samesite": "Strict"}
    if request.scope["scheme"] == "https" or request.headers.get("x-forwarded-proto", "").lower() == "https":
        attributes["secure"] = True
    for name, value in attributes.items():
        cookie[COOKIE][name] = value
    return cookie[COOKIE].OutputString()


async def _view(joblog: State, token: Token) -> SessionView:
    name = token.label
    if token.user_id is not None:
        name = (await joblog.reading(joblog.engine.iam.user, token.user_id)).name
    return SessionView(name, token.project_id, [right for right in token.rights.split(",") if right], token.expires_ms)
