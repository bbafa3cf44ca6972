"""``GET .../logs/{task}/follow``: a log as it grows, from any position, as server-sent events or as raw bytes.

The id of an event is the position after its bytes, so a client that comes back with the last id it saw (browsers do, in
Last-Event-ID) goes on with the next byte. Bytes travel in base64: an event is lines of UTF-8, and a log is neither.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import msgspec

from joblog.core.logs import Head
from joblog.core.names import MAX_ID, integer
from joblog.engine.read import PageReader
from joblog.errors import BeyondEnd, Damaged, Invalid, JoblogError, Unavailable
from joblog.server.http.answers import Answer, error_answer
from joblog.server.http.asgi import Headers
from joblog.server.http.parameters import choice, number, text
from joblog.server.http.routes import Call, Calls
from joblog.server.http.streams import EVENTS, OCTETS, begun
from joblog.server.native.bodies import read_log_value
from joblog.server.native.channels import Channel, ChannelPiece, Followers, shown
from joblog.server.native.logs import LOG, log_of
from joblog.server.state import State

RETRY_MS = 1000
"""What a browser waits before it comes back."""

MAX_TAIL_LINES = 1_000_000

calls = Calls(LOG, "logs")

From = Annotated[str, text("a byte position; start, the default; end; or -N: N bytes before the end")]
Only = Annotated[str, choice("state", description="state: no bytes, only how the log is, each time that it changes")]
Tail = Annotated[int, number(0, MAX_TAIL_LINES, "begin with the last N lines, including an unfinished one")]
LastEventId = Annotated[
    int,
    replace(number(0, MAX_ID, "the id of the last event that came", "the id of an event"), place="header").named(
        "Last-Event-ID"
    ),
]


@calls.get("/{task}/follow", "read", "A log as it grows: server-sent events, or raw bytes")
async def follow_log(
    joblog: State,
    followers: Followers,
    call: Call,
    from_: From = "",
    tail: Tail | None = None,
    only: Only = "",
    last_event_id: LastEventId | None = None,
) -> Answer:
    """Streams what is held from the position on, then what comes, until the log is closed and all was sent.

    ``Last-Event-ID`` goes before ``from`` and ``tail``. With ``Accept: application/octet-stream`` the bytes alone.
    """
    log = await log_of(joblog, call)
    at = await _position(joblog, log, last_event_id, from_, tail)
    followers.admit()
    follower = _Follower(joblog, followers, call.headers, log, at)
    headers = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"), (b"x-joblog-start-byte", b"%d" % at)]
    if only:
        return await begun(follower.states(), headers, EVENTS)
    if OCTETS.decode() in (call.header(b"accept") or ""):
        return await begun(follower.octets(), headers, OCTETS)
    return await begun(follower.events(), headers, EVENTS)


class _Stopping(Exception):
    """The stream ends before the log, whose reader is to come again: the server stops, or the catalog has another past."""


class _Follower:
    """One connection, at one position."""

    def __init__(self, joblog: State, followers: Followers, headers: Headers, log: Head, at: int) -> None:
        self._joblog, self._followers = joblog, followers
        self._headers = headers
        self._log = log
        self._at = at
        self._heartbeat_s = joblog.engine.settings.heartbeat_s
        self._believed_until = time.monotonic() + self._heartbeat_s

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yields the stream of events; an error ends it, as an event."""
        try:
            async with self._followers.channel(self._log) as channel:
                line = await asyncio.to_thread(self._joblog.engine.reader.line_at, self._log, self._at)
                yield b"retry: %d\n" % RETRY_MS + await self._event_of(b"start", self._at, channel.head, line=line)
                async for piece in self._pieces(channel):
                    if piece is None:
                        yield b": %d\n\n" % time.time()
                        continue
                    if piece.start_byte > self._at:
                        yield _event(b"skip", piece.start_byte, {"start_byte": self._at, "end_byte": piece.start_byte})
                    if piece.data:
                        yield piece.event
                    self._at = piece.end_byte
                yield await self._event_of(b"end", self._at, channel.head)
        except _Stopping:
            yield _event(b"shutdown", self._at, {"retry_ms": RETRY_MS})
        except JoblogError as error:
            yield b"event: error\ndata: %b\n\n" % error_answer(error, "").body

    async def states(self) -> AsyncGenerator[bytes, None]:
        """Yields how the log is now, and whenever that has changed; no bytes, however many come."""
        try:
            async with self._followers.channel(self._log) as channel:
                yield b"retry: %d\n" % RETRY_MS + await self._event_of(b"start", channel.head.end_byte, channel.head)
                async for head in self._heads(channel):
                    if head is None:
                        yield b": %d\n\n" % time.time()
                    else:
                        yield await self._event_of(b"state", head.end_byte, head)
                yield await self._event_of(b"end", channel.head.end_byte, channel.head)
        except _Stopping:
            yield _event(b"shutdown", self._log.end_byte, {"retry_ms": RETRY_MS})
        except JoblogError as error:
            yield b"event: error\ndata: %b\n\n" % error_answer(error, "").body

    async def octets(self) -> AsyncGenerator[bytes, None]:
        """Yields the bytes; what an event would say cuts the answer off, so that only a closed log's ends well."""
        async with self._followers.channel(self._log) as channel:
            yield b""  # sends the headers
            try:
                async for piece in self._pieces(channel):
                    if piece is None:
                        continue
                    if piece.start_byte > self._at:
                        raise Damaged(f"bytes {self._at} to {piece.start_byte} are not held any more")
                    yield piece.data
                    self._at = piece.end_byte
            except _Stopping as error:
                raise Unavailable("the stream ends here; follow from this position on") from error

    async def _pieces(self, channel: Channel) -> AsyncIterator[ChannelPiece | None]:
        """Yields pieces until the log has ended, and None when nothing came for a while.

        A piece that begins after the position says that retention has removed what is between them; it may be empty.
        """
        while True:
            await self._check(channel)
            head = channel.head
            if self._at < head.start_byte:
                yield ChannelPiece(head.start_byte, b"")
            elif self._at < head.end_byte:
                yield await self._piece(channel)
            elif head.closed:
                return
            elif not await channel.news(self._heartbeat_s):
                yield None

    async def _piece(self, channel: Channel) -> ChannelPiece:
        try:
            return await channel.piece(self._at)
        finally:
            if channel.over:  # whatever was read, or could not be, may be of two pasts
                raise _Stopping

    async def _heads(self, channel: Channel) -> AsyncIterator[Head | None]:
        """Yields the log's head each time that it has changed, until it is closed, and None when nothing came for a while."""
        last = channel.head
        while True:
            await self._check(channel)
            head = channel.head
            if head.closed:
                return
            if shown(head) != shown(last):
                last = head
                yield head
            elif not await channel.news(self._heartbeat_s):
                yield None

    async def _check(self, channel: Channel) -> None:
        """Raises what ends the stream; whether the token is still good is asked once a heartbeat."""
        if self._followers.stopping or channel.over:
            raise _Stopping
        if channel.failure is not None:
            raise channel.failure
        if time.monotonic() >= self._believed_until:
            if not self._joblog.engine.database.embedded:
                await self._joblog.auth.learn(self._headers)
            self._joblog.auth.allowed(self._headers, "read", self._log.project_id, self._log.job_id)
            self._believed_until = time.monotonic() + self._heartbeat_s

    async def _event_of(self, event: bytes, at: int, head: Head, **more: int) -> bytes:
        """Makes an event of the log's state."""
        return _event(event, at, vars(await read_log_value(self._joblog, head)) | more)


def _event(name: bytes, at: int, fields: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (at, name, msgspec.json.encode(fields, enc_hook=vars))


async def _position(joblog: State, log: Head, last: int | None, start: str, tail: int | None) -> int:
    """Returns the byte to begin with; raises Invalid, OutOfRange, BeyondEnd."""
    if last is not None:
        return _first_at(log, last)
    if tail is not None:
        if start:
            raise Invalid("tail", "absent where from is given")
        page = await asyncio.to_thread(PageReader.line_borders, joblog.engine.reader, log, partial(_last_lines, tail))
        return page.start_byte if tail else page.log.end_byte
    if start in ("", "start"):
        return log.start_byte
    if start == "end":
        return log.end_byte
    at = integer("from", start, -MAX_ID, MAX_ID, "a byte position, start, end, or -N for N bytes before the end")
    return max(log.end_byte + at, log.start_byte) if at < 0 else _first_at(log, at)


def _last_lines(count: int, head: Head) -> tuple[int, int]:
    unfinished = max(head.partial_byte, head.start_byte) < head.end_byte
    return max(head.end_line - count + unfinished, head.start_line), head.end_line


def _first_at(log: Head, at: int) -> int:
    if at > log.end_byte:
        raise BeyondEnd(f"the log ends at {log.end_byte}, the position is {at}", log.end_byte)
    return at
