"""Nodes, PostgreSQL and the object store are killed and cut off under load: nothing is lost, nothing is twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import installed
from tests.e2e.chaos import Chaos, Load, Nodes, place, problems
from tests.engines import PostgresServer, SeaweedServer

WRITERS = 6


@pytest.mark.long  # servers are killed, and take seconds to be back
def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    """Two nodes; each kind of fault once; no reader, no follower sees a gap or a repeat; what is stored checks clean."""
    postgres, s3 = installed(PostgresServer), installed(SeaweedServer)
    os.environ.update(s3.credentials)
    try:
        nodes = Nodes(tmp_path, place(postgres, s3, "chaos"), 2)
        load, chaos = Load(nodes, WRITERS), Chaos(nodes, postgres, s3, seed=1, longest_moment_s=0.7)
        load.start()
        for _ in chaos.kinds:
            if not load.stopping.is_set():
                chaos.step()
        load.stop()
        load.verify()
        assert load.failures == []
        assert min(load.acknowledged) > 0
        assert set(chaos.faults.values()) == {1}
        assert len(chaos.faults) == len(chaos.kinds)
        assert nodes.stop() == [0, 0]
        assert problems(tmp_path / "check", nodes.settings) == []
    finally:
        nodes.close()
        postgres.close()
        s3.close()
