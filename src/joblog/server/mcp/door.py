"""Loads what answers assistants when the first one asks: it takes half a second, and ``joblog[mcp]``, which many do without."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from joblog.core.settings import Settings
from joblog.errors import NotFound
from joblog.server.auth.tokens import Auth
from joblog.server.http.answers import Answer
from joblog.server.http.asgi import Application, HTTPScope, Receive, Send
from joblog.server.mcp.paths import PATH

if TYPE_CHECKING:
    from joblog.server.mcp.endpoint import Endpoint


class Door:
    """Answers what is asked at ``PATHS``. Used from the event loop only."""

    def __init__(self, app: Application, auth: Auth, settings: Settings) -> None:
        self._given = app, auth, settings
        self._loading: asyncio.Task[Endpoint] | None = None

    async def answer(self, scope: HTTPScope, receive: Receive, send: Send) -> Answer | None:
        """Answers one request itself, or returns the answer; raises NotFound where the extra is not installed."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        try:
            endpoint = await asyncio.shield(self._loading)
        except ImportError as error:
            self._loading = None
            raise NotFound("path", PATH, f"{error}; pip install 'joblog[mcp]' on the server brings what is missing") from error
        return await endpoint.answer(scope, receive, send)

    async def stop(self) -> None:
        """Ends what is being answered."""
        if self._loading is not None and self._loading.done() and self._loading.exception() is None:
            await self._loading.result().stop()

    async def _load(self) -> Endpoint:
        module = await asyncio.to_thread(import_module, "joblog.server.mcp.endpoint")
        endpoint: Endpoint = module.Endpoint(*self._given)
        return endpoint
