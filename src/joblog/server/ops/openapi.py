"""The API's description, ``/api/openapi.json``, made of the declarations of the calls (``http/routes.py``) and of the table of
refusals (``http/answers.py``). The page that shows it is among the viewer's (``ui/docs``).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from joblog import __version__, errors
from joblog.api.values import Value
from joblog.server.http.answers import STATUSES, Answer, full_code, modelarts, status_of
from joblog.server.http.parameters import Parameter, in_path, integers
from joblog.server.http.routes import OPEN, Route
from joblog.server.ops.media import illustrate

Json = dict[str, Any]

_SCHEMA = "#/components/schemas/{name}"
_STRING = {"type": "string"}


def _object(required: str = "", **properties: Json) -> Json:
    return {"type": "object", "required": required.split(), "properties": properties}


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
        "error", error=_object("code message title", code=integers(400, 599), message=_STRING, title=_STRING)
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
_LISTING = re.compile(r"Listing_(\w+?)(?:View)?_$")

_HEAD: Json = {
    "openapi": "3.1.0",
    "info": {
        "title": "joblog",
        "version": __version__,
        "description": (
            "Keeps every byte a training job prints, and gives any part of it back at once.\n\n"
            "Nearly all calls need a token, as `joblog token create` makes one: in the header `X-Auth-Token`, or as "
            "`Authorization: Bearer`."
        ),
    },
    "servers": [{"url": "/"}],
    "security": [{"token": []}, {"bearer": []}],
}
_SCHEMES: Json = {
    "token": {"type": "apiKey", "name": "X-Auth-Token", "in": "header"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def describe(routes: Iterable[Route]) -> Json:
    """Returns the description of all calls that are not hidden."""
    shown = [route for route in routes if not route.described.hidden]
    schemas = _schemas(shown)
    paths: Json = {}
    for route in shown:
        operations = paths.setdefault(route.path, {})
        operations[route.method.lower()] = _operation(route, route.method.lower(), route.name, route.described.summary)
        if route.described.head:
            operations["head"] = _operation(route, "head", *route.described.head.split(" ", 1))
    schema = {**_HEAD, "paths": paths, "components": {"schemas": schemas, "securitySchemes": _SCHEMES}}
    illustrate(schema)
    return schema


def _schemas(routes: Iterable[Route]) -> Json:
    kinds = [kind for route in routes for kind in (_answer(route), route.data) if _has_fields(kind)]
    _, components = msgspec.json.schema_components([_shape(kind) for kind in kinds], ref_template=_SCHEMA)
    schemas: Json = {_listing(name): _renamed(schema) for name, schema in components.items()}
    return schemas | _ERRORS


def _shape(kind: Any) -> Any:
    """Returns a type in which each kind of value is a struct, which msgspec has a schema of."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return Union[tuple(map(_shape, inner))]  # noqa: UP007  # made at run time
    if origin is not None:
        return origin[tuple(each if each is ... else _shape(each) for each in inner)]
    is_value = isinstance(kind, type) and issubclass(kind, Value)
    return _struct(kind) if is_value else kind


@cache
def _struct(kind: Any) -> type[msgspec.Struct]:
    """What is optional may be absent, and is never null."""
    fields: list[Any] = []
    for name in kind.FIELDS:
        hint = get_type_hints(kind)[name]
        if name in kind.OPTIONAL:
            fields.append((name, Union[_shape(get_args(hint)[0]), msgspec.UnsetType], msgspec.UNSET))  # noqa: UP007  # made at run time
        else:
            fields.append((name, _shape(hint)))
    return msgspec.defstruct(kind.__name__, fields, namespace={"__doc__": kind.__doc__})


def _has_fields(kind: Any) -> bool:
    return kind not in (None, type(None), bytes)


def _answer(route: Route) -> Any:
    """Returns the type of a call's answer, None where it is no JSON."""
    kind = route.described.answer or route.returns
    return None if kind is Answer else kind


def _listing(name: str) -> str:
    return _LISTING.sub(r"\1Listing", name)


def _renamed(value: Any) -> Any:
    """Gives schemas names that a program can have for them: msgspec's of generic types are as ``Listing_Job_``."""
    if isinstance(value, dict):
        if "prefixItems" in value:  # a tuple; most readers that make clients take no ``items: false``
            value = {name: each for name, each in value.items() if name not in ("items", "minItems", "maxItems")}
        return {name: _renamed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each) for each in value]
    return _listing(value) if isinstance(value, str) and "Listing_" in value else value


def _schema_of(kind: Any) -> Json:
    (schema,), _ = msgspec.json.schema_components([_shape(kind)], ref_template=_SCHEMA)
    renamed: Json = _renamed(schema)
    return renamed


def _operation(route: Route, method: str, name: str, summary: str) -> Json:
    described = route.described
    operation: Json = {
        "operationId": name,
        "summary": summary,
        "description": _plain(route.handler.__doc__ or ""),
        "tags": [described.tag],
        "parameters": _parameters(route),
        "responses": {str(route.status): _success(route, summary, method), **_refusals(route, method)},
    }
    if described.head:
        operation["responses"]["206"] = {"description": "The range's" if method == "head" else "The range"}
    if route.right == OPEN:
        operation["security"] = [{}]
    if route.data is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _schema_of(route.data)}}}
    elif described.body is bytes:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": _STRING}}}
    elif described.body is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": described.body}}}
    for status, response in operation["responses"].items():
        response["headers"] = _HEADERS[0] | _HEADERS.get(int(status), {})
    return operation


def _plain(docstring: str) -> str:
    return "\n".join(line.strip() for line in docstring.replace("``", "`").strip().splitlines())


def _parameters(route: Route) -> list[Json]:
    in_paths = [(name, in_path(name), True) for name in route.in_path]
    others = [(parameter.name, parameter, default is inspect.Parameter.empty) for _, parameter, default in route.parameters]
    return [_parameter(*each) for each in (*in_paths, *others)]


def _parameter(name: str, parameter: Parameter, required: bool) -> Json:
    schema = {"type": "array", "items": parameter.schema} if parameter.repeated else parameter.schema
    described = {"description": parameter.description} if parameter.description else {}
    return {"name": name, "in": parameter.place, "required": required, "schema": schema, **described}


def _success(route: Route, summary: str, method: str) -> Json:
    kind = _answer(route)
    if kind in (None, type(None)) or method == "head":
        return {"description": summary}
    return {"description": summary, "content": {"application/json": {"schema": _schema_of(kind)}}}


def _refusals(route: Route, method: str) -> Json:
    """Describes the refusals that a call can be answered with, and their codes."""
    codes: dict[int, list[str]] = {}
    for kind in STATUSES:
        if _possible(kind, route, method):
            status, code = status_of(kind, route.path)
            codes.setdefault(status, []).append(full_code(code) if modelarts(route.path) else code)
    name = next((name for start, name in _ERROR_NAMES.items() if route.path.startswith(start)), "Error")
    schema = {"schema": {"$ref": _SCHEMA.format(name=name)}}
    content = {} if method == "head" else {"content": {"application/json": schema}}
    return {str(status): {"description": ", ".join(sorted(set(codes[status]))), **content} for status in sorted(codes)}


def _possible(kind: type[errors.JoblogError], route: Route, method: str) -> bool:
    path = route.path
    if path.startswith(_LINKS):
        return issubclass(kind, errors.BadLink | errors.BeyondEnd | errors.NotFound | errors.Damaged | errors.Unavailable)
    if path.startswith("/readyz"):
        return issubclass(kind, errors.Unavailable | errors.Busy)
    if issubclass(kind, errors.BadLink) or (route.right == OPEN and method == "get"):
        return False
    if issubclass(kind, errors.BeyondEnd):
        return "/logs/{task}" in path
    if issubclass(kind, errors.Different | errors.Closed):
        return "/logs/{task}" in path and method not in ("get", "head")
    if issubclass(kind, errors.Conflict | errors.TooLarge | errors.NotJson | errors.UnknownAction):
        return method not in ("get", "head")
    return True
