"""What every handler is given: the engine, who may do what, and where to run what blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from litestar import Request

from joblog.core.logs import Log
from joblog.engine.engine import Engine
from joblog.engine.progress_view import Watch
from joblog.server.auth.login import Logins
from joblog.server.auth.tokens import Auth
from joblog.server.collectors.deliver import Deliveries
from joblog.server.http.bodies import Unpacking
from joblog.server.http.searches import Searches
from joblog.server.http.share import Share
from joblog.server.http.streams import MAX_DOWNLOADS
from joblog.server.http.viewing import Viewing
from joblog.server.modelarts.v1_logs import LogCalls
from joblog.server.native.append import AppendCall
from joblog.server.native.bodies import LogView, log_view
from joblog.server.native.channels import Followers
from joblog.server.ops.metrics import Metrics
from joblog.server.ops.readiness import Readiness

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
