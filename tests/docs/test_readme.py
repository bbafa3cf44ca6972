"""README.md is short, and shows what is true: what ``why`` prints there is what it prints."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.harness import Agent
from tests.children import Child
from tests.docs.blocks import ROOT, text_of
from tests.engines import free_ports

LINES, CHARACTERS = 150, 120


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose name is short: what is said within a bound depends on it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        yield Path(path)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_it_is_read_in_a_minute(page: str) -> None:
    lines = text_of(page).splitlines()
    assert len(lines) < LINES
    assert [line for line in lines if len(line) > CHARACTERS] == []


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_why_prints_what_stands_there(page: str, joblog: Agent, short: Path) -> None:
    """Of the example's four ranks, but for the time and for where the program is."""
    shutil.copy(ROOT / "examples" / "ranks.py", short / "train.py")
    (port,) = free_ports(1)
    command = joblog.job(sys.executable, str(short / "train.py"), options=("--job", "crash", "--run-id", "night"))
    environ = {**joblog.environ, "WORLD_SIZE": "4", "MASTER_PORT": str(port)}
    ranks = [Child(command, env={**environ, "RANK": str(rank)}) for rank in range(4)]
    assert [rank.wait(120) for rank in ranks] == [1, 1, 1, 1]
    (shown,) = [text for text in re.findall(r"^```text\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)]
    assert anywhere(joblog.said("why", "crash", "--max-bytes", "2100").decode()) == anywhere(shown)


def anywhere(text: str) -> str:
    """The text without when and where it came to be, and how long its lines are."""
    return " ".join(re.sub(r'File "[^"]*/', 'File "', re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)).split())
