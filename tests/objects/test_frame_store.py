"""Frames of sealed logs: what many want at once is fetched once."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.seal import Sealer
from joblog.errors import Unavailable
from joblog.objects.frame_store import FewFrames, FrameStore, NotCached
from joblog.objects.store import Objects
from tests.backends import Backend
from tests.engines import ObjectServer
from tests.proxy import Wire

NOW_MS = 1_700_000_000_000
READERS = 50
FRAMES = 40
FRAME_BYTES = 10_000


def filled(engine: Engine) -> tuple[int, bytes]:
    """Makes a sealed log of small frames that hardly shrink."""
    chance = random.Random(0)
    text = b"".join(b"%s\n" % chance.randbytes(FRAME_BYTES // 2 - 1).hex().encode()[1:] for _ in range(FRAMES))
    engine.runs.put_project("lab", NOW_MS)
    log = engine.runs.put_run("lab", "job", "run", 0, NOW_MS)[2]
    sealer = Sealer(engine.logs, engine.frames, engine.objects, frame_bytes=FRAME_BYTES // 4)  # a quarter of what is cold
    engine.logs.close(engine.appender.append(log.id, 0, text), None, None, NOW_MS)
    while sealer.seal(log.id):
        pass
    sealer.compress(log.id, NOW_MS)
    return log.id, text


@pytest.mark.backends("sqlite-s3")
def test_fifty_readers_cost_as_many_gets_as_one(backend: Backend, s3: ObjectServer, tmp_path: Path) -> None:
    """Of the same pages, at the same time, from a store that answers only when all have asked; counted on the wire."""
    wire = Wire(s3.endpoint)
    try:
        place = replace(backend.settings(tmp_path / "joblog"), objects_endpoint=wire.url)
        engine = Engine(place, clock_ms=lambda: NOW_MS)
        log_id, text = filled(engine)
        engine.close()
        alone = _gets(place, wire, log_id, text, 1)
        assert alone >= 1
        assert _gets(place, wire, log_id, text, READERS) == alone
    finally:
        wire.stop()


def _gets(place: Settings, wire: Wire, log_id: int, text: bytes, readers: int) -> int:
    """Has readers read the log, none of which is in memory; returns what that cost the store."""
    engine = Engine(place, clock_ms=lambda: NOW_MS)
    before, ready = wire.gets, threading.Barrier(readers + 1)

    def read(number: int) -> bool:
        head = engine.logs.head(log_id)
        ready.wait()
        low = number % 3 * 1000
        return engine.reader.read(head, lambda _: (low, len(text))).data == text[low:]

    with ThreadPoolExecutor(readers) as threads:
        wire.stall()
        done = [threads.submit(read, number) for number in range(readers)]
        ready.wait()
        wire.mend()
        assert all(each.result() for each in done)
    assert len(engine.logs.segments_by_byte(log_id, 0, len(text))) == 1
    engine.close()
    return wire.gets - before


class GatedObjects(Objects):
    """A store that answers when it is let, and notes what it was asked for."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.gate, self.asked = threading.Event(), threading.Event()
        self.starts: list[int] = []
        self.fails = False

    def ranges(self, key: str, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        self.starts += starts
        self.asked.set()
        assert self.gate.wait(60)
        if self.fails:
            raise Unavailable("the object store failed")
        return self._objects.ranges(key, starts, ends)


def test_each_fetches_what_nobody_else_is_fetching(engine: Engine) -> None:
    """Frames that overlap; an event loop does not wait for them; what has just come is not asked for again."""
    log_id, text = filled(engine)
    (sealed,) = engine.logs.segments_by_byte(log_id, 0, len(text))
    gated = GatedObjects(engine.objects)
    store = FrameStore(gated)
    stored = store.placed(sealed).stored
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(store.read, sealed, range(0, 3))
        assert gated.asked.wait(60)
        with pytest.raises(NotCached):
            FewFrames(store, 9).read(sealed, range(2, 3))
        gated.asked.clear()
        second = threads.submit(store.read, sealed, range(2, 5))
        assert gated.asked.wait(60)
        gated.gate.set()
        got = {piece.start_byte: piece.data for piece in first.result() + second.result()}
    assert b"".join(got.values()) == text[: store.placed(sealed).byte[5]]
    assert gated.starts == stored[:5]
    assert FewFrames(store, 9).read(sealed, range(1, 5))[0].data == got[store.placed(sealed).byte[1]]
    assert gated.starts == stored[:5]


def test_a_fetch_that_fails_fails_for_all_who_wait_and_is_made_again(engine: Engine) -> None:
    """By the next who asks."""
    log_id, text = filled(engine)
    (sealed,) = engine.logs.segments_by_byte(log_id, 0, len(text))
    gated = GatedObjects(engine.objects)
    gated.fails, store = True, FrameStore(gated)
    with ThreadPoolExecutor(3) as threads:
        readers = [threads.submit(store.read, sealed, range(0, 1)) for _ in range(3)]
        gated.gate.set()
        assert [type(each.exception()) for each in readers] == [Unavailable] * 3
    gated.fails = False
    (piece,) = store.read(sealed, range(0, 1))
    assert text.startswith(piece.data)


def test_who_comes_a_little_later_is_given_what_the_first_has_fetched(engine: Engine) -> None:
    """All of a read of several requests, whose bytes are in the cache of pieces only when the last of them was answered."""
    log_id, text = filled(engine)
    (sealed,) = engine.logs.segments_by_byte(log_id, 0, len(text))
    gated = GatedObjects(engine.objects)
    gated.gate.set()
    store = FrameStore(gated)
    for _ in range(2):
        assert b"".join(piece.data for piece in store.read(sealed, range(FRAMES))) == text
    assert gated.starts == store.placed(sealed).stored[:FRAMES]


def test_memory_is_bounded(engine: Engine) -> None:
    """However many frames were read, few are held beside the cache."""
    log_id, text = filled(engine)
    (sealed,) = engine.logs.segments_by_byte(log_id, 0, len(text))
    store = FrameStore(engine.objects, landed_bytes=16 * FRAME_BYTES)
    assert b"".join(piece.data for piece in store.read(sealed, range(FRAMES))) == text
    assert 0 < sum(len(flight.result().data) for flight in store._flights.values()) <= 16 * FRAME_BYTES
    assert 0 < len(store._flights) < FRAMES
