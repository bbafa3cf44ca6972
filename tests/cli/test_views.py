"""``joblog why``, ``progress``, ``metrics``, ``tail --rank`` and ``--plain``, as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from joblog.cli.plot import plot
from tests.agent.harness import Agent

TRACEBACK = b"""step=1 loss=0.75
\x1b[31mTraceback (most recent call last):
  File "t.py", line 1, in <module>
ValueError: bad \x1b]0;evil\x07shard
"""
LOG = {
    0: b"step=1 loss=0.5\nstep=2 loss=0.25\n\rtrain:  50%|#####     | 5/10 [00:05<01:05,  1.00it/s]\n",
    1: TRACEBACK,
}


@pytest.fixture
def run(joblog: Agent, tmp_path: Path) -> Agent:
    """A run of two ranks, of which one failed."""
    for rank, data in LOG.items():
        (tmp_path / f"rank{rank}.log").write_bytes(data)
    joblog.said("import", "--job", "train", *(str(tmp_path / f"rank{rank}.log") for rank in LOG))
    return joblog


def test_why(run: Agent) -> None:
    """What failed first, its lines, how the ranks ended; without a job, of the latest run; no escape of the log's."""
    for name in ((), ("train",), ("train/V0001",)):
        out = run.said("why", *name)
        assert out.startswith(b"Rank 1 failed first (python exception): ValueError: bad shard.")
        assert b"\x1b" not in out
        assert b'  |   File "t.py", line 1, in <module>\n' in out
        assert b"[train/V0001/worker-1#L1-L3]" in out
    told = json.loads(run.said("why", "--json"))
    assert (told["first"]["ranks"], told["first"]["where"]["start_line"]) == ("1", 1)
    assert len(run.said("why", "--json", "--max-bytes", "1000")) <= 1100
    assert run.said("why", "--rank", "0").startswith(b"No failure was found")


def test_progress_and_metrics(run: Agent) -> None:
    """Tables, JSON, a plot."""
    table = run.said("progress").decode().splitlines()
    assert [line.split() for line in table] == [
        ["RANK", "LABEL", "DONE", "OF", "%", "PER", "SECOND", "LEFT", "OF", "THE", "RUN"],
        ["0", "train", "5", "10", "50", "1", "0:01:05", "-"],
    ]
    table = run.said("metrics", "train", "--rank", "0").decode().splitlines()
    assert [line.split() for line in table[1:]] == [["loss", "0", "2", "0.5", "0.25", "0.25", "0.5", "2"]]
    (series,) = json.loads(run.said("metrics", "--json"))
    assert (series["steps"], series["values"]) == ([1, 2], [0.5, 0.25])
    drawn = run.said("metrics", "--plot", "--names", "loss").decode()
    assert drawn.startswith("loss  (rank 0, 2 points)\n 0.5 ┤")
    assert run.said("metrics", "--pattern", "L(?P<x>1)").count(b"\n") >= 1


def test_tail_of_ranks(run: Agent) -> None:
    """Each line with its rank; the same of several ranks once."""
    lines = run.said("tail", "train", "--rank", "all", "-n", "100").splitlines()
    assert len(lines) == 7
    assert b"0: step=1 loss=0.5" in lines
    assert b"1: ValueError: bad shard" in lines
    assert run.said("tail", "train", "--rank", "1", "-n", "1") == b"1: ValueError: bad shard\n"
    assert run.said("tail", "-f", "train", "--rank", "0-9", "-n", "1") == b"1: ValueError: bad shard\n"


def test_plain(run: Agent) -> None:
    """Bars folded; no escapes, as stdout is no terminal."""
    plain = b"step=1 loss=0.5\nstep=2 loss=0.25\ntrain:  50%|#####     | 5/10 [00:05<01:05,  1.00it/s]\n"
    assert run.said("cat", "train", "--plain") == plain
    assert run.said("tail", "train", "--plain", "-n", "2") == plain[plain.index(b"\n") + 1 :]
    assert b"\x1b" not in run.said("cat", "train/V0001/worker-1", "--plain")


def test_lines_as_objects(run: Agent) -> None:
    """Each says where it stands, live too; together they are the log's bytes."""
    whole = LOG[0]
    told = [json.loads(line) for line in run.said("tail", "-n", "100", "--json", "train").splitlines()]
    assert [one["line"] for one in told] == list(range(len(whole.removesuffix(b"\n").split(b"\n"))))
    assert b"".join(whole[one["start_byte"] : one["end_byte"]] for one in told) == whole
    assert all(one["text"].encode() == whole[one["start_byte"] : one["end_byte"]].rstrip(b"\n") for one in told)
    last = told[-1:]
    for flags in (("-n", "1"), ("-f", "-n", "1")):
        assert [json.loads(line) for line in run.said("tail", *flags, "--json", "train").splitlines()] == last


def test_wrong_usage_is_told_in_a_line(run: Agent) -> None:
    """Which names the flag."""
    assert "--rank must be ranks" in run.refused("why", "--rank", "x")
    assert "--rank must be ranks" in run.refused("tail", "train", "--rank", "3-1")
    assert "max_bytes" in run.refused("why", "--max-bytes", "5")
    assert "points" in run.refused("metrics", "--points", "1")
    assert "pattern" in run.refused("metrics", "--pattern", "(")
    assert "--plain" in run.refused("tail", "train", "--plain", "--grep", "x")
    assert "--plain" in run.refused("tail", "train", "--plain", "--rank", "0")
    assert "--json" in run.refused("tail", "train", "--json", "--rank", "0")
    assert "there is no job" in run.refused("why", "nothing")


def test_plot() -> None:
    """A rising line from corner to corner; what is no number leaves a gap, nothing at all is said so."""
    drawn = plot([0, 1, 2, 3], [0.0, 1.0, None, 3.0], 10, 3)
    assert [line[:3] for line in drawn] == ["3 ┤", "  ┤", "0 ┤", "   "]
    assert drawn[0].endswith("⠊") or drawn[0].rstrip()[-1] > "\u2800"
    assert drawn[-1].split() == ["0", "3"]
    assert plot([0], [None]) == ["(no finite value)"]
    assert len(plot([1, 1], [2.0, 2.0], 10, 3)) == 4
