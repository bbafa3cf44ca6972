"""Bodies of ModelArts' calls: JSON objects with fields that joblog may not know."""

from __future__ import annotations

from typing import Any

from joblog.errors import Invalid, NotJson, OutOfRange
from joblog.server.http.routes import Call


def object_schema(required: str = "", **properties: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of an object; ``required`` names fields, with blanks between them."""
    return {"type": "object", "required": required.split(), "properties": properties}


async def json_body(call: Call) -> dict[str, Any]:
    """Returns the body's object, an empty one for no body or ``null``, whatever its Content-Type says.

    Raises NotJson, Invalid, TooLarge, Busy.
    """
    raw = await call.body()
    if not raw.strip():
        return {}
    body = await call.document(raw)
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise NotJson("body", "a JSON object")
    return body


def text_of(body: dict[str, Any], name: str, default: str = "", limit: int = 256) -> str:
    """Returns a field's text of at most ``limit`` characters, ``default`` where it is absent or null; raises Invalid."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Invalid(name, "a string", value)
    if len(value) > limit:
        raise OutOfRange(name, f"at most {limit} characters")
    return value


def flag(body: dict[str, Any], name: str, *, default: bool) -> bool:
    """Returns a field's truth; raises Invalid."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Invalid(name, "true or false", value)
    return value


def object_of(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Returns a field's object, an empty one where it is absent or null; raises Invalid."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(name, "an object")
    return value


def number_of(body: dict[str, Any], name: str, default: int, low: int, high: int) -> int:
    """Returns a field's integer from ``low`` to ``high``; raises Invalid, OutOfRange."""
    value = body.get(name)
    if value is None:
        return default
    allowed = f"an integer from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(name, allowed, value)
    if not low <= value <= high:
        raise OutOfRange(name, allowed, value)
    return value
