"""``joblog diff`` and ``joblog templates``, as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agent.harness import Agent

STEPS = "".join(f"step {at} loss {1 / (at + 1):.4f}\n" for at in range(50))
GOOD = f"lr: 0.1\n{STEPS}saved\n"
BAD = f"lr: 10\n{STEPS}reader uses the slow path\n\x1b[31mRuntimeError: boom \x1b]0;evil\x07 here\n"


@pytest.fixture
def runs(joblog: Agent, tmp_path: Path) -> Agent:
    """A job of two runs, the second of two ranks."""
    (tmp_path / "good.log").write_text(GOOD)
    (tmp_path / "rank0.log").write_text(BAD)
    (tmp_path / "rank1.log").write_text(f"lr: 10\n{STEPS}")
    joblog.said("import", "--job", "train", str(tmp_path / "good.log"))
    joblog.said("import", "--job", "train", *(str(tmp_path / f"rank{rank}.log") for rank in (0, 1)))
    return joblog


def test_templates(runs: Agent) -> None:
    """The most frequent first, with ranks and places; only so many; JSON."""
    rows = [line.split(maxsplit=4) for line in runs.said("templates", "train/1").decode().splitlines()]
    assert rows == [
        ["COUNT", "RANKS", "FIRST", "LAST", "TEMPLATE"],
        ["50", "0", "0#L1", "0#L50", "step # loss #"],
        ["1", "0", "0#L0", "0#L0", "lr: #"],
        ["1", "0", "0#L51", "0#L51", "saved"],
    ]
    assert runs.said("templates", "-n", "1").decode().splitlines()[1:] == [
        "100    0-1    0#L1   0#L50  step # loss #",
        "3 more templates: see -n",
    ]
    listed = json.loads(runs.said("templates", "train", "--rank", "1", "--json"))
    assert (listed["total"], listed["lines"], listed["unread_bytes"]) == (2, 51, 0)


@pytest.mark.parametrize("command", ["templates", "why", "progress", "metrics"])
def test_rank_of_a_name(runs: Agent, command: str) -> None:
    """A name of a rank's log is about that rank, as with --rank, which goes before."""
    assert runs.said(command, "train/2/1", "--json") == runs.said(command, "train/2", "--rank", "1", "--json")
    assert runs.said(command, "train/2/1", "--json") != runs.said(command, "train/2", "--json")
    assert runs.said(command, "train/2/1", "--rank", "0", "--json") == runs.said(command, "train/2", "--rank", "0", "--json")


def test_diff(runs: Agent) -> None:
    """With the run before where none is named; of two, of ranks; no escape of the log's."""
    out = runs.said("diff", "train").decode()
    assert out.startswith(
        "train/V0002 compared with train/V0001, the run before\n\nThey part at step 49 [train/V0002/worker-0#L52]\n"
    )
    assert "\nNew:\n  1x, rank 0: RuntimeError: boom  here  [train/V0002/worker-0#L52]\n" in out
    assert "\nGone:\n  1x, rank 0: saved  [train/V0001/worker-0#L51]\n" in out
    assert "\nChanged values:\n  lr: 0.1 -> 10  [train/V0002/worker-0#L0]\n" in out
    assert "\x1b" not in out
    assert "Metrics at equal steps:" in out
    assert runs.said("diff", "train", "--earlier").decode() == out
    assert runs.said("diff", "train/1", "train/2").decode().splitlines()[1:] == out.splitlines()[1:]
    alone = runs.said("diff", "train/2/1", "train/2/0").decode()
    assert alone.startswith("train/V0002 ranks 0 compared with train/V0002 ranks 1\n")
    assert "RuntimeError" in alone
    assert "New:\n  1x, rank 0: RuntimeError" in runs.said("diff", "--ranks", "train").decode()
    made = json.loads(runs.said("diff", "train", "--json", "-n", "1"))
    assert [each["line"] for each in made["difference"]["new"]] == ["RuntimeError: boom  here"]
    assert made["metrics"][0]["name"] == "loss"


def test_new_lines_alone(runs: Agent) -> None:
    """Into a pipe what the run before did not print is written alone; of a part, the last lines, and as they come."""
    new = b"reader uses the slow path\nRuntimeError: boom  here\n"
    about = "new are lines that train/V0001 did not print: 2 kinds of them"
    assert runs.noted("cat", "--new", "train/2") == (new, about)
    assert runs.noted("cat", "--new", "train/2", "--lines", "0-20") == (b"", about)
    for words in (("-n", "2"), ("-n", "2", "-f"), ("--since", "1h")):
        assert runs.noted("tail", "--new", *words, "train/2") == (new, about)
    assert runs.noted("tail", "--new", "train/1")[0] == b""


def test_why_says_what_is_new(runs: Agent) -> None:
    """What the failure's own lines say is not said again."""
    made = json.loads(runs.said("why", "train/2", "--json"))
    assert ([each["line"] for each in made["new"]], made["new_against"]) == (["reader uses the slow path"], "train/V0001")
    out = runs.said("why", "train/2").decode()
    assert "\nNew here, not in train/V0001, 1 of 2:\n  rank 0: reader uses the slow path  [train/V0002/worker-0#L51]\n" in out
    assert "New here" not in runs.said("why", "train/1").decode()
    small = json.loads(runs.said("why", "train/2", "--json", "--max-bytes", "1000"))
    assert len(json.dumps(small)) <= 1100


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cat", "--new", "--raw", "train"), "--new must be given without --raw"),
        (("tail", "--new", "--json", "train"), "--new must be given without --json"),
        (("diff", "a", "b", "c"), "RUN must be given once or twice"),
        (("diff", "--ranks", "train/1", "train/2"), "--ranks and --earlier must be given with one run"),
        (("diff", "--ranks", "--earlier", "train"), "--earlier must be given without --ranks"),
        (("templates", "train", "--rank", "77"), "there is no rank '77'; the run has rank"),
        (("why", "train", "--rank", "7-9,77"), "there is no rank '7-9,77'; the run has rank"),
        (("progress", "train", "--rank", "77"), "there is no rank '77'; the run has rank"),
        (("metrics", "train", "--rank", "77"), "there is no rank '77'; the run has rank"),
        (("diff", "-n", "0", "train"), "-n must be 1 to 200, not 0"),
        (("templates", "-n", "4001", "train"), "-n must be 1 to 4000, not 4001"),
        (("diff", "train/1"), "there is no earlier run"),
        (("diff", "train/1", "train/9"), "there is no run"),
    ],
)
def test_what_cannot_be_compared(runs: Agent, words: tuple[str, ...], message: str) -> None:
    """One line on stderr, status 2."""
    assert message in runs.refused(*words)
