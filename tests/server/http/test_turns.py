"""Turns: who waits for a place gets one in a fair order, whoever has taken how many."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from joblog.errors import Invalid
from joblog.server.http.documents import Parsing
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


class _Held(bytes):
    """A body of JSON whose parsing goes on until it is let go."""

    begun = threading.Event()
    let_go = threading.Event()

    def count(self, *given: Any) -> int:
        self.begun.set()
        assert self.let_go.wait(60)
        return super().count(*given)


def test_large_json_of_one_caller_is_in_nobodys_way() -> None:
    """It is parsed in a thread, one body of a caller's at a time; another's is parsed meanwhile, and the loop goes on."""
    one, other = (json.dumps([name] * 20_000).encode() for name in "ab")

    async def parsed(parsing: Parsing, caller: str, body: bytes) -> Any:
        CALLER.set(cast(Caller, _Named(caller)))
        return await parsing.document(body)

    async def work() -> None:
        parsing = Parsing()
        held = [asyncio.create_task(parsed(parsing, "a", _Held(one))) for _ in range(4)]
        await asyncio.to_thread(_Held.begun.wait, 60)
        assert await parsed(parsing, "b", other) == ["b"] * 20_000
        assert await parsed(parsing, "a", b"[1]") == [1]
        assert not any(each.done() for each in held)
        _Held.let_go.set()
        assert await asyncio.gather(*held) == [["a"] * 20_000] * 4

    asyncio.run(work())


def test_one_place_goes_round() -> None:
    """Whoever had it last is last, however many wait in front."""

    async def work() -> list[str]:
        turns, order = Turns(1), list[str]()

        async def request(name: str) -> None:
            CALLER.set(cast(Caller, _Named(name[0])))
            async with turns.turn():
                order.append(name)
                await asyncio.sleep(0)

        await asyncio.gather(*(request(name) for name in ("a1", "a2", "a3", "a4", "b1", "b2", "c1")))
        return order

    assert asyncio.run(work()) == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


def test_place_in_a_thread_is_kept_until_the_thread_is_free() -> None:
    """Whoever asks and goes away again and again has no more of them than others leave."""
    begun, let_go = threading.Event(), threading.Event()

    def compute() -> None:
        begun.set()
        assert let_go.wait(60)

    async def work() -> None:
        CALLER.set(cast(Caller, _Named("a")))
        turns = Turns(1)
        with ThreadPoolExecutor(1) as threads:
            first = asyncio.create_task(turns.run(threads, compute))
            await asyncio.to_thread(begun.wait, 60)
            first.cancel()
            second = asyncio.create_task(turns.run(threads, lambda: 2))
            await asyncio.wait([first])
            assert (first.cancelled(), second.done()) == (True, False)
            assert threads._work_queue.qsize() == 0  # nothing is queued in front of others
            let_go.set()
            assert await second == 2

    asyncio.run(work())


class _Body:
    """What takes memory."""


def test_what_fails_in_a_thread_holds_nothing() -> None:
    """A refusal leads to the frames that it came through: it must be gone with its answer, without the collector's help."""
    held = list[weakref.ref[_Body]]()

    def refuse() -> None:
        body = _Body()
        held.append(weakref.ref(body))
        raise Invalid("body", "another one")

    async def work() -> None:
        CALLER.set(cast(Caller, _Named("a")))
        with ThreadPoolExecutor(1) as threads:
            try:
                await Turns(1).run(threads, refuse)
            except Invalid:
                pass
            await asyncio.sleep(0)
        assert held[0]() is None

    gc.disable()
    try:
        asyncio.run(work())
    finally:
        gc.enable()
