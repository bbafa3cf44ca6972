"""What followers of one log share, in one process with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

import pytest

from joblog.core.logs import Head
from joblog.engine.engine import Engine
from joblog.server.app import App
from joblog.server.http.asgi import HTTPScope, Message
from joblog.server.native.channels import PIECE_BYTES, Followers
from tests.backends import both_catalogs

LIMIT_S = 120.0


def made(engine: Engine) -> Head:
    engine.runs.put_project("p", 1)
    return engine.runs.put_run("p", "a", None, 0, 1)[2]


async def read(followers: Followers, log: Head, until: int) -> bytes:
    """Follows as a connection does, from the start."""
    data = bytearray()
    async with followers.channel(log) as channel, asyncio.timeout(LIMIT_S):
        while len(data) < until:
            if len(data) < channel.head.end_byte:
                data += (await channel.piece(len(data))).data
            else:
                await channel.news(LIMIT_S)
    return bytes(data)


@both_catalogs
def test_hundreds_of_followers_cost_one_read(engine: Engine) -> None:
    """Of each piece, where it is not brought: 300 followers, 40 appends, at most a read for each append."""
    log = made(engine)

    async def run() -> tuple[list[bytes], int]:
        followers = Followers(engine)
        async with followers.channel(log) as channel:
            reading = [asyncio.create_task(read(followers, log, 400)) for _ in range(300)]
            for at in range(0, 400, 10):
                await asyncio.to_thread(engine.appender.append, log.id, at, b"line %4d\n" % at)
            got = await asyncio.gather(*reading)
            assert (followers.count, channel.followers) == (1, 1)
            return got, channel.reads

    got, reads = asyncio.run(run())
    assert set(got) == {b"".join(b"line %4d\n" % at for at in range(0, 400, 10))}
    assert (0 if engine.database.embedded else 1) <= reads <= 40


def test_log_keeps_no_more_pieces_than_it_has_followers(engine: Engine) -> None:
    """What one has taken, and nobody else can be about to, is let go of."""
    log = made(engine)
    engine.appender.append(log.id, 0, b"x" * (8 * PIECE_BYTES))

    async def kept(count: int) -> int:
        followers = Followers(engine)
        async with AsyncExitStack() as stack:
            channels = [await stack.enter_async_context(followers.channel(engine.logs.head(log.id))) for _ in range(count)]
            for at in range(0, 8 * PIECE_BYTES, PIECE_BYTES):
                pieces = [await channel.piece(at) for channel in channels]
                assert all(piece is pieces[0] for piece in pieces)
            return channels[0].kept

    assert [asyncio.run(kept(count)) for count in (1, 3)] == [1, 3]


@pytest.mark.slow  # waits for a poll
def test_lost_wake_up_delays_and_loses_nothing(engine: Engine) -> None:
    """As when another node took the append and nobody said so."""
    log = made(engine)
    engine.database.watch(lambda _: None)

    async def run() -> bytes:
        reading = asyncio.create_task(read(Followers(engine, poll_s=0.05), log, 5))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(engine.appender.append, log.id, 0, b"line\n")
        return await reading

    assert asyncio.run(run()) == b"line\n"


def test_log_that_was_told_of_before_it_was_watched(engine: Engine) -> None:
    """The head that a follower brings may be old."""
    log = made(engine)
    engine.appender.append(log.id, 0, b"line\n")
    assert asyncio.run(read(Followers(engine), log, 5)) == b"line\n"


@asynccontextmanager
async def calling(app: App, engine: Engine, log: Head, gone: asyncio.Event) -> AsyncIterator[list[Message]]:
    """Follows a log over ASGI; the client hangs up when ``gone`` is set."""
    _, secret = engine.tokens.make(None, ["read"], "", 1, None)
    sent, began = list[Message](), asyncio.Event()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            began.set()

    path = f"/api/projects/p/jobs/{log.job_id}/versions/{log.version_id}/logs/{log.task}/follow"
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
             "headers": [(b"x-auth-token", secret.encode())], "http_version": "1.1", "scheme": "http", "client": ("::1", 1),
             "server": ("::1", 1), "state": {}}  # fmt: skip
    call = cast(HTTPScope, scope)  # has what is needed of it
    task = asyncio.create_task(app(call, receive, send))
    async with asyncio.timeout(LIMIT_S):
        await began.wait()
        yield sent
        await task


def test_client_that_hangs_up_is_noticed(engine: Engine) -> None:
    """Though its log is quiet and nothing is sent: what served it is gone."""
    log = made(engine)

    async def run() -> None:
        app, gone = App(engine), asyncio.Event()
        async with calling(app, engine, log, gone) as sent:
            assert list(engine.feed._watching) == [log.id]
            gone.set()
        assert sent[0]["status"] == 200
        assert not engine.feed._watching
        await app.stop()

    asyncio.run(run())
