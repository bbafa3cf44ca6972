"""What Litestar cannot find in the handlers and the API's description must say.

It does not know what refusals look like, nor which there are: the table of ``http/answers.py`` does. What is read from a path
or a query it takes for any string, what ModelArts' bodies hold it does not see, because the handlers read those themselves.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from joblog import errors
from joblog.core.accounts import RIGHTS
from joblog.core.labels import MAX_LABELS, MAX_VALUE
from joblog.core.names import MAX_ID
from joblog.core.status import TASK_STATUSES, Status
from joblog.server.http.answers import STATUSES, full_code, modelarts, told
from joblog.server.ops.media import illustrate

Json = dict[str, Any]

_STRING = {"type": "string"}
_FLAG = {"type": "boolean"}
_NAME = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
_TASK = {"type": "string", "pattern": "^worker-(0|[1-9][0-9]{0,5})$"}
_LOGIN_NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$"}
_PASSWORD = {"type": "string", "minLength": 8, "maxLength": 128}
_PROJECT = {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"}
_VERSION = {"type": "string", "pattern": "^([Vv]?[0-9]{1,18}|latest)$"}


def _integer(low: int, high: int = MAX_ID) -> Json:
    return {"type": "integer", "format": "int64", "minimum": low, "maximum": high}


def _one_of(*names: str) -> Json:
    return {"type": "string", "enum": list(names)}


def _object(required: str = "", **properties: Json) -> Json:
    return {"type": "object", "required": required.split(), "properties": properties}


_RIGHTS = {"type": "array", "items": _one_of(*RIGHTS), "minItems": 1}

_LABELS = {
    "type": "object",
    "maxProperties": MAX_LABELS,
    "propertyNames": {"pattern": "^[A-Za-z0-9]([A-Za-z0-9_./-]{0,126}[A-Za-z0-9])?$"},
    "additionalProperties": {"type": ["string", "null"], "maxLength": MAX_VALUE},
}

_IN_PATHS: Json = {
    "project_id": _PROJECT,
    "job": _NAME,
    "version": _VERSION,
    "task": _TASK,
    "task_id": _TASK,
    "training_job_id": {"type": "string", "format": "uuid"},
    **dict.fromkeys(("job_id", "version_id", "token_id"), _integer(1)),
}
_IN_QUERIES: Json = {
    **{"at": _integer(0), "start": _integer(-MAX_ID), "count": _integer(1, 10_000), "limit": _integer(1, 1000)},
    **{"start_byte": _integer(-1), "offset": _integer(0), "lines": _integer(0, 500)},
    **{"per_page": _integer(1, 1000), "page": _integer(0, 65_535)},
    **dict.fromkeys(("start_time", "end_time", "byte", "start_line", "end_line", "end_byte"), _integer(0)),
    **{"cut": _integer(1, 65_536), "tail": _integer(0, 1_000_000), "timeout_s": _integer(1, 60), "collapse": _integer(0, 3600)},
    **{"points": _integer(3, 5000), "least": _integer(1, 1_000_000), "silent_s": _integer(1, 86_400)},
    **{"max_bytes": _integer(1000, 1_000_000), **dict.fromkeys(("times", "ignore_case"), _FLAG)},
    **{"kind": _one_of("literal", "regex"), "direction": _one_of("forward", "backward"), "only": _one_of("state")},
    **{"compress": _one_of("zstd"), "colours": _one_of("keep", "strip"), "order": _one_of("asc", "desc")},
    **{"level": _one_of("Info", "Warning", "Error")},
    "Content-Type": _one_of("text/plain", "application/octet-stream"),
}
"""By name; where a few calls differ from the others, they are below."""

_OF_CALLS: dict[tuple[str, str], Json] = {
    ("/lines", "count"): _integer(1, 1_000_000),
    **{("/search", "limit"): _integer(1, 100_000), ("/search", "count"): _FLAG, ("/search", "from"): _integer(0)},
    **dict.fromkeys((("/search", "before"), ("/search", "after")), _integer(0, 100)),
    ("/versions/{version_id}/log", "offset"): _integer(-2048, 2048),
    ("/training-jobs", "page"): _integer(1, 65_535),
    ("/events", "limit"): _integer(1, 100),
    ("/logs/{task_id}", "lines"): _integer(1, 500),
}
"""By the end of a path and a parameter's name."""

_IN_BODIES: Json = {
    "ProjectRequest": {"id": _PROJECT},
    "JobRequest": {"name": _NAME, "labels": _LABELS},
    "LabelsRequest": {"labels": _LABELS},
    "RunRequest": {"job_name": _NAME, "task": _TASK, "labels": _LABELS},
    "TokenRequest": {"rights": _RIGHTS},
    "MemberRequest": {"rights": _RIGHTS},
    "UserRequest": {"name": _LOGIN_NAME, "password": _PASSWORD, "domain": _LOGIN_NAME},
    "PasswordRequest": {"password": _PASSWORD},
    "OwnPasswordRequest": {"user": _LOGIN_NAME, "new_password": _PASSWORD, "domain": _LOGIN_NAME},
    "ReportRequest": {"status": _one_of(*(status.name for status in TASK_STATUSES))},
    "StatusRequest": {"status": _one_of(*(status.name for status in Status))},
}

_ANY_OBJECT = {"type": ["object", "null"]}
_DESCRIPTION = {"type": ["string", "null"], "maxLength": 256}
_V1 = "/v1/{project_id}/training-jobs"
_V2 = "/v2/{project_id}/training-jobs"
_BODIES: dict[tuple[str, str], Json] = {
    ("post", _V1): _object("job_name config", job_name=_NAME, job_desc=_DESCRIPTION, config={"type": "object"}),
    ("put", _V1 + "/{job_id}"): _object(job_desc=_DESCRIPTION),
    ("post", _V1 + "/{job_id}/versions"): _object(job_desc=_DESCRIPTION, config={"type": "object"}),
    ("post", _V2): _object(
        "metadata",
        kind=_one_of("job"),
        metadata=_object("name", name=_NAME, description=_DESCRIPTION),
        algorithm=_ANY_OBJECT,
        spec=_ANY_OBJECT,
    ),
    ("put", _V2 + "/{training_job_id}"): _object(description=_DESCRIPTION),
    ("post", _V2 + "/{training_job_id}/actions"): _object("action_type", action_type=_one_of("terminate")),
    ("post", "/v2/{project_id}/training-job-searches"): _object(
        offset=_integer(0, 2**31),
        limit=_integer(1, 50),
        order=_one_of("asc", "desc"),
        sort_by=_one_of("create_time"),
        filters={"type": ["array", "null"], "items": _object("key", key=_one_of("name", "phase", "create_time"))},
    ),
}

_ERRORS: Json = {
    "Error": _object("error", error=_object("code message", code=_STRING, message=_STRING))
    | {"description": "A refusal; beside code and message there is what a program may act on"},
    "ModelArtsError": _object(
        "is_success error_code error_msg error_message",
        is_success={"const": False},
        error_code={"type": "string", "pattern": "^(ModelArts|APIGW)[.][0-9]{4}$"},
        error_msg=_STRING,
        error_message=_STRING,
    )
    | {"description": "A refusal of ModelArts' calls; both messages are the same"},
    "IdentityError": _object(
        "error", error=_object("code message title", code=_integer(400, 599), message=_STRING, title=_STRING)
    )
    | {"description": "A refusal of the identity service's calls"},
}

_ERROR_NAMES = {"/v1": "ModelArtsError", "/v2": "ModelArtsError", "/v3": "IdentityError"}
"""By the beginning of a path."""

_HEADERS: dict[int, Json] = {
    0: {"X-Request-Id": {"required": True, "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}},
    416: {"Content-Range": {"schema": {"type": "string", "pattern": "^bytes [*]/[0-9]+$"}}},
    429: {"Retry-After": {"required": True, "schema": {"type": "integer"}}},
    503: {"Retry-After": {"required": True, "schema": {"type": "integer"}}},
}
"""By status; those of 0 are on every answer."""


_LINKS = "/links/"
_LISTING = re.compile(r"Listing_(?:\w+\.)*(\w+?)(?:View)?_$")


def completed(schema: Json) -> Json:
    """Puts in what Litestar does not know: the refusals, the headers, the shape of what is in paths and queries."""
    schemas = schema["components"].setdefault("schemas", {})
    schemas.update(_ERRORS)
    for name, fields in _IN_BODIES.items():
        schemas[name]["properties"].update(fields)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                parameter["schema"] = _parameter_schema(parameter, path)
            if body := _BODIES.get((method, path)):
                operation["requestBody"]["content"]["application/json"]["schema"] = body
            responses = operation["responses"]
            responses.pop("400", None)  # Litestar's own shape, which nobody is answered with
            responses.update(_refusals(path, method, operation.get("security") == [{}]))
            for status, response in responses.items():
                if response.get("description") == HTTPStatus(int(status)).description:  # a library's words, and of no call's
                    response["description"] = operation["summary"]
                response["headers"] = response.get("headers", {}) | _HEADERS[0] | _HEADERS.get(int(status), {})
    illustrate(schema)
    named: Json = _named(schema)
    return named


def _named(value: Any) -> Any:
    """Gives schemas names that a program can have for them: Litestar's are of modules, as ``Listing_joblog.model.Job_``."""
    if isinstance(value, dict):
        return {_LISTING.sub(r"\1Listing", name): _named(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_named(each) for each in value]
    return _LISTING.sub(r"\1Listing", value) if isinstance(value, str) and "Listing_" in value else value


def _parameter_schema(parameter: Json, path: str) -> Json:
    said: Json = {**parameter["schema"]}
    known: Json = (_IN_PATHS if parameter["in"] == "path" else _IN_QUERIES).get(parameter["name"], {})
    allowed = [each for each in said.get("oneOf", []) if each != {"type": "null"}]  # there is no null in a URL
    if len(allowed) == 1:
        del said["oneOf"]
        said |= allowed[0]
    for (end, name), schema in _OF_CALLS.items():
        if path.endswith(end) and parameter["name"] == name:
            known = schema
    return said | known


def _refusals(path: str, method: str, is_open: bool) -> Json:
    """Describes the refusals that a call can be answered with, and their codes."""
    codes: dict[int, list[str]] = {}
    for kind in STATUSES:
        if _possible(kind, path, method, is_open):
            status, code = told(kind, path)
            codes.setdefault(status, []).append(full_code(code) if modelarts(path) else code)
    name = next((name for start, name in _ERROR_NAMES.items() if path.startswith(start)), "Error")
    content = (
        {} if method == "head" else {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}
    )
    return {str(status): {"description": ", ".join(sorted(set(said))), **content} for status, said in sorted(codes.items())}


def _possible(kind: type[errors.JoblogError], path: str, method: str, is_open: bool) -> bool:
    if path.startswith(_LINKS):
        return issubclass(kind, errors.BadLink | errors.BeyondEnd | errors.NotFound | errors.Damaged | errors.Unavailable)
    if path.startswith("/readyz"):
        return issubclass(kind, errors.Unavailable | errors.Busy)
    if issubclass(kind, errors.BadLink) or (is_open and method == "get"):
        return False
    if issubclass(kind, errors.BeyondEnd):
        return "/logs/{task}" in path
    if issubclass(kind, errors.Different | errors.Closed):
        return "/logs/{task}" in path and method not in ("get", "head")
    if issubclass(kind, errors.Conflict | errors.TooLarge | errors.NotJson | errors.UnknownAction):
        return method not in ("get", "head")
    return True
