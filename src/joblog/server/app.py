"""The composition root: the engine and the calls, put together into one application."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from joblog.engine.engine import Engine
from joblog.engine.progress_view import Watch
from joblog.engine.template_view import RunTemplatesView
from joblog.engine.why_view import Causes
from joblog.errors import Invalid
from joblog.server.auth.login import Logins
from joblog.server.auth.signed import Admission, is_signed
from joblog.server.auth.tokens import Auth
from joblog.server.collectors import loki, otlp
from joblog.server.collectors.basic import with_password
from joblog.server.collectors.deliver import Deliveries
from joblog.server.http.answers import Answer, error_answer, shown_path
from joblog.server.http.asgi import HTTPScope, Receive, Send
from joblog.server.http.audit import Audit
from joblog.server.http.bodies import TAKEN, Incoming, Silence, Unpacking
from joblog.server.http.documents import Parsing
from joblog.server.http.heads import Heads
from joblog.server.http.limits import Buckets
from joblog.server.http.outgoing import MAX_UNREAD_BYTES, Outgoing
from joblog.server.http.pools import Searches, Viewing
from joblog.server.http.request_log import VIEWER, Exchange, Traces, Traffic
from joblog.server.http.routes import OPEN, Call, Calls, Routed, Tree, Unrouted
from joblog.server.http.share import Caller, Share
from joblog.server.http.streams import MAX_DOWNLOADS
from joblog.server.mcp.door import Door
from joblog.server.mcp.paths import PATH as MCP_PATH
from joblog.server.mcp.paths import PATHS as MCP_PATHS
from joblog.server.modelarts import v1_jobs, v1_logs, v2_jobs, v2_tasks, v3_identity
from joblog.server.modelarts.v1_logs import LogCalls
from joblog.server.native import (
    comparing,
    download_links,
    downloads,
    follow,
    jobs,
    logs,
    notes,
    overview,
    permalinks,
    proof,
    ranks,
    search,
    session,
    states,
    terminal,
    users,
    watch,
)
from joblog.server.native.append import AppendCall
from joblog.server.native.channels import Followers
from joblog.server.native.first_words import FirstWords
from joblog.server.native.session import with_session
from joblog.server.ops import health, metrics
from joblog.server.ops.health import Readiness
from joblog.server.ops.metrics import Exposition
from joblog.server.ops.openapi import describe
from joblog.server.ops.viewer_files import Viewer
from joblog.server.state import State
from joblog.watch.receivers import Receivers
from joblog.watch.service import WatchService

_GROUPS = (
    *(logs, follow, search, terminal, ranks, comparing, downloads, proof, download_links, permalinks),
    *(jobs, overview, notes, states, watch, users, session),
    *(v1_logs, v1_jobs, v2_jobs, v2_tasks, v3_identity),
    *(loki, otlp, health, metrics),
)
calls = Calls("", "server")


@calls.get("/api/openapi.json", OPEN, hidden=True)
async def get_description() -> Answer:
    """Describes the API: made when it is asked for first, as making it takes longer than most calls do."""
    return Answer(200, _description())


@cache
def _description() -> bytes:
    return msgspec.json.encode(described())


ROUTES = [*calls.routes, *(route for group in _GROUPS for route in group.calls.routes)]
"""Every call that there is."""

_TREE = Tree(ROUTES)

READS = frozenset(("GET", "HEAD"))
"""The methods of requests that have no body to wait for."""

BURST_S = 10.0
"""So many seconds' worth of requests may come at once: agents that catch up are no abuse."""

LAST_WORDS_S = 2.0
"""What followers get at the end to take the event that says so."""

_log = logging.getLogger("joblog.server")


@dataclass(frozen=True)
class Parts:
    """What handlers may take, by the names of their parameters: the state that all share, and the calls' own parts."""

    joblog: State
    append_call: AppendCall
    deliveries: Deliveries
    followers: Followers
    log_calls: LogCalls
    readiness: Readiness
    exposition: Exposition

    @classmethod
    def of(cls, engine: Engine) -> Parts:
        """Makes each part once."""
        auth, followers, unpacking = Auth(engine), Followers(engine), Unpacking()
        downloads = Share(MAX_DOWNLOADS, "too many downloads are on their way")
        heads = Heads(engine)
        append_call = AppendCall(engine, heads, unpacking)
        return cls(
            joblog=State(
                engine=engine,
                heads=heads,
                auth=auth,
                logins=Logins(engine),
                watch=Watch(engine.reader, engine.timeline),
                causes=Causes(engine.reader, engine.timeline, engine.runs, engine.states),
                templates=RunTemplatesView(engine.reader, engine.scan, engine.timeline),
                downloads=downloads,
                searches=Searches(engine),
                viewing=Viewing(),
                parsing=Parsing(),
                receivers=Receivers(engine.settings, engine.vault),
            ),
            append_call=append_call,
            deliveries=Deliveries(engine, auth, append_call, unpacking),
            followers=followers,
            log_calls=LogCalls(engine, heads, downloads),
            readiness=Readiness(engine),
            exposition=Exposition(engine, followers),
        )


def described() -> dict[str, Any]:
    """Returns the API's description, as ``/api/openapi.json`` has it."""
    return describe(ROUTES)


class App:
    """The ASGI application: a request id on every answer."""

    def __init__(self, engine: Engine, traces: Traces | None = None) -> None:
        parts = Parts.of(engine)
        state = parts.joblog
        self._followers, self._searches = parts.followers, state.searches
        self._auth = state.auth
        self._embedded = engine.database.embedded
        self._admission = Admission(engine, state.auth)
        self._settings = engine.settings
        self._room = Share(engine.settings.append_queue_bytes, "too many bodies are on their way")
        self._unread = Share(MAX_UNREAD_BYTES, "too many answers are waiting to be read")
        settings = engine.settings
        self._audit = Audit(settings, lambda scope: state.auth.caller(scope["headers"]))
        self._traffic = Traffic(engine.tally, settings.log_requests, self._audit, traces)
        self._limit = Buckets(settings.rate_limit, settings.rate_limit * BURST_S + 1) if settings.rate_limit else None
        self._parts = parts
        self._viewer = Viewer()
        self._assistants = Door(self, state.auth, settings)
        self._silence = Silence(settings.body_silence_s)
        self._engine = engine

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        exchange = Exchange(self._traffic, scope)
        try:
            if scope["method"] in READS:
                out = Outgoing(send, exchange, scope, self._unread)
                await self._answer(with_session(scope), receive, out, exchange)
                return
            with self._room.taking() as taken:
                TAKEN.set(taken)
                body = Incoming(receive, self._silence, taken)
                out = Outgoing(send, exchange, scope, self._unread, body)
                await self._answer(with_password(scope), body.receive, out, exchange)
        except Exception as error:
            _log.error("%s: cut off: %r", shown_path(scope["path"]), error)  # what has begun cannot become an error any more
            raise
        finally:
            exchange.ended()

    def watching(self, address: str) -> WatchService:
        """Returns what watches runs and tells of them, for whoever starts and closes it; links begin with the address."""
        words, receivers = FirstWords(self._parts.joblog, asyncio.get_running_loop()), self._parts.joblog.receivers
        return WatchService(self._engine, receivers, words.of, self._settings.public_url.rstrip("/") or address)

    def forget_rights(self) -> None:
        """Forgets what is remembered of tokens and users."""
        self._auth.forget()

    async def stop(self) -> None:
        """Ends the answers that have no end of their own, or not soon."""
        self._searches.stopping.set()
        await self._assistants.stop()
        await self._followers.stop(LAST_WORDS_S)

    async def _answer(self, scope: HTTPScope, receive: Receive, out: Outgoing, exchange: Exchange) -> None:
        """Finds out who is calling, answers, and says no in one place."""
        named = dict(scope["headers"])
        signed = b"authorization" in named and is_signed(scope["path"], scope["headers"])
        close: Callable[[], None] | None = None
        answer: Answer | None
        with Caller(scope, self._settings, None if signed else self._auth) as caller:
            try:
                try:
                    if b"transfer-encoding" in named:
                        _check_coding(scope)
                    if signed:
                        scope, receive, close = await self._admission.admitted(scope, receive)
                        caller.believe(scope, self._auth)
                    elif not self._embedded:  # so that no handler waits for the token on the event loop
                        await self._auth.learn(scope["headers"])
                    routed = self._routed(scope, exchange)
                    if isinstance(routed, Routed):
                        call = Call(scope, receive, self._parts.joblog.parsing)
                        answer = await routed.route.answer(self._parts, call, routed)
                    elif routed is None:
                        answer = await self._assistants.answer(scope, receive, out.forward)
                    else:
                        answer = routed
                except Exception as error:  # noqa: BLE001  # the process edge: every failure is an answer
                    answer = error_answer(error, scope["path"])
                if answer is not None:
                    await out.answer(answer, receive)
            finally:
                if close is not None:
                    close()

    def _routed(self, scope: HTTPScope, exchange: Exchange) -> Answer | Routed | None:
        """Returns a file of the viewer, the call that a request makes, or None for the assistants' door, which answers itself.

        Raises TooMany, Unrouted.
        """
        if scope["path"] in MCP_PATHS:
            exchange.route = MCP_PATH
            return None
        if self._limit is not None:
            self._count(self._limit, scope)
        method, path = scope["method"], scope["path"]
        if method in READS and (page := self._viewer.answer(path, scope["headers"])) is not None:
            exchange.route = VIEWER
            return page
        try:
            routed = _TREE.find(method, path)
        except Unrouted as error:
            self._audited(scope, exchange)
            if method == "OPTIONS" and error.allowed:
                return Answer(204, b"", [(b"allow", error.allowed.encode())])
            if not error.allowed and (page := self._viewer.no_page(path, scope["headers"])) is not None:
                return page
            raise
        route = routed.route
        exchange.route = route.path
        if route.name != "append_log":  # which is no act, and most of what there is
            self._audited(scope, exchange)
        return routed

    def _audited(self, scope: HTTPScope, exchange: Exchange) -> None:
        if self._audit.reads or (self._audit.changes and scope["method"] not in READS):
            exchange.audited = self._audit.begin(scope)

    def _count(self, limit: Buckets, scope: HTTPScope) -> None:
        """Counts a request of a token, or of all of a user's; strangers are refused by themselves."""
        token = self._auth.caller(scope["headers"])
        if token is not None:
            limit.take(token.user_id or str(token.id), time.monotonic())


def _check_coding(scope: HTTPScope) -> None:
    """Raises Invalid for a transfer coding that is not undone."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            raise Invalid("Transfer-Encoding", "chunked or absent", value.decode("latin-1"))
