"""The wake-ups."""

from __future__ import annotations

from pathlib import Path

from joblog.core.logs import Growth
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.feed import Feed


def test_who_watches_is_woken() -> None:
    """For the log it watches, as often as it watches, and not after it has left."""
    feed, woken = Feed(), list[str]()

    def one(_: Growth | None) -> None:
        woken.append("one")

    def two(_: Growth | None) -> None:
        woken.append("two")

    for log_id, wake in ((1, one), (1, two), (2, one)):
        feed.watch(log_id, wake)
    feed.changed([1, 3])
    feed.unwatch(1, one)
    feed.changed({1, 2})
    assert woken == ["one", "two", "two", "one"]
    assert sorted(feed._watching) == [1, 2]
    feed.unwatch(1, two)
    assert list(feed._watching) == [2]


def test_commits_wake(tmp_path: Path) -> None:
    """Appending, sealing and closing, once they can be read; other logs' followers sleep on."""
    engine = Engine(Settings(data=tmp_path))
    engine.runs.put_project("p", 1)
    _, _, log = engine.runs.put_run("p", "a", None, 0, 1)
    _, _, other = engine.runs.put_run("p", "b", None, 0, 1)
    seen, brought = list[tuple[int, int, bool]](), list[Growth]()

    def look(growth: Growth | None) -> None:
        head = engine.logs.head(log.id)
        seen.append((head.end_byte, head.sealed_byte, head.closed))
        if growth is not None:
            assert growth.head == head
            brought.append(growth)

    engine.feed.watch(log.id, look)
    engine.appender.append(log.id, 0, b"line\n")
    engine.appender.append(other.id, 0, b"line\n")
    engine.logs.close(engine.logs.head(log.id), None, None, 2)
    assert engine.sealer.seal(log.id)
    engine.close()
    assert seen == [(5, 0, False), (5, 0, True), (5, 5, True)]
    assert [(each.start_byte, each.parts) for each in brought] == [(0, (b"line\n",))]
