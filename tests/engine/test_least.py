"""The least that a store must be able to do: nothing that stores do differently is asked of one.

Runs on whichever store the tests have; ``make test-engines`` brings those on which each of these would fail a joblog that did.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from joblog.catalog.database import process_clock_ms as clock_ms
from joblog.catalog.sqlite import Sqlite
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.errors import Unavailable
from joblog.upkeep.rebuild import Rebuild
from tests.backends import Backend
from tests.checked import checked
from tests.engines import BUCKET, ObjectServer
from tests.proxy import Request, Wire

pytestmark = pytest.mark.backends("postgres-s3")

LATER_MS = 2**50

_numbers = count(1)


@pytest.fixture
def place(backend: Backend, tmp_path: Path) -> Settings:
    """A new place for any number of nodes."""
    return replace(backend.settings(tmp_path / "data"), object_grace_s=0)


@pytest.fixture
def wire(s3: ObjectServer) -> Iterator[Wire]:
    running = Wire(s3.endpoint, recording=True)
    yield running
    running.stop()


def new_log(engine: Engine) -> int:
    engine.runs.put_project("lab", clock_ms())
    return engine.runs.put_run("lab", "job", f"run-{next(_numbers)}", 0, clock_ms())[2].id


def held(engine: Engine, log_id: int) -> bytes:
    log = engine.logs.head(log_id)
    return b"".join(engine.reader.stream(log, log.start_byte, log.end_byte))


def swept(engine: Engine) -> set[str]:
    """Removes what no row names, and returns the keys of what is left."""
    engine.retention.remove_garbage(LATER_MS, 0)
    return {key for key, _, _ in engine.objects.listing()}


def named(engine: Engine) -> set[str]:
    """Returns the keys that rows name."""
    return {row[1] for log in engine.logs.all(0, 100) for row in engine.database.rows("segment_keys", log_id=log.id)}


def test_all_that_is_asked_is_plain(place: Settings, wire: Wire, tmp_path: Path) -> None:
    """No conditions, uploads of parts, tags, copies or chunked bodies, and no key is written twice, in all that joblog does."""
    engine = Engine(replace(place, objects_endpoint=wire.url))
    log_id = new_log(engine)
    text = b"".join(b"line %d\n" % number for number in range(2_000))
    for at in range(0, len(text), 3_000):
        engine.appender.append(log_id, at, text[at : at + 3_000])
        engine.sealer.seal(log_id)
    assert engine.sealer.merge(log_id, clock_ms()) > 0
    large = os.urandom(6 * 1024 * 1024)  # more than the library would send as one of its own accord
    assert engine.sealer.append_sealed(engine.logs.head(log_id), large, clock_ms()) is not None
    assert held(engine, log_id) == text + large
    assert swept(engine) == named(engine)
    engine.objects.reachable()
    other = Sqlite(tmp_path / "rebuilt.db")
    Rebuild(other, engine.objects).run(clock_ms())
    other.close()
    engine.close()
    asked = wire.requests()
    assert [each for each in asked if _special(each)] == []
    puts = [each.target for each in asked if each.method == "PUT"]
    assert len(puts) == len(set(puts)) > 2
    assert {each.method for each in asked} >= {"PUT", "GET", "HEAD"}


def _special(request: Request) -> bool:
    conditional = {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"} & request.headers.keys()
    parts = any(word in request.target for word in ("uploads", "uploadId=", "partNumber=", "tagging"))
    odd = any(name.startswith(("x-amz-tagging", "x-amz-copy", "x-amz-trailer")) for name in request.headers)
    chunked = "transfer-encoding" in request.headers or "aws-chunked" in request.headers.get("content-encoding", "")
    return bool(conditional) or parts or odd or chunked


def test_of_two_nodes_that_seal_at_once_the_catalog_chooses_one(place: Settings) -> None:
    """Both write an object; one of them is named by a row, the other one is swept; no byte is lost, none is there twice."""
    nodes = [Engine(replace(place, data=place.data / name)) for name in "ab"]
    log_id = new_log(nodes[0])
    text = b""
    with ThreadPoolExecutor(len(nodes)) as both:
        for number in range(6):
            data = b"line %d\n" % number * 50
            nodes[number % 2].appender.append(log_id, len(text), data)
            text += data
            assert sum(both.map(lambda node: node.sealer.seal(log_id), nodes)) == 1
        assert any(both.map(lambda node: node.sealer.merge(log_id, clock_ms()), nodes))
    for node in nodes:
        assert held(node, log_id) == text
        assert list(checked(node).problems()) == []
    assert swept(nodes[0]) == named(nodes[0])
    for node in nodes:
        node.close()


def test_a_put_whose_answer_is_lost_leaves_one_copy_of_the_bytes(place: Settings, wire: Wire) -> None:
    """The object is there and nobody was told: it is put again, or another one is, and what no row names is swept."""
    engine = Engine(replace(place, objects_endpoint=wire.url))
    log_id = new_log(engine)
    text = b""
    for number in range(4):
        data = b"line %d\n" % number * 50
        engine.appender.append(log_id, len(text), data)
        text += data
        wire.lose(number)  # of the last, more than one
        try:
            assert engine.sealer.seal(log_id)
        except Unavailable:
            assert engine.sealer.seal(log_id)
    assert wire.lost == sum(range(4))
    assert held(engine, log_id) == text
    assert list(checked(engine).problems()) == []
    assert swept(engine) == named(engine)
    engine.close()


def test_a_piece_costs_one_request(place: Settings, wire: Wire) -> None:
    """Where each of them takes 40 ms, as a Ceph gateway without ``tcp_nodelay`` does, that is what a reader waits."""
    engine = Engine(replace(place, objects_endpoint=wire.url))
    log_id = new_log(engine)
    engine.appender.append(log_id, 0, b"a line\n" * 5_000)
    engine.sealer.seal(log_id)
    before = wire.gets
    assert engine.reader.read(engine.logs.head(log_id), lambda head: (7_000, 14_000)).data == b"a line\n" * 1_000
    assert wire.gets == before + 1
    engine.close()


def test_prefix_is_all_that_a_place_has_of_a_bucket(place: Settings) -> None:
    """Objects of others in the bucket are neither looked at nor removed."""
    outside = Engine(replace(place, objects=f"s3://{BUCKET}/outside-{next(_numbers)}", data=place.data / "outside"))
    outside.objects.put("kept", b"1")
    engine = Engine(place)
    assert list(engine.ownership.unknown()) == []
    engine.retention.remove_garbage(LATER_MS, 0)
    engine.close()
    assert outside.objects.get("kept") == b"1"
    outside.close()
