"""Reads that meet damage: they are cut off, so that nobody takes a part for the whole, and the operator is told."""

from __future__ import annotations

import http.client
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Server, start_server
from tests.server.calls import MadeLog, Web, check_api, check_v1, made_log

SIZE = 8 << 20
WORDS = "a segment's frame cannot be read: decompression error: Restored data doesn't match checksum"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own: it is damaged."""
    server = start_server(tmp_path / "joblog")
    yield server
    assert server.stop() == 0


@pytest.fixture
def damaged(server: Server) -> Iterator[MadeLog]:
    """A log of one line of 8 MiB, sealed; a byte in the middle of its object has changed."""
    web = Web(server.url, server.token)
    log = made_log(web, "damaged", random.Random(1).randbytes(SIZE // 2).hex().encode()[:-1] + b"\n")
    (path,) = (server.data / "objects").rglob("*.zst")
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 0xFF
    path.write_bytes(stored)
    yield log
    web.close()


def test_page_that_meets_damage_is_an_error(damaged: MadeLog) -> None:
    """What is not damaged is still read."""
    check_v1(damaged.web.get(f"{damaged.v1}/log", log_file=damaged.log_file, start_byte=SIZE // 2), 500, "0010", WORDS)
    check_api(damaged.web.get(f"{damaged.api}/lines"), 500, "damaged", WORDS)
    assert damaged.bytes_page(start_byte=-1)["end_byte"] == SIZE


def test_stream_that_meets_damage_is_cut_off(server: Server, damaged: MadeLog) -> None:
    """Its status was sent long ago: the client sees that it does not end, the log says why."""
    for path in (f"{damaged.api}/bytes", f"{damaged.v1}/aom-log?log_file={damaged.log_file}"):
        with pytest.raises(http.client.IncompleteRead):
            damaged.web.call("GET", path)
        damaged.web.close()
        assert f"{path.partition('?')[0]}: cut off: " in (server.data / "server.log").read_text()
