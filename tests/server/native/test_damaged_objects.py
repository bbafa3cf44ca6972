"""Objects that are missing, cut short or empty, and a store that is away: every call says which of them it is, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Server, installed, start_server
from tests.engines import BUCKET, SeaweedServer
from tests.server.calls import MadeLog, Web, made_log

TEXT = b"".join(b"line %d of a log\n" % number for number in range(300_000))

READS = ("bytes", "lines", "lines?start=10", "download", "download?compress=zstd", "raw", "terminal")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = start_server(tmp_path / "joblog", cache_bytes=0)
    yield server
    assert server.stop() == 0


@pytest.fixture
def log(server: Server) -> Iterator[MadeLog]:
    """A log that is an object as a whole: it came at once."""
    web = Web(server.url, server.token)
    yield made_log(web, "damaged", TEXT)
    web.close()


def harmed(path: Path, harm: str) -> None:
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:100] if harm == "cut short" else b"")


@pytest.mark.parametrize("harm", ["missing", "cut short", "empty"])
def test_an_object_is_damaged_on_every_call(server: Server, log: MadeLog, harm: str) -> None:
    """Status 500 and the code of it, on whichever way it is read; ModelArts' way on its own."""
    (path,) = (server.data / "objects").rglob("*.zst")
    harmed(path, harm)
    for read in READS:
        answer = log.web.call("GET", f"{log.api}/{read}")
        assert (read, answer.status, answer.json["error"]["code"]) == (read, 500, "damaged")
    for read in ("log", "aom-log"):
        answer = log.web.call("GET", f"{log.v1}/{read}?log_file={log.log_file}&start_byte=0&offset=2048")
        assert (read, answer.status, answer.json["error_code"]) == (read, 500, "ModelArts.0010")


@pytest.mark.long  # each call waits for the store
def test_a_store_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 503, and when to come back; the server goes on, also when it is started then."""
    store = installed(SeaweedServer)
    for name, value in store.credentials.items():
        monkeypatch.setenv(name, value)
    place = {"objects": f"s3://{BUCKET}/away", "objects_endpoint": store.endpoint, "objects_region": "us-east-1"}
    try:
        server = start_server(tmp_path / "joblog", cache_bytes=0, **place)
        web = Web(server.url, server.token)
        made = made_log(web, "away", TEXT)
        store.kill()
        for read in ("bytes", "raw"):
            answer = web.call("GET", f"{made.api}/{read}")
            assert (answer.status, answer.json["error"]["code"], "retry-after" in answer.headers) == (503, "unavailable", True)
        web.close()
        assert server.stop() == 0
        server = start_server(server.data, cache_bytes=0, **place)
        web = Web(server.url, server.token)
        assert made_log(web, "goes-on", b"a line\n").bytes_page(start_byte=0)["log"] == "a line\n"
        web.close()
        assert server.stop() == 0
    finally:
        store.close()
