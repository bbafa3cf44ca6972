"""Last words at a server that has no time for them now: nobody is kept waiting, and they get there."""

from __future__ import annotations

from joblog.api.backoff import jitter
from tests.agent.harness import Agent, FlakyServer
from tests.agent.run.test_kill import until


def test_server_that_asks_to_come_later_gets_the_rest_later(agent: Agent) -> None:
    """The caller leaves after --wait, and is told; the keeper goes on as long as it is asked to."""
    server = FlakyServer(dict.fromkeys(range(1, 1000), "busy"))
    agent.environ["JOBLOG_URL"] = server.url
    options = ("--wait", "2", "--run-id", "run-1")
    ran = agent.run(agent.job("sh", "-c", "echo out; exit 6", options=options))
    assert (ran.returncode, ran.stdout) == (6, b"out\n")
    assert ran.stderr.startswith(b"joblog: the log's last bytes are not on the server yet (later); it is kept in ")
    assert ran.stderr.count(b"\n") == 1
    server.failures.clear()
    until(lambda: server.closed is not None and list(agent.spool_root.iterdir()) == [])
    server.stop()
    assert server.held == b"out\n"
    assert server.reports[-1]["status"] == "FAILED"


def test_agents_that_are_put_off_together_do_not_come_back_together() -> None:
    """No two of thousands, to speak of, wait for the same time."""
    assert len({jitter(0.5) for _ in range(10_000)}) > 9_900
    assert all(0.5 <= jitter(0.5) <= 1 for _ in range(1000))
