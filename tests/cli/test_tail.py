"""``joblog tail -f`` as a process."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog.client import LogRef
from tests.agent.harness import Agent
from tests.children import Child
from tests.conftest import Server, start_server
from tests.proxy import CuttingProxy

NEVER = 1 << 40


@pytest.fixture
def network(tmp_path: Path, agent: Agent) -> Iterator[tuple[Server, CuttingProxy]]:
    """A server that may be restarted, and a way to it whose address stays."""
    server = start_server(tmp_path / "data")
    proxy = CuttingProxy(server.url, 0, NEVER)
    agent.environ |= {"JOBLOG_URL": proxy.url, "JOBLOG_TOKEN": server.token}
    yield server, proxy
    proxy.stop()


def made(server: Server, data: bytes) -> LogRef:
    with server.client() as client:
        log = client.run("default", "live").log.ref
        client.append(log, 0, data)
        return log


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_follower_survives_a_restart(agent: Agent, network: tuple[Server, CuttingProxy], how: str) -> None:
    """It says so once, goes on with the next byte, and ends when the log is closed."""
    server, proxy = network
    log = made(server, b"old\nfirst\n")
    command = agent.command("tail", "-f", "-n", "1", "live")
    with Child(command, env=agent.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline() == b"first\n"
        (server.stop if how == "stop" else server.kill)()
        again = start_server(server.data)
        proxy.aim(again.url)
        with again.client() as client:
            client.append(log, 10, b"second\n")
            assert tail.stdout.readline() == b"second\n"
            client.append(log, 17, b"last, unfinished")
            client.close_log(log)
        out, err = tail.communicate(timeout=120)
    assert (out, tail.returncode) == (b"last, unfinished", 0)
    assert err.endswith(b"; still trying\n")
    assert again.stop() == 0


def test_interrupted_follower(agent: Agent, network: tuple[Server, CuttingProxy]) -> None:
    """Ends as a shell expects, in silence."""
    server, _ = network
    made(server, b"first\n")
    command = agent.command("tail", "-f", "live")
    with Child(command, env=agent.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline() == b"first\n"
        tail.send_signal(signal.SIGINT)
        assert tail.communicate(timeout=120) == (b"", b"")
        assert tail.returncode == 130
    assert server.stop() == 0
