"""Words in segments: what they cost the object, how a store of before gets them, what happens to damaged ones."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import zstandard

from joblog.core import segment
from joblog.core.logs import Head, Segment
from joblog.core.segment import LEVEL_INDEXED, LEVEL_SMALL, index_of, words_of, words_place
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.patterns import Pattern
from joblog.engine.seal import Sealer
from joblog.engine.search import Ask, Match
from joblog.upkeep.rebuild import rebuild
from tests.checked import checked

RealLogs = Callable[[], Iterator[tuple[str, bytes]]]

NOW_MS = 1_700_000_000_000
LINES = b"".join(b"%d of many steps\n" % number for number in range(200_000)) + b"RuntimeError: a needle\n"


class PlainSealer(Sealer):
    """As sealers were before there were words."""

    words_share = 0


def opened(settings: Settings) -> Engine:
    return Engine(settings, clock_ms=lambda: NOW_MS)


def kept(engine: Engine, data: bytes, sealer: Sealer) -> Head:
    """Keeps a closed log and compresses it."""
    engine.runs.put_project("lab", NOW_MS)
    log = engine.runs.put_run("lab", "job", None, 0, NOW_MS)[2]
    engine.appender.append(log.id, 0, data)
    engine.logs.close(engine.logs.head(log.id), len(data), zlib.crc32(data), NOW_MS)
    while sealer.seal(log.id):
        pass
    sealer.merge(log.id, NOW_MS)
    sealer.compress(log.id, NOW_MS)
    return engine.logs.head(log.id)


def sealed(engine: Engine, log: Head) -> Segment:
    (only,) = engine.logs.segments_by_byte(log.id, 0, log.end_byte)
    return only


def searched(engine: Engine, log: Head, text: str) -> list[int]:
    ask = Ask(Pattern(text, regex=False, ignore_case=False))
    return [each.line for each in engine.search.run(log, ask, 0, log.end_byte) if isinstance(each, Match)]


def test_words_are_a_part_of_the_object_that_others_pass_over(tmp_path: Path, real_logs: RealLogs) -> None:
    """A zstd tool gives the log's bytes, the index is where it was, and the words take at most a twentieth."""
    engine = opened(Settings(data=tmp_path))
    data = max((data for _, data in real_logs()), key=len)
    log = kept(engine, data, engine.sealer)
    only = sealed(engine, log)
    stored = engine.objects.get(only.object_key)
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(stored), read_across_frames=True) as reader:
        assert reader.read() == data
    assert segment.encode_index(index_of(stored)) == only.index
    first, end = words_place(sum(index_of(stored).stored_bytes), len(stored), only.index)
    assert 0 < end - first <= len(stored) / 20
    assert sum(words_of(stored[:end]).groups) == len(index_of(stored).raw_bytes)
    assert only.level == LEVEL_INDEXED
    assert list(checked(engine).problems()) == []
    engine.close()


def test_a_store_of_before_is_indexed_by_and_by(tmp_path: Path) -> None:
    """Its frames are copied, each log once; and a catalog that is rebuilt knows what has words."""
    engine = opened(Settings(data=tmp_path / "old"))
    log = kept(engine, LINES, PlainSealer(engine.logs, engine.frames, engine.objects))
    engine.close()
    place = Settings(data=tmp_path / "new", objects=f"file://{tmp_path}/old/objects")
    rebuild(place)
    engine = opened(place)
    before = sealed(engine, log)
    assert before.level == LEVEL_SMALL
    engine.logs.close(engine.logs.head(log.id), len(LINES), zlib.crc32(LINES), NOW_MS)  # a rebuilt log is open
    assert searched(engine, log, "needle") == [200_000]
    assert engine.janitor.compress_due() == 1
    after = sealed(engine, log)
    assert after.level == LEVEL_INDEXED
    assert engine.frames.placed(after) == engine.frames.placed(before)
    assert engine.frames.words(after) is not None
    assert searched(engine, log, "needle") == [200_000]
    assert engine.janitor.compress_due() == 0
    engine.retention.remove_garbage(2**60, 0)
    engine.close()
    anew = replace(place, data=tmp_path / "anew")
    rebuild(anew)
    engine = opened(anew)
    assert sealed(engine, log).level == LEVEL_INDEXED
    assert list(checked(engine).problems()) == []
    engine.close()


def test_damaged_words_are_reported_and_not_needed(tmp_path: Path) -> None:
    """A check says where; a search looks through everything."""
    engine = opened(Settings(data=tmp_path))
    log = kept(engine, LINES, engine.sealer)
    only = sealed(engine, log)
    path = engine.settings.objects_path / only.object_key
    stored = bytearray(path.read_bytes())
    first, end = words_place(sum(index_of(bytes(stored)).stored_bytes), len(stored), only.index)
    assert first < end
    stored[(first + end) // 2] ^= 1
    path.write_bytes(stored)
    assert searched(engine, log, "needle") == [200_000]
    assert any("checksum" in problem for problem in checked(engine).problems())
    engine.close()
