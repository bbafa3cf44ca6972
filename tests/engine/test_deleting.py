"""Nothing goes that is needed, whatever clocks say and however steps fall together; and what goes, goes slowly."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from joblog.cli import main
from joblog.engine.engine import Engine
from joblog.engine.seal import Sealer
from joblog.errors import Conflict, Unavailable
from joblog.objects.store import Objects
from tests.backends import Backend, both_catalogs, both_ends, storage_contract
from tests.checked import checked

NOW_MS = 1_700_000_000_000
DAY_MS = 24 * 3600 * 1000
EVER_MS = 2**61
TEXT = b"".join(b"line %d of a log\n" % number for number in range(1000))


class Interrupted(Objects):
    """Lets something happen behind each put, or loses what was put, or a part of it."""

    def __init__(self, objects: Objects, then: Callable[[], None] = lambda: None, keeps: float = 1.0) -> None:
        self._objects = objects
        self._then = then
        self._keeps = keeps

    def put(self, key: str, data: bytes) -> None:
        if self._keeps:
            self._objects.put(key, data[: int(len(data) * self._keeps)])
        self._then()

    def ranges(self, key: str, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        return self._objects.ranges(key, starts, ends)


def new_log(engine: Engine, data: bytes) -> int:
    engine.runs.put_project("lab", engine.clock_ms())
    log_id = engine.runs.put_run("lab", "job", "run", 0, engine.clock_ms())[2].id
    if data:
        engine.appender.append(log_id, 0, data)
    return log_id


def held(engine: Engine, log_id: int) -> bytes:
    head = engine.logs.head(log_id)
    return b"".join(engine.reader.stream(head, head.start_byte, head.end_byte))


def stored(engine: Engine, log_id: int) -> list[int]:
    return [each.object_bytes for each in engine.logs.segments_by_byte(log_id, 0, 2**40)]


def sealed_in_parts(engine: Engine, parts: int) -> int:
    log_id, size = new_log(engine, b""), len(TEXT) // parts
    for at in range(0, len(TEXT), size):
        engine.appender.append(log_id, at, TEXT[at : at + size])
        while engine.sealer.seal(log_id):
            pass
    return log_id


@pytest.fixture
def engine(backend: Backend, tmp_path: Path) -> Iterator[Engine]:
    running = Engine(replace(backend.settings(tmp_path / "joblog"), object_grace_s=0), clock_ms=lambda: NOW_MS)
    yield running
    running.close()


@storage_contract
def test_object_that_is_taken_for_garbage_before_its_row_comes(engine: Engine) -> None:
    """By a node whose clock is far ahead, with no grace, while a seal, a merge or a large append is between object and row."""

    def swept() -> None:
        assert engine.retention.remove_garbage(EVER_MS, 0) > 0  # this one, and names that were noted again

    log_id = new_log(engine, TEXT)
    hasty = Sealer(engine.logs, engine.frames, Interrupted(engine.objects, swept))
    with pytest.raises(Unavailable):  # it sees that the object is gone
        hasty.seal(log_id)
    assert list(engine.objects.listing()) == []
    blind = Sealer(engine.logs, engine.frames, engine.objects)
    assert blind.seal(log_id)
    for at in range(4):
        engine.appender.append(log_id, len(TEXT) * (at + 1), TEXT)
        assert blind.seal(log_id)
    with pytest.raises(Unavailable):
        hasty.merge(log_id, NOW_MS)
    assert held(engine, log_id) == TEXT * 5
    assert list(checked(engine).problems()) == []


@storage_contract
def test_object_that_is_doomed_after_it_was_seen(engine: Engine) -> None:
    """Its row does not come: whoever dooms a name and whoever claims it meet at one row of the catalog."""
    log_id = new_log(engine, TEXT)

    class Late(Interrupted):
        def ranges(self, key: str, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
            found = super().ranges(key, starts, ends)
            engine.retention.remove_garbage(EVER_MS, 0)
            return found

    late = Sealer(engine.logs, engine.frames, Late(engine.objects))
    assert not late.seal(log_id)
    assert held(engine, log_id) == TEXT
    assert engine.sealer.seal(log_id)
    assert late.append_sealed(engine.logs.head(log_id), TEXT, NOW_MS) is not None  # nothing else has these bytes yet
    assert held(engine, log_id) == TEXT * 2
    assert list(checked(engine).problems()) == []


@storage_contract
def test_what_a_segment_names_is_never_removed(engine: Engine) -> None:
    """Not even where its name is among the garbage."""
    log_id = new_log(engine, TEXT)
    assert engine.sealer.seal(log_id)
    (segment,) = engine.logs.segments_by_byte(log_id, 0, 1)
    with engine.database.transaction() as tx:
        tx.rows("garbage_put", object_key=segment.object_key, now_ms=0)
    assert engine.retention.remove_garbage(EVER_MS, 0) == 0
    assert held(engine, log_id) == TEXT


@both_ends
def test_large_append_whose_row_may_have_been_lost_stays(engine: Engine) -> None:
    """As long as the log does not reach as far: in a catalog that was set back, it is all that has these bytes."""
    log_id = new_log(engine, b"")
    head = engine.logs.head(log_id)

    def fail() -> None:
        raise Unavailable("injected")

    failing = Sealer(engine.logs, engine.frames, Interrupted(engine.objects, fail))
    with pytest.raises(Unavailable):
        failing.append_sealed(head, TEXT, NOW_MS)
    assert engine.retention.remove_garbage(EVER_MS, 0) == 0
    engine.appender.append(log_id, 0, TEXT)
    assert engine.retention.remove_garbage(EVER_MS, 0) == 1


@storage_contract
@pytest.mark.parametrize("keeps", [0, 0.5], ids=["nothing", "half"])
def test_a_store_that_lies(engine: Engine, keeps: float) -> None:
    """It says that it has an object, and has not, or not whole: chunks stay until the object was seen."""
    log_id = new_log(engine, TEXT)
    liar = Sealer(engine.logs, engine.frames, Interrupted(engine.objects, keeps=keeps))
    with pytest.raises(Unavailable):
        liar.seal(log_id)
    assert held(engine, log_id) == TEXT
    assert engine.sealer.seal(log_id)
    assert held(engine, log_id) == TEXT
    assert list(checked(engine).problems()) == []


@both_catalogs
def test_a_clock_that_jumps_deletes_nothing(backend: Backend, tmp_path: Path) -> None:
    """Until somebody has said that it is right; a day at a time it may go on."""
    now = [NOW_MS]
    place = replace(backend.settings(tmp_path / "joblog"), object_grace_s=0, retain_share=100.0)
    engine = Engine(place, clock_ms=lambda: now[0])
    log_id = sealed_in_parts(engine, 4)
    engine.runs.put_project("lab", engine.clock_ms(), retention={"retain_days": 30, "retain_bytes": None})
    engine.janitor.clean()
    for _ in range(5):
        now[0] += DAY_MS
        engine.janitor.clean()
    now[0] += 100 * DAY_MS
    with pytest.raises(Conflict, match="joblog confirm-clock"):
        engine.janitor.clean()
    assert held(engine, log_id) == TEXT
    engine.retention.confirm_clock(now[0])
    now[0] += 61_000
    engine.janitor.clean()
    assert held(engine, log_id) == b""
    engine.close()
    assert main(["confirm-clock", "--data", str(tmp_path / "joblog"), "--catalog", place.catalog]) == 0
    assert main(["confirm-clock", "--data", str(tmp_path / "nothing")]) == 2


@pytest.mark.backends("postgres-directory")
def test_the_databases_clock_is_the_nodes(backend: Backend, tmp_path: Path) -> None:
    """It is what appends, leases and ages go by."""
    place = backend.settings(tmp_path)
    engine = Engine(place)
    with psycopg.connect(place.catalog) as connection:
        asked = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8"
        before = connection.execute(asked).fetchall()[0][0]
        now_ms = engine.clock_ms()
        after = connection.execute(asked).fetchall()[0][0]
    assert before - 1000 <= now_ms <= after + 1000
    engine.close()


@both_ends
def test_retention_takes_little_at_once(backend: Backend, tmp_path: Path) -> None:
    """A percent of what is stored, by default, and at least one segment; a setting says otherwise."""
    place = backend.settings(tmp_path / "joblog")
    engine = Engine(place, clock_ms=lambda: NOW_MS)
    log_id = sealed_in_parts(engine, 10)
    engine.runs.put_project("lab", engine.clock_ms(), retention={"retain_days": 1, "retain_bytes": None})
    later, whole = NOW_MS + 2 * DAY_MS, len(engine.logs.segment_sizes(log_id))
    for gone in range(1, 4):
        assert engine.retention.retain(later) == 1
        assert len(engine.logs.segment_sizes(log_id)) == whole - gone
    engine.close()
    engine = Engine(replace(place, retain_share=30.0), clock_ms=lambda: NOW_MS)
    assert 1 < engine.retention.retain(later) < whole - 4
    assert engine.retention.retain(later, give_up=lambda: True) == 0
    engine.close()


@both_ends
@pytest.mark.parametrize("merged", [True, False], ids=["one segment", "many"])
def test_retain_bytes_keeps_so_many_of_the_newest(backend: Backend, tmp_path: Path, merged: bool) -> None:
    """Within a merged segment, too; whole lines, at the positions that they had; and at most a fourth of such a one beyond.

    Frames of one that was not merged end where appends did, not where lines do: it stays whole.
    """
    place = replace(backend.settings(tmp_path / "joblog"), retain_share=100.0)
    engine, chance = Engine(place, clock_ms=lambda: NOW_MS), random.Random(3)
    log_id = new_log(engine, b"")
    text = b"".join(chance.randbytes(50).hex().encode() + b"\n" for _ in range(20_000))
    for at in range(0, len(text), 505_000):
        engine.appender.append(log_id, at, text[at : at + 505_000])
        assert engine.sealer.seal(log_id)
    if merged:
        assert engine.sealer.merge(log_id, NOW_MS) > 1
    before = sum(stored(engine, log_id))
    bound = before // 3
    engine.runs.put_project("lab", engine.clock_ms(), retention={"retain_days": None, "retain_bytes": bound})
    assert engine.retention.retain(NOW_MS) > 0
    left = stored(engine, log_id)
    assert bound <= sum(left) <= bound + (before // 4 if merged else max(left))
    head = engine.logs.head(log_id)
    assert head.start_byte > 0
    assert head.start_line == text.count(b"\n", 0, head.start_byte)
    assert text[head.start_byte - 1 : head.start_byte] == b"\n"
    assert held(engine, log_id) == text[head.start_byte :]
    assert engine.retention.retain(NOW_MS) == 0
    assert [(gap.reason, gap.size_bytes) for gap in engine.logs.gaps(log_id)] == [("retention", head.start_byte)]
    assert list(checked(engine).problems()) == []
    engine.close()


@both_ends
def test_what_goes_lies_where_it_is_for_a_day(backend: Backend, tmp_path: Path) -> None:
    """By default: merged away, retained or deleted."""
    now = [NOW_MS]
    engine = Engine(backend.settings(tmp_path / "joblog"), clock_ms=lambda: now[0])
    log_id = sealed_in_parts(engine, 6)
    assert engine.sealer.merge(log_id, now[0]) > 1
    keys = {key for key, _, _ in engine.objects.listing()}
    for _ in range(4):
        engine.janitor.clean()
        now[0] += DAY_MS // 4
    assert {key for key, _, _ in engine.objects.listing()} == keys
    now[0] += 2 * DAY_MS // 4
    engine.janitor.clean()
    named = {row[1] for row in engine.database.rows("segment_keys", log_id=log_id)}
    assert {key for key, _, _ in engine.objects.listing()} == named
    engine.close()


@both_ends
def test_an_unknown_object_holds_the_end_of_others(backend: Backend, tmp_path: Path) -> None:
    """A node that finds one, as after a restore beneath it, removes nothing any more; and does not remove that."""
    now = [NOW_MS]
    engine = Engine(replace(backend.settings(tmp_path / "joblog"), object_grace_s=0), clock_ms=lambda: now[0])
    log_id = sealed_in_parts(engine, 6)
    assert engine.sealer.merge(log_id, now[0]) > 1
    key = engine.database.rows("segment_keys", log_id=log_id)[0][1]
    stranger = f"{key.rpartition('-')[0]}-{'0' * 16}.zst"
    engine.objects.put(stranger, b"x")
    keys = {each for each, _, _ in engine.objects.listing()}
    now[0] += 7 * 3600 * 1000
    with pytest.raises(Conflict, match="does not know"):
        engine.janitor.clean()
    assert {each for each, _, _ in engine.objects.listing()} == keys
    engine.objects.delete(stranger)
    now[0] += 7 * 3600 * 1000
    engine.janitor.clean()
    assert len(list(engine.objects.listing())) < len(keys) - 1
    engine.close()
