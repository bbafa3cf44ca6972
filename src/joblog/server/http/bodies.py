"""Request bodies: read within their limit, decompressed within their limit, whole or not at all.

What has come of a body is counted, all callers' together, not what its header announces; who sends slowly loses its place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from joblog.core.lines import Bytes
from joblog.errors import Busy, Invalid, Missing, TooLarge
from joblog.server.http.asgi import Message, Receive
from joblog.server.http.share import Share, Taken, Turns
from joblog.server.http.unpacked import MAX_PARTS, Beyond, gunzipped, unzstd

# Decompressing less than this, to no more than that, takes less time than handing it to a thread.
_INLINE_BYTES, _INLINE_UNPACKED_BYTES, _INLINE_PARTS = 64 * 1024, 1024 * 1024, 16

MIN_BYTES_S = 4096
"""Bytes a second of a body, from when it has taken as long as it may stand still: a modem's, and a thousand slow bodies that
get no further than this leave room for those of others."""

_BODY_BYTES = 2048
"""What a body takes beside its bytes, from before the first of them: by that, too, one caller's are bounded in number."""

_UNPACKING_THREADS, _MAX_UNPACKING = 2, 64

T = TypeVar("T")

_DECODERS: dict[str, Callable[[Bytes, int, int], Bytes]] = {"gzip": gunzipped, "zstd": unzstd}

TAKEN: ContextVar[Taken | None] = ContextVar("taken", default=None)
"""What the body of the request that is being answered has taken of the memory for bodies."""

# Of a body that nobody wants, so much is read and thrown away before the answer is sent; see Incoming.
_UNWANTED_BYTES = 64 * 1024 * 1024


class Incoming:
    """A request's body on its way in: whole, or an error; and read to its end before the answer is sent.

    A server that answers and hangs up while its client is still sending resets the connection, and the client may never
    see the answer: to it the server is away, where its token was wrong.
    """

    def __init__(self, receive: Receive, silence: Silence, room: Taken) -> None:
        self._receive = receive
        self._silence = silence
        self._room = room
        self._ended = self._unwanted = False
        self._began_s, self._bytes = 0.0, 0

    async def receive(self) -> Message:
        """Passes on what comes; raises Invalid when the client hangs up half-way, stands still or is slow: bodies keep room.

        Raises Busy when there is no room left.
        """
        if not self._began_s:
            self._began_s = time.monotonic()
            if not self._unwanted:
                self._room.more(_BODY_BYTES)
        if self._ended:
            return await self._receive()  # which tells a stream that its client has gone, whenever that is
        try:
            message = await self._silence.bounded(self._receive())
        except TimeoutError as error:
            self._ended = True
            raise Invalid("body", f"sent without pauses of more than {self._silence.seconds:g} s") from error
        if message["type"] == "http.disconnect":
            was_ended, self._ended = self._ended, True
            if not was_ended:
                raise Invalid("body", "sent to its end")
        elif message["type"] == "http.request":
            self._ended = not message.get("more_body", False)
            self._count(len(message.get("body", b"")))
        return message

    def _count(self, size: int) -> None:
        if not self._unwanted:
            self._room.more(size)
        self._bytes += size
        took_s = time.monotonic() - self._began_s
        if not self._ended and took_s > self._silence.seconds and self._bytes < took_s * MIN_BYTES_S:
            self._ended = True
            raise Invalid("body", f"sent at {MIN_BYTES_S} bytes a second, or faster")

    async def finish(self) -> None:
        """Takes in what is left of the body, for nobody."""
        if self._ended:
            return
        left, self._unwanted = _UNWANTED_BYTES, True
        self._room.close()
        while not self._ended and left > 0:
            try:
                message = await self.receive()
            except (Invalid, Busy):
                break
            left -= len(message.get("body", b"")) if message["type"] == "http.request" else 0
        self._ended = True


class Unpacking:
    """The threads that decompress bodies: few, and their own, so that nothing else waits for them. Used from the event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_UNPACKING_THREADS, thread_name_prefix="joblog-unpack")
        self._places = Share(_MAX_UNPACKING, "too many bodies are being decompressed")
        self._turns = Turns(_UNPACKING_THREADS)

    async def unpacked(self, sent: Bytes, encoding: str, limit_bytes: int) -> Bytes:
        """Decompresses a body; raises Invalid, TooLarge, Busy."""
        decode = _DECODERS[encoding]
        if len(sent) <= _INLINE_BYTES:
            try:
                return decode(sent, min(limit_bytes, _INLINE_UNPACKED_BYTES), _INLINE_PARTS)
            except Beyond:
                pass
        try:
            with self._places.taking(1):
                return await self._turns.run(self._threads, partial(decode, sent, limit_bytes, MAX_PARTS))
        except Beyond as error:
            if error.many:
                raise Invalid("body", f"of at most {MAX_PARTS} members or frames") from error
            raise TooLarge("the decompressed body", limit_bytes) from error


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit_bytes: int, unpacking: Unpacking) -> Bytes:
    """Returns a body as it was before its Content-Encoding, which may be gzip, zstd or none.

    Raises TooLarge before more than the limit is in memory, Invalid for a broken body and for one that was cut off, Missing
    for an empty one, Busy where there is no room.
    """
    sent = await received(receive, headers, limit_bytes)
    data = await decoded(sent, headers.get(b"content-encoding", b"").decode("latin-1"), limit_bytes, unpacking)
    if not data:
        raise Missing("body", f"1 to {limit_bytes} bytes")
    return data


async def received(receive: Receive, headers: Mapping[bytes, bytes], limit_bytes: int) -> Bytes:
    """Returns a body as it came; raises TooLarge, Invalid, Busy."""
    announced = headers.get(b"content-length", b"").decode("latin-1")
    if announced.isdigit() and int(announced[:20]) > limit_bytes:
        raise TooLarge("the body", limit_bytes)
    sent: Bytes = b""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Invalid("body", "sent to its end")
        part, more = message.get("body", b""), message.get("more_body", False)
        if len(sent) + len(part) > limit_bytes:
            raise TooLarge("the body", limit_bytes)
        if not sent:
            sent = part
        elif isinstance(sent, bytearray):
            sent += part
        else:
            sent = bytearray(sent) + part
    if announced.isdigit() and len(sent) != int(announced[:20]):
        raise Invalid("body", f"as long as its Content-Length, {announced[:20]}", len(sent))
    return sent


async def decoded(sent: Bytes, encoding: str, limit_bytes: int, unpacking: Unpacking) -> Bytes:
    """Returns a body as it was before its Content-Encoding; raises as ``read_body`` does, and Busy."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return sent
    if encoding not in _DECODERS:
        raise Invalid("Content-Encoding", "gzip, zstd or absent", encoding)
    data = await unpacking.unpacked(sent, encoding, limit_bytes)
    taken = TAKEN.get()
    if taken is not None:
        taken.more(len(data))
    return data


class Silence:
    """Waits for others, but not for ever. Used from one event loop, in tasks each of which waits for one thing at a time.

    One timer is for all of them: one for each part of each body would be a tenth of what the event loop does for an append.
    """

    def __init__(self, seconds: float) -> None:
        """``seconds``: what one waits at least; at most a quarter longer."""
        self.seconds = seconds
        self._since: dict[asyncio.Task[Any], float] = {}
        self._given_up: set[asyncio.Task[Any]] = set()
        self._looking = False

    async def bounded(self, waiting: Awaitable[T]) -> T:
        """Awaits; raises TimeoutError when it took too long."""
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        self._since[task] = loop.time()
        if not self._looking:
            self._looking = True
            loop.call_later(self.seconds / 4, self._look, loop)
        try:
            return await waiting
        except asyncio.CancelledError:
            if task in self._given_up and task.uncancel() == 0:
                raise TimeoutError from None
            raise  # it is somebody else who wants the task ended
        finally:
            del self._since[task]
            self._given_up.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        before = loop.time() - self.seconds
        for task, since in self._since.items():
            if since <= before and task not in self._given_up:
                self._given_up.add(task)
                task.cancel()
        self._looking = bool(self._since)
        if self._looking:
            loop.call_later(self.seconds / 4, self._look, loop)
