"""How often a pipe is read: seldom where a job writes line after line, at once where that would cost it or its order."""

from __future__ import annotations

from joblog.agent.run.keeper import MAX_PAUSE_S, Pace
from joblog.agent.run.pipes import PIPE_BYTES


def pauses(pace: Pace, reads: int, *, size_bytes: int, apart_s: float = 0.0, sources: int = 1) -> list[float]:
    """Returns the pauses after ``reads`` reads, each so long after the pause before it."""
    now_s, waits = 100.0, list[float]()
    for n in range(reads):
        now_s += apart_s
        waits.append(pace.pause_s(n % sources, size_bytes, now_s))
        now_s += waits[-1]
    return waits


def test_line_after_line_is_read_every_few_milliseconds() -> None:
    """The pauses grow to their bound, as long as what comes in them is little."""
    assert pauses(Pace(), 1000, size_bytes=100, apart_s=0.001)[-1] == MAX_PAUSE_S


def test_line_now_and_then_is_read_at_once() -> None:
    """Nothing is gained by a pause, and a moment is lost."""
    assert set(pauses(Pace(), 1000, size_bytes=100, apart_s=0.05)) == {0.0}


def test_pipe_that_fills_is_read_at_once() -> None:
    """The job would wait for room."""
    assert set(pauses(Pace(), 1000, size_bytes=PIPE_BYTES)) == {0.0}


def test_two_pipes_in_turn_are_read_at_once() -> None:
    """Which of two writes came first is known from who became readable first, and from nothing else."""
    assert set(pauses(Pace(), 1000, size_bytes=100, apart_s=0.001, sources=2)) == {0.0}


def test_pause_that_was_too_long_becomes_shorter() -> None:
    """What comes in it is to be a part of the pipe."""
    pace, now_s, waits = Pace(), 100.0, list[float]()
    for size_bytes in [100] * 1000 + [PIPE_BYTES // 3] * 2:
        now_s += 0.001
        waits.append(pace.pause_s(0, size_bytes, now_s))
        now_s += waits[-1]
    assert waits[-3:] == [MAX_PAUSE_S, MAX_PAUSE_S / 2, MAX_PAUSE_S / 4]
