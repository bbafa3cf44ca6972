"""Whether the server lives, and whether it can be given work: for load balancers, which have no token."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from functools import partial

from joblog import __version__
from joblog.catalog.database import Database
from joblog.engine.engine import Engine
from joblog.errors import JoblogError, Unavailable
from joblog.server.http.routes import OPEN, Calls
from joblog.server.native.channels import Followers

calls = Calls("", "server")

_ASK_S = 3.0
"""What does not answer within this is not reachable, whatever may become of it."""

_BELIEVED_S = 1.0
"""However many ask: the catalog and the store are asked once a second."""


class Readiness:
    """Asks the catalog and the object store. Used from the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._parts: dict[str, Callable[[], object]] = {
            "catalog": partial(_commit, engine.database),
            "object store": engine.objects.reachable,
        }
        self._asking = {name: asyncio.Lock() for name in self._parts}
        self._known: dict[str, tuple[bool, float]] = {}

    async def reachable(self, part: str) -> bool:
        """Whether a part answers, or did a moment ago."""
        async with self._asking[part]:
            answers, until = self._known.get(part, (False, 0.0))
            if time.monotonic() >= until:
                answers = await self._answers(self._parts[part])
                self._known[part] = answers, time.monotonic() + _BELIEVED_S
            return answers

    async def _answers(self, ask: Callable[[], object]) -> bool:
        try:
            async with asyncio.timeout(_ASK_S):
                await asyncio.to_thread(ask)
        except (JoblogError, TimeoutError):
            return False
        return True


def _commit(database: Database) -> None:
    """Commits something, and leaves nothing: a catalog may answer while every commit waits for a standby or has no room."""
    name = f"ready {uuid.uuid4()}"  # of its own, so that nobody waits for anybody
    with database.transaction() as tx:
        tx.rows("set_counter", name=name, value=0)
        tx.rows("counter_drop", name=name)


@calls.get("/healthz", OPEN, "Whether the server answers")
async def get_health() -> dict[str, str]:
    """Answers without a token, whatever else is wrong: for what restarts a server that hangs."""
    return {"status": "ok", "version": __version__}


@calls.get("/readyz", OPEN, "Whether the catalog can be written to and the object store reached")
async def get_readiness(followers: Followers, readiness: Readiness) -> dict[str, str]:
    """Answers without a token; 503 also when the server is stopping."""
    return await _ready(followers, readiness, "catalog", "object store")


@calls.get("/readyz/catalog", OPEN, "Whether the catalog can be written to")
async def get_catalog_readiness(followers: Followers, readiness: Readiness) -> dict[str, str]:
    """As ``/readyz``, but a server that cannot reach its object store, and so takes appends only, is ready."""
    return await _ready(followers, readiness, "catalog")


async def _ready(followers: Followers, readiness: Readiness, *parts: str) -> dict[str, str]:
    if followers.stopping:
        raise Unavailable("the server is stopping")
    answers = await asyncio.gather(*(readiness.reachable(part) for part in parts))
    away = [part for part, answered in zip(parts, answers, strict=True) if not answered]
    if away:
        raise Unavailable(f"the {' and the '.join(away)} cannot be reached")
    return {"status": "ready"}
