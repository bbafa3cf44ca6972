"""What two runs have not in common: new and gone lines, values, counts, the odd rank out."""

from __future__ import annotations

from collections.abc import Mapping

from joblog.views.compare.difference import difference, odd_ranks
from joblog.views.compare.reader import Entry, TemplateReader, read_templates
from joblog.views.compare.together import MAX_NAMES, MetricRow, side_by_side
from joblog.views.compare.values import Difference
from joblog.views.values import SeriesPoints

STEPS = "".join(f"step {at} loss {1 / (at + 1):.3f}\n" for at in range(20))
GOOD = "torch version 2.1.0\nArgs: lr=0.1 batch_size=32 data=/data/a pid=17\noptimizer: adam\n" + STEPS + "done in 3.2s\n"
BAD = (
    "torch version 2.2.0\nArgs: lr=10.0 batch_size=32 data=/data/a pid=99\noptimizer: sgd\n"
    + STEPS
    + "retry 1\n" * 12
    + 'Traceback (most recent call last):\n  File "t.py", line 3, in <module>\n    main()\nValueError: bad shard\n'
)


def entries(text: str) -> Mapping[str, Entry]:
    data = text.encode()
    return read_templates([data], TemplateReader(), closed_at=len(data)).entries


def compared(before: str, after: str) -> Difference:
    return difference([(False, 0, entries(before)), (True, 0, entries(after))], 20)


def test_new_gone_and_changed() -> None:
    """The exception leads what is new, its stack is last; a pid and a duration are no change."""
    made = compared(GOOD, BAD)
    assert [each.line for each in made.new] == [
        "ValueError: bad shard",
        "retry 1",
        "Traceback (most recent call last):",
        '  File "t.py", line 3, in <module>',
        "    main()",
    ]
    assert [each.line for each in made.gone] == ["done in 3.2s"]
    assert {(each.name, each.before, each.after) for each in made.values} == {
        ("lr", "0.1", "10.0"),
        ("optimizer", "adam", "sgd"),
        ("torch version #", "2.1.0", "2.2.0"),
    }
    assert made.parted is not None
    assert (made.parted.line, made.parted.first.start_line, made.parted.phase) == ("ValueError: bad shard", 38, "end")


def test_a_run_is_like_itself() -> None:
    """And like one with other numbers."""
    for other in (GOOD, GOOD.replace("3.2s", "14.7s").replace("pid=17", "pid=4")):
        made = compared(GOOD, other)
        assert [made.new, made.gone, made.values, made.counts] == [[], [], [], []]
        assert "Both print the same" in str(made)


def test_it_is_the_same_each_time() -> None:
    """Whatever the order in which templates are known."""
    turned = difference([(True, 0, entries(BAD)), (False, 0, dict(reversed(list(entries(GOOD).items()))))], 20)
    assert turned == compared(GOOD, BAD)


def test_what_is_printed_more_often() -> None:
    """By steps where both runs have some: a run that is twice as long prints twice as much."""
    warned = STEPS.replace("loss 1.000", "loss 1.000\n" + "slow batch 3\n" * 2)
    longer = warned * 2
    assert not compared(warned, longer).counts
    often = warned.replace("slow batch 3\n", "slow batch 3\n" * 30)
    (count,) = compared(warned, often).counts
    assert (count.text, count.before, count.after, count.per_step) == ("slow batch #", 2, 60, True)


def test_the_odd_rank_out() -> None:
    """What one of four prints, and what it does not."""
    logs = [(rank, entries(STEPS + "barrier passed\n" if rank != 2 else STEPS + "waiting for a lock\n")) for rank in range(4)]
    made = odd_ranks(logs, 20)
    assert [(each.line, each.ranks) for each in made.new] == [("waiting for a lock", "2")]
    assert [(each.line, each.ranks) for each in made.gone] == [("barrier passed", "2")]


def test_metrics_side_by_side() -> None:
    """At steps that both have, with the one at which a value ceases to be a number, and how fast they went."""
    steps = [float(at) for at in range(0, 100, 10)]
    times = [1000 * at for at in range(0, 100, 10)]
    one = SeriesPoints("worker-0", "loss", 10, list(steps), times, [1.0] * 10, [0] * 10, axis="step")
    other = SeriesPoints(
        "worker-0", "loss", 10, list(steps), [2 * at for at in times], [*[2.0] * 4, None, *[3.0] * 5], [0] * 10, axis="step"
    )
    assert list(side_by_side([one], [other])) == [
        MetricRow("loss", 0.0, 1.0, 2.0),
        MetricRow("loss", 30.0, 1.0, 2.0),
        MetricRow("loss", 40.0, 1.0, None),
        MetricRow("loss", 60.0, 1.0, 3.0),
        MetricRow("loss", 90.0, 1.0, 3.0),
        MetricRow("steps per second", None, 1.0, 0.5),
    ]


def test_of_many_series_the_long_ones_are_side_by_side() -> None:
    """A loss among settings that were printed once each, whose names come before."""
    steps = [float(at) for at in range(50)]
    once = [SeriesPoints("worker-0", f"a{n:02d}", 1, [0.0], [0], [1.0], [0], axis="step") for n in range(MAX_NAMES + 5)]
    loss = SeriesPoints("worker-0", "loss", 50, list(steps), [0] * 50, [1.0] * 50, [0] * 50, axis="step")
    names = [row.name for row in side_by_side([*once, loss], [*once, loss])]
    assert "loss" in names
    assert len(set(names)) == MAX_NAMES
    assert names == sorted(names)
