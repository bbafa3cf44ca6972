"""What retention by size leaves: always the end of each log."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from joblog.core.counters import ROUND_FAILURES
from joblog.engine.engine import Engine
from tests.backends import every_backend
from tests.test_invariants import NOW_MS, new_log, seal_all, whole


@every_backend
def test_a_closed_logs_newest_lines_are_the_last_to_go(engine: Engine) -> None:
    """Whatever bound is set, what is left of a closed log is its end, with its last line, until nothing is left."""
    text = b"".join(b"line %d\n" % number for number in range(2000))
    log = new_log(engine)
    for start in range(0, len(text), 3000):
        engine.appender.append(log.id, start, text[start : start + 3000])
        seal_all(engine, log)
    engine.logs.close(engine.logs.head(log.id), len(text), None, NOW_MS)
    left, steps = text, 0
    while left:
        assert left.endswith(b"line 1999\n")
        stored = sum(size for _, size, _ in engine.objects.listing())
        oldest = engine.logs.segments_by_byte(log.id, 0, len(text))[0].object_bytes
        engine.runs.put_project("lab", NOW_MS, retention={"retain_bytes": stored - oldest})
        assert engine.retention.retain(NOW_MS) == 1
        engine.retention.remove_garbage(NOW_MS, 0)
        shorter = whole(engine, log)
        assert len(shorter) < len(left)
        assert text.endswith(shorter)
        left, steps = shorter, steps + 1
    assert steps > 5


@every_backend
def test_retention_by_size_counts_stored_objects(engine: Engine) -> None:
    """Compressed, of the whole project, a segment at a time; a tail that is not sealed is not counted, and stays."""
    first, second = new_log(engine, b"x" * 100_000 + b"\n"), new_log(engine, b"y" * 100_000 + b"\n", task=1)
    for log in (first, second):
        seal_all(engine, log)
    engine.appender.append(second.id, 100_001, b"tail\n" * 10_000)
    stored = sum(size for _, size, _ in engine.objects.listing())
    assert stored < 10_000
    engine.runs.put_project("lab", NOW_MS, retention={"retain_bytes": stored})
    assert engine.retention.retain(NOW_MS) == 0
    engine.runs.put_project("lab", NOW_MS, retention={"retain_bytes": 0})
    assert [engine.retention.retain(NOW_MS) for _ in range(3)] == [1, 1, 0]
    assert (whole(engine, first), whole(engine, second)) == (b"", b"tail\n" * 10_000)


@every_backend
def test_project_whose_retention_fails_is_in_nobodys_way(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Its object is damaged, or its row: the others' rounds go on, and it is said and counted which one failed."""
    logs = {}
    for project_id in ("a", "b", "c"):
        engine.runs.put_project(project_id, NOW_MS, retention={"retain_bytes": 1})
        logs[project_id] = engine.runs.put_run(project_id, "job", "run", 0, NOW_MS)[2]
        engine.appender.append(logs[project_id].id, 0, b"".join(b"line %d\n" % number for number in range(100_000)))
        seal_all(engine, logs[project_id])
    (broken,) = engine.logs.segments_by_byte(logs["b"].id, 0, 1)
    engine.objects.put(broken.object_key, b"damaged")
    engine.janitor.clean()
    assert engine.logs.head(logs["b"].id).start_byte == 0
    assert all(engine.logs.head(logs[each].id).start_byte > 0 for each in ("a", "c"))
    assert "retention of project b: " in caplog.text
    assert dict(engine.tally.counts())[ROUND_FAILURES][()] == 1


def test_catalog_that_is_away_does_not_keep_a_round_busy(engine: Engine) -> None:
    """After some projects that failed the others are left to the next round."""
    for number in range(30):
        engine.runs.put_project(f"p{number}", NOW_MS, retention={"retain_bytes": 1})
    asked = list[str]()

    def fails(project_id: str, step: Callable[[], int]) -> int | None:
        asked.append(project_id)
        return None if step() == 0 else 1

    assert engine.retention.retain(NOW_MS, guard=fails) == 0
    assert len(asked) == 8
