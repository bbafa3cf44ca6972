"""What a job prints takes linear time, whatever it is: each view and each filter has a bound on what a byte may cost.

The bound is in calls of a function that does nothing, so many for each byte: so it holds on any machine. What is measured is
the thread's time on the processor, of three tries the least.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import pytest

from joblog.agent.filters.flood import Bucket, Control
from joblog.agent.filters.redact import READY, Redactor
from joblog.views.compare.merging import template_list
from joblog.views.compare.reader import TemplateReader, read_templates
from joblog.views.merged import collapsed
from joblog.views.metrics.metrics import MetricsReader
from joblog.views.metrics.progress import ProgressReader
from joblog.views.redraws import Redraws, plain_text
from joblog.views.terminal.pages import shown_page
from joblog.views.terminal.terminal import Checkpoint, Terminal
from joblog.views.values import MergedLine, Where
from joblog.views.why.digest import RankEnd, digest
from joblog.views.why.failures import find_failures
from joblog.views.why.kinds import kind_of_line
from tests.views.hostile import OPENERS, lines_of, structures

CALLS = 120
"""So many calls of nothing a byte may take."""

FRAME_BYTES = 20
"""What makes a row, a frame or a screen may take as much as so many bytes."""

GROWTH = 3
"""A byte of a log that is eight times as long may take so many times as much; where time is quadratic it takes eight."""

LOG_BYTES, LINE_BYTES, PIECE_BYTES = 1 << 16, 1 << 15, 1 << 14
LONG_BYTES = 1 << 22


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]


def _terminal(data: bytes) -> None:
    terminal = Terminal()
    for piece in _pieces(data):
        terminal.feed(piece)
    terminal.finish()


def _page(data: bytes) -> None:
    shown_page(_pieces(data), Checkpoint(), 10_000, at_end=True, closed=False)


def _failures(data: bytes) -> None:
    where = Where("worker-0", 0, 0, 0, 0)
    found = [(failure, 0) for failure in find_failures(data)]
    last = [plain_text(data[-1000:])]
    digest([RankEnd(0, None, None, None, None, None, True, 0, last, where, found)], 0, silent_ms=1)


def _line(data: bytes) -> None:
    kind_of_line.__wrapped__(plain_text(data))


def _watched(data: bytes) -> None:
    frames, progress, metrics = Redraws(), ProgressReader(), MetricsReader()
    for piece in _pieces(data):
        for frame in frames.feed(piece):
            metrics.take(frame, 0, progress.take(frame))
    rest = frames.rest()
    if rest is not None:
        metrics.take(rest, 0, progress.take(rest))


def _merged(data: bytes) -> None:
    texts = [plain_text(line[: 64 * 1024]) for line in data.split(b"\n")]
    collapsed((number % 3, MergedLine(text, "0", 1, 0, "worker-0", 0, 0)) for number, text in enumerate(texts))


def _templates(data: bytes) -> None:
    reader = read_templates(_pieces(data), TemplateReader(), closed_at=len(data))
    template_list([(0, reader.entries)], 100)


def _redacted(data: bytes) -> None:
    redactor = Redactor(READY)
    for piece in _pieces(data):
        redactor.feed(piece)
    redactor.flush()


def _controlled(data: bytes) -> None:
    control = Control(Bucket(1.0, 0.0))
    for piece in _pieces(data):
        control.feed(piece, 0.0)
    control.end()


VIEWS: dict[str, Callable[[bytes], None]] = {
    each.__name__.strip("_"): each
    for each in (_terminal, _page, _failures, _line, _watched, _merged, _templates, _redacted, _controlled)
}


@pytest.mark.long  # hundreds of logs of a megabyte
@pytest.mark.parametrize("view", VIEWS)
def test_log_takes_linear_time(view: str) -> None:
    """However its lines end, wherever they move the cursor, whatever they are made of."""
    wrong = {name: calls for name, data in structures(LOG_BYTES).items() if (calls := _calls(VIEWS[view], data)) > CALLS}
    assert not wrong


@pytest.mark.long  # hundreds of lines
@pytest.mark.parametrize("view", [view for view in VIEWS if view not in ("page", "controlled")])
def test_line_takes_linear_time(view: str) -> None:
    """Also one that begins again and again what an expression looks for, and never ends it."""
    wrong = {
        name: calls
        for unit in OPENERS
        for name, data in lines_of(unit, LINE_BYTES).items()
        if (calls := _calls(VIEWS[view], data)) > CALLS
    }
    assert not wrong


@pytest.mark.long  # logs of four megabytes
@pytest.mark.parametrize("view", VIEWS)
def test_byte_of_a_long_log_costs_no_more_than_one_of_a_short_log(view: str) -> None:
    """Also where so little is done for each that only millions of them show it."""
    for unit in (b" 5%|#         | 1/20 [00:01<00:19,  1.00it/s]\r", b"x" * 80 + b"\n", b"x"):
        long, short = unit * (LONG_BYTES // len(unit)), unit * (LONG_BYTES // 8 // len(unit))
        grown = [_calls(VIEWS[view], long) / max(_calls(VIEWS[view], short), 0.1) for _ in range(3)]
        assert min(grown) < GROWTH, unit


def _calls(view: Callable[[bytes], None], data: bytes) -> float:
    """Returns how many calls a byte costs, of three tries the least; a cheap one is believed the first time."""
    best, size = float("inf"), len(data) + FRAME_BYTES * sum(map(data.count, (b"\n", b"\r", b"\v", b"\x1bE", b"\x1b[2J")))
    for _ in range(3):
        begun = time.thread_time()
        view(data)
        best = min(best, (time.thread_time() - begun) / size / _call_s())
        if best <= CALLS:
            break
    return round(best, 1)


@cache
def _call_s() -> float:
    """Returns how long a call of nothing takes, in seconds of the processor."""

    def nothing(_: int) -> None:
        pass

    tries = []
    for _ in range(5):
        begun = time.thread_time()
        for number in range(100_000):
            nothing(number)
        tries.append((time.thread_time() - begun) / 100_000)
    return min(tries)
