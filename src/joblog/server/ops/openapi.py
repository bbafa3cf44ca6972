"""The API's description: what Litestar finds in the handlers. The page that shows it is among the viewer's (``ui/docs``)."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from joblog import __version__
from joblog.server.ops.shapes import completed


def _operation_id(handler: HTTPRouteHandler, *_: object) -> str:
    """Names a call by its handler: clients that are made of the description have functions of these names."""
    return handler.handler_name


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
    use_handler_docstrings=True,
    operation_id_creator=_operation_id,
    path="/api/docs",  # where the viewer's page is first; Litestar answers with a page of HTML whatever is below
    render_plugins=[JsonRenderPlugin()],
)


@get("/api/openapi.json", media_type="application/json", include_in_schema=False)
async def description(request: Request[Any, Any, Any]) -> bytes:
    """Describes the API: made when it is asked for first, as making it takes longer than most calls do."""
    state = request.app.state
    if "description" not in state:
        state.description = JsonRenderPlugin().render(request, completed(request.app.openapi_schema.to_schema()))
    text: bytes = state.description
    return text
