"""A worker: answers calls that read logs, and has all others answered by the owner, who alone starts it (``crew.py``)."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.generations import Generations
from joblog.errors import Unavailable
from joblog.server.app import READS, ROUTES, App
from joblog.server.auth.signed import is_signed
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
from joblog.server.http.answers import Answer, error_answer
from joblog.server.http.asgi import HTTPScope, Receive, Send
from joblog.server.http.routes import Tree, Unrouted
from joblog.server.http.sockets import bound_connections
from joblog.server.workers.channel import WorkerEnd
from joblog.server.workers.crew import Beginning, Counted

READ_HERE = frozenset(
    (
        *("v1_read_log_bytes", "v1_read_log_lines", "v1_list_log_files"),
        *("get_log", "list_logs", "read_lines", "read_bytes", "download_log", "read_raw", "read_stored"),
        *("read_terminal", "read_frames", "read_merged", "explain_failure", "read_progress", "read_metrics"),
        *("list_templates", "compare_runs", "search_log", "search_version", "search_project"),
    )
)
"""The handlers of calls that a worker answers: those that read logs, and remember nothing that anybody else has to know."""

_COUNT_S = 1.0
"""Between two times that a worker tells what it has counted, and so that it is not stuck."""

_log = logging.getLogger("joblog.server")


class Reader:
    """The worker's application: passes on what is not read here."""

    def __init__(self, app: App, engine: Engine) -> None:
        self._app, self._engine = app, engine
        self._owner = WorkerEnd(engine.settings.data)
        self._tree = Tree(ROUTES)
        self._alone = not engine.settings.rate_limit  # a token's requests are counted in one place
        self._revocations = -1

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if self._reads(scope):
            generations = self._engine.generations
            assert generations is not None
            if generations.revocations != self._revocations:
                self._revocations = generations.revocations
                self._app.forget_rights()
            self._engine.catch_up()
            await self._app(scope, receive, send)
            return
        try:
            await self._owner(scope, receive, send)
        except Unavailable as error:
            await _send(error_answer(error, scope["path"]), send)

    def _reads(self, scope: HTTPScope) -> bool:
        if scope["method"] not in READS or not self._alone:
            return False
        try:
            route = self._tree.find(scope["method"], scope["path"]).route
        except Unrouted:
            return False
        return route.name in READ_HERE and not is_signed(scope["path"], scope["headers"])


async def _send(answer: Answer, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer.body)), *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def main() -> None:
    """Serves until the owner says so, or is gone."""
    beginning = msgspec.json.decode(sys.stdin.buffer.readline(), type=Beginning)
    settings = Settings(**{**beginning.settings, "data": Path(beginning.settings["data"])})
    server_log.configure(settings.log_format)
    audit.configure(settings)
    prepare()
    run(_serve(settings, beginning.port, Generations(beginning.generations)))


async def _serve(settings: Settings, port: int, generations: Generations) -> None:
    loop = asyncio.get_running_loop()
    traces = traces_of(settings)
    called = traces.object_call if traces else None
    engine = Engine(settings, deliver=partial(deliver, loop), called=called, generations=generations, reads=True)
    give_threads(loop, engine)
    app = App(engine, traces)
    server = HTTPServer(Reader(app, engine), settings.host, port, tls_options(settings))
    stopped = told_to_stop(loop)
    threading.Thread(target=_heed, args=(partial(loop.call_soon_threadsafe, stopped.set),), daemon=True).start()
    spare_the_collector()
    serving = asyncio.create_task(server.serve())
    counting = asyncio.create_task(_count(engine))
    await asyncio.sleep(0)
    bound_connections(port, settings.body_silence_s)
    await asyncio.wait((serving, asyncio.create_task(stopped.wait())), return_when=asyncio.FIRST_COMPLETED)
    counting.cancel()
    await app.stop()
    server.stop()
    await asyncio.wait((serving,), timeout=END_S)
    _tell(engine)
    logging.shutdown()
    os._exit(0)  # as the owner does


def _heed(stop: Callable[[], None]) -> None:
    """Waits for the owner's word; its end is a word, too."""
    if not sys.stdin.buffer.readline():
        os._exit(1)  # what it had answered, it has answered; nobody is there to ask for anything else
    stop()
    sys.stdin.buffer.readline()  # nothing comes any more but its end
    os._exit(0)


async def _count(engine: Engine) -> None:
    while True:
        await asyncio.sleep(_COUNT_S)
        _tell(engine)


def _tell(engine: Engine) -> None:
    counts, durations = engine.tally.given()
    hits, misses = engine.cache.hits, engine.cache.misses
    engine.cache.hits = engine.cache.misses = 0
    sys.stdout.buffer.write(msgspec.json.encode(Counted(counts, durations, hits, misses)) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
