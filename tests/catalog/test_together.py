"""Calls about one thing that come at the same time are done together, each with its own answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from joblog.catalog.together import MAX_CALLS, Together
from joblog.errors import Conflict, NotFound, Unavailable

DEADLINE_S = 60.0


class Work:
    """Answers with the call and its key; of the first call it waits until it may go on."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.may, self.begun = threading.Event(), threading.Event()

    def __call__(self, key: str, calls: Sequence[int]) -> list[str | Exception]:
        self.batches.append((key, list(calls)))
        self.begun.set()
        assert self.may.wait(DEADLINE_S)
        if 13 in calls:
            raise NotFound("number", 13)
        if 99 in calls:
            raise Unavailable("away")
        return [Conflict("odd") if call == 7 else f"{key}{call}" for call in calls]


def called(work: Work, numbers: Sequence[int], key: str = "a") -> list[object]:
    """The answers, or what was raised; all but the first call come while that one is at work."""
    together, held = Together(work), threading.Event()

    def call(number: int) -> object:
        try:
            return together.call(key, number)
        except (NotFound, Conflict, Unavailable) as error:
            return type(error)

    with ThreadPoolExecutor(len(numbers)) as pool:
        first = pool.submit(call, numbers[0])
        assert work.begun.wait(DEADLINE_S)
        others = [pool.submit(call, number) for number in numbers[1:]]
        while sum(map(len, together.waiting())) < len(numbers):
            assert not held.wait(0.001)
        work.may.set()
        return [each.result(DEADLINE_S) for each in (first, *others)]


def test_what_comes_meanwhile_is_done_together() -> None:
    """The first alone, the others in one go, but for more than fit."""
    work, numbers = Work(), [*range(100, 102 + MAX_CALLS)]
    assert called(work, numbers) == [f"a{number}" for number in numbers]
    assert [len(calls) for _, calls in work.batches] == [1, MAX_CALLS, 1]


def test_each_has_its_own_failure() -> None:
    """What fails by itself is not in the way of the others; a catalog that is away is away for all."""
    work = Work()
    assert called(work, [1, 2, 7, 13, 4]) == ["a1", "a2", Conflict, NotFound, "a4"]
    assert called(Work(), [1, 2, 99]) == ["a1", Unavailable, Unavailable]


@pytest.mark.parametrize("threads", [8])
def test_all_are_answered_whatever_comes_when(threads: int) -> None:
    """Many threads, few keys: each call once, those of a key one after the other."""
    work = Work()
    work.may.set()
    together = Together(work)
    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(lambda number: together.call(str(number % 3), 1000 + number), range(2000)))
    assert answers == [f"{number % 3}{1000 + number}" for number in range(2000)]
    assert sorted(call for _, calls in work.batches for call in calls) == [1000 + number for number in range(2000)]
    assert together.waiting() == []
