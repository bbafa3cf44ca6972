"""One timer for all that waits: who waits too long is told, nobody else."""

from __future__ import annotations

import asyncio

import pytest

from joblog.server.http.bodies import Silence


def test_only_who_waits_too_long_is_given_up() -> None:
    """What comes in time comes; a wait that begins later ends later; the same task may wait again."""

    async def patient(silence: Silence, pauses_s: list[float]) -> list[str]:
        told = []
        for pause_s in pauses_s:
            try:
                told.append(await silence.bounded(asyncio.sleep(pause_s, "came")))
            except TimeoutError:
                told.append("given up")
        return told

    async def all_at_once() -> list[list[str]]:
        silence = Silence(0.2)
        waits: list[list[float]] = [[0, 60, 0], [0] * 100, [60, 60]]
        return await asyncio.gather(*(patient(silence, pauses_s) for pauses_s in waits))

    assert asyncio.run(all_at_once()) == [["came", "given up", "came"], ["came"] * 100, ["given up", "given up"]]


def test_who_is_cancelled_by_others_is_cancelled() -> None:
    """Not given up; and nothing is left to look at."""

    async def cancelled() -> None:
        silence = Silence(60)
        task = asyncio.create_task(silence.bounded(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not silence._since

    asyncio.run(cancelled())
