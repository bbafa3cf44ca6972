"""The owner's workers: started, counted, started again when they die, and ended."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import msgspec

from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.server.http.asgi import Application
from joblog.server.workers.channel import OwnerEnd

MAX_BY_ITSELF = 8
"""Processes that ``workers=0`` makes at most."""

_PAUSES_S = 0.1, 5.0
"""Between a worker's death and the next start: at first, and at most."""

_LONG_S = 10.0
"""Who has lived so long has started well."""

_LINE_BYTES = 1024 * 1024

_SILENCE_S = 30.0
"""A worker tells what it has counted each second; one that is silent for so long is stuck, with the connections it has."""

_log = logging.getLogger("joblog.server")


def processes(settings: Settings) -> int:
    """Returns how many processes answer."""
    if settings.catalog or sys.platform != "linux":  # elsewhere a port's connections all go to one process
        return 1
    return settings.workers or min(len(os.sched_getaffinity(0)), MAX_BY_ITSELF)


class Beginning(msgspec.Struct):
    """What a worker is given at its start, on its standard input."""

    settings: dict[str, Any]
    port: int
    generations: int
    """The descriptor of what it shares with the owner."""


class Counted(msgspec.Struct):
    """What a worker has counted since it last said so; kinds by their names."""

    counts: list[tuple[str, list[str], int]]
    durations: list[tuple[str, list[str], list[int], float]]
    cache_hits: int
    cache_misses: int


class Crew:
    """Used from the event loop only."""

    def __init__(self, engine: Engine, app: Application, port: int) -> None:
        self._engine, self._port = engine, port
        self._settings = engine.settings
        self._count = processes(engine.settings) - 1
        self._door = OwnerEnd(app, self._settings.data)
        self._tasks: list[asyncio.Task[None]] = []
        self._running: set[Process] = set()
        self._stopping = asyncio.Event()

    async def begin(self) -> None:
        """Starts the workers, if there are to be any. On a full disk the owner serves alone."""
        if not self._count:
            return
        try:
            await self._door.open()
        except OSError as error:
            _log.error("the server answers in one process: no socket for workers can be made: %s", error)
            return
        self._tasks = [asyncio.create_task(self._keep()) for _ in range(self._count)]

    async def stop(self, within_s: float) -> None:
        """Lets the workers end what they are answering, for so long."""
        self._stopping.set()
        for process in self._running:
            assert process.stdin is not None
            process.stdin.write(b"stop\n")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)

    def close(self) -> None:
        """Ends what is left."""
        for task in self._tasks:
            task.cancel()
        for process in self._running:
            if process.returncode is None:
                process.kill()
        self._door.close()

    async def _keep(self) -> None:
        """Keeps one worker running."""
        pause_s = _PAUSES_S[0]
        while not self._stopping.is_set():
            began_s = asyncio.get_running_loop().time()
            try:
                process = await self._started()
            except OSError as error:
                _log.error("a worker cannot be started: %s", error)
            else:
                self._running.add(process)
                await self._count_for(process)
                status = await process.wait()
                self._running.discard(process)
                if self._stopping.is_set():
                    return
                _log.error("worker %d has ended with status %d; another one is started", process.pid, status)
            if asyncio.get_running_loop().time() - began_s > _LONG_S:
                pause_s = _PAUSES_S[0]
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSES_S[1])

    async def _started(self) -> Process:
        generations = self._engine.generations
        assert generations is not None
        command = (sys.executable, "-m", "joblog.server.workers.reader")
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, pass_fds=(generations.descriptor,), limit=_LINE_BYTES
        )
        settings = asdict(self._settings_of_one())
        beginning = Beginning({**settings, "data": str(self._settings.data)}, self._port, generations.descriptor)
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(beginning) + b"\n")
        return process

    def _settings_of_one(self) -> Settings:
        """Returns the settings with a worker's share of what all processes have together."""
        searches = max(self._settings.search_threads // (self._count + 1), 1)
        return replace(self._settings, search_threads=searches)

    async def _count_for(self, process: Process) -> None:
        """Adds what a worker counts to what this process counts, until it ends."""
        while line := await self._line(process):
            try:
                counted = msgspec.json.decode(line, type=Counted)
            except msgspec.DecodeError as error:
                _log.error("worker %d has printed what is no count: %s", process.pid, error)
                continue
            self._engine.tally.take(_labelled(counted.counts), _labelled(counted.durations))
            self._engine.cache.hits += counted.cache_hits
            self._engine.cache.misses += counted.cache_misses

    async def _line(self, process: Process) -> bytes:
        """Returns what a worker says next, nothing when it has ended; ends one that is stuck."""
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_SILENCE_S):
                return await process.stdout.readline()
        except TimeoutError:
            _log.error("worker %d has been silent for %d s and is ended", process.pid, _SILENCE_S)
            process.kill()
            return b""


def _labelled(items: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [(name, tuple(labels), *values) for name, labels, *values in items]
