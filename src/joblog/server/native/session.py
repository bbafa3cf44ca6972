"""A browser's session: the token in a cookie that no script can read.

The cookie is good for reading the native API and for nothing else, so a foreign page that makes a browser send it gains
nothing: it changes nothing, and the browser keeps the answer from that page. Beginning a session takes JSON, which a foreign
page may not send. Revoking the token ends the session.
"""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import msgspec
from msgspec import Struct

from joblog.core.accounts import DEFAULT_DOMAIN, Grant, check_password
from joblog.errors import ForeignPage, Missing, NotPermitted
from joblog.server.auth.bodies import Identity, Login, LoginRequest, PasswordMethod, PasswordUser, Ref
from joblog.server.auth.tokens import SESSION, TOKEN_HEADERS, Signer
from joblog.server.http.answers import Answer
from joblog.server.http.asgi import Headers, HTTPScope
from joblog.server.http.limits import address_of
from joblog.server.http.routes import KNOWN, OPEN, Call, Calls
from joblog.server.native.bodies import LoginName, Password
from joblog.server.state import State

calls = Calls("/api/session", "session")

COOKIE = "joblog_session"

SESSION_S = 7 * 24 * 3600
"""How long a browser keeps the cookie; a token that expires earlier ends it earlier."""

_PATH, _BELOW = "/api", "/api/"
_PREFIX = COOKIE.encode() + b"="

_NOT_KEPT = (b"cache-control", b"no-store")


class SessionRequest(Struct, forbid_unknown_fields=True):
    """Who logs in: a token, the code of a link that logs in once, or a user of a domain with a password."""

    token: str | None = None
    code: str | None = None
    user: str | None = None
    password: str | None = None
    domain: str = DEFAULT_DOMAIN


class OwnPasswordRequest(Struct, forbid_unknown_fields=True):
    """Who changes the password: a user of a domain, by the old one."""

    user: LoginName
    password: str
    new_password: Password
    domain: LoginName = DEFAULT_DOMAIN


class LoginCode(Struct):
    """What ``/login#CODE`` of the viewer takes, once; until ``expires_ms``."""

    code: str
    expires_ms: int


class SessionView(Struct):
    """Whose session it is: the user, or what the token is called. No project: all that ``GET /api/projects`` lists."""

    name: str
    project_id: str | None
    rights: list[str]
    expires_ms: int | None


@calls.post("", OPEN, "Begin a session: a token, a code or a password in, a cookie out", answer=SessionView)
async def begin_session(joblog: State, call: Call, data: SessionRequest) -> Answer:
    """Sets a cookie that may read what the token, or the user, may read."""
    _own_page(call)
    secret = await _secret_of(joblog, call, data)
    headers = [(b"x-auth-token", SESSION + secret.encode("utf-8", "replace"))]
    if not joblog.engine.database.embedded:
        await joblog.auth.learn(headers)
    token = joblog.auth.token(headers)
    left_s = SESSION_S
    if token.expires_ms is not None:
        left_s = min(left_s, max((token.expires_ms - joblog.engine.clock_ms()) // 1000, 1))
    return await _view(joblog, token, [_cookie(call, secret, left_s)])


@calls.post("/password", OPEN, "Change one's own password: the old one and the new one in", status=204)
async def change_own_password(joblog: State, call: Call, data: OwnPasswordRequest) -> Answer:
    """Sets a new password for whoever knows the old one, and ends all tokens of the user; access keys stay."""
    _own_page(call)
    address = address_of(call.scope, joblog.engine.settings)
    user = _user(data.user, data.password, data.domain)
    await joblog.logins.change_password(user, check_password(data.new_password), address)
    joblog.auth.forget()
    return Answer(204, b"", [_NOT_KEPT])


@calls.post("/code", KNOWN, "Make a code that begins one session", answer=LoginCode)
async def create_login_code(joblog: State, call: Call) -> Answer:
    """Makes a code for a link that logs a browser in once, to read what the token may read, and until the token ends."""
    token = joblog.auth.token(call.headers)
    if token.user_id is None and not token.may("read"):
        raise NotPermitted("read")
    if isinstance(token, Signer) and not token.id:
        raise NotPermitted("sessions: a signature has none, a token does")
    made = await joblog.writing(joblog.engine.tokens.make_login_code, token.id, joblog.engine.clock_ms())
    return Answer(200, msgspec.json.encode(LoginCode(*made)), [_NOT_KEPT])


@calls.get("", KNOWN, "Whose session it is", answer=SessionView)
async def get_session(joblog: State, call: Call) -> Answer:
    """Tells who the caller is and what it may do; for any token, not only a session's."""
    return await _view(joblog, joblog.auth.token(call.headers), [])


@calls.delete("", OPEN, "End the session", status=204)
async def end_session(call: Call) -> Answer:
    """Removes the cookie; the token stays good."""
    _own_page(call)
    return Answer(204, b"", [_cookie(call, "", 0), _NOT_KEPT])


def with_session(scope: HTTPScope) -> HTTPScope:
    """Returns a request to read the native API as one with the token of its cookie, if it has one and no other."""
    if not scope["path"].startswith(_BELOW):
        return scope
    secret = b""
    for name, value in scope["headers"]:
        if name in TOKEN_HEADERS:
            return scope
        if name == b"cookie":
            secret = _secret(value) or secret
    return {**scope, "headers": [*scope["headers"], (b"x-auth-token", SESSION + secret)]} if secret else scope


async def _secret_of(joblog: State, call: Call, data: SessionRequest) -> str:
    """Returns the token that is given, or a new one for the password."""
    if data.token:
        return data.token.strip()
    if data.code:
        use = joblog.engine.tokens.use_login_code
        return await joblog.writing(use, data.code.strip(), joblog.engine.clock_ms(), SESSION_S * 1000)
    if not (data.user and data.password):
        raise Missing("token", "a token, a code, or user and password")
    user, address = _user(data.user, data.password, data.domain), address_of(call.scope, joblog.engine.settings)
    identity = Identity(["password"], password=PasswordMethod(user))
    return (await joblog.logins.log_in(LoginRequest(Login(identity)), address)).secret


def _user(name: str, password: str, domain: str) -> PasswordUser:
    return PasswordUser(password, name=name, domain=Ref(name=domain))


def _secret(cookies: bytes) -> bytes:
    for part in cookies.split(b";"):
        part = part.strip()
        if part.startswith(_PREFIX):
            return part[len(_PREFIX) :]
    return b""


def _own_page(call: Call) -> None:
    """Raises ForeignPage for what a foreign page could send without asking."""
    if call.header(b"sec-fetch-site") not in (None, "same-origin", "none"):
        raise ForeignPage("a session begins and ends on joblog's own page")
    content_type = (call.header(b"content-type") or "").partition(";")[0].strip()
    if call.scope["method"] == "POST" and content_type != "application/json":
        raise ForeignPage("a session begins with a body of the type application/json")


def _cookie(call: Call, secret: str, left_s: int) -> tuple[bytes, bytes]:
    cookie: SimpleCookie = SimpleCookie()
    cookie[COOKIE] = secret
    attributes: dict[str, Any] = {"path": _PATH, "max-age": left_s, "httponly": True, "samesite": "Strict"}
    if call.scope["scheme"] == "https" or (call.header(b"x-forwarded-proto") or "").lower() == "https":
        attributes["secure"] = True
    for name, value in attributes.items():
        cookie[COOKIE][name] = value
    return b"set-cookie", cookie[COOKIE].OutputString().encode("latin-1")


async def _view(joblog: State, token: Grant, headers: Headers) -> Answer:
    name = token.label
    if token.user_id is not None:
        name = (await joblog.reading(joblog.engine.users.user, token.user_id)).name
    view = SessionView(name, token.project_id, [right for right in token.rights.split(",") if right], token.expires_ms)
    return Answer(200, msgspec.json.encode(view), [*headers, _NOT_KEPT])
