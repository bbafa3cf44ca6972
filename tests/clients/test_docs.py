"""docs/clients.md: the code in it is run as it stands there, in the clients' own environments, and prints what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.installed import program
from tests.conftest import Server, start_server
from tests.docs.blocks import Block, blocks

PAGE = "docs/clients.md"
RUN_S = 120.0


def code() -> list[Block]:
    """The page's code."""
    return [block for block in blocks(PAGE) if block.language in ("sh", "python")]


def named(block: Block) -> str:
    return f"{block.language}-{block.runner or 'plain'}"


@dataclass(frozen=True)
class Place:
    """A server that is as the page says, and what stands for the page's words."""

    words: dict[str, str]
    environment: dict[str, str]
    directory: Path

    def run(self, block: Block) -> str:
        """Runs a block; returns what it prints."""
        code = block.code
        for word, value in self.words.items():
            code = code.replace(word, value)
        if block.language == "sh":
            command = ["bash", "-euo", "pipefail", "-c", code]
        else:
            python = program(block.runner, "python") if block.runner else Path(sys.executable)
            command = [str(python), "-c", code]
        done = subprocess.run(
            command,
            input="correct horse\n",
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.directory,
            timeout=RUN_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server on which the page's setup was done."""
    directory = tmp_path_factory.mktemp("page")
    server = start_server(directory / "data")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "HOME": str(directory), "NO_PROXY": "*", "JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token}
    place = Place({"http://127.0.0.1:8470": server.url}, own | {"JOBLOG_SPOOL": str(directory / "spool")}, directory)
    printed = "".join(place.run(block) for block in code() if block.runner == "setup")
    yield Place(place.words | secrets(server, printed), place.environment, directory)
    assert server.stop() == 0


def secrets(server: Server, printed: str) -> dict[str, str]:
    """What stands for the words that everybody has others of."""
    access = re.search(r"\b[A-Z0-9]{20}\b", printed)
    secret = re.search(r"\b[A-Za-z0-9]{40}\b", printed)
    assert access is not None
    assert secret is not None
    return {"ACCESS-KEY": access[0], "SECRET-KEY": secret[0], '"TOKEN"': f'"{server.token}"'}


@pytest.mark.slow  # each block is a program of its own, which loads its client
@pytest.mark.parametrize("block", [block for block in code() if block.runner != "setup"], ids=named)
def test_code_prints_what_the_page_says(place: Place, block: Block) -> None:
    assert block.printed is not None
    assert place.run(block) == block.printed


def test_page_has_code_for_every_client() -> None:
    """A client that is installed for the tests is one that users are told how to point here."""
    others = {"schemathesis", "generators", "callbacks", "collectors", "notebook"}  # of other pages, or of none
    installed = {path.stem for path in (Path(__file__).parent / "environments").glob("*.txt")} - others
    assert {block.runner for block in code()} >= installed
