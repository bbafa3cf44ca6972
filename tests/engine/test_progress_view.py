"""Numbers of stored logs, read as they grow: what is kept of all of them together is bounded."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("encoding", ["", "utf-8", "gb18030", "utf-16-le", "utf-16-be"])
def test_a_line_that_waits_for_its_end_is_read_once(engine: Engine, encoding: str) -> None:
    """Whatever the log is written in, or taken for, and however often it is asked for: reading ends where the log does."""
    engine.runs.put_project("lab", NOW_MS)
    watch, wanted = Watch(engine.reader, engine.timeline), 0
    log = engine.runs.put_run("lab", "job", "run", 0, NOW_MS)[2]
    odd = b"a b \xff\x00\x1b[31m x\n" * 50 if not encoding else b""  # taken for UTF-16, in which it has no line
    lines = "".join(f"步骤 step={at} loss={at % 5}\n" for at in range(200)).encode(encoding or "utf-8")
    for part in (odd, lines[:501], lines[501:1003], lines[1003:], "step=200 lo".encode(encoding or "utf-8")):
        log = engine.appender.append(log.id, log.end_byte, part)
        for _ in range(3):
            count, reached, _ = watch.metrics(log, [], 1 << 20, lambda series: sum(each.count for each in series), encoding)
            assert (reached, watch.progress(log, encoding)) == (log.end_byte, [])
            assert wanted <= count <= 200
        wanted = count
    assert odd or count == 200
