"""What is sent counts as kept when the answer says so."""

from __future__ import annotations

import pytest

from joblog.api.refs import LogRef
from joblog.client import Client
from joblog.errors import Unreachable
from tests.agent.harness import FlakyServer

LOG = LogRef("lab", 1, 1, "worker-0")
WORDS = b"step 1\n" * 1000


@pytest.mark.parametrize("send", ["append", "send_bytes"])
def test_answer_to_a_part_is_no_answer(send: str) -> None:
    """Compressed on the way or not; the same append again completes what is there."""
    server = FlakyServer({1: "part"})
    try:
        with Client(server.url, "token") as client:
            with pytest.raises(Unreachable, match=f"bytes 0 to {len(WORDS)} says that the log ends at {len(WORDS) // 2}"):
                getattr(client, send)(LOG, 0, WORDS)
            assert getattr(client, send)(LOG, 0, WORDS).end_byte == len(WORDS)
    finally:
        server.stop()
    assert server.held == WORDS


def test_a_server_that_is_older_gets_a_report_that_it_knows() -> None:
    """Agents may be newer than their server: a heartbeat that it refuses would make the run look lost."""
    server = FlakyServer({1: "older"})
    try:
        with Client(server.url, "token") as client:
            assert client.report(LOG, "RUNNING", host="node7", terminal_rows=40).status == "RUNNING"
    finally:
        server.stop()
    assert server.reports == [{"status": "RUNNING", "host": "node7"}]
