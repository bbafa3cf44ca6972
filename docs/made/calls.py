"""docs/calls.md: every call of every API, from the description that the server gives at /api/openapi.json."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from docs.made.tables import table
from joblog.server.app import described

_HEAD = """\
# All calls

Made of the server's own description (`/api/openapi.json`, browsable at `/api/docs`) by `make reference`; a test
compares them. What the calls mean and what they answer is told in [http-api.md](http-api.md) and
[modelarts.md](modelarts.md), the refusals in [errors.md](errors.md).

Every call but those marked *open* needs a token, a signature or a session. `?` marks what may be left out.
"""

_OTHERS = "others"

Json = dict[str, Any]


def page() -> str:
    """Returns docs/calls.md."""
    schema = described()
    by_tag: dict[str, list[tuple[str, str, Json]]] = {}
    for path, calls in schema["paths"].items():
        for method, call in calls.items():
            by_tag.setdefault((call.get("tags") or [_OTHERS])[0], []).append((path, method, call))
    schemas = schema["components"]["schemas"]
    return _HEAD + "".join(_group(tag, calls, schemas) for tag, calls in sorted(by_tag.items()))


def _group(tag: str, calls: list[tuple[str, str, Json]], schemas: Json) -> str:
    parts = (_call(path, method, call, schemas) for path, method, call in sorted(calls, key=lambda each: each[:2]))
    return f"\n## {tag[0].upper()}{tag[1:]}\n" + "".join(parts)


def _call(path: str, method: str, call: Json, schemas: Json) -> str:
    told = f"{call['summary']}{', *open*' if call.get('security') == [{}] else ''}. Answers {_answers(call)}."
    told = textwrap.fill(told, 120, break_long_words=False, break_on_hyphens=False)
    rows = [*_in_query(call), *_in_body(call, schemas)]
    lines = ["", *table(("parameter", "in", "type", ""), *rows)] if rows else []
    return "\n".join((f"\n### {method.upper()} {path}\n", told, *lines)) + "\n"


def _answers(call: Json) -> str:
    good = {status: answer for status, answer in call["responses"].items() if status < "4"}
    bad = ", ".join(status for status in call["responses"] if status >= "4")
    said = ", ".join(f"{status}{_kinds(answer)}" for status, answer in good.items())
    return f"{said}; {bad}" if bad else said


def _kinds(answer: Json) -> str:
    kinds = [f"`{kind}`" for kind in answer.get("content", {}) if kind != "application/json"]
    return f" ({', '.join(kinds)})" if kinds else ""


def _in_query(call: Json) -> Iterator[tuple[str, ...]]:
    for each in call.get("parameters", []):
        if each["in"] != "path":
            name = f"`{each['name']}`{'' if each.get('required') else ' ?'}"
            yield name, each["in"], _type(each["schema"]), each.get("description", "")


def _in_body(call: Json, schemas: Json) -> Iterator[tuple[str, ...]]:
    for kind, content in call.get("requestBody", {}).get("content", {}).items():
        schema = content.get("schema", {})
        named = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        if kind != "application/json" or "properties" not in named:
            yield "", "body", f"`{kind}`", "bytes" if kind != "application/json" else "an object"
        for name, field in named.get("properties", {}).items():
            must = name in named.get("required", [])
            yield f"`{name}`{'' if must else ' ?'}", "body", _type(field), str(field.get("description", ""))


def _type(schema: Json) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        return "object"
    if "oneOf" in schema:
        return " or ".join(_type(each) for each in schema["oneOf"])
    kind = schema.get("type", "any")
    said = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{said} of {_type(schema['items'])}" if said == "array" and "items" in schema else said
