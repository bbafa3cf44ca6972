"""Fixtures for the agent and the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.agent.follow.following import Following
from tests.agent.harness import NOWHERE, Agent, Served


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """An agent whose server is away."""
    spool_root = tmp_path / "spool"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JOBLOG_")}
    return Agent(spool_root, kept | {"JOBLOG_URL": NOWHERE, "JOBLOG_SPOOL": str(spool_root), "TMPDIR": str(tmp_path)})


@pytest.fixture
def joblog(agent: Agent, server: Served, tmp_path: Path) -> Agent:
    """An agent, or another command, that has a server and a project."""
    project = tmp_path.name.replace("_", "-")[-64:]
    agent.environ |= {"JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token, "JOBLOG_PROJECT": project}
    agent.said("project", "create", project)
    return agent


@pytest.fixture
def follow(agent: Agent) -> Iterator[Callable[..., Following]]:
    """Starts followers, and ends those that a test has left running."""
    started: list[Following] = []

    def start(*arguments: object) -> Following:
        started.append(Following(agent, *map(str, arguments)))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()
