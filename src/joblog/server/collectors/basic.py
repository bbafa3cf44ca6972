"""HTTP's basic authentication, for collectors that know nothing else, Docker's driver for one: the password is the token.

On the collectors' paths only. No answer of joblog's asks for it, so no browser offers to remember any.
"""

from __future__ import annotations

import base64
import binascii

from joblog.server.auth.tokens import TOKEN_HEADERS
from joblog.server.collectors.loki import PATH as LOKI
from joblog.server.collectors.otlp import PATH as OTLP
from joblog.server.http.asgi import HTTPScope

_PATHS = (LOKI, OTLP)
_SCHEME = b"basic "


def with_password(scope: HTTPScope) -> HTTPScope:
    """Returns a collector's request as one with the token that is its password, if it has one and no other."""
    if scope["path"].rstrip("/") not in _PATHS:
        return scope
    given = [value.strip() for name, value in scope["headers"] if name in TOKEN_HEADERS]
    if len(given) != 1 or given[0][: len(_SCHEME)].lower() != _SCHEME:
        return scope
    others = [header for header in scope["headers"] if header[0] not in TOKEN_HEADERS]
    return {**scope, "headers": [*others, (b"x-auth-token", _password(given[0][len(_SCHEME) :]))]}


def _password(sent: bytes) -> bytes:
    try:
        return base64.b64decode(sent.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""  # no token: the answer says how one is sent
