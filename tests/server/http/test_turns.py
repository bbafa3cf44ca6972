"""Turns: who waits for a place gets one in a fair order, whoever has taken how many."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from joblog.server.http.share import CALLER, Caller, Turns


class _Named:
    def __init__(self, name: str) -> None:
        self.name = name


class _Work:
    """Requests of callers, which have their places until they are let go."""

    def __init__(self, places: int) -> None:
        self.turns = Turns(places)
        self.at_work = list[str]()
        self.tasks = dict[str, asyncio.Task[None]]()

    def ask(self, *names: str) -> None:
        """``a1`` is caller a's first request."""
        self.tasks |= {name: asyncio.create_task(self._request(name)) for name in names}

    async def ends(self, *names: str) -> list[str]:
        """Ends requests, whether they have a place or wait for it; returns those that have one then, as they got it."""
        for name in names:
            self.tasks[name].cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        return self.at_work

    async def _request(self, name: str) -> None:
        CALLER.set(cast(Caller, _Named(name[0])))
        async with self.turns.turn():
            self.at_work.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.at_work.remove(name)


def test_one_caller_leaves_a_place_for_another() -> None:
    """Also when it asked for all of them long before."""

    async def check() -> None:
        work = _Work(3)
        work.ask("a1", "a2", "a3", "a4")
        assert await work.ends() == ["a1", "a2"]
        work.ask("b1", "b2", "c1")
        assert await work.ends() == ["a1", "a2", "b1"]
        assert await work.ends("a1") == ["a2", "b1", "c1"]
        assert await work.ends("c1") == ["a2", "b1"]
        assert await work.ends("b1") == ["a2", "b2"]
        assert await work.ends("b2") == ["a2", "a3"]

    asyncio.run(check())


@pytest.mark.parametrize("given_up", [["a3"], ["a1", "a3"], ["a3", "a1"], ["a1", "a2", "a3", "b1"]])
def test_who_gives_up_leaves_its_place(given_up: list[str]) -> None:
    """While it waits, while it works, and in the moment in which it gets its turn."""

    async def check() -> None:
        work = _Work(3)
        work.ask("a1", "a2", "a3", "b1")
        await work.ends()
        await work.ends(*given_up)
        work.ask("a5", "a6", "c1")
        assert {"a5", "c1"} <= set(await work.ends(*(set(work.tasks) - {"a5", "a6", "c1"})))
        assert await work.ends("c1") == ["a5", "a6"]

    asyncio.run(check())
