"""Whether the server lives, and whether it can be given work: for load balancers, which have no token."""

from __future__ import annotations

import asyncio

from litestar import get

from joblog import __version__
from joblog.errors import Unavailable
from joblog.server.state import State


@get("/healthz", summary="Whether the server answers", tags=["server"], security=[{}])
async def get_health() -> dict[str, str]:
    """Answers without a token, whatever else is wrong: for what restarts a server that hangs."""
    return {"status": "ok", "version": __version__}


@get("/readyz", summary="Whether the catalog can be written to and the object store reached", tags=["server"], security=[{}])
async def get_readiness(joblog: State) -> dict[str, str]:
    """Answers without a token; 503 also when the server is stopping."""
    return await _ready(joblog, "catalog", "object store")


@get("/readyz/catalog", summary="Whether the catalog can be written to", tags=["server"], security=[{}])
async def get_catalog_readiness(joblog: State) -> dict[str, str]:
    """As ``/readyz``, but a server that cannot reach its object store, and so takes appends only, is ready."""
    return await _ready(joblog, "catalog")


async def _ready(joblog: State, *parts: str) -> dict[str, str]:
    if joblog.followers.stopping:
        raise Unavailable("the server is stopping")
    answers = await asyncio.gather(*(joblog.readiness.reachable(part) for part in parts))
    away = [part for part, answered in zip(parts, answers, strict=True) if not answered]
    if away:
        raise Unavailable(f"the {' and the '.join(away)} cannot be reached")
    return {"status": "ready"}
