"""A process of the server's as the machine sees it: its memory, its files, its threads, and HTTP on its port."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import resource
import signal
import ssl
import sys
from collections.abc import Callable, Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import uvloop
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server

from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.errors import Invalid
from joblog.server.http.asgi import Application
from joblog.server.http.pools import Threads
from joblog.server.http.request_log import Traces

# glibc's mallopt: arenas for all threads together, and the size from which a block is given back when it is freed. Left to
# itself, glibc keeps tens of megabytes of what a burst of appends or a merge has used.
_M_ARENA_MAX, _ARENAS = -8, 2
_M_MMAP_THRESHOLD, _MMAP_BYTES = -3, 512 * 1024

_GC_NEW_OBJECTS = 20_000

_SWITCH_S = 0.0005
"""How long a thread that computes keeps the others waiting, a tenth of Python's own 5 ms: the event loop asks for its turn
several times an answer. While ranks were merged, the slowest appends took two thirds of the time; alone, the same."""

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

END_S = 5.0
"""Longest wait for answers that are on their way when the server is to stop. Who reads slowly, or is gone without a word, would
keep it for ever; what was taken is committed before its answer begins, and what was being read can be asked for again."""


def prepare() -> None:
    """Sets up the process, before anything else is."""
    _bound_malloc()
    _many_files()
    sys.setswitchinterval(_SWITCH_S)


def give_threads(loop: asyncio.AbstractEventLoop, engine: Engine) -> None:
    """Sets up the threads that answer what blocks."""
    near = engine.database.embedded and engine.objects.local_directory
    loop.set_default_executor(Threads(_THREADS_NEAR if near else _THREADS, _WAITING))


def run(serving: Coroutine[Any, Any, None]) -> None:
    """Runs it on an event loop of this process."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving)


def told_to_stop(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """Returns what SIGINT and SIGTERM set."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def spare_the_collector() -> None:
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


class HTTPServer:
    """HTTP on a port, which processes may share."""

    def __init__(self, app: Application, host: str, port: int, tls: dict[str, Any]) -> None:
        self._server = Server(
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

    async def serve(self) -> None:
        """Serves until it is stopped."""
        await self._server.serve()

    def stop(self) -> None:
        """Takes no more connections, and ends those that are open when their answers are whole."""
        self._server.stop()  # type: ignore[no-untyped-call]  # it has no types


def traces_of(settings: Settings) -> Traces | None:
    """Returns whoever traces requests, if that is asked for; raises Invalid where OpenTelemetry is not installed."""
    if settings.traces == "off":
        return None
    try:
        return cast(Traces, import_module("joblog.server.http.traces").Otlp())
    except ImportError as error:
        raise Invalid("traces", f"off ({error}; pip install 'joblog[traces]' brings what is missing)") from error


def deliver(loop: asyncio.AbstractEventLoop, tell: Callable[[], None]) -> None:
    """Has the event loop call it, from any thread."""
    loop.call_soon_threadsafe(tell)


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
