"""The composition root: the engine and the handlers, put together into one application.

The calls that viewers and agents repeat all day, ModelArts' log calls and appends, are answered in front of the framework
by the very functions that the framework's handlers call: routing, parsing and rendering cost it more than the page or the
append does (bench/). All else, and the description of these calls, is Litestar's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeGuard, cast

from litestar import Litestar, Request, Response, Router
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPScope, Message, Receive, Scope, Send

from joblog.engine.engine import Engine
from joblog.engine.progress_view import Watch
from joblog.errors import Invalid, Missing, TooLarge, TooMany
from joblog.server.auth.login import Logins
from joblog.server.auth.signed import Admission, is_signed
from joblog.server.auth.tokens import Auth
from joblog.server.collectors.basic import with_password
from joblog.server.collectors.deliver import Deliveries
from joblog.server.collectors.loki import push
from joblog.server.collectors.otlp import export
from joblog.server.http.answers import Answer, answer_headers, error_answer, modelarts, shown_path
from joblog.server.http.audit import Audit
from joblog.server.http.bodies import TAKEN, Incoming, Unpacking
from joblog.server.http.documents import JsonRequest
from joblog.server.http.limits import Buckets
from joblog.server.http.outgoing import MAX_UNREAD_BYTES, Outgoing
from joblog.server.http.request_log import OTHER, VIEWER, Exchange, Traces, Traffic
from joblog.server.http.searches import Searches
from joblog.server.http.share import Caller, Share, calling
from joblog.server.http.silence import Silence
from joblog.server.http.streams import MAX_DOWNLOADS
from joblog.server.http.viewing import Viewing
from joblog.server.modelarts import v1_logs_docs, v3_identity
from joblog.server.modelarts.v1_jobs import JobCalls
from joblog.server.modelarts.v1_logs import PATH, LogCalls
from joblog.server.modelarts.v2_jobs import TrainingJobCalls
from joblog.server.modelarts.v2_tasks import TaskCalls
from joblog.server.native.append import PATH as APPEND_PATH
from joblog.server.native.append import AppendCall
from joblog.server.native.channels import Followers
from joblog.server.native.download_links import head_link, read_link
from joblog.server.native.downloads import DownloadController
from joblog.server.native.follow import FollowController
from joblog.server.native.jobs import JobController, ProjectController, TokenController
from joblog.server.native.logs import LogController
from joblog.server.native.overview import OverviewController
from joblog.server.native.permalinks import PermalinkController, follow_permalink
from joblog.server.native.proof import ProofController
from joblog.server.native.ranks import RankController
from joblog.server.native.search import SearchController
from joblog.server.native.session import SessionController, with_session
from joblog.server.native.states import StateController
from joblog.server.native.terminal import TerminalController
from joblog.server.native.users import MemberController, UserController
from joblog.server.ops.health import Readiness, get_catalog_readiness, get_health, get_readiness
from joblog.server.ops.metrics import Exposition, metrics
from joblog.server.ops.openapi import description, openapi_config
from joblog.server.ops.shapes import completed
from joblog.server.ops.viewer_files import Viewer
from joblog.server.state import State

JSON_BYTES = 1024 * 1024
"""The largest body of JSON: all that the API takes are small, but for the gaps of a log that was closed."""

_NATIVE = [
    ProjectController,
    JobController,
    OverviewController,
    StateController,
    LogController,
    DownloadController,
    ProofController,
    PermalinkController,
    FollowController,
    SearchController,
    TerminalController,
    RankController,
    TokenController,
    UserController,
    MemberController,
]

# A browser that opens an answer takes it for what it says it is: bytes of a log are never a page, nor a script.
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")

_LOG_CALL = "/v1/{project_id}/training-jobs/{job_id}/versions/{version_id}/"
_APPEND_CALL = "/api/projects/{project_id}/jobs/{job_id}/versions/{version_id}/logs/{task}/append"

_PARTS = "joblog"
"""Where a request for the framework's part has the parts that handlers take."""

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
        append_call = AppendCall(engine, auth, unpacking)
        return cls(
            joblog=State(
                engine=engine,
                auth=auth,
                logins=Logins(engine),
                watch=Watch(engine.query, engine.past),
                downloads=downloads,
                searches=Searches(engine),
                viewing=Viewing(),
            ),
            append_call=append_call,
            deliveries=Deliveries(engine, auth, append_call, unpacking),
            followers=followers,
            log_calls=LogCalls(engine, auth, downloads),
            readiness=Readiness(engine),
            exposition=Exposition(engine, followers),
        )


class App:
    """The ASGI application: the short way for log calls and appends, Litestar for the rest; a request id on every answer."""

    def __init__(self, engine: Engine, traces: Traces | None = None) -> None:
        parts = Parts.of(engine)
        state = parts.joblog
        self._followers, self._searches = parts.followers, state.searches
        self._calls, self._appends = parts.log_calls, parts.append_call
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
        self._parts, self._litestar = parts, litestar()
        self._viewer = Viewer()
        self._silence = Silence(settings.body_silence_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if not _is_http(scope):
            await self._litestar(scope, receive, send)
            return
        try:
            await self._answer(scope, receive, send)
        except Exception as error:
            _log.error("%s: cut off: %r", shown_path(scope["path"]), error)  # what has begun cannot become an error any more
            raise

    async def stop(self) -> None:
        """Ends the answers that have no end of their own, or not soon."""
        self._searches.stopping.set()
        await self._followers.stop(LAST_WORDS_S)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        exchange = self._traffic.begin(scope)
        try:
            await self._checked(scope, receive, Outgoing(send, exchange, scope, self._unread), exchange)
        finally:
            exchange.ended()

    async def _checked(self, scope: HTTPScope, receive: Receive, send: Send, exchange: Exchange) -> None:
        for name, value in scope["headers"]:
            if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                refused = Invalid("Transfer-Encoding", "chunked or absent", value.decode("latin-1"))
                await _sent(error_answer(refused, scope["path"]), send, exchange, OTHER)
                return
        if scope["method"] in ("GET", "HEAD"):
            await self._believed(with_session(scope), receive, send, exchange)
            return
        with self._room.taking() as taken:
            TAKEN.set(taken)
            body = Incoming(receive, self._silence, taken)
            await self._believed(with_password(scope), body.receive, body.before(send), exchange)

    async def _believed(self, scope: HTTPScope, receive: Receive, send: Send, exchange: Exchange) -> None:
        signed = is_signed(scope["path"], scope["headers"])
        with calling(Caller(scope, self._settings, None if signed else self._auth)):
            await (self._signed if signed else self._known)(scope, receive, send, exchange)

    async def _signed(self, scope: HTTPScope, receive: Receive, send: Send, exchange: Exchange) -> None:
        try:
            admitted = await self._admission.admitted(scope, receive)
        except Exception as error:  # noqa: BLE001  # the process edge: every failure is an answer
            await _sent(error_answer(error, scope["path"]), send, exchange, OTHER)
            return
        try:
            with calling(Caller(admitted.scope, self._settings, self._auth)):
                await self._route(admitted.scope, admitted.receive, send, exchange)
        finally:
            admitted.close()

    async def _known(self, scope: HTTPScope, receive: Receive, send: Send, exchange: Exchange) -> None:
        """Looks the token up first, where that takes time, so that no handler waits for it on the event loop."""
        if not self._embedded:
            try:
                await self._auth.learn(scope["headers"])
            except Exception as error:  # noqa: BLE001  # as above
                await _sent(error_answer(error, scope["path"]), send, exchange, OTHER)
                return
        await self._route(scope, receive, send, exchange)

    async def _route(self, scope: HTTPScope, receive: Receive, send: Send, exchange: Exchange) -> None:
        method, path = scope["method"], scope["path"]
        if self._limit is not None:
            try:
                self._count(self._limit, scope)
            except TooMany as error:
                await _sent(error_answer(error, path), send, exchange, OTHER)
                return
        appending = APPEND_PATH.fullmatch(path) if method == "POST" else None  # which is no act, and most of what there is
        if self._audit.reads or (self._audit.changes and method not in ("GET", "HEAD") and appending is None):
            exchange.audited = self._audit.begin(scope)
        if method == "HEAD" and modelarts(path):
            scope, send, method = {**scope, "method": "GET"}, _headers_only(send), "GET"
        if method == "GET" and (match := PATH.fullmatch(path)):
            answer = self._calls.answer(match, scope["query_string"], scope["headers"])
            await _sent(await _answered(answer, path), send, exchange, _LOG_CALL + match[4])
        elif appending is not None:
            answer = self._appends.answer(appending, scope["query_string"], scope["headers"], receive)
            await _sent(await _answered(answer, path), send, exchange, _APPEND_CALL)
        elif method in ("GET", "HEAD") and (page := self._viewer.answer(path, scope["headers"])) is not None:
            await _sent(page, send, exchange, VIEWER)
        else:
            routed = with_parts(scope, self._parts)
            await self._litestar(routed, receive, _numbered(send, exchange, routed))

    def _count(self, limit: Buckets, scope: HTTPScope) -> None:
        """Counts a request of a token, or of all of a user's; strangers are refused by themselves."""
        token = self._auth.caller(scope["headers"])
        if token is not None:
            limit.take(token.user_id or str(token.id), time.monotonic())


async def _answered(answering: Awaitable[Answer], path: str) -> Answer:
    try:
        return await answering
    except Exception as error:  # noqa: BLE001  # the process edge: every failure is an answer
        return error_answer(error, path)


async def _sent(answer: Answer, send: Send, exchange: Exchange, route: str) -> None:
    exchange.route = route
    await send_answer(answer, send, exchange.number)


def _is_http(scope: Scope) -> TypeGuard[HTTPScope]:
    return str(scope["type"]) == "http"


async def send_answer(answer: Answer, send: Send, number: bytes) -> None:
    """Sends a whole answer."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer_headers(answer, number)})
    await send({"type": "http.response.body", "body": answer.body, "more_body": answer.rest is not None})
    if answer.rest is not None:
        async with aclosing(answer.rest):
            async for part in answer.rest:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@cache
def litestar() -> Litestar:
    """Builds the framework's part, which takes long and is the same for every engine: each request brings its parts."""
    api = Router(path="/api", route_handlers=_NATIVE, guards=[_known])
    return Litestar(
        route_handlers=[
            api,
            SessionController,
            get_health,
            metrics,
            get_readiness,
            get_catalog_readiness,
            description,
            v1_logs_docs.router,
            v3_identity.list_identity_versions,
            v3_identity.router,
            JobCalls,
            TrainingJobCalls,
            TaskCalls,
            export,
            push,
            read_link,
            head_link,
            follow_permalink,
        ],
        dependencies={each.name: _given(each.name) for each in fields(Parts)},
        exception_handlers={Exception: _failed},
        request_class=JsonRequest,
        openapi_config=openapi_config,
        logging_config=None,
        request_max_body_size=JSON_BYTES,  # of JSON: what is appended, bodies.py bounds
    )


def with_parts(scope: Scope, parts: Parts) -> Scope:
    """Returns a request for the framework's part, with what its handlers may take."""
    return cast(Scope, {**scope, _PARTS: parts})


def _parts(scope: Scope) -> Parts:
    return cast(Parts, cast(dict[str, object], scope)[_PARTS])


def _given(name: str) -> Provide:
    def part(scope: Scope) -> Any:
        return getattr(_parts(scope), name)

    return Provide(part, sync_to_thread=False)


def _known(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Looks at the token before the body is: strangers are told nothing else."""
    _parts(connection.scope).joblog.auth.token(connection.scope["headers"])


def described() -> dict[str, Any]:
    """Returns the API's description, as ``/api/openapi.json`` has it."""
    return completed(litestar().openapi_schema.to_schema())


def _headers_only(send: Send) -> Send:
    """Returns a ``send`` for an answer to HEAD: that of GET, without its body."""

    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            if message.get("more_body", False):
                return
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return headers_only


def _numbered(send: Send, exchange: Exchange, scope: Scope) -> Send:
    """Puts the request id on an answer of the framework's, and has it counted."""

    async def numbered(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-request-id", exchange.number), _NO_SNIFFING]
            exchange.route = scope.get("path_template") or OTHER  # the router puts it there
        await send(message)

    return numbered


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Renders every error of the framework's part through the one table."""
    headers = dict(getattr(error, "headers", None) or {})  # such as Allow
    if isinstance(error, HTTPException):
        error = _ours(error)
    answer = error_answer(error, request.scope["path"])
    headers |= {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers, media_type="application/json")


def _ours(error: HTTPException) -> Exception:
    """Says in joblog's words what the framework has refused by itself: a body that is too large, or absent."""
    if error.status_code == 413:
        return TooLarge("the body", JSON_BYTES)
    if error.status_code != 400:
        return error
    extra = error.extra if isinstance(error.extra, list) else []
    key = next((str(each["key"]) for each in extra if isinstance(each, dict) and "key" in each), "data")
    return Missing("body", "a JSON object") if key == "data" else Invalid(key, "as the API's description says")
