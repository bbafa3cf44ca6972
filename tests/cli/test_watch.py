"""``joblog watch``: rules are made, listed, tried, muted and deleted; what fired stands in the lists."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog.cli import main
from tests.conftest import Server, start_server

WAIT_S = 60.0


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of the test's own, which the commands ask."""
    server = start_server(tmp_path / "data")
    monkeypatch.setenv("JOBLOG_URL", server.url)
    monkeypatch.setenv("JOBLOG_TOKEN", server.token)
    yield server
    server.stop()


def test_rules_by_the_command_line(watched: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """From one address to a line in the list of jobs."""
    assert main(["watch", "add", "https://hooks.example.com/very-secret"]) == 0
    made = capsys.readouterr().out
    assert [line.partition(":")[0] for line in made.splitlines()] == ["stalled", "failed", "silent rank", "loss is nan"]
    assert "very-secret" not in made
    assert main(["watch", "add", "--match", "out of mem", "-F", "--name", "oom"]) == 0
    rules = tmp_path / "rules.toml"
    rules.write_text('[rule.high]\nkind = "value"\nmetric = "loss"\nabove = 100\n')
    assert main(["watch", "add", "--file", str(rules), "--job", "other"]) == 0
    with watched.client() as client:
        run = client.run("default", "train")
        client.append(run.log.ref, 0, b"step 1 loss=200\nCUDA out of memory\n")
        deadline = time.monotonic() + WAIT_S
        while not list(client.alerts()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    capsys.readouterr()
    assert main(["watch", "alerts", "train", "--json"]) == 0
    assert [alert["rule"] for alert in json.loads(capsys.readouterr().out)] == ["oom"]
    assert main(["watch", "test", "high", "train"]) == 0
    assert "loss is 200, above 100  train/V0001/worker-0#L0  step 1 loss=200" in capsys.readouterr().out
    assert main(["watch", "test", "--metric", "loss", "--above", "300", "train"]) == 1
    assert main(["jobs"]) == 0
    assert "a line matches out of mem" in capsys.readouterr().out
    assert main(["watch", "mute", "oom", "--for", "12h"]) == 0
    assert main(["watch", "rm", "high", "silent rank"]) == 0
    assert main(["watch", "ls", "--json"]) == 0
    listed = {rule["name"]: rule for rule in json.loads(capsys.readouterr().out)}
    assert sorted(listed) == ["failed", "loss is nan", "oom", "stalled"]
    assert listed["oom"]["muted_ms"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "--value", "(a)(b)", "--above", "1"], "pattern must be an expression with one group"),
        (["add", "--match", "("], "pattern must be a regular expression"), (["add", "--count", "3"], "the options must be"),
        (["add", "--metric", "loss"], "above is missing"), (["add", "--stall", "--silent", "1"], "--silent must be a number"),
        (["add", "--name", "a"], "--name must be given with"), (["add", "http://10.0.0.1/"], "notify must be"),
        (["add", "--file", "/dev/null"], "--file must be a file with rules"),
        (["add", "--match", "a", "--within", "10m"], "count is missing"),
        (["rm", "nothing"], "there is no rule 'nothing'"), (["test", "nothing"], "RULE must be"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line_and_status_2(
    watched: Server, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """It names what is wrong."""
    assert main(["watch", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
