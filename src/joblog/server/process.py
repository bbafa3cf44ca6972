"""The server process: its catalog, its address, its last words; what the operating system and the collector are told."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from functools import partial
from pathlib import Path
from typing import Any

from joblog import __version__
from joblog.catalog.leases import LEASE_MS
from joblog.catalog.shared_key import agree
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.generations import Generations
from joblog.engine.opening import await_database
from joblog.errors import Invalid
from joblog.server.app import App
from joblog.server.greeting import greet
from joblog.server.host import (
    END_S,
    HTTPServer,
    deliver,
    give_threads,
    prepare,
    run,
    spare_the_collector,
    tls_options,
    told_to_stop,
    traces_of,
)
from joblog.server.http import audit, server_log
from joblog.server.http.request_log import Traces
from joblog.server.http.sockets import bound_connections
from joblog.server.workers.crew import Crew, processes
from joblog.watch.service import WatchService

URL_FILE = "url"
DEFAULT_PROJECT = "default"

_TOKENS_LOOKED_AT = 1000

_log = logging.getLogger("joblog.server")


def serve(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM. Raises Invalid for settings that cannot be served, Unavailable for the catalog."""
    server_log.configure(settings.log_format)
    audit.configure(settings)
    tls = tls_options(settings)
    if settings.catalog and settings.object_grace_s <= LEASE_MS // 1000:
        # Of nodes that share a catalog one may be about to name an object that another takes for one that nobody will name.
        allowed = f"more than {LEASE_MS // 1000}, which a lease lasts, where nodes share a catalog"
        raise Invalid("object_grace_s", allowed, settings.object_grace_s)
    await_database(settings, lambda why: _log.warning("%s; waiting for it for %d s", why, settings.catalog_wait_s))
    prepare()
    run(_serve(settings, tls))


async def _serve(settings: Settings, tls: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    port = _free_port(settings)
    traces, cut_off = traces_of(settings), False
    watching: WatchService | None = None
    called = traces.object_call if traces else None
    generations = Generations() if processes(settings) > 1 else None
    engine = Engine(settings, deliver=partial(deliver, loop), called=called, generations=generations)
    give_threads(loop, engine)
    try:
        if not engine.database.embedded:
            agree(engine.database, engine.vault)
        _admin_token(engine)
        engine.janitor.start()
        app = App(engine, traces)
        crew = Crew(engine, app, port)
        server = HTTPServer(app, settings.host, port, tls)
        stopped = told_to_stop(loop)
        spare_the_collector()
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(_stop(stopped, app, crew, server, serving))
        try:
            address = await _announce(settings, port)
            watching = app.watching(address)
            await asyncio.to_thread(watching.start)
            await asyncio.to_thread(greet, engine, address)
            bound_connections(port, settings.body_silence_s)
            await crew.begin()
            await serving
        except asyncio.CancelledError:
            cut_off = True
        finally:
            stopping.cancel()
            crew.close()
    finally:
        await asyncio.to_thread(_close, engine, traces, watching)
    _log.info("stopped%s", ", and cut answers off that nobody took" if cut_off else "")
    logging.shutdown()
    os._exit(0)  # all is closed but answers, which stand where they send, and threads that compute for nobody any more


def _close(engine: Engine, traces: Traces | None, watching: WatchService | None) -> None:
    if watching is not None:
        watching.close()
    engine.close()
    if traces is not None:
        traces.close()


async def _stop(stopped: asyncio.Event, app: App, crew: Crew, server: HTTPServer, serving: asyncio.Task[None]) -> None:
    """Ends the server when it is told to, once those who follow know."""
    await stopped.wait()
    await app.stop()
    await crew.stop(END_S)
    server.stop()
    await asyncio.wait({serving}, timeout=END_S)
    serving.cancel()


def _free_port(settings: Settings) -> int:
    """Returns the port to listen on; raises Invalid when it is taken, which the HTTP server would not notice."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except (OSError, OverflowError) as error:
            given = f"{settings.host}:{settings.port}"
            raise Invalid("host and port", f"an address that can be listened on ({error})", given) from error
        return int(probe.getsockname()[1])


def _admin_token(engine: Engine) -> None:
    """Makes, once, a token that may do everything, in a file that only its owner reads: the CLI here finds it there."""
    path = engine.settings.admin_token_path
    if path.exists() or (not engine.database.embedded and _has_admin(engine)):  # another node has made it
        return
    _, secret = engine.tokens.make(None, ["admin"], "made at the first start", engine.clock_ms(), None)
    _write(path, secret)
    engine.runs.put_project(DEFAULT_PROJECT, engine.clock_ms())


def _has_admin(engine: Engine) -> bool:
    """Whether somebody can do everything; the first tokens that were made are enough to tell."""
    now_ms = engine.clock_ms()
    return any(
        token.project_id is None and token.may("admin") and (token.expires_ms is None or token.expires_ms > now_ms)
        for token in engine.tokens.all(0, _TOKENS_LOOKED_AT)
    )


async def _announce(settings: Settings, port: int) -> str:
    """Writes the server's address to a file once it can be reached there, if that is possible, and returns it."""
    host = settings.host if settings.host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104  # not bound, compared
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        break
    scheme = "https" if settings.tls_cert else "http"
    address = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    try:
        _write(settings.data / URL_FILE, address)
    except OSError as error:  # on a full disk logs can be read all the same
        _log.warning("the address could not be written to %s: %s", settings.data / URL_FILE, error)
    _log.info("joblog %s serves %s at %s", __version__, settings.data, address)
    return address


def _write(path: Path, line: str) -> None:
    """Writes a small file whole or not at all, readable by its owner only."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(line + "\n")
    part.replace(path)
