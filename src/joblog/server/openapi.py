"""The API's description: what Litestar finds in the handlers, and pages to browse it that need no outside host."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # it ships no types

from joblog import __version__
from joblog.server.shapes import completed

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
