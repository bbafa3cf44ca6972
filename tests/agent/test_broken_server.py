"""A server that answers what no joblog does: without end, or with what would control a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.agent.harness import Agent

PIECE = b"x" * (1 << 16)
ESCAPES = '{"error": {"code": "invalid", "message": "\\u001b]0;gotcha\\u0007 \\u009b2J end\\nof it"}}'


MEASURED = (
    "import resource, subprocess, sys\n"
    "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
)


class Broken:
    """Answers every request with ``status`` and with ``body``, or without end."""

    def __init__(self, status: int, body: bytes | None) -> None:
        self.sent_bytes = 0
        broken = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.end_headers()
                try:
                    self.wfile.write(body or b"")
                    while body is None and broken.sent_bytes < 1 << 30:
                        broken.sent_bytes += self.wfile.write(PIECE)
                except OSError:
                    pass  # the client has had enough

            do_GET = do_POST

            def log_message(self, format: str, *values: object) -> None:
                """Keeps quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(params=[200, 500])
def endless(request: pytest.FixtureRequest) -> Iterator[Broken]:
    server = Broken(request.param, None)
    yield server
    server.stop()


@pytest.mark.long  # gigabytes are sent
def test_answer_without_end_is_read_no_further_than_an_answer_can_be(agent: Agent, endless: Broken) -> None:
    """Neither the keeper nor a command takes more of it; the job does not notice."""
    agent.environ["JOBLOG_URL"] = endless.url
    ran = agent.run(agent.job("sh", "-c", "echo out; exit 3", options=("--wait", "3")))
    assert (ran.returncode, ran.stdout, agent.spooled()) == (3, b"out\n", b"out\n")
    ran = agent.run(agent.command("project", "list"))
    assert (ran.returncode, ran.stderr.count(b"\n")) == (2, 1)
    for command in (agent.command("project", "list"), agent.job("true", options=("--wait", "3"))):
        assert largest_kib(agent, command) < 400 << 10


def largest_kib(agent: Agent, command: list[str]) -> int:
    """Runs a command; returns the memory of the largest of its processes."""
    measured = [sys.executable, "-c", MEASURED, *command]
    return int(agent.run(measured).stdout)


def test_message_of_a_server_controls_no_terminal(agent: Agent) -> None:
    """It is shown as one line of printable characters, by a command and by a job's keeper."""
    server = Broken(400, ESCAPES.encode())
    agent.environ["JOBLOG_URL"] = server.url
    shown = rb"\x1b]0;gotcha\x07 \x9b2J end\nof it"
    command, job = agent.run(agent.command("project", "list")), agent.run(agent.job("true", options=("--wait", "2")))
    server.stop()
    assert command.stderr == b"joblog: " + shown + b"\n"
    assert shown in job.stderr
    assert b"\x1b" not in job.stderr
