"""What the followers of one log share: one look at its head when it changes, one read of each piece, one encoding of it.

A follower asks for the piece at its position and waits when there is none yet. Pieces are kept by the position at which they
begin, so followers that are at the same place get the same one, and stay together when the log grows while they are served. A
follower holds one piece at a time, and asks for the next when its connection has taken that: a slow one costs no more memory.
"""

from __future__ import annotations

import asyncio
import logging
from binascii import b2a_base64
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import cached_property, partial
from typing import Any

import msgspec

from joblog.core.lines import Bytes
from joblog.core.logs import Growth, Head
from joblog.engine.engine import Engine
from joblog.engine.read import Page
from joblog.errors import Busy, JoblogError, NotFound
from joblog.objects.frame_store import NotCached
from joblog.server.http.share import Share

PIECE_BYTES = 64 * 1024
"""The most that one event brings: 500 slow followers, each elsewhere, then hold 75 MB, encoded."""

POLL_S = 2.0
"""A followed log is looked at so often even when nobody says that it changed."""

SPACING_S = 0.02
"""Appends that come faster are told together: 50 events a second are enough for any eye, and 500 followers then cost 25,000."""

MAX_FOLLOWERS = 20_000

_KEPT_PIECES = 16
"""Of one log, at most, and no more than it has followers: hundreds of logs may be followed by one each."""

_log = logging.getLogger("joblog.server")


class ChannelPiece:
    """Bytes of a log from ``start_byte`` on."""

    def __init__(self, start_byte: int, data: bytes) -> None:
        self.start_byte = start_byte
        self.end_byte = start_byte + len(data)
        self.data = data

    @cached_property
    def event(self) -> bytes:
        """The server-sent event that brings them."""
        return b"id: %d\nevent: bytes\ndata: %b\n\n" % (self.end_byte, b2a_base64(self.data, newline=False))


class Channel:
    """One log while it is followed. Used from the event loop only, but for ``_wake``."""

    def __init__(self, engine: Engine, head: Head, poll_s: float) -> None:
        self.head = head
        self._poll_s = poll_s
        self.failure: JoblogError | None = None
        self.over = False
        """Whether the log's past is another one than its followers have had: they come again, and are given a new channel."""
        self.followers = 0
        self.reads = self.looks = 0
        """How often bytes, and the head, were asked of the catalog."""
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._hint = asyncio.Event()
        self._news = asyncio.Event()
        self._pieces: OrderedDict[int, asyncio.Future[ChannelPiece]] = OrderedDict()
        self._growths: list[Growth] | None = []
        """What has come since the last look, in order; None where the head must be looked at."""
        engine.feed.watch(head.id, self._wake)
        self._hint.set()  # what changed between the caller's look and ``watch`` was told to nobody
        self._watching = self._loop.create_task(self._watch())

    @property
    def kept(self) -> int:
        """How many pieces are in memory."""
        return len(self._pieces)

    async def close(self) -> None:
        """Ends what runs for the channel."""
        self._engine.feed.unwatch(self.head.id, self._wake)
        running: list[asyncio.Future[Any]] = [self._watching, *self._pieces.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def tell(self) -> None:
        """Wakes the followers."""
        self._news.set()
        self._news = asyncio.Event()

    def end(self) -> None:
        """Ends the followers' streams; from any thread."""
        self.over = True
        self._call(self.tell)

    async def news(self, timeout_s: float) -> bool:
        """Waits for whatever followers should look at; False when nothing came."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def piece(self, at: int) -> ChannelPiece:
        """Returns the piece at ``at``, which is held; or, where retention was faster, the first that is.

        Raises Unavailable, Damaged.
        """
        task = self._pieces.get(at)
        if task is None:
            task = self._keep(at, self._loop.create_task(self._read(at)))
        try:
            return await asyncio.shield(task)
        except JoblogError:
            self._pieces.pop(at, None)
            raise

    def _keep(self, at: int, piece: asyncio.Future[ChannelPiece]) -> asyncio.Future[ChannelPiece]:
        self._pieces[at] = piece
        while len(self._pieces) > min(self.followers, _KEPT_PIECES):
            self._pieces.popitem(last=False)  # a read that is under way ends by itself
        return piece

    async def _read(self, at: int) -> ChannelPiece:
        self.reads += 1
        page = await self._page(at)
        return ChannelPiece(page.start_byte, page.data)

    async def _page(self, at: int) -> Page:
        def span(head: Head) -> tuple[int, int]:
            low = max(at, head.start_byte)
            return low, min(low + PIECE_BYTES, head.end_byte)

        if self._engine.database.embedded:
            try:
                return self._engine.reader_now.read(self.head, span)
            except NotCached:
                pass
        return await asyncio.to_thread(self._engine.reader.read, self.head, span)

    async def _watch(self) -> None:
        """Tells the followers what has come, and looks at the head when else it may have changed."""
        while self.failure is None:
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._hint.wait()
            except TimeoutError:
                pass
            self._hint.clear()
            growths, self._growths = self._growths, []
            if not growths or not self._grow(growths):
                await self._look()
            await asyncio.sleep(SPACING_S)

    def _grow(self, growths: Iterable[Growth]) -> bool:
        """Goes on to the end of what was appended; False where that does not join up with what is known."""
        start, parts, head = self.head.end_byte, list[Bytes](), self.head
        for growth in growths:
            if growth.head.end_byte <= head.end_byte:
                continue  # a look has seen it
            if growth.start_byte != head.end_byte:
                return False
            head = growth.head  # committed later than what was known, so right in all else, too
            parts += growth.parts
        if parts:
            self.head = head
            brought: asyncio.Future[ChannelPiece] = self._loop.create_future()
            brought.set_result(ChannelPiece(start, b"".join(parts)))
            self._keep(start, brought)
            self.tell()
        return True

    async def _look(self) -> None:
        self.looks += 1
        logs = self._engine.logs
        try:
            if self._engine.database.embedded:
                head = logs.head(self.head.id)
            else:
                head = await asyncio.to_thread(logs.head, self.head.id)
        except NotFound as error:
            self.failure = error
            self.tell()
            return
        except JoblogError as error:
            _log.warning("log %d is followed: %s; will be tried again", self.head.id, error)
            return
        changed = shown(head) != shown(self.head)
        self.head = head
        if changed:
            self.tell()

    def _wake(self, growth: Growth | None) -> None:
        """Is called by whatever thread has committed."""
        self._call(partial(self._note, growth))

    def _note(self, growth: Growth | None) -> None:
        if self._growths is not None:
            self._growths = None if growth is None else [*self._growths, growth]
        if self._growths is not None and self._growths[-1].head.end_byte - self._growths[0].start_byte > PIECE_BYTES:
            self._growths = None  # too much to be held for whoever comes to it: it is read, a piece after the other
        self._hint.set()

    def _call(self, step: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(step)
        except RuntimeError:
            pass  # the loop has ended, and its followers with it


def shown(head: Head) -> Head:
    """Returns the head without what followers do not see: sealing and merging change nothing for them."""
    return msgspec.structs.replace(head, sealed_byte=0, sealed_line=0, fresh_segments=0, appended_ms=0)


class Followers:
    """All followers of this process, by log. Used from the event loop only."""

    def __init__(self, engine: Engine, poll_s: float = POLL_S) -> None:
        self._engine = engine
        self._poll_s = poll_s
        self._channels: dict[int, Channel] = {}
        self.count = 0
        self._places = Share(MAX_FOLLOWERS, "too many followers are served already")
        self._left = asyncio.Event()
        self.stopping = False
        engine.timeline.forgets(self._forget)

    def admit(self) -> None:
        """Takes a place until the request is answered; raises Busy when there is none, or the server is about to stop."""
        if self.stopping:
            raise Busy("the server is stopping")
        self._places.hold()

    @asynccontextmanager
    async def channel(self, log: Head) -> AsyncIterator[Channel]:
        """Gives a follower the log's channel, while it follows."""
        channel = self._channels.get(log.id)
        if channel is None:
            channel = self._channels[log.id] = Channel(self._engine, log, self._poll_s)
        channel.followers += 1
        self.count += 1
        try:
            yield channel
        finally:
            channel.followers -= 1
            self.count -= 1
            self._left.set()
            if not channel.followers:
                if self._channels.get(log.id) is channel:
                    del self._channels[log.id]
                await channel.close()

    def _forget(self) -> None:
        """Ends all channels, from any thread: what their followers have had may be in the log no more."""
        channels, self._channels = self._channels, {}
        for channel in list(channels.values()):
            channel.end()

    async def stop(self, timeout_s: float) -> None:
        """Lets every follower say that the server stops, and waits until they have, or as long as they may take."""
        self.stopping = True
        for channel in self._channels.values():
            channel.tell()
        try:
            async with asyncio.timeout(timeout_s):
                while self.count:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            _log.warning("%d followers are slow, and are cut off", self.count)
