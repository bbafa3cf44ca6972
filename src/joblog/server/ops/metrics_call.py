"""``GET /metrics``, and who may read it."""

from __future__ import annotations

from ipaddress import ip_address

from litestar import get
from litestar.response import Response
from litestar.types import HTTPScope

from joblog.errors import NotFound
from joblog.server.state import Call, State

_MEDIA_TYPE = "text/plain; version=0.0.4"
"""Litestar adds the charset."""

# A proxy on this machine speaks for others, and says so by one of these.
_FORWARDED = frozenset((b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"via"))


@get("/metrics", include_in_schema=False)
async def metrics(joblog: State, request: Call) -> Response[bytes]:
    """Answers whoever may read it: see the setting ``metrics``."""
    access, scope = joblog.engine.settings.metrics, request.scope
    if access == "off":
        raise NotFound("path", "/metrics")
    if access == "token" or (access == "local" and not _local(scope)):
        joblog.auth.allowed(scope["headers"], "metrics", None)
    return Response(await joblog.metrics.text(), media_type=_MEDIA_TYPE, headers={"cache-control": "no-store"})


def _local(scope: HTTPScope) -> bool:
    """Whether the caller is a process of this machine, and no proxy that speaks for others."""
    client = scope.get("client")
    if not client or any(name in _FORWARDED for name, _ in scope["headers"]):
        return False
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False
