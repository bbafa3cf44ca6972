"""Heads of logs by name, for the event loop: where the catalog is behind a network, in one statement for all who wait.

A read that has all its pieces in memory then costs no thread and no statement of its own. Nothing is remembered of a log but
its number, which is its name's for as long as the log is there: appends go by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import Context
from typing import Protocol

from joblog.core.logs import Head
from joblog.core.timeline import Remembered
from joblog.engine.engine import Engine

MAX_REMEMBERED = 20_000
"""Numbers of logs, some 400 bytes each."""

_ASKING = 2
"""Statements on their way at a time: what comes meanwhile is in the next."""

Key = tuple[str, int, int, int]
"""Project, job, version and worker."""


class _Logs(Protocol):
    def heads(self, log_ids: Sequence[int], /) -> dict[int, Head]: ...


class Heads:
    """Looks up logs. Used from the event loop only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._logs: _Logs = engine.logs
        self._numbers: Remembered[Key, int] = Remembered(engine.timeline, MAX_REMEMBERED)
        self._waiting: dict[int, asyncio.Future[Head | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def log(self, project_id: str, job_id: int, version_id: int, worker: int) -> Head:
        """Returns a worker's log as it is now; raises NotFound for whichever of job, version and log is not there."""
        key = (project_id, job_id, version_id, worker)
        if self._engine.database.embedded:
            return self._engine.log(*key)
        number = self._numbers.get(key)
        if number is not None and (log := await self._head(number)) is not None:
            return log
        return await self._look_up(key)

    async def number(self, key: Key) -> int:
        """Returns a log's number, asking the catalog only where it is not remembered; raises NotFound."""
        number = self._numbers.get(key)
        return (await self._look_up(key)).id if number is None else number

    def forget(self, key: Key) -> None:
        """Forgets the number of a log that is there no more."""
        self._numbers.forget(key)

    async def _look_up(self, key: Key) -> Head:
        past = self._engine.timeline.number
        if self._engine.database.embedded:
            log = self._engine.log(*key)
        else:
            log = await asyncio.to_thread(self._engine.log, *key)
        self._numbers.keep(key, log.id, past)
        return log

    async def _head(self, number: int) -> Head | None:
        answer = self._waiting.get(number)
        if answer is None:
            answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        if len(self._tasks) < _ASKING:
            # In a context of its own: what is asked for all is no caller's.
            task = asyncio.get_running_loop().create_task(self._ask(), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(answer)

    async def _ask(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, {}
            try:
                heads = await asyncio.to_thread(self._logs.heads, list(waiting))
            except BaseException as error:
                for answer in waiting.values():
                    if not answer.done():
                        answer.set_exception(error)
                        answer.exception()  # whoever asked may have gone
                if not isinstance(error, Exception):
                    raise
                continue
            for number, answer in waiting.items():
                answer.set_result(heads.get(number))
