"""What every handler is given: the engine, who may do what, and where to run what blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from litestar import Request

from joblog.engine import Engine
from joblog.model import Log
from joblog.server.appends import AppendCall
from joblog.server.auth import Auth
from joblog.server.bodies import Unpacking
from joblog.server.channels import Followers
from joblog.server.delivery import Deliveries
from joblog.server.exposition import Metrics
from joblog.server.identity import Logins
from joblog.server.modelarts_v1 import LogCalls
from joblog.server.readiness import Readiness
from joblog.server.searches import Searches
from joblog.server.share import Share
from joblog.server.streams import MAX_DOWNLOADS
from joblog.server.viewing import Viewing
from joblog.server.views import LogView, log_view
from joblog.watch import Watch

Call = Request[Any, Any, Any]
"""A request, as handlers get it."""

P = ParamSpec("P")
T = TypeVar("T")


class State:
    """The server's parts, made once at start."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.auth = Auth(engine)
        self.watch = Watch(engine.query)
        self.room = Share(engine.settings.append_queue_bytes, "too many bodies are on their way")
        self.downloads = Share(MAX_DOWNLOADS, "too many downloads are on their way")
        unpacking = Unpacking()
        self.append_call = AppendCall(engine, self.auth, unpacking)
        self.deliveries = Deliveries(engine, self.auth, self.append_call, unpacking)
        self.followers = Followers(engine)
        self.searches = Searches(engine)
        self.viewing = Viewing()
        self.logins = Logins(engine)
        self.readiness = Readiness(engine)
        self.metrics = Metrics(engine, self.followers)
        self.log_calls = LogCalls(engine, self.auth, self.downloads)

    async def reading(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a read of the catalog: at once where that takes microseconds, else in a thread."""
        if self.engine.database.embedded:
            return read(*args, **kwargs)
        return await asyncio.to_thread(read, *args, **kwargs)

    async def writing(self, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a write of the catalog in a thread: it waits for the disk."""
        return await asyncio.to_thread(write, *args, **kwargs)

    async def log_view(self, log: Log) -> LogView:
        """Renders a log with its gaps."""
        return log_view(log, await self.reading(self.engine.logs.gaps, log.id))
