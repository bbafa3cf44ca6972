"""Whether what a node depends on can be reached."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from functools import partial

from joblog.catalog.database import Database
from joblog.engine.engine import Engine
from joblog.errors import JoblogError

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
