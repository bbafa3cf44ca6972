"""What every handler is given: the engine, who may do what, and where to run what blocks.

A plain record: ``app.py`` fills it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from joblog.engine.engine import Engine
from joblog.engine.progress_view import Watch
from joblog.engine.template_view import RunTemplatesView
from joblog.engine.why_view import Causes
from joblog.server.auth.login import Logins
from joblog.server.auth.tokens import Auth
from joblog.server.http.documents import Parsing
from joblog.server.http.heads import Heads
from joblog.server.http.pools import Searches, Viewing
from joblog.server.http.share import Share
from joblog.watch.receivers import Receivers

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class State:
    """The server's parts that handlers share, made once at start."""

    engine: Engine
    heads: Heads
    auth: Auth
    logins: Logins
    watch: Watch
    causes: Causes
    templates: RunTemplatesView
    downloads: Share
    searches: Searches
    viewing: Viewing
    parsing: Parsing
    receivers: Receivers

    async def reading(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a read of the catalog: at once where that takes microseconds, else in a thread."""
        if self.engine.database.embedded:
            return read(*args, **kwargs)
        return await asyncio.to_thread(read, *args, **kwargs)

    async def writing(self, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a write of the catalog in a thread: it waits for the disk."""
        return await asyncio.to_thread(write, *args, **kwargs)
