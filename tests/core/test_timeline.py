"""What is remembered of the catalog, and when it is forgotten."""

from __future__ import annotations

import threading

from joblog.core.timeline import Remembered, Timeline


def test_what_came_first_goes_first() -> None:
    """One at a time: nobody pays for all of them at once."""
    timeline = Timeline()
    numbers: Remembered[str, int] = Remembered(timeline, 3)
    for number, name in enumerate("abcd"):
        numbers.keep(name, number, timeline.number)
    numbers.keep("b", 7, timeline.number)
    assert [numbers.get(name) for name in "abcd"] == [None, 7, 2, 3]
    numbers.forget("c")
    numbers.forget("x")
    assert [numbers.get(name) for name in "abcd"] == [None, 7, None, 3]


def test_nothing_outlives_its_past() -> None:
    """Nor comes to be kept later, when it was read before."""
    timeline = Timeline()
    numbers: Remembered[str, int] = Remembered(timeline, 3)
    past = timeline.number
    numbers.keep("a", 1, past)
    timeline.went_back()
    assert numbers.get("a") is None
    numbers.keep("a", 1, past)
    assert numbers.get("a") is None
    numbers.keep("a", 2, timeline.number)
    assert numbers.get("a") == 2


def test_past_may_change_while_something_is_kept() -> None:
    """In any thread."""
    timeline = Timeline()
    numbers: Remembered[int, int] = Remembered(timeline, 2)

    def change() -> None:
        for _ in range(2000):
            timeline.went_back()

    changing = threading.Thread(target=change)
    changing.start()
    for number in range(20_000):
        numbers.keep(number, number, timeline.number)
        assert numbers.get(number) in (None, number)
    changing.join()
    timeline.went_back()
    assert [number for number in range(20_000) if numbers.get(number) is not None] == []
