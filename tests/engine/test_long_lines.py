"""Ranks merged where lines go on for many seconds, as a progress bar's does: each byte is read about once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from joblog.core.logs import Head
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.merged_view import LINE_BYTES, latest, merged_page
from joblog.engine.read import DEADLINE_S, Page, PageReader
from joblog.errors import Busy
from joblog.server.http.asgi import HTTPScope
from joblog.server.http.pools import MAX_VIEW_S, Viewing
from joblog.server.http.share import Caller

SECONDS = 60
BARS = b" 5%|#         | 1/20 [00:01<00:19,  1.00it/s]\r" * 700


class Counting(PageReader):
    """Counts the bytes that are read."""

    size = 0

    def read(self, log: Head, span: Callable[[Head], tuple[int, int]]) -> Page:
        page = super().read(log, span)
        self.size += len(page.data)
        return page


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """One whose clock goes on by a second whenever it is looked at."""
    seconds = iter(range(1_700_000_000, 1_800_000_000))
    running = Engine(Settings(data=tmp_path), clock_ms=lambda: next(seconds) * 1000)
    yield running
    running.close()


def written(engine: Engine) -> Head:
    """A line, one of bars that lasts for a minute, and another line."""
    engine.runs.put_project("lab", 0)
    log = engine.runs.put_run("lab", "job", "run", 0, 0)[2]
    at = engine.appender.append(log.id, 0, b"begin\n").end_byte
    for _ in range(SECONDS):
        at = engine.appender.append(log.id, at, BARS).end_byte
    engine.appender.append(log.id, at, b"\nend\n")
    return engine.logs.close(engine.logs.head(log.id), None, None, engine.clock_ms())


@pytest.mark.parametrize("sealed", [False, True])
def test_line_that_lasts_is_read_once(engine: Engine, sealed: bool) -> None:
    """Not again for each second in which it goes on; nor to its end, which is known."""
    log = written(engine)
    if sealed:
        engine.sealer.seal(log.id)
        log = engine.logs.head(log.id)
    query = Counting(engine.logs, engine.cache, engine.frames)
    end = 6 + SECONDS * len(BARS) + 1
    page = merged_page(query, [log], None, 100, 0, engine.clock_ms())
    assert [(line.start_byte, line.end_byte) for line in page.lines] == [(0, 6), (6, end), (end, end + 4)]
    assert (page.lines[0].text, page.lines[2].text, page.at_end) == ("begin", "end", True)
    assert query.size < 2 * log.end_byte
    query.size = 0
    last = latest(query, [log], 2, 0, engine.clock_ms())
    assert [(line.start_byte, line.end_byte) for line in last.lines] == [(6, end), (end, end + 4)]
    assert query.size < 4 * LINE_BYTES + 128 * 1024


def test_view_that_takes_too_long_ends_at_its_next_read(engine: Engine) -> None:
    """Each that a server makes has a deadline, which is nobody else's."""
    log = written(engine)

    async def made() -> float:
        scope = cast(HTTPScope, {"headers": [], "client": ("127.0.0.1", 1)})
        with Caller(scope, engine.settings, None):
            return await Viewing().run(DEADLINE_S.get)

    begun_s = time.monotonic()
    assert begun_s < asyncio.run(made()) - MAX_VIEW_S < time.monotonic()
    assert DEADLINE_S.get() == math.inf
    token = DEADLINE_S.set(begun_s)
    with pytest.raises(Busy, match="took too long"):
        merged_page(engine.reader, [log], None, 100, 0, engine.clock_ms())
    DEADLINE_S.reset(token)
