"""JSON made into values, and refusals into exceptions.

A server may be newer than its clients, so fields that are not known are ignored; a field that is needed and absent means that
it was not joblog that answered.
"""

from __future__ import annotations

import json
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from joblog import errors
from joblog.api.refs import printable

MESSAGE_CHARACTERS = 1000
"""Most that is shown of a server's message."""

T = TypeVar("T")


def value(kind: type[T], answer: object) -> T:
    """Returns a decoded JSON value as a ``kind``: a ``Value``, a dataclass of ``joblog.views``, a list of those.

    Raises:
        Unreachable: it does not have that shape, so something else than joblog answered.
    """
    try:
        return cast(T, _shaped(kind, answer))
    except (TypeError, ValueError) as error:
        raise errors.Unreachable(f"the answer is not a joblog {getattr(kind, '__name__', kind)}: {error}") from error


def _shaped(kind: Any, value: Any) -> Any:
    origin: Any
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if value is None else _shaped(next(one for one in inner if one is not NoneType), value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    fields = _fields(kind)
    if not isinstance(value, dict if fields else list if origin is tuple else origin or kind):
        raise TypeError(f"{type(value).__name__} for {kind}")
    if fields:
        return kind(
            **{name: _shaped(fields[name], each) for name, each in cast(dict[str, Any], value).items() if name in fields}
        )
    if origin is list or ... in inner:
        return origin(_shaped(inner[0], each) for each in value)
    if origin is tuple:
        return tuple(_shaped(one, each) for one, each in zip(inner, value, strict=True))
    return value


@cache
def _fields(kind: Any) -> dict[str, Any]:
    """Returns the types of a value's fields by their names; of what has none, nothing."""
    own = getattr(kind, "__dict__", {}).get("__annotations__", {})
    hints = get_type_hints(kind) if own else {}
    return {name: hints[name] for name in own}


def decoded(body: bytes) -> Any:
    """Returns the JSON in ``body``.

    Raises:
        Unreachable: there is none, so something else than joblog answered (a proxy's page, say).
    """
    try:
        return json.loads(body)
    except ValueError as error:
        raise errors.Unreachable("the answer is not joblog's: no JSON") from error


def failure(status: int, body: bytes) -> errors.JoblogError:
    """Returns the exception for an answer of HTTP ``status`` outside 200-299.

    A native error body gives the class with its ``code``. Without one it was not joblog that answered but something in
    between: 413, 429 and 503 keep their meaning, any other 5xx means that the server is away (``Unreachable``: the
    call may or may not have been taken), the rest is a plain ``JoblogError``.
    """
    try:
        details = json.loads(body)["error"]
        code, message = str(details["code"]), str(details["message"])
    except (ValueError, KeyError, TypeError):
        details, code, message = {}, "", f"HTTP {status}, without a reason that joblog understands"
    message = printable(message[:MESSAGE_CHARACTERS])  # people read it on a terminal
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status) or (errors.Unreachable if status >= 500 else errors.JoblogError)
    # The words are the server's, so the class's own __init__, which makes them, is passed over.
    error = kind.__new__(kind, message)
    for owner, name, default in _DETAILS:
        if isinstance(error, owner):
            setattr(error, name, details.get(name, default))
    return error


def _tree(kind: type[errors.JoblogError]) -> list[type[errors.JoblogError]]:
    return [kind] + [one for child in kind.__subclasses__() for one in _tree(child)]


_BY_CODE = {kind.code: kind for kind in _tree(errors.JoblogError)}
_BY_STATUS: dict[int, type[errors.JoblogError]] = {413: errors.TooLarge, 429: errors.Busy, 503: errors.Busy}
_DETAILS: tuple[tuple[type[errors.JoblogError], str, object], ...] = (
    (errors.Invalid, "parameter", ""),
    (errors.Conflict, "expected", None),
    (errors.NotFound, "kind", ""),
    (errors.TooLarge, "limit_bytes", 0),
)
