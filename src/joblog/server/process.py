"""The server process: its catalog, its address, its last words; what the operating system and the collector are told."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import uvloop
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server

from joblog import __version__
from joblog.catalog.leases import LEASE_MS
from joblog.catalog.shared_key import agree
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.opening import await_database
from joblog.errors import Invalid
from joblog.server.app import App
from joblog.server.greeting import greet
from joblog.server.http import audit, server_log
from joblog.server.http.pools import Threads
from joblog.server.http.request_log import Traces
from joblog.server.http.sockets import bound_connections
from joblog.watch.service import WatchService

URL_FILE = "url"
DEFAULT_PROJECT = "default"

# glibc's mallopt: arenas for all threads together, and the size from which a block is given back when it is freed. Left to
# itself, glibc keeps tens of megabytes of what a burst of appends or a merge has used.
_M_ARENA_MAX, _ARENAS = -8, 2
_M_MMAP_THRESHOLD, _MMAP_BYTES = -3, 512 * 1024

_GC_NEW_OBJECTS = 20_000

_SWITCH_S = 0.0005
"""How long a thread that computes keeps the others waiting, a tenth of Python's own 5 ms: the event loop asks for its turn
several times an answer. While ranks were merged, the slowest appends took two thirds of the time; alone, the same."""

_TOKENS_LOOKED_AT = 1000

_CONNECTIONS = 32_768
"""Served at a time. The HTTP server's own limit, 128, would let that many followers keep everybody else out."""

_READ_AHEAD_BYTES = 64 * 1024
"""What is read of a request before anybody asks for it, on each connection; by default six times as much, which thousands of
agents that send at once make a gigabyte of."""

_BACKLOG = 1024
"""Connections that wait to be accepted: hundreds of followers come back in the same second after a restart."""

_THREADS = 32
_THREADS_NEAR = min(_THREADS, (os.cpu_count() or 1) + 4)
"""Each may wait for an answer over the network; near ones wait for the disk and the processor only."""

_WAITING = 1024
"""Calls that wait for a thread: some seconds of work."""

_END_S = 5.0
"""Longest wait for answers that are on their way when the server is to stop. Who reads slowly, or is gone without a word, would
keep it for ever; what was taken is committed before its answer begins, and what was being read can be asked for again."""

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
    _bound_malloc()
    _many_files()
    sys.setswitchinterval(_SWITCH_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, tls))


def _spare_the_collector() -> None:
    """Takes what was made at start out of garbage collection for good: requests hardly make cycles, and looking at all of
    them again and again took a fifth of the time of an append."""
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


def _many_files() -> None:
    """Allows as many open files, connections among them, as this process may allow itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * _CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 4 * _CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(settings: Settings, tls: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    port = _free_port(settings)
    traces, cut_off = _traces(settings), False
    watching: WatchService | None = None
    engine = Engine(settings, deliver=lambda tell: _on(loop, tell), called=traces.object_call if traces else None)
    near = engine.database.embedded and engine.objects.local_directory
    loop.set_default_executor(Threads(_THREADS_NEAR if near else _THREADS, _WAITING))
    try:
        if not engine.database.embedded:
            agree(engine.database, engine.vault)
        _admin_token(engine)
        engine.janitor.start()
        app = App(engine, traces)
        server = _http(app, settings.host, port, tls)
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        _spare_the_collector()
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(_stop(stopped, app, server, serving))
        try:
            address = await _announce(settings, port)
            watching = app.watching(address)
            await asyncio.to_thread(watching.start)
            await asyncio.to_thread(greet, engine, address)
            bound_connections(port, settings.body_silence_s)
            await serving
        except asyncio.CancelledError:
            cut_off = True
        finally:
            stopping.cancel()
    finally:
        await asyncio.to_thread(_close, engine, traces, watching)
    _log.info("stopped%s", ", and cut answers off that nobody took" if cut_off else "")
    logging.shutdown()
    os._exit(0)  # all is closed but answers, which stand where they send, and threads that compute for nobody any more


def _http(app: App, host: str, port: int, tls: dict[str, Any]) -> Server:
    return Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=_CONNECTIONS,
        http1_settings=HTTP1Settings(max_buffer_size=_READ_AHEAD_BYTES),
        log_enabled=False,
        **tls,
    )


def _traces(settings: Settings) -> Traces | None:
    """Returns whoever traces requests, if that is asked for; raises Invalid where OpenTelemetry is not installed."""
    if settings.traces == "off":
        return None
    try:
        return cast(Traces, import_module("joblog.server.http.traces").Otlp())
    except ImportError as error:
        raise Invalid("traces", f"off ({error}; pip install 'joblog[traces]' brings what is missing)") from error


def _close(engine: Engine, traces: Traces | None, watching: WatchService | None) -> None:
    if watching is not None:
        watching.close()
    engine.close()
    if traces is not None:
        traces.close()


async def _stop(stopped: asyncio.Event, app: App, server: Server, serving: asyncio.Task[None]) -> None:
    """Ends the server when it is told to, once those who follow know."""
    await stopped.wait()
    await app.stop()
    server.stop()  # type: ignore[no-untyped-call]  # it has no types
    await asyncio.wait({serving}, timeout=_END_S)
    serving.cancel()


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
            given = f"{settings.host}:{settings.port}"
            raise Invalid("host and port", f"an address that can be listened on ({error})", given) from error
        return int(probe.getsockname()[1])


def tls_options(settings: Settings) -> dict[str, Any]:
    """Returns what the HTTP server is told of certificates; raises Invalid for files that are none."""
    if not settings.tls_cert:
        return {}
    certificate, key = Path(settings.tls_cert).absolute(), Path(settings.tls_key).absolute()
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password=_no_passphrase)
    except (OSError, ValueError) as error:  # SSLError is one of the former
        raise Invalid("tls_cert and tls_key", f"a certificate and its private key ({error})") from error
    return {"ssl_cert": certificate, "ssl_key": key, "ssl_protocol_min": SSLProtocols.tls12}


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase")


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
