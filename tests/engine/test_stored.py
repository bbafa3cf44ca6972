"""A part of a log as zstd: whatever part, wherever its bytes are, what it decompresses to is that part."""

from __future__ import annotations

import random

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joblog.core.logs import Head
from joblog.core.segment import FRAME_BYTES
from joblog.engine.engine import Engine
from joblog.engine.seal import Sealer
from joblog.engine.stored import StoredLogs
from joblog.errors import Unavailable
from tests.generated import examples

NOW_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def text() -> bytes:
    """Lines that shrink, and some that do not."""
    chance = random.Random(0)
    return b"".join(
        chance.randbytes(3000).replace(b"\n", b" ") + b"\n"
        if number % 300 == 0
        else b"step %d loss=%f\n" % (number, 1 / (number + 1))
        for number in range(12_000)
    )


def made(engine: Engine, text: bytes) -> Head:
    """A log of which some is sealed, some merged, some in the catalog: in small rows, and in large ones."""
    engine.runs.put_project("lab", NOW_MS)
    log = engine.runs.put_run("lab", "job", "run", 0, NOW_MS)[2]
    sealer = Sealer(engine.logs, engine.frames, engine.objects, frame_bytes=FRAME_BYTES // 8)
    at, sizes = 0, [900, 7000, 9000, 70_000, 130_000]
    while at < len(text):
        size = sizes[at % len(sizes)]
        engine.appender.append(log.id, at, text[at : at + size])
        at = min(at + size, len(text))
        if at < len(text) * 2 // 3 and at % 3 == 0:
            sealer.seal(log.id)
    sealer.merge(log.id, NOW_MS)
    return engine.logs.head(log.id)


def unpacked(data: bytes) -> bytes:
    """Decompresses frames that follow each other."""
    return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(data)


def test_every_part_is_the_logs(engine: Engine, text: bytes) -> None:
    """Also one that begins and ends within frames, and one that is empty."""
    log = made(engine, text)
    assert 0 < log.sealed_byte < log.end_byte == len(text)
    spans = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)

    @settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
    @given(spans)
    def check(span: list[int]) -> None:
        low, high = span
        assert unpacked(b"".join(engine.stored.frames(log, low, high))) == text[low:high]

    check()


def test_what_is_stored_goes_out_as_it_is(engine: Engine, text: bytes) -> None:
    """The whole log, sealed: its objects' frames, byte for byte."""
    log = made(engine, text)
    engine.logs.close(log, None, None, NOW_MS)
    while engine.sealer.seal(log.id):
        pass
    engine.sealer.merge(log.id, NOW_MS)
    (sealed,) = engine.logs.segments_by_byte(log.id, 0, len(text))
    frames = engine.objects.get(sealed.object_key)[: engine.frames.placed(sealed).stored[-1]]
    assert b"".join(engine.stored.frames(log, 0, len(text))) == frames


def test_a_part_of_another_past_is_cut_off(engine: Engine, text: bytes) -> None:
    """Rather than sent as one log."""
    log = made(engine, text)
    stored = StoredLogs(engine.logs, engine.frames, engine.timeline)
    steps = stored.frames(log, 0, len(text))
    next(steps)
    engine.timeline.went_back()
    with pytest.raises(Unavailable):
        next(steps)


def test_it_goes_on_while_the_log_is_sealed_and_merged(engine: Engine, text: bytes) -> None:
    """Between one step and the next, objects and all."""
    log = made(engine, text)
    sent = b""
    for number, frames in enumerate(engine.stored.frames(log, 0, len(text))):
        sent += frames
        if number == 2:
            engine.logs.close(log, None, None, NOW_MS)
        if number > 2:
            engine.sealer.seal(log.id)
            engine.sealer.merge(log.id, NOW_MS)
            engine.retention.remove_garbage(2**60, 0)
    assert unpacked(sent) == text
