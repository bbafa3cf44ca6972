"""The composition root: the engine, the handlers, the server process.

The calls that viewers and agents repeat all day, ModelArts' log calls and appends, are answered in front of the framework
by the very functions that the framework's handlers call: routing, parsing and rendering cost it more than the page or the
append does (bench/). All else, and the description of these calls, is Litestar's.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeGuard

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from litestar import Litestar, Request, Response, Router, get
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from joblog import __version__
from joblog.config import Settings
from joblog.engine import Engine
from joblog.errors import Invalid, Missing, TooLarge
from joblog.server import iam, modelarts_docs
from joblog.server.admission import Admission, is_signed
from joblog.server.appends import PATH as APPEND_PATH
from joblog.server.bodies import Incoming
from joblog.server.links import follow_link
from joblog.server.modelarts_jobs import JobCalls
from joblog.server.modelarts_tasks import TaskCalls
from joblog.server.modelarts_v1 import PATH
from joblog.server.modelarts_v2 import TrainingJobCalls
from joblog.server.names import JobController, ProjectController, TokenController
from joblog.server.native import LogController
from joblog.server.openapi import description, openapi_config, static_router
from joblog.server.state import State
from joblog.server.states import StateController
from joblog.server.users import MemberController, UserController
from joblog.server.wire import Answer, answer_headers, error_answer, modelarts, request_id

ADMIN_TOKEN_FILE = "admin.token"  # noqa: S105  # a name, not a secret
URL_FILE = "url"
DEFAULT_PROJECT = "default"

JSON_BYTES = 1024 * 1024
"""The largest body of JSON: all that the API takes are small, but for the gaps of a log that was closed."""

# glibc's mallopt: arenas for all threads together, and the size from which a block is given back when it is freed. Left to
# itself, glibc keeps tens of megabytes of what a burst of appends or a merge has used.
_M_ARENA_MAX, _ARENAS = -8, 2
_M_MMAP_THRESHOLD, _MMAP_BYTES = -3, 512 * 1024

_GC_NEW_OBJECTS = 20_000

_TOKENS_LOOKED_AT = 1000

_NATIVE = [ProjectController, JobController, StateController, LogController, TokenController, UserController, MemberController]

_log = logging.getLogger("joblog.server")


class App:
    """The ASGI application: the short way for log calls and appends, Litestar for the rest; a request id on every answer."""

    def __init__(self, engine: Engine) -> None:
        state = State(engine)
        self._calls = state.log_calls
        self._appends = state.append_call
        self._auth = state.auth
        self._embedded = engine.database.embedded
        self._admission = Admission(engine, state.auth)
        self._litestar = litestar(state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if not _is_http(scope):
            await self._litestar(scope, receive, send)
            return
        try:
            await self._answer(scope, receive, send)
        except Exception as error:
            _log.error("%s: cut off: %r", scope["path"], error)  # what has begun cannot become an error any more
            raise

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        number = request_id()
        if scope["method"] not in ("GET", "HEAD"):
            body = Incoming(receive)
            receive, send = body.receive, body.before(send)
        if not is_signed(scope["path"], scope["headers"]):
            await self._known(scope, receive, send, number)
            return
        try:
            admitted = await self._admission.admitted(scope, receive)
        except Exception as error:  # noqa: BLE001  # the process edge: every failure is an answer
            await send_answer(error_answer(error, scope["path"]), send, number)
            return
        try:
            await self._route(admitted.scope, admitted.receive, send, number)
        finally:
            admitted.close()

    async def _known(self, scope: HTTPScope, receive: Receive, send: Send, number: bytes) -> None:
        """Looks the token up first, where that takes time, so that no handler waits for it on the event loop."""
        if not self._embedded:
            try:
                await self._auth.learn(scope["headers"])
            except Exception as error:  # noqa: BLE001  # as above
                await send_answer(error_answer(error, scope["path"]), send, number)
                return
        await self._route(scope, receive, send, number)

    async def _route(self, scope: HTTPScope, receive: Receive, send: Send, number: bytes) -> None:
        method, path = scope["method"], scope["path"]
        if method == "HEAD" and modelarts(path):
            scope, send, method = {**scope, "method": "GET"}, _headers_only(send), "GET"
        if method == "GET" and (match := PATH.fullmatch(path)):
            await _short_way(self._calls.answer(match, scope["query_string"], scope["headers"]), path, send, number)
        elif method == "POST" and (match := APPEND_PATH.fullmatch(path)):
            answer = self._appends.answer(match, scope["query_string"], scope["headers"], receive)
            await _short_way(answer, path, send, number)
        else:
            await self._litestar(scope, receive, _numbered(send, number))


async def _short_way(answering: Awaitable[Answer], path: str, send: Send, number: bytes) -> None:
    try:
        answer = await answering
    except Exception as error:  # noqa: BLE001  # the process edge: every failure is an answer
        answer = error_answer(error, path)
    await send_answer(answer, send, number)


def _is_http(scope: Scope) -> TypeGuard[HTTPScope]:
    return str(scope["type"]) == "http"


async def send_answer(answer: Answer, send: Send, number: bytes) -> None:
    """Sends a whole answer."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer_headers(answer, number)})
    await send({"type": "http.response.body", "body": answer.body, "more_body": answer.rest is not None})
    if answer.rest is not None:
        async for part in answer.rest:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def litestar(state: State) -> ASGIApp:
    """Builds the framework's part."""

    def known(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        """Looks at the token before the body is: strangers are told nothing else."""
        state.auth.token(connection.scope["headers"])

    api = Router(path="/api", route_handlers=_NATIVE, guards=[known])
    return Litestar(
        route_handlers=[
            api,
            health,
            description,
            modelarts_docs.router(state.log_calls),
            iam.versions,
            iam.router,
            JobCalls,
            TrainingJobCalls,
            TaskCalls,
            follow_link,
            static_router,
        ],
        dependencies={"joblog": Provide(lambda: state, sync_to_thread=False, use_cache=True)},
        exception_handlers={Exception: _failed},
        openapi_config=openapi_config,
        logging_config=None,
        request_max_body_size=JSON_BYTES,  # of JSON: what is appended, bodies.py bounds
    )


@get("/healthz", summary="Whether the server answers", tags=["server"], security=[{}])
async def health() -> dict[str, str]:
    """Answers without a token."""
    return {"status": "ok", "version": __version__}


def serve(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM. Raises Invalid for settings that cannot be served, Unavailable for the catalog."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _bound_malloc()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


def _spare_the_collector() -> None:
    """Takes what was made at start out of garbage collection for good: requests hardly make cycles, and looking at all of the
    framework's objects again and again took a fifth of the time of an append."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_NEW_OBJECTS)


def _bound_malloc() -> None:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library, with its own ways
    mallopt(_M_ARENA_MAX, _ARENAS)
    mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    port = _free_port(settings)
    engine = Engine(settings, deliver=lambda tell: _on(loop, tell))
    try:
        _admin_token(engine)
        engine.janitor.start()
        server = Server(
            App(engine),
            address=settings.host,
            port=port,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.stop)
        _spare_the_collector()
        serving = asyncio.create_task(server.serve())
        await _announce(settings, port)
        await serving
    finally:
        await asyncio.to_thread(engine.close)
    _log.info("stopped")


def _on(loop: asyncio.AbstractEventLoop, tell: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(tell)


def _free_port(settings: Settings) -> int:
    """Returns the port to listen on; raises Invalid when it is taken, which the HTTP server would not notice."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except (OSError, OverflowError) as error:
            raise Invalid("host and port", f"an address that can be listened on ({error})") from error
        return int(probe.getsockname()[1])


def _admin_token(engine: Engine) -> None:
    """Makes, once, a token that may do everything, in a file that only its owner reads: the CLI here finds it there."""
    path = engine.settings.data / ADMIN_TOKEN_FILE
    if path.exists() or (not engine.database.embedded and _has_admin(engine)):  # another node has made it
        return
    _, secret = engine.tokens.make(None, ["admin"], "made at the first start", engine.clock_ms(), None)
    _write(path, secret)
    engine.names.put_project(DEFAULT_PROJECT, engine.clock_ms())


def _has_admin(engine: Engine) -> bool:
    """Whether somebody can do everything; the first tokens that were made are enough to tell."""
    now_ms = engine.clock_ms()
    return any(
        token.project_id is None and token.may("admin") and (token.expires_ms is None or token.expires_ms > now_ms)
        for token in engine.tokens.all(0, _TOKENS_LOOKED_AT)
    )


async def _announce(settings: Settings, port: int) -> None:
    """Writes the server's address to a file once it can be reached there."""
    host = settings.host if settings.host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104  # not bound, compared
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        break
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    _write(settings.data / URL_FILE, address)
    _log.info("joblog %s serves %s at %s", __version__, settings.data, address)


def _write(path: Path, line: str) -> None:
    """Writes a small file whole or not at all, readable by its owner only."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(line + "\n")
    part.replace(path)


def _headers_only(send: Send) -> Send:
    """Returns a ``send`` for an answer to HEAD: that of GET, without its body."""

    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            if message.get("more_body", False):
                return
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return headers_only


def _numbered(send: Send, number: bytes) -> Send:
    """Puts the request id on an answer of the framework's."""

    async def numbered(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-request-id", number)]
        await send(message)

    return numbered


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Renders every error of the framework's part through the one table."""
    headers = dict(getattr(error, "headers", None) or {})  # such as Allow
    if isinstance(error, HTTPException):
        error = _ours(error)
    elif isinstance(error, UnicodeDecodeError):  # the one error of a JSON body that Litestar does not catch
        error = Invalid("body", "JSON in UTF-8")
    answer = error_answer(error, request.scope["path"])
    headers |= {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers, media_type="application/json")


def _ours(error: HTTPException) -> Exception:
    """Says in joblog's words what Litestar found wrong with a body; the first of its fields that is."""
    if error.status_code == 413:
        return TooLarge("the body", JSON_BYTES)
    if error.status_code != 400:
        return error
    extra = getattr(error, "extra", None)
    found = extra[0] if isinstance(extra, list) and extra else {}
    key, message = found.get("key") or "data", found.get("message", error.detail)
    if message == "'data'":  # what Litestar says of a body that is empty
        return Missing("body", "a JSON object")
    return Invalid("body" if key == "data" else str(key), f"as the API says ({message})")
