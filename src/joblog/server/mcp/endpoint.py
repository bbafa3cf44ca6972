"""``/mcp``: the tools for assistants over HTTP, with the caller's token, each call by itself (no session is kept).

Source: https://modelcontextprotocol.io/specification, "Streamable HTTP" and "Authorization". It needs ``joblog[mcp]``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from urllib.parse import parse_qs

from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings

from joblog.core.settings import Settings
from joblog.errors import ForeignPage, Unauthorized
from joblog.mcp.protocol import server
from joblog.mcp.tools import Tools
from joblog.server.auth.tokens import Auth
from joblog.server.http.answers import Answer, error_answer
from joblog.server.http.asgi import Application, HTTPScope, Receive, Send
from joblog.server.http.base_url import base_url
from joblog.server.mcp.inside import InsideClient
from joblog.server.mcp.paths import METADATA_PATH, PATH

_MAX_BODY_BYTES = 256 << 10
"""A question is short."""


class Endpoint:
    """Answers assistants. Used from the event loop only."""

    def __init__(self, app: Application, auth: Auth, settings: Settings) -> None:
        self._app, self._auth, self._settings = app, auth, settings
        self._loop = asyncio.get_running_loop()
        logging.getLogger("mcp").setLevel(logging.WARNING)
        made = server(self._tools)
        open_to_all = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # ``answer`` checks who asks from where
        made.streamable_http_app(
            json_response=True, stateless_http=True, max_request_body_size=_MAX_BODY_BYTES, transport_security=open_to_all
        )
        self._manager = made.session_manager
        self._ready, self._stopping = asyncio.Event(), asyncio.Event()
        self._running = asyncio.create_task(self._run())

    async def answer(self, scope: HTTPScope, receive: Receive, send: Send) -> Answer | None:
        """Answers one request itself, or returns the answer; raises ForeignPage for a page of somebody else's."""
        base = base_url(scope, self._settings)
        if scope["path"] != PATH:
            return _metadata(base)
        origin = dict(scope["headers"]).get(b"origin")
        if origin is not None and origin.decode("latin-1") != base:
            raise ForeignPage("an assistant asks by itself, or from joblog's own page")
        if scope["method"] != "POST":
            return Answer(405, b"", [(b"allow", b"POST")])
        try:
            self._auth.token(scope["headers"])
        except Unauthorized as error:
            answer = error_answer(error, PATH)
            answer.headers.append((b"www-authenticate", f'Bearer resource_metadata="{base}{METADATA_PATH}{PATH}"'.encode()))
            return answer
        await self._ready.wait()
        await self._manager.handle_request({**scope, "root_path": ""}, receive, send)  # type: ignore[arg-type]  # its types are Starlette's
        return None

    async def stop(self) -> None:
        """Ends what is being answered."""
        self._stopping.set()
        await asyncio.wait({self._running})

    async def _run(self) -> None:
        async with self._manager.run():
            self._ready.set()
            await self._stopping.wait()

    def _tools(self, context: Context[Any]) -> Tools:
        """Returns the tools with the rights of whoever asks; called in a thread."""
        request = context.request_context.request
        assert request is not None
        scope = request.scope
        grant = self._auth.remembered(scope["headers"])
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("project", [""])[0]
        project_id = asked or (grant.project_id if grant is not None else None) or "default"
        client = InsideClient(self._app, self._loop, scope, _token(scope))
        return Tools(client, project_id, base_url(scope, self._settings))


def _metadata(base: str) -> Answer:
    """Returns what RFC 9728 asks for: no server hands out joblog's tokens, ``joblog token create`` does."""
    body = {"resource": base + PATH, "bearer_methods_supported": ["header"], "resource_name": "joblog"}
    return Answer(200, json.dumps(body).encode())


def _token(scope: HTTPScope) -> str:
    headers = dict(scope["headers"])
    given = headers.get(b"authorization", b"").decode("latin-1")
    return given[7:].strip() if given[:7].lower() == "bearer " else headers.get(b"x-auth-token", b"").decode("latin-1")
