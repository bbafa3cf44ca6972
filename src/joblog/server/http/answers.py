"""What joblog's values and errors look like on the wire: parameters in, statuses and bodies out.

STATUSES is the one table that gives an error its HTTP status and its ModelArts code; a native body and a ModelArts body are
two renderings of the same error.
"""

from __future__ import annotations

import itertools
import logging
import secrets
from collections.abc import AsyncGenerator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from joblog import errors
from joblog.errors import JoblogError
from joblog.server.http.asgi import Headers
from joblog.server.http.server_log import SELDOM_S, Seldom

STATUSES: dict[type[JoblogError], tuple[int, tuple[int, str], tuple[int, str]]] = {
    # error: the native API's status; ModelArts' v1 status and code; its v2 status and code
    errors.Invalid: (400, (400, "0104"), (400, "2788")),
    errors.Missing: (400, (400, "0104"), (400, "2788")),
    errors.OutOfRange: (400, (400, "0107"), (400, "2770")),
    errors.NotJson: (400, (400, "0104"), (400, "2787")),
    errors.UnknownAction: (400, (400, "0104"), (400, "2812")),
    errors.Unauthorized: (401, (401, "0203"), (401, "0203")),
    errors.NoCredentials: (401, (401, "0201"), (401, "0201")),
    errors.UnknownToken: (401, (401, "0203"), (401, "0203")),
    errors.ExpiredToken: (401, (401, "0202"), (401, "0202")),
    errors.BadSignature: (401, (401, "APIGW.0301"), (401, "APIGW.0301")),
    errors.WrongPassword: (401, (401, "0203"), (401, "0203")),
    errors.NoProject: (401, (401, "0212"), (401, "0212")),
    errors.Forbidden: (403, (403, "0108"), (403, "2785")),
    errors.WrongProject: (403, (403, "0210"), (404, "2786")),
    errors.WrongJob: (403, (403, "0108"), (403, "2785")),
    errors.NotPermitted: (403, (403, "0108"), (403, "2785")),
    errors.BadLink: (403, (403, "0108"), (403, "2785")),
    errors.ForeignPage: (403, (403, "0108"), (403, "2785")),
    errors.NotFound: (404, (404, "0102"), (400, "2775")),
    errors.NoLogYet: (404, (404, "0102"), (400, "2818")),
    errors.Conflict: (409, (400, "0105"), (409, "2878")),
    errors.Exists: (409, (400, "0103"), (400, "2751")),
    errors.Over: (409, (400, "0105"), (409, "2796")),
    errors.Different: (409, (409, "0105"), (409, "2878")),
    errors.Closed: (409, (409, "0105"), (409, "2878")),
    errors.BeyondEnd: (416, (416, "0105"), (409, "2878")),
    errors.TooLarge: (413, (413, "0107"), (413, "2816")),
    errors.TooMany: (429, (429, "2799"), (429, "2799")),
    errors.Busy: (503, (503, "0010"), (503, "0010")),
    errors.Unavailable: (503, (503, "0010"), (503, "0010")),
    errors.Damaged: (500, (500, "0010"), (500, "0010")),
    errors.JoblogError: (500, (500, "0010"), (500, "0010")),
}
"""A code is what stands behind ``ModelArts.``; codes are docs/modelarts.md's."""

# What has no error of ours: the framework says so by status. Native code, ModelArts code.
PLAIN = {
    404: ("not_found", "2836"),
    405: ("method_not_allowed", "2803"),
    413: ("too_large", "0107"),
    400: ("invalid", "0104"),
    500: ("internal", "0010"),
}

RETRY_AFTER_S = 1
"""What a client that met 503 is told to wait."""

_MAX_PATH = 500

JSON = b"application/json"

# A browser that opens an answer takes it for what it says it is: bytes of a log are never a page, nor a script.
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")

_log = logging.getLogger("joblog.server")
_refusals = Seldom(SELDOM_S)


class Answer(msgspec.Struct):
    """A whole answer, but for its request id; ``rest`` is what follows ``body`` when it is too long to hold."""

    status: int
    body: bytes
    headers: Headers = msgspec.field(default_factory=list)
    rest: AsyncGenerator[bytes, None] | None = None
    media_type: bytes = JSON


def modelarts(path: str) -> bool:
    """Whether a path belongs to ModelArts, and its errors look as ModelArts' do."""
    return path.startswith(("/v1/", "/v2/", "/v3/")) or path in ("/v1", "/v2", "/v3")


def shown_path(path: str) -> str:
    """Returns a path as it may be logged: that of a link is as good as a token, and what is very long is cut."""
    return "/links/..." if path.startswith("/links/") else path[:_MAX_PATH]


def status_of(kind: type[JoblogError], path: str) -> tuple[int, str]:
    """Returns the status that an error of the table has at a path, and its code there."""
    native, v1, v2 = STATUSES[kind]
    return v2 if path.startswith("/v2/") else v1 if modelarts(path) else (native, kind.code)


def full_code(code: str) -> str:
    """Returns a ModelArts code as it is on the wire: most are ModelArts' own, some are of the gateway in front of it."""
    return code if "." in code else f"ModelArts.{code}"


def error_answer(error: Exception, path: str) -> Answer:
    """Renders an error; one that joblog does not raise on purpose is logged and told as an internal error."""
    if isinstance(error, JoblogError):
        status, number = status_of(next(kind for kind in type(error).__mro__ if kind in STATUSES), path)
        code, message, details = error.code, str(error), error.details()
    else:
        status = int(getattr(error, "status_code", 500))
        code, number = PLAIN.get(status, PLAIN[500])
        message, details = HTTPStatus(status).phrase, {}
    if status >= 500:
        _log_error(error, status, path)
    if code == "internal":
        status, message = 500, "internal error"
    body: dict[str, Any]
    code_text = full_code(number)
    if path.startswith("/v3/") or path == "/v3":
        body = _identity_body(status, code_text, message)
    elif modelarts(path):
        body = {"is_success": False, "error_code": code_text, "error_msg": message, "error_message": message}
    else:
        body = {"error": {"code": code, "message": message, **details}}
    headers: Headers = []
    if status in (429, 503):
        wait_s = RETRY_AFTER_S if not isinstance(error, errors.TooMany) else error.retry_after_s
        headers.append((b"retry-after", str(wait_s).encode()))
    if allowed := getattr(error, "allowed", ""):  # no joblog error has it: the methods that a path has
        headers.append((b"allow", allowed.encode()))
    if isinstance(error, errors.BeyondEnd):
        headers.append((b"content-range", f"bytes */{error.expected}".encode()))
    return Answer(status, msgspec.json.encode(body), headers)


def _log_error(error: Exception, status: int, path: str) -> None:
    withheld = _refusals.withheld(str(error)) if status == 503 else 0
    if withheld is not None:
        more = f" ({withheld} more such answers since that was said last)" if withheld else ""
        _log.error("%s: %s%s", shown_path(path), error, more, exc_info=None if isinstance(error, JoblogError) else error)


def _identity_body(status: int, code: str, message: str) -> dict[str, Any]:
    """Returns an error of the identity service: Keystone's, to which the gateway in front of it adds its own."""
    body: dict[str, Any] = {"error": {"code": status, "message": message, "title": HTTPStatus(status).phrase}}
    code = {404: "APIGW.0101", 429: "APIGW.0308"}.get(status, code)
    if code.startswith("APIGW"):
        body |= {"error_code": code, "error_msg": message, "error_message": message}
    return body


_ids = itertools.count()
_id_prefix = secrets.token_hex(8).encode()


def request_id() -> bytes:
    """Returns a new id: 32 hex digits, unique across processes by their random prefix."""
    return b"%b%016x" % (_id_prefix, next(_ids))


def query_parameters(query: bytes) -> Mapping[str, str]:
    """Reads a query string; of a name given twice the last value counts, and bytes that are not UTF-8 become U+FFFD."""
    parameters, text = {}, query.decode("latin-1")
    quoted = "%" in text or "+" in text
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if quoted:
            name, value = unquote_plus(name), unquote_plus(value)
        parameters[name] = value
    return parameters


def query_values(query: bytes, wanted: str) -> list[str]:
    """Returns all values of a parameter that a query may give several times, in order."""
    parts = (part.partition("=") for part in query.decode("latin-1").split("&"))
    return [unquote_plus(value) for name, _, value in parts if unquote_plus(name) == wanted]


def answer_headers(answer: Answer, number: bytes) -> Headers:
    """Returns all headers of an answer; its length where it is known."""
    headers: Headers = [(b"content-type", answer.media_type), (b"x-request-id", number), _NO_SNIFFING]
    if answer.rest is None and not answer.headers and answer.status != 204:
        headers.append((b"content-length", b"%d" % len(answer.body)))
        return headers
    headers += answer.headers
    if answer.status == 204:
        del headers[0]
    elif answer.rest is None and (answer.body or not any(name == b"content-length" for name, _ in answer.headers)):
        headers.append((b"content-length", b"%d" % len(answer.body)))
    return headers
