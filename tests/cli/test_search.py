"""``joblog search`` against a real server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.agent.harness import Agent
from tests.children import Child

TEXT = b"epoch 1\nloss 0.5 \xff\nepoch 2\nnan nan\nepoch 3\ndone\nepoch 4"


@pytest.fixture
def ranks(joblog: Agent, tmp_path: Path) -> Agent:
    """A version of two ranks, and another job."""
    for name, data in (("w0.log", TEXT), ("w1.log", b"rank 1: nan\n"), ("other.log", b"Nan\n")):
        (tmp_path / name).write_bytes(data)
    joblog.said("import", "--job", "train", str(tmp_path / "w0.log"), str(tmp_path / "w1.log"))
    joblog.said("import", "--job", "other", str(tmp_path / "other.log"))
    return joblog


def test_writes_what_grep_would(ranks: Agent) -> None:
    """Numbered lines of one log; with their log's name where there are several."""
    one, all_ranks = "train/1/worker-0", b"train/V0001/worker-"
    for arguments, lines in (
        (("epoch [2-3]", one), b"2:epoch 2\n4:epoch 3\n"),
        (("loss", one), b"1:loss 0.5 \xff\n"),
        (("-F", "0.5", one), b"1:loss 0.5 \xff\n"),
        (("epoch", one, "-m", "1"), b"0:epoch 1\n"),
        (("epoch", "-m", "1", one), b"0:epoch 1\n"),
        (("-r", "epoch", one, "-m", "2"), b"6:epoch 4\n4:epoch 3\n"),
        (("-C", "1", "nan", one), b"2-epoch 2\n3:nan nan\n4-epoch 3\n"),
        (("-A", "1", "epoch [14]|loss", one), b"0:epoch 1\n1:loss 0.5 \xff\n2-epoch 2\n--\n6:epoch 4\n"),
        (("-B", "2", "epoch", one), b"0:epoch 1\n1-loss 0.5 \xff\n2:epoch 2\n3-nan nan\n4:epoch 3\n5-done\n6:epoch 4\n"),
        (("nan", "train"), all_ranks + b"0#L3:nan nan\n" + all_ranks + b"1#L0:rank 1: nan\n"),
        (("-c", "nan", "train"), all_ranks + b"0:1\n" + all_ranks + b"1:1\n"),
        (("-c", "epoch", one), b"4\n"),
        (("-i", "^nan$"), b"other/V0001/worker-0#L0:Nan\n"),
        (
            ("--color", "always", "-m", "1", "na", one),
            b"\x1b[32m3\x1b[m\x1b[36m:\x1b[m\x1b[1;31mna\x1b[mn \x1b[1;31mna\x1b[mn\n",
        ),
    ):
        assert ranks.said("search", *arguments) == lines, arguments
    hit = json.loads(ranks.said("search", "--json", "done", one))
    assert (hit["line"], hit["text"]["data"], hit["log"]["task"]) == (5, "done", "worker-0")


def test_which_runs_said_it(ranks: Agent) -> None:
    """The newest first, each with the number of its lines and a place that ``cat`` takes."""
    train, other = b"train/V0001:2 train/V0001/worker-0#L3:nan nan\n", b"other/V0001:1 other/V0001/worker-0#L0:Nan\n"
    assert ranks.said("search", "--runs", "-i", "nan") == other + train
    assert ranks.said("search", "--runs", "nan") == train
    assert ranks.said("search", "--runs", "-i", "-m", "1", "nan") == other
    assert ranks.said("search", "--runs", "nan", "train") == train
    record = json.loads(ranks.said("search", "--runs", "--json", "nan"))
    assert (record["run"], record["lines"], record["first"]["line"]) == ("train/V0001", 2, 3)


def test_each_place_is_one_that_cat_takes(ranks: Agent) -> None:
    """Those that search and why print, and a number by itself as --lines: one rule for all."""
    for found in ranks.said("search", "nan|epoch").splitlines(keepends=True):
        place, _, text = found.partition(b":")
        assert ranks.said("cat", place.decode()) == text.removesuffix(b"\n") + b"\n" * (b"epoch 4" not in text)
    number, _, text = ranks.said("search", "loss", "train/1/0").partition(b":")
    assert ranks.said("cat", "train/1/0", "--lines", number.decode()) == text
    hit = json.loads(ranks.said("search", "--json", "loss", "train/1/0"))
    assert hit["line"] == int(number)


def test_part_of_a_project(ranks: Agent) -> None:
    """Of what arrived when, of these ranks, of runs in these states, of jobs with these labels; alone, together, counted."""
    ranks.said("label", "other", "team=vision")
    train, other = b"train/V0001/worker-1#L0:rank 1: nan\n", b"other/V0001/worker-0#L0:Nan\n"
    for arguments, lines in (
        (("--rank", "1,5-9"), train),
        (("--rank", "0", "--label", "team"), other),
        (("--label", "team=vision", "--since", "1h"), other),
        (("--state", "ended", "--label", "team=vision"), other),
        (("--rank", "1", "--until", "2100-01-01", "-r"), train),
        (("--rank", "1", "--since", "2020-01-01", "-c"), b"train/V0001/worker-1:1\n"),
        (("--runs", "--label", "team=vision", "--state", "ended", "--rank", "0"), b"other/V0001:1 " + other),
    ):
        assert ranks.said("search", "-i", *arguments, "nan") == lines, arguments
    for nothing in (
        ("--since", "2100-01-01"),
        ("--until", "1h"),
        ("--rank", "7"),
        ("--state", "failed"),
        ("--label", "team=x"),
    ):
        assert ranks.run(ranks.command("search", "-i", *nothing, "nan")).returncode == 1, nothing
    for wrong, message in (
        (("--rank", "1", "nan", "train/1/0"), "--rank must be absent where LOG names a rank"),
        (("--label", "team", "nan", "train"), "--state and --label must be given without LOG"),
        (("--since", "noon", "nan"), "since must be milliseconds"),
        (("--rank", "x", "nan"), "ranks must be ranks and ranges of them"),
        (("--state", "asleep", "nan"), "--state must be one of"),
        (("--label", "=", "nan"), "label"),
    ):
        assert message in ranks.refused("search", *wrong), wrong


def test_exit_status(ranks: Agent) -> None:
    """1 without a match, 2 for an error, as grep's."""
    for arguments, status in ((("nothing", "train"), 1), (("-c", "nothing", "train/1/worker-0"), 1), (("epoch",), 0)):
        ran = ranks.run(ranks.command("search", *arguments))
        assert (ran.returncode, ran.stderr) == (status, b""), arguments
    assert "pattern must be a regular expression" in ranks.refused("search", "(", "train")
    assert "there is no job" in ranks.refused("search", "x", "absent")
    assert "-m must be 1 or more" in ranks.refused("search", "x", "-m", "0")


def test_tail_of_what_matches(ranks: Agent) -> None:
    """The last lines that match, or those since a moment; cat by time."""
    assert ranks.said("tail", "train", "-n", "2", "--grep", "epoch") == b"epoch 3\nepoch 4\n"
    assert (
        ranks.said("tail", "train", "--since", "1h", "--grep", "^(epoch|loss)")
        == b"epoch 1\nloss 0.5 \xff\nepoch 2\nepoch 3\nepoch 4\n"
    )
    assert ranks.said("tail", "train", "--since", "1h") == TEXT
    assert ranks.noted("cat", "train", "--since", "1h", "--until", "2020-01-01")[0] == b""
    assert ranks.said("cat", "train", "--since", "2020-01-01") == TEXT
    assert ranks.said("tail", "-f", "train", "-n", "1", "--grep", "epoch") == b"epoch 4\n"
    assert "--since and --until must be absent" in ranks.refused("cat", "train", "--since", "1h", "--lines", "1-2")
    assert "since must be milliseconds" in ranks.refused("tail", "train", "--since", "noon")
    assert "--grep must be a regular expression" in ranks.refused("tail", "train", "--grep", "(")


def test_tail_follows_what_matches(ranks: Agent) -> None:
    """Whole lines, however they arrive."""
    words = "sys.stdout.write('st'); sys.stdout.flush(); time.sleep(0.05); print(f'ep {n}', flush=True)"
    program = f"import sys, time\nfor n in range(6): {words}"
    job = Child(
        ranks.python(program, options=("--job", "live", "-v")),
        env=ranks.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert job.stderr is not None
    job.stderr.readline()
    tail = ranks.run(ranks.command("tail", "-f", "live", "--grep", "[135]$"))
    assert (tail.returncode, tail.stdout, tail.stderr) == (0, b"step 1\nstep 3\nstep 5\n", b"")
    job.communicate(timeout=120)
