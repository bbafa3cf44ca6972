"""Numbers of stored logs, read as they grow: what is kept of all of them together is bounded."""

from __future__ import annotations

from joblog.core.logs import Head
from joblog.engine.engine import Engine
from joblog.engine.progress_view import Watch
from joblog.views.metrics.metrics import Series

LOGS, LINES, POINTS = 8, 3_000, 4_000
NOW_MS = 1_700_000_000_000


def filled(engine: Engine, rank: int) -> Head:
    log = engine.runs.put_run("lab", "job", "run", rank, NOW_MS)[2]
    return engine.appender.append(log.id, 0, b"".join(b"step=%d loss=%d\n" % (at, at % 5) for at in range(LINES)))


def test_many_logs_keep_fewer_points_each(engine: Engine) -> None:
    """Nothing is read again for it: each answer is of all lines."""
    engine.runs.put_project("lab", NOW_MS)
    watch, kept = Watch(engine.reader, engine.timeline, max_points=POINTS), dict[int, int]()

    def use(series: list[Series]) -> int:
        kept[log.id] = sum(len(each.all_points) for each in series)
        return series[0].count

    for rank in range(LOGS):
        log = filled(engine, rank)
        count, reached, _ = watch.metrics(log, [], 1 << 20, use)
        assert (count, reached) == (LINES, log.end_byte)
    assert sum(kept.values()) < 3 * POINTS
    assert min(kept.values()) <= POINTS // LOGS + 4
