"""``POST .../append``: a large body becomes a segment at once, others join the next commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from joblog.api.values import Appended
from joblog.core.counters import APPENDED_BYTES, APPENDS
from joblog.core.lines import Bytes
from joblog.core.logs import Head
from joblog.core.settings import MIB
from joblog.engine.append import Outcome
from joblog.engine.engine import Engine
from joblog.errors import Closed, JoblogError, NotFound
from joblog.server.http.bodies import Unpacking, read_body
from joblog.server.http.heads import Heads, Key
from joblog.server.http.routes import Call

BULK_BYTES = 4 * MIB
"""An append of so much is sealed at once: the catalog need not carry it first."""


class AppendCall:
    """Answers appends. Used from the event loop."""

    def __init__(self, engine: Engine, heads: Heads, unpacking: Unpacking) -> None:
        self._engine = engine
        self._heads = heads
        self._unpacking = unpacking

    async def take(self, call: Call, where: Key, at: int) -> Appended:
        """Takes a request's body as the bytes from ``at`` on; raises the errors of ``joblog.errors``."""
        log_id = await self._heads.number(where)
        headers = dict(call.headers)
        data = await read_body(call.receive, headers, self._engine.settings.append_limit_bytes, self._unpacking)
        try:
            head, added = await self._append(log_id, at, data)
        except NotFound:
            self._heads.forget(where)
            raise
        self._engine.tally.add(APPENDS, "taken" if added else "repeated")
        self._engine.tally.add(APPENDED_BYTES, count=added)
        return Appended(head.end_byte, head.end_line)

    async def _append(self, log_id: int, at: int, data: Bytes) -> tuple[Head, int]:
        """Returns the log's head when the bytes are durable, and how many were new; raises what ``Appender.append`` raises."""
        if len(data) >= BULK_BYTES:
            head = await asyncio.to_thread(self._engine.logs.head, log_id)
            if at != head.end_byte:  # what is refused is not packed first, while everybody's commits wait
                repeated = await asyncio.to_thread(self._engine.appender.repeated, head, at, data)
                if repeated == len(data):
                    return head, 0
                at, data = at + repeated, data[repeated:]
            if len(data) >= BULK_BYTES and at == head.end_byte == head.sealed_byte:
                sealed = await asyncio.to_thread(self._engine.sealer.append_sealed, head, data, self._engine.clock_ms())
                if sealed is not None:
                    return sealed, len(data)
        while True:
            taken, head = await self._submitted(log_id, at, data)
            if taken:
                self._hint(head)
                return head, len(data)
            repeated = await asyncio.to_thread(self._engine.appender.repeated, head, at, data)
            if repeated == len(data):
                return head, 0
            at, data = at + repeated, data[repeated:]

    async def append_at_end(self, log_id: int, data: Bytes) -> None:
        """Appends to wherever the log ends then; returns when that is durable.

        Raises Closed, NotFound, Busy; and Unavailable, behind which it may have been appended all the same.
        """
        while True:
            taken, head = await self._submitted(log_id, None, data)
            if taken:
                self._hint(head)
                return
            if head.closed:
                raise Closed(f"the log is closed at {head.end_byte}", head.end_byte)

    async def _submitted(self, log_id: int, at: int | None, data: Bytes) -> tuple[bool, Head]:
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._engine.appender.submit(log_id, at, data, _settles(answer))
        outcome = await answer
        if isinstance(outcome, JoblogError):
            raise outcome
        return outcome

    def _hint(self, head: Head) -> None:
        if head.end_byte - head.sealed_byte >= self._engine.settings.seal_bytes:
            self._engine.janitor.hint()


def _settles(answer: asyncio.Future[Outcome]) -> Callable[[Outcome], None]:
    def settle(outcome: Outcome) -> None:
        if not answer.done():  # the caller may have gone away
            answer.set_result(outcome)

    return settle
