"""docs/sdk.md: its code is run as it stands there, from top to bottom, as in a notebook, and prints what the page says."""

from __future__ import annotations

import contextlib
import inspect
import io
import zlib
from collections.abc import Iterator

import pytest

import joblog
from joblog.client import Client, LogReader
from tests.conftest import Server, start_server
from tests.docs.blocks import blocks, text_of

PAGE = "docs/sdk.md"

ADDRESS = "127.0.0.1:8470"

LOGS = {
    "worker-0": b"step=1 loss=0.75\nstep=2 loss=0.5\nstep=3 loss=0.25\ndone\n",
    "worker-1": b'Traceback (most recent call last):\n  File "t.py", line 7, in <module>\nValueError: bad shard of data 17\n',
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which is what the page says."""
    server = start_server(tmp_path_factory.mktemp("sdk"))
    with server.client() as client:
        for task, data in LOGS.items():
            log = client.run("default", "resnet", run_id="one", task=task).log.ref
            client.append(log, 0, data)
            client.close_log(log, end_byte=len(data), crc32=zlib.crc32(data))
    yield server
    assert server.stop() == 0


def test_code_prints_what_the_page_says(server: Server) -> None:
    names: dict[str, object] = {}
    address = server.url.removeprefix("http://")
    for block in blocks(PAGE, "python"):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(block.code.replace(ADDRESS, address).replace('"TOKEN"', repr(server.token)), names)
        assert out.getvalue().replace(address, ADDRESS) == (block.printed or ""), block


def test_every_method_of_a_log_is_on_the_page() -> None:
    public = [name for name, _ in inspect.getmembers(LogReader) if not name.startswith("_")]
    assert [name for name in public if f"`log.{name}" not in text_of(PAGE)] == []


def test_client_is_found_at_the_top() -> None:
    assert joblog.Client is Client
    assert set(joblog.__all__) - {"__version__"} == {"Client", "capture", "handler"}


def test_lines_of_a_log_of_many_pages(server: Server) -> None:
    """From any line to any other, as Python slices them; an unfinished line is there once the log is closed."""
    lines = [f"line {number}" for number in range(25_000)]
    with server.client() as client:
        ref = client.run("default", "long").log.ref
        client.append(ref, 0, "\n".join(lines).encode())
        log = client.log("long")
        assert list(log.lines()) == lines[:-1]
        client.close_log(ref)
        for start, end in (
            (0, None),
            (0, 0),
            (5, 7),
            (9_998, 10_003),
            (24_990, 99_999),
            (-3, None),
            (30_000, None),
            (-3, 24_998),
        ):
            wanted = lines[start:end]
            assert list(log.lines(start, end)) == wanted, (start, end)
        assert b"".join(log.pieces(3, 70_000)) == log.read(3, 70_000) == "\n".join(lines).encode()[3:70_000]
        assert log.status().closed
        assert repr(log).endswith("25000 lines, closed>") or repr(log).endswith("24999 lines, closed>")


def test_empty_lines_are_lines(server: Server) -> None:
    with server.client() as client:
        ref = client.run("default", "empty-lines").log.ref
        assert list(client.log("empty-lines").lines()) == []
        client.append(ref, 0, b"\n\na\n\n")
        assert list(client.log("empty-lines").lines()) == ["", "", "a", ""]
