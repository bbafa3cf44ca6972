"""Followers on the embedded catalog are brought what was appended, with its commit: each byte once, when it is durable."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from joblog.catalog.head_cache import HeadCache
from joblog.catalog.sqlite import Sqlite
from joblog.core.logs import Growth, Head
from joblog.engine.engine import Engine
from joblog.errors import Unavailable
from joblog.server.native.channels import PIECE_BYTES, Channel, Followers

LIMIT_S = 120.0


def made(engine: Engine) -> Head:
    engine.runs.put_project("p", 1)
    return engine.runs.put_run("p", "a", None, 0, 1)[2]


async def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not reached():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def appended(engine: Engine, channel: Channel, data: bytes) -> bytes:
    """Appends, and returns what a follower at the log's end is given first."""
    at = channel.head.end_byte
    await asyncio.to_thread(engine.appender.append, channel.head.id, at, data)
    await until(lambda: channel.head.end_byte > at)
    return (await channel.piece(at)).data


def test_who_is_at_the_end_reads_nothing(engine: Engine) -> None:
    """As long as what comes at a time is not much; the head is the catalog's in all that it says."""
    log = made(engine)

    async def run() -> None:
        async with Followers(engine).channel(log) as channel:
            await until(lambda: channel.looks == 1)
            for number in range(20):
                assert await appended(engine, channel, b"line %d\n" % number) == b"line %d\n" % number
                assert channel.head == engine.logs.head(log.id)
            assert (channel.reads, channel.looks) == (0, 1)
            assert await appended(engine, channel, b"x" * (PIECE_BYTES + 1)) == b"x" * PIECE_BYTES
            assert channel.reads == 1

    asyncio.run(run())


def test_page_behind_an_append_needs_no_look_at_the_catalog(engine: Engine) -> None:
    """Of a log that somebody has asked for: its head in memory goes on to where the append ends."""
    log, heads = made(engine), engine._heads
    assert isinstance(heads, HeadCache)
    names = log.project_id, log.job_id, log.version_id, log.worker
    assert engine.log(*names) == log
    for at in range(0, 50, 5):
        engine.appender.append(log.id, at, b"line\n")
        assert heads._cached[names] == engine.logs.head(log.id)
    engine.logs.close(engine.logs.head(log.id), None, None, 2)
    assert engine.log(*names).closed


def test_nothing_is_brought_that_was_not_committed(engine: Engine) -> None:
    """When a commit fails, nobody hears what it was of."""
    database, log = engine.database, made(engine)
    assert isinstance(database, Sqlite)

    async def run() -> None:
        async with Followers(engine, poll_s=0.01).channel(log) as channel:
            database._writer.set_commit_hook(lambda: True)  # the database refuses
            with pytest.raises(Unavailable):
                await asyncio.to_thread(engine.appender.append, log.id, 0, b"lost\n")
            database._writer.set_commit_hook(None)
            looks = channel.looks
            await until(lambda: channel.looks > looks + 2)
            assert channel.head.end_byte == channel.kept == 0
            assert await appended(engine, channel, b"kept\n") == b"kept\n"

    asyncio.run(run())


def lose_some(engine: Engine, chance: random.Random) -> None:
    """Has a part of all wake-ups come to nobody."""
    database, heads = engine.database, engine._heads
    assert isinstance(database, Sqlite)
    assert isinstance(heads, HeadCache)

    def changed(log_ids: set[int]) -> None:
        heads.changed(log_ids)
        engine.feed.changed(log_ids if chance.random() < 0.7 else ())

    def grew(growths: list[Growth]) -> None:
        heads.grew([each.head for each in growths])
        engine.feed.grew(growths if chance.random() < 0.8 else ())

    database.watch(changed, grew=grew)


def write(engine: Engine, log: Head, text: bytes, chance: random.Random) -> None:
    """Writes a log by little and by much, with a pause now and then, seals some of it, and closes it."""
    at = 0
    while at < len(text):
        size = chance.choice((1, 7, 300, 300, 20_000, 70_000, 200_000))
        engine.appender.append(log.id, at, text[at : at + size])
        at = min(at + size, len(text))
        if chance.random() < 0.05:
            engine.sealer.seal(log.id)
        time.sleep(chance.choice((0, 0.001)))
    engine.logs.close(engine.logs.head(log.id), None, None, 2)


async def follow(engine: Engine, followers: Followers, log: Head, data: bytearray, chance: random.Random) -> bytes:
    """Goes on to the log's end, now quickly, now slowly."""
    async with followers.channel(engine.logs.head(log.id)) as channel:
        while True:
            head = channel.head
            if len(data) < head.end_byte:
                piece = await channel.piece(len(data))
                assert piece.start_byte == len(data)
                data += piece.data
                assert len(data) <= engine.logs.head(log.id).end_byte  # as another connection sees it
            elif head.closed:
                return bytes(data)
            else:
                await channel.news(LIMIT_S)
            await asyncio.sleep(chance.choice((0, 0, 0.001, 0.05)))


@pytest.mark.parametrize("seed", range(4))
def test_each_gets_every_byte_once(engine: Engine, seed: int) -> None:
    """Also when wake-ups are lost; wherever it begins, and however quick it is."""
    log, chance = made(engine), random.Random(seed)
    text = chance.randbytes(3 * 1024 * 1024)
    lose_some(engine, chance)

    async def run() -> list[bytes]:
        followers = Followers(engine, poll_s=0.05)

        def begin(low: int, high: int) -> list[asyncio.Task[bytes]]:
            starts = [chance.randint(low, high) for _ in range(4)]
            return [asyncio.create_task(follow(engine, followers, log, bytearray(text[:at]), chance)) for at in starts]

        following = begin(0, 0)
        writing = asyncio.create_task(asyncio.to_thread(write, engine, log, text, chance))
        await until(lambda: engine.logs.head(log.id).end_byte > len(text) // 4)
        following += begin(0, len(text) // 4)
        await writing
        async with asyncio.timeout(LIMIT_S):
            return await asyncio.gather(*following)

    assert set(asyncio.run(run())) == {text}
