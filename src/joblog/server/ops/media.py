"""What calls take and answer, as the API's description shows it: an example of each, and how what is not JSON reads.

The examples are answers that a server gave: ``examples.json``, by the names of the calls.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import msgspec

from joblog.server.native.search import CountView, EndView, MatchView, ProgressView

Json = dict[str, Any]

_JSON = "application/json"
_OCTETS = "application/octet-stream"
_BYTES = {"type": "string", "format": "binary"}

_SCHEMA = "#/components/schemas/"

_FOLLOW_EVENT = {
    "type": "object",
    "description": "A server-sent event of a follow stream. Lines that begin with a colon keep the connection alive.",
    "required": ["event", "data"],
    "properties": {
        "event": {
            "type": "string",
            "enum": ["start", "bytes", "state", "skip", "end", "shutdown", "error"],
            "description": "shutdown: the server stops, come back with Last-Event-ID; error: why the stream ends",
        },
        "retry": {"type": "integer", "description": "with the first event: milliseconds to wait before coming back"},
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "the byte position after the event"},
        "data": {
            "type": "string",
            "description": "bytes: in base64. start, state, end: the log's status (Log) as JSON, that of start with line, "
            "the number of newlines before the position. skip: start_byte and end_byte of what is not held any more",
        },
    },
}

_STREAMS: dict[str, tuple[Json, str]] = {
    "application/x-ndjson": ({"type": "string", "description": "a JSON object, a SearchLine, on each line"}, "SearchLine"),
    "text/event-stream": ({"description": "server-sent events, each a FollowEvent"}, "FollowEvent"),
}
"""By media type: the whole as a schema, and the name of the schema of one line, or event.

Some readers take the schema of ``text/event-stream`` for that of an event, others for that of the text: it has no type.
"""

_ANSWERS = {
    "follow_log": ("text/event-stream", _OCTETS),
    **dict.fromkeys(("search_log", "search_version", "search_project"), ("application/x-ndjson",)),
    "download_log": (_OCTETS, "application/zstd"),
    "read_bytes": (_OCTETS,),
    "read_stored": (_OCTETS,),
    "read_raw": ("text/plain",),
    "read_link": ("text/plain", _OCTETS),
}
"""What a call streams, by its name."""

_UNLIKE = {("follow_log", _OCTETS), ("download_log", "application/zstd")}
"""Answers of which the recorded one is no example."""


def illustrate(schema: Json) -> None:
    """Puts the media types and the examples of all calls into the API's description."""
    examples = json.loads((files("joblog.server.ops") / "examples.json").read_text("utf-8"))
    schemas = schema["components"]["schemas"]
    schemas |= {"FollowEvent": _FOLLOW_EVENT, **_search_lines()}
    for name in ("Error", "ModelArtsError", "IdentityError"):
        schemas[name]["examples"] = [examples[name]["response"]]
    for operations in schema["paths"].values():
        for operation in operations.values():
            _illustrate(operation, examples.get(operation["operationId"], {}))


def _illustrate(operation: Json, example: Json) -> None:
    name = operation["operationId"]
    operation["description"] = operation["description"].replace("``", "`")
    for status, response in operation["responses"].items():
        if status > "299":
            continue
        if status in ("200", "206") and name in _ANSWERS:
            response["content"] = {kind: _content(kind) for kind in _ANSWERS[name] if status == "200" or kind == _OCTETS}
        elif "response" not in example:
            response.pop("content", None)  # they have no body
        for kind, content in response.get("content", {}).items():
            if status != "206" and (name, kind) not in _UNLIKE:
                content["example"] = example.get("response")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind == _OCTETS:
            content["schema"] = _BYTES
        if "request" in example:
            content["example"] = example["request"]


def _content(kind: str) -> Json:
    if kind in _STREAMS:
        schema, item = _STREAMS[kind]
        return {"schema": schema, "x-itemSchema": {"$ref": _SCHEMA + item}}  # OpenAPI 3.2 has itemSchema
    return {"schema": {"type": "string"} if kind.startswith("text/") else _BYTES}


def _search_lines() -> Json:
    """Returns the schemas of what a search answers, from the code that answers it."""
    kinds = (MatchView, CountView, ProgressView, EndView)
    _, components = msgspec.json.schema_components(kinds, ref_template=_SCHEMA + "Search{name}")
    schemas: Json = {f"Search{name}": each for name, each in components.items()}
    names = {str(kind.__struct_config__.tag): f"{_SCHEMA}Search{kind.__name__}" for kind in kinds}
    line = {
        "description": "A line of what a search answers; the last one is of the type end",
        "oneOf": [{"$ref": name} for name in names.values()],
        "discriminator": {"propertyName": "type", "mapping": names},
    }
    return {**schemas, "SearchLine": line}
