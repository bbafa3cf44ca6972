"""Lines that say nothing are looked at once; what waits for the line that comes next still gets it."""

from __future__ import annotations

from joblog.views.metrics.readings import Reading
from joblog.views.metrics.watched import Watched, measured

BLOCK = b"""\
Result for PPO_demo_00000:
  episode_reward_mean: 12.5
  training_iteration: 3
"""
REMAINING = b"""\
      Iter       Train Loss   Remaining Time
        80           0.8762            1.81m
"""


def read(log: bytes) -> list[Reading]:
    return measured([log], Watched(), (), ends=True)[1]


def test_a_line_known_to_say_nothing_ends_a_block() -> None:
    """The values that wait for their step are given before the next line's."""
    quiet = b"waiting for workers\n"
    read(quiet * 3)
    values = [name for reading in read(BLOCK + quiet + b"loss: 0.5\n") for name, _, _ in reading[4]]
    assert values == ["episode_reward_mean", "training_iteration", "loss"]


def test_a_line_known_to_say_nothing_ends_a_table() -> None:
    """A row behind it is none of a table whose last column is what remains."""
    quiet = b"waiting for workers\n"
    read(quiet * 3)
    watched = Watched()
    measured([REMAINING + quiet + b"        90           0.8691           53.82s\n"], watched, (), ends=True)
    assert [(bar.label, bar.done) for bar in watched.progress.bars] == [("Iter", 80.0)]
