"""An append as the event loop sees it: a large one becomes a segment at once, others join the next commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from joblog.config import MIB
from joblog.engine import Engine
from joblog.errors import JoblogError
from joblog.ingest import Outcome
from joblog.lines import Bytes
from joblog.model import Log

BULK_BYTES = 4 * MIB
"""An append of so much is sealed at once: the catalog need not carry it first."""


class Appender:
    """Appends to logs from the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def append(self, log: Log, at: int, data: Bytes) -> Log:
        """Returns the log's head when the bytes are durable; raises what ``Ingest.append`` raises."""
        if len(data) >= BULK_BYTES and at == log.end_byte == log.sealed_byte:
            sealed = await asyncio.to_thread(self._engine.sealer.append_sealed, log, data, self._engine.clock_ms())
            if sealed is not None:
                return sealed
        while True:
            taken, head = await self._submitted(log.id, at, data)
            if taken:
                self._hint(head)
                return head
            held = await asyncio.to_thread(self._engine.ingest.repeated, head, at, data)
            if held == len(data):
                return head
            at, data = at + held, data[held:]

    async def _submitted(self, log_id: int, at: int, data: Bytes) -> tuple[bool, Log]:
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._engine.ingest.submit(log_id, at, data, _settles(answer))
        outcome = await answer
        if isinstance(outcome, JoblogError):
            raise outcome
        return outcome

    def _hint(self, head: Log) -> None:
        if head.end_byte - head.sealed_byte >= self._engine.settings.seal_bytes:
            self._engine.janitor.hint()


def _settles(answer: asyncio.Future[Outcome]) -> Callable[[Outcome], None]:
    def settle(outcome: Outcome) -> None:
        if not answer.done():  # the caller may have gone away
            answer.set_result(outcome)

    return settle
