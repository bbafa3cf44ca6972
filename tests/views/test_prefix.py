"""What a log puts before each line is learnt from its lines, whatever it is made of."""

from __future__ import annotations

import pytest

from joblog.views.prefix import Sample, cuts, facts, own


def learnt(*lines: str) -> str:
    sample = Sample()
    for line in lines[:-1]:
        sample.add(line)
    return sample.learnt(lines[-1]).text


@pytest.mark.parametrize(
    "prefix",
    [
        "2024-05-01T10:00:0{n}.123456Z ",
        "trainer-1  | ",
        "gpu-a07: ",
        "03: ",
        "[3] ",
        "[1,3]<stderr>:",
        "[rank3]:",
        "(train_fn pid=4711, ip=10.0.0.3) ",
        "May  1 10:00:0{n} gpu01 train[4711]: ",
        "[pod/train-worker-3/pytorch] ",
        "2024-05-01 10:00:0{n},123 - trainer - INFO - ",
        "[INFO] [2024-05-01 10:00:0{n}] [train] ",
        "node-3|rank-3 > ",
    ],
)
def test_whatever_lines_begin_with(prefix: str) -> None:
    """Exactly that, and the words' own blanks are theirs."""
    lines = [
        f"{prefix.format(n=n)}{text}" for n, text in enumerate(("loading", "step 1", "epoch 2", '  File "x.py"', "KeyError: 1"))
    ]
    assert learnt(*lines) == prefix.format(n=4)
    sample = Sample()
    for line in lines[:3]:
        sample.add(line)
    cut = sample.learnt(lines[4])
    assert cut.after(lines[3]) == len(prefix.format(n=3))
    assert cut.after(prefix.format(n=9).rstrip()) is not None


@pytest.mark.parametrize(
    "lines",
    [
        ("step 1 loss 0.5", "step 2 loss 0.4", "step 3 loss nan"),
        ("loss: 0.5", "loss: 0.4", "loss: nan"),
        ("epoch 1", "saving", "Traceback (most recent call last):"),
    ],
)
def test_words_of_a_line_are_no_prefix(lines: tuple[str, ...]) -> None:
    """Though many lines begin with them."""
    assert learnt(*lines) == ""


def test_streams_come_apart() -> None:
    """By what does not change within one: two ranks, two hosts; times and levels do."""
    (cut, *_) = cuts("10:00:01 [rank1] INFO x", 21)
    assert cut.after("10:59:59 [rank1] ERROR y") is not None
    assert cut.after("10:00:01 [rank2] INFO x") is None


@pytest.mark.parametrize(
    ("head", "rank", "level"),
    [
        ("[rank3]:", 3, ""),
        ("03: ", 3, ""),
        ("[1,3]<stderr>:", 3, ""),
        ("worker-7: ", 7, ""),
        ("2024-05-01 10:00:00 [rank 2] ERROR ", 2, "ERROR"),
        ("W0501 10:00:00.000000 140 run.py:793] ", None, "WARNING"),
        ("(main pid=4711) ", None, ""),
    ],
)
def test_what_a_prefix_says(head: str, rank: int | None, level: str) -> None:
    """A rank, a level."""
    said = facts(head)
    assert (said.rank, said.level) == (rank, level)


def test_what_says_what_it_is_by_itself() -> None:
    """Needs no other lines; a word and a colon does not."""
    assert own("2024-05-01 10:00:00,123 ERROR x").text == "2024-05-01 10:00:00,123 ERROR "
    assert own("[rank3]: Traceback").text == "[rank3]: "
    assert own("ValueError: bad").text == ""
