"""Heads of logs, asked for in one statement by all who wait for one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from joblog.core.logs import Head
from joblog.engine.engine import Engine
from joblog.errors import NotFound, Unavailable
from joblog.server.http.heads import Heads
from tests.backends import both_catalogs

NOW_MS = 1_700_000_000_000
LOGS = 40


def made(engine: Engine) -> list[Head]:
    """Makes logs."""
    engine.runs.put_project("lab", NOW_MS)
    return [engine.runs.put_run("lab", "job", "run", worker, NOW_MS)[2] for worker in range(LOGS)]


def named(log: Head) -> tuple[str, int, int, int]:
    """Returns by what a log is asked for."""
    return log.project_id, log.job_id, log.version_id, log.worker


@both_catalogs
def test_each_is_as_it_is_now(engine: Engine) -> None:
    """However many ask at once, for one log or for many; also when it has grown since, was deleted, or was never there."""
    logs = made(engine)

    async def ask() -> None:
        heads = Heads(engine)
        for _ in range(2):
            assert await asyncio.gather(*(heads.log(*named(log)) for log in [*logs, *logs])) == [*logs, *logs]
        for end in range(1, 20):
            grown = await asyncio.to_thread(engine.appender.append, logs[3].id, end - 1, b"\n")
            assert (await heads.log(*named(logs[3]))) == grown
            assert grown.end_byte == end
        with pytest.raises(NotFound):
            await heads.log(*named(logs[0])[:3], LOGS)
        engine.jobs.delete_job(engine.runs.job("lab", logs[0].job_id), NOW_MS)
        with pytest.raises(NotFound):
            await heads.log(*named(logs[5]))

    asyncio.run(ask())


class GatedLogs:
    """A catalog that answers when it is let."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.gate, self.asked = threading.Event(), list[int]()
        self.fails = False

    def heads(self, log_ids: Sequence[int]) -> dict[int, Head]:
        self.asked.append(len(log_ids))
        assert self.gate.wait(60)
        if self.fails:
            raise Unavailable("the catalog failed")
        return self._engine.logs.heads(log_ids)


@pytest.mark.backends("postgres-directory")
def test_who_comes_meanwhile_is_in_the_next(engine: Engine) -> None:
    """Two are on their way at a time; who goes away, and what fails, harms nobody else."""
    logs = made(engine)

    async def ask() -> None:
        heads = Heads(engine)
        await asyncio.gather(*(heads.log(*named(log)) for log in logs))
        gated = heads._logs = GatedLogs(engine)
        asking = [asyncio.create_task(heads.log(*named(log))) for log in logs[:1]]
        await until(gated, 1)
        asking += [asyncio.create_task(heads.log(*named(log))) for log in logs[1:2]]
        await until(gated, 2)
        asking += [asyncio.create_task(heads.log(*named(log))) for log in logs[2:]]
        await asyncio.sleep(0)
        asking[5].cancel()
        gated.gate.set()
        done = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(done.pop(5), asyncio.CancelledError)
        assert done == logs[:5] + logs[6:]
        assert gated.asked == [1, 1, LOGS - 2]
        gated.fails = True
        failed = await asyncio.gather(*(heads.log(*named(log)) for log in logs), return_exceptions=True)
        assert [type(each) for each in failed] == [Unavailable] * LOGS
        gated.fails = False
        assert await heads.log(*named(logs[0])) == logs[0]

    async def until(gated: GatedLogs, statements: int) -> None:
        deadline = time.monotonic() + 60
        while len(gated.asked) < statements:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.001)

    asyncio.run(ask())
