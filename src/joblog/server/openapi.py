"""The API's description: what Litestar finds in the handlers, what it cannot find there, and pages to browse it that need no
outside host.

Litestar does not know what refusals look like, nor which there are: that is in the table of ``wire.py``. It takes what is read
from a path or a query for any string, or none.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # it ships no types

from joblog import __version__, errors
from joblog.model import MAX_ID
from joblog.server.wire import STATUSES, told

_STATIC = "/api/docs-static"

openapi_config = OpenAPIConfig(
    title="joblog",
    version=__version__,
    description="Keeps every byte a training job prints, and gives any part of it back at once.",
    components=Components(
        security_schemes={
            "token": SecurityScheme(type="apiKey", name="X-Auth-Token", security_scheme_in="header"),
            "bearer": SecurityScheme(type="http", scheme="bearer"),
        }
    ),
    security=[{"token": []}, {"bearer": []}],
    path="/api/docs",  # Litestar answers with a page of HTML whatever it does not know below
    render_plugins=[
        SwaggerRenderPlugin(
            path="/",
            favicon="<link rel='icon' href='data:,'>",
            js_url=f"{_STATIC}/swagger-ui-bundle.js",
            css_url=f"{_STATIC}/swagger-ui.css",
            standalone_preset_js_url=f"{_STATIC}/swagger-ui-standalone-preset.js",
        ),
    ],
)


@get("/api/openapi.json", media_type="application/json", include_in_schema=False)
async def description(request: Request[Any, Any, Any]) -> bytes:
    """Describes the API."""
    return JsonRenderPlugin().render(request, completed(request.app.openapi_schema.to_schema()))


static_router = create_static_files_router(path=_STATIC, directories=[swagger_ui_path], include_in_schema=False)

Json = dict[str, Any]

_ID = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}
_PATH_SCHEMAS: Json = {
    "project_id": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"},
    "task": {"type": "string", "pattern": "^worker-(0|[1-9][0-9]{0,5})$"},
    **dict.fromkeys(("job_id", "version_id", "token_id"), _ID),
}

_STRING = {"type": "string"}
_ERROR_SCHEMAS: Json = {
    "Error": {
        "type": "object",
        "description": "A refusal; beside code and message there is what a program may act on",
        "required": ["error"],
        "properties": {
            "error": {"type": "object", "required": ["code", "message"], "properties": {"code": _STRING, "message": _STRING}}
        },
    },
    "ModelArtsError": {
        "type": "object",
        "description": "A refusal of ModelArts' calls; both messages are the same",
        "required": ["is_success", "error_code", "error_msg", "error_message"],
        "properties": {
            **{"is_success": {"const": False}, "error_code": {"type": "string", "pattern": "^(ModelArts|APIGW)[.][0-9]{4}$"}},
            **dict.fromkeys(("error_msg", "error_message"), _STRING),
        },
    },
}

_HEADERS: dict[int, Json] = {
    0: {"X-Request-Id": {"required": True, "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}},
    416: {"Content-Range": {"schema": {"type": "string", "pattern": "^bytes [*]/[0-9]+$"}}},
    503: {"Retry-After": {"required": True, "schema": {"type": "integer"}}},
}
"""By status; those of 0 are on every answer."""


def completed(schema: Json) -> Json:
    """Puts in what Litestar does not know: the refusals, the headers, the shape of what is in paths and queries."""
    schema["components"].setdefault("schemas", {}).update(_ERROR_SCHEMAS)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                parameter["schema"] = _parameter_schema(parameter)
            responses = operation["responses"]
            responses.pop("400", None)  # Litestar's own shape, which nobody is answered with
            responses.update(_refusals(path, method, operation.get("security") == [{}]))
            for status, response in responses.items():
                response["headers"] = response.get("headers", {}) | _HEADERS[0] | _HEADERS.get(int(status), {})
    return schema


def _parameter_schema(parameter: Json) -> Json:
    said: Json = {**parameter["schema"]}
    if parameter["in"] == "path":
        return {**_PATH_SCHEMAS.get(parameter["name"], said)}
    allowed = [each for each in said.get("oneOf", []) if each != {"type": "null"}]  # there is no null in a URL
    if len(allowed) == 1:
        del said["oneOf"]
        said |= allowed[0]
    return said


def _refusals(path: str, method: str, is_open: bool) -> Json:
    """Describes the refusals that a call can be answered with, and their codes."""
    codes: dict[int, list[str]] = {}
    for kind in STATUSES:
        if _possible(kind, path, method, is_open):
            status, code = told(kind, path)
            codes.setdefault(status, []).append(code if path.startswith("/api/") else f"ModelArts.{code}")
    name = "Error" if path.startswith("/api/") else "ModelArtsError"
    content = (
        {} if method == "head" else {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}
    )
    return {str(status): {"description": ", ".join(sorted(set(said))), **content} for status, said in sorted(codes.items())}


def _possible(kind: type[errors.JoblogError], path: str, method: str, is_open: bool) -> bool:
    if issubclass(kind, errors.Different | errors.Closed | errors.BeyondEnd):
        return path.startswith("/api/") and "/logs/{task}" in path
    if issubclass(kind, errors.Conflict | errors.TooLarge | errors.NotJson | errors.UnknownAction):
        return method not in ("get", "head")
    return not is_open
