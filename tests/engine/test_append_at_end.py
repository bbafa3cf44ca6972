"""Appends that name no position: to wherever the log ends, whoever else appends to it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from joblog.engine.append import Outcome
from joblog.engine.engine import Engine
from joblog.errors import JoblogError
from tests.backends import Backend

pytestmark = pytest.mark.backends("postgres-directory")


@pytest.fixture
def nodes(backend: Backend, tmp_path: Path) -> Iterator[list[Engine]]:
    """Two nodes on one catalog and one directory of objects."""
    shared = replace(backend.settings(tmp_path), objects=f"file://{tmp_path}/objects")
    found = [Engine(replace(shared, data=tmp_path / str(number))) for number in range(2)]
    found[0].runs.put_project("lab", 1)
    yield found
    for node in found:
        node.close()


def submitted(node: Engine, log_id: int, data: bytes) -> Outcome:
    answer: Future[Outcome] = Future()
    node.appender.submit(log_id, None, data, answer.set_result)
    return answer.result()


def test_nodes_append_to_one_log(nodes: list[Engine]) -> None:
    """Of two that append at once one is told that nothing was taken, and does it again: each byte is there once."""
    log_id = nodes[0].runs.put_run("lab", "job", "run", 0, 1)[2].id
    batches = [f"{number:04d}\n".encode() for number in range(100)]

    def append(number: int) -> None:
        while True:
            outcome = submitted(nodes[number % 2], log_id, batches[number])
            assert not isinstance(outcome, JoblogError)
            if outcome[0]:
                return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(len(batches))))
    log = nodes[0].logs.head(log_id)
    held = b"".join(nodes[0].reader.stream(log, 0, log.end_byte))
    assert sorted(held.splitlines(keepends=True)) == batches


def test_a_closed_log_takes_nothing(nodes: list[Engine]) -> None:
    """And says where it ends, and that it is closed."""
    log_id = nodes[0].runs.put_run("lab", "closed", "run", 0, 1)[2].id
    assert submitted(nodes[0], log_id, b"x\n") == (True, nodes[1].logs.head(log_id))
    nodes[1].logs.close(nodes[1].logs.head(log_id), None, None, 2)
    outcome = submitted(nodes[0], log_id, b"y\n")
    assert not isinstance(outcome, JoblogError)
    assert (outcome[0], outcome[1].closed, outcome[1].end_byte) == (False, True, 2)
