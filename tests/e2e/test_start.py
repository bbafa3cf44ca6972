"""A node starts while PostgreSQL is away: it waits, says so, and serves; or gives up after the time that it was given."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.children import Child
from tests.cli.test_links import begin_session
from tests.conftest import installed, start_server
from tests.engines import PostgresServer, free_ports

DEADLINE_S = 60.0


def test_a_node_that_starts_before_its_catalog_waits(tmp_path: Path) -> None:
    """As all nodes do when a whole site comes back."""
    postgres = installed(PostgresServer)
    postgres.kill()
    data = tmp_path / "node"
    settings = {"catalog": postgres.address("postgres"), "objects": f"file://{tmp_path}/objects"}
    try:
        with ThreadPoolExecutor(1) as thread:
            starting = thread.submit(start_server, data, 0, **settings)  # PostgreSQL would end with the thread that starts it
            deadline = time.monotonic() + DEADLINE_S
            while not (data / "server.log").exists() or "waiting for it" not in (data / "server.log").read_text():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            postgres.start()
            node = starting.result()
        with node.client() as client:
            ref = client.run("default", "job").log.ref
            assert client.append(ref, 0, b"here\n").end_byte == 5
        assert node.stop() == 0
        output = (data / "server.log").read_text()
        assert output.count("waiting for it for 60 s") == 1
        assert "Traceback" not in output
    finally:
        postgres.close()


@pytest.mark.parametrize(
    ("setting", "words"),
    [("--catalog-wait-s=0", "the catalog failed: "), ("--object-grace-s=60", "object_grace_s must be more than 60, ")],
)
def test_a_node_that_cannot_serve_ends(tmp_path: Path, setting: str, words: str) -> None:
    """By itself, with a line that says why."""
    (port,) = free_ports(1)
    catalog = f"postgresql://u:secret@127.0.0.1:{port}/x"
    command = [sys.executable, "-m", "joblog", "serve", "--port", "0", "--data", str(tmp_path), setting]
    environ = {**os.environ, "JOBLOG_CATALOG": catalog}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"joblog: {words}" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_is_told_how_to_begin(tmp_path: Path) -> None:
    """With a link that logs in once, which is kept nowhere; what is no terminal is told nothing of it."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "joblog", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    server = Child(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as screen:
        shown = b""
        while b"joblog open hello" not in shown:
            shown += screen.read(4096)
        match = re.search(rb"(http://\S+)/login#([\w-]+)", shown)
        assert match is not None
        assert b"export JOBLOG_DATA=" + bytes(tmp_path / "data") in shown
        url, code = match[1].decode(), match[2].decode()
        assert [begin_session(url, code) for _ in range(2)] == [200, 403]
        server.terminate()
        _, output = server.communicate(timeout=DEADLINE_S)
    assert code.encode() not in output
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file() and code.encode() in path.read_bytes()]
