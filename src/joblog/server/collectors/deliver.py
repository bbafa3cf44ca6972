"""What collectors have sent is put into logs: who may, which log, and all of it durable before the answer.

Collectors know no positions and send again what was not answered, all of it: a request of which a part cannot be kept for now
is refused as a whole, and what had been kept of it is there twice when it comes again (docs/ways-in.md). What can never be
kept, such as what is for a project that the token is not for, is refused by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from joblog.core.counters import APPENDED_BYTES, APPENDS, RECORDS
from joblog.core.lines import Bytes
from joblog.core.names import MAX_ID, check_project_id
from joblog.core.timeline import Remembered
from joblog.engine.engine import Engine
from joblog.errors import Busy, Forbidden, Invalid, JoblogError, NotFound, TooLarge, Unavailable
from joblog.server.auth.tokens import Auth
from joblog.server.collectors.labels import RECORDS_BYTES, LogName, Record, Stream, merged, names_of
from joblog.server.http.answers import error_answer
from joblog.server.http.asgi import Receive
from joblog.server.http.bodies import Unpacking, decoded, read_body
from joblog.server.http.heads import MAX_REMEMBERED
from joblog.server.http.share import Share, Turns
from joblog.server.native.append import AppendCall

DEFAULT_PROJECT = "default"
"""The project of a token that is for all of them, where nothing names one: what every joblog begins with."""

_INLINE_BYTES = 16 * 1024
"""Parsing less than this takes less time than handing it to a thread."""

_MAX_PARSING = 64
"""Requests that are parsed or wait for it: a second's worth of large ones."""

_FINAL = (Invalid, Forbidden, NotFound, TooLarge)
"""What sending again would not mend, found before anything is appended."""

_ENCODING = b"content-encoding"

Headers = Iterable[tuple[bytes, bytes]]
Where = tuple[str, str, str, int]


class Delivered(NamedTuple):
    """How many records were kept, how many were not, and the first reason."""

    taken: int
    refused: int
    error: JoblogError | None


class _Batch(NamedTuple):
    """What one log gets of a request."""

    where: Where
    records: int
    data: bytes


class Deliveries:
    """Takes requests of collectors. Used from the event loop."""

    def __init__(self, engine: Engine, auth: Auth, appends: AppendCall, unpacking: Unpacking) -> None:
        self._engine = engine
        self._auth = auth
        self._appends = appends
        self._logs: Remembered[Where, int] = Remembered(engine.timeline, MAX_REMEMBERED)
        self._unpacking = unpacking
        self._parsing = Turns(1)  # what is parsed takes many times its body's memory
        self._places = Share(_MAX_PARSING, "too many batches of records are on their way")

    async def take(
        self,
        caller: Headers,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        parse: Callable[[Bytes], list[Stream]],
        tenant: str | None,
    ) -> Delivered:
        """Reads a body, and keeps what it has; ``tenant`` is the project of streams that name none.

        Errors that are of the whole request, or of what may go better later, are the result's too: Unauthorized, Invalid,
        TooLarge, Busy, Unavailable.
        """
        plain = {name: value for name, value in headers.items() if name != _ENCODING}
        encoding = headers.get(_ENCODING, b"").decode("latin-1")
        limit_bytes = min(RECORDS_BYTES, self._engine.settings.append_limit_bytes)
        try:
            self._auth.token(caller)  # before the body: strangers are told nothing else
            sent = await read_body(receive, plain, limit_bytes, self._unpacking)
            with self._places.taking(1):
                async with self._parsing.turn():
                    body = await decoded(sent, encoding, limit_bytes, self._unpacking)
                    few = len(body) <= _INLINE_BYTES
                    streams = _parsed(parse, body) if few else await asyncio.to_thread(_parsed, parse, body)
                    sorting = self._sorted(caller, streams, tenant)
                    del streams
                    del sent, body
                    batches, delivered = await sorting
            return await self._kept(batches, delivered)
        except JoblogError as error:
            return Delivered(0, 0, error.with_traceback(None))

    async def _sorted(self, caller: Headers, streams: list[Stream], tenant: str | None) -> tuple[list[_Batch], Delivered]:
        """Returns what goes to each log, and what cannot be kept."""
        logs: dict[Where, list[Sequence[Record]]] = {}
        refused, first = 0, None
        for stream in streams:
            if not stream.records:
                continue
            try:
                where = await self._where(caller, names_of(stream.labels), tenant)
                await self._log(where)
            except _FINAL as error:
                refused, first = refused + len(stream.records), first or error
            else:
                logs.setdefault(where, []).append(stream.records)
        batches = [_Batch(where, sum(map(len, parts)), merged(parts)) for where, parts in logs.items()]
        return batches, Delivered(0, refused, first)

    async def _kept(self, batches: list[_Batch], before: Delivered) -> Delivered:
        """Appends all of it; raises Busy, Unavailable."""
        self._check_room(sum(len(batch.data) for batch in batches))
        done = await asyncio.gather(*(self._append(batch.where, batch.data) for batch in batches), return_exceptions=True)
        taken, refused, first = before
        for batch, outcome in zip(batches, done, strict=True):
            if outcome is None:
                taken += batch.records
            elif isinstance(outcome, JoblogError) and not isinstance(outcome, Busy | Unavailable):
                refused, first = refused + batch.records, first or outcome
            else:
                raise outcome
        self._engine.tally.add(RECORDS, "taken", count=taken)
        self._engine.tally.add(RECORDS, "refused", count=refused)
        return Delivered(taken, refused, first)

    def _check_room(self, size: int) -> None:
        """Raises Busy before a part is taken where all of it cannot be: the part would be there twice when all comes again."""
        if self._engine.appender.waiting_bytes + size > self._engine.settings.append_queue_bytes:
            raise Busy("too many appends are waiting for the disk")

    async def _where(self, caller: Headers, names: LogName, tenant: str | None) -> Where:
        """Checks that the caller may write there; raises Forbidden, NotFound, Invalid."""
        token = self._auth.token(caller)
        project_id = names.project_id or (check_project_id(tenant) if tenant else None) or token.project_id or DEFAULT_PROJECT
        if token.job_id is None:
            self._auth.allowed(caller, "write", project_id)
            return project_id, names.job, names.run_id, names.worker
        self._auth.allowed(caller, "write", project_id, token.job_id)
        job = (await self._read(self._engine.runs.job, project_id, token.job_id)).name
        if names.named_job and names.job != job:
            self._auth.allowed(caller, "write", project_id, MAX_ID)  # raises: it is for its own job only
        return project_id, job, names.run_id, names.worker

    async def _log(self, where: Where) -> int:
        """Returns the id of the log, which is made if it is not there; raises NotFound for the project."""
        log_id, past = self._logs.get(where), self._engine.timeline.number
        if log_id is None:
            made = await asyncio.to_thread(self._engine.runs.put_run, *where, self._engine.clock_ms())
            log_id = made[2].id
            self._logs.keep(where, log_id, past)
        return log_id

    async def _append(self, where: Where, data: bytes) -> None:
        """Appends; to a new log where the one that was known is gone."""
        try:
            await self._appends.append_at_end(await self._log(where), data)
        except NotFound:
            self._logs.forget(where)
            await self._appends.append_at_end(await self._log(where), data)
        self._engine.tally.add(APPENDS, "taken")
        self._engine.tally.add(APPENDED_BYTES, count=len(data))

    async def _read(self, read: Callable[..., Any], *args: Any) -> Any:
        return read(*args) if self._engine.database.embedded else await asyncio.to_thread(read, *args)


def answered(error: JoblogError, path: str) -> tuple[int, list[tuple[bytes, bytes]], str]:
    """Returns status, headers and message of an error as collectors understand it.

    They send again after 429 and 503, at the time that Retry-After says, and give up what any other status below 500 refuses.
    """
    answer = error_answer(error, path)
    status = 400 if answer.status in (404, 409, 416) else answer.status
    return status, answer.headers, str(error)


def _parsed(parse: Callable[[Bytes], list[Stream]], body: Bytes) -> list[Stream]:
    """Parses a body. Of a refusal the way to it is left out: it would hold what was parsed for as long as it is remembered."""
    try:
        return parse(body)
    except JoblogError as error:
        raise error.with_traceback(None) from None


def protobuf() -> Any:
    """Returns the module that reads protobuf, which takes long to load."""
    return import_module("joblog.server.collectors.protobuf")
