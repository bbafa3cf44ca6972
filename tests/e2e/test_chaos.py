"""Nodes, PostgreSQL and the object store are killed, again and again, under load: nothing is lost, nothing is twice."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.conftest import installed
from tests.e2e.chaos import Chaos, Load, Nodes, place, problems
from tests.engines import PostgresServer, SeaweedServer

CHAOS_S = 20.0
WRITERS = 6


@pytest.mark.slow  # servers are killed, and take seconds to be back
def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    """Two nodes; every reader sees its log without a gap or a repeat; what is stored checks clean."""
    postgres, s3 = installed(PostgresServer), installed(SeaweedServer)
    os.environ.update(s3.credentials)
    try:
        nodes = Nodes(tmp_path, place(postgres, s3, "chaos"), 2)
        load, chaos = Load(nodes, WRITERS), Chaos(nodes, postgres, s3, seed=1)
        load.start()
        until = time.monotonic() + CHAOS_S
        while time.monotonic() < until and not load.stopping.is_set():
            chaos.step()
        load.stop()
        load.verify()
        assert load.failures == []
        assert min(load.acknowledged) > 0
        assert sum(chaos.faults.values()) > 2
        for node in nodes.running:
            assert node.stop() == 0
        assert problems(tmp_path / "check", nodes.settings) == []
    finally:
        postgres.close()
        s3.close()
