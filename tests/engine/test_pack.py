"""Small logs that share an object: how few objects, what they say of themselves, and that what is deleted goes from them."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from joblog.catalog.leases import Leases
from joblog.core.pack import join, part_spans
from joblog.core.segment import decode_index, index_of
from joblog.engine.pack import Packable, Packer, plan_packs
from joblog.engine.seal import Sealer
from joblog.errors import Damaged, NotFound, Unavailable
from joblog.objects.store import Objects, is_pack
from joblog.upkeep.rebuild import rebuild
from tests.backends import Backend, both_ends, storage_contract
from tests.engine.packs import DAY_MS, MINUTE_MS, Place, text_of


@pytest.fixture
def place(backend: Backend, tmp_path: Path) -> Iterator[Place]:
    made = Place(replace(backend.settings(tmp_path / "data"), retain_share=100.0))
    yield made
    made.engine.close()


@storage_contract
def test_small_closed_logs_share_an_object(place: Place) -> None:
    """They stay in the catalog until there are many, or a minute has gone; then one object has them all."""
    place.small(range(9))
    assert (place.engine.janitor.seal_due(), place.engine.janitor.pack_due(), place.objects()) == (0, 0, [])
    place.clock.now_ms += MINUTE_MS
    assert place.engine.janitor.pack_due() == 9
    assert len(place.objects()) == 1
    assert len(place.texts()) == 9
    assert (place.engine.janitor.pack_due(), place.engine.janitor.merge_due(), place.engine.janitor.compress_due()) == (0, 0, 0)


@both_ends
def test_projects_share_no_object(place: Place) -> None:
    place.small(range(3))
    place.small(range(3, 6), project="other")
    assert place.pack() == 6
    assert sorted(key.partition("/")[0] for key in place.objects()) == ["lab", "other"]
    place.texts()


def test_what_is_not_packed(place: Place) -> None:
    """A log alone has an object of its own, as a large one has, and one of which something is in an object already."""
    place.small([1])
    assert place.pack() == 1
    assert not is_pack(place.objects()[0])
    engine = place.engine
    engine.runs.put_project("lab", place.clock())
    large, begun = (engine.runs.put_run("lab", name, "run", 0, place.clock())[2].id for name in ("large", "begun"))
    engine.appender.append(large, 0, random.Random(1).randbytes(2**20))
    engine.appender.append(begun, 0, b"line\n")
    assert engine.sealer.seal(begun)
    engine.appender.append(begun, 5, b"line\n")
    for log_id in (large, begun):
        engine.logs.close(engine.logs.head(log_id), None, None, place.clock())
    assert place.pack() == 0
    assert engine.janitor.seal_due() == 2
    assert not any(map(is_pack, place.objects()))
    place.texts()


def test_a_node_that_knows_no_packs_reads_none(place: Place) -> None:
    """It would look for a log's frames where another log's are, and could not tell where both are of one size."""
    place.small(range(2))
    place.pack()
    for row in place.engine.database.rows("segments_by_byte", log_id=place.logs[1], low=0, high=1):
        with pytest.raises(Damaged, match="cannot be read"):
            decode_index(row[10])


def test_plans() -> None:
    """Full packs are made at once, others when their first log has waited; a clock that went back makes nobody wait."""
    logs = [Packable(number, f"project-{number % 2}", 10, 1000 + number) for number in range(10)]
    assert plan_packs(logs, 2000, 60_000) == []
    assert plan_packs(logs, 2000, 60_000, most_logs=2) == [[0, 2], [1, 3], [4, 6], [5, 7]]
    assert plan_packs(logs, 2000, 60_000, most_bytes=40) == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert plan_packs(logs, 61_000, 60_000) == [[0, 2, 4, 6, 8]]
    assert plan_packs(logs, 500, 60_000) == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]
    assert plan_packs(logs, 2000, 0) == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]


@pytest.mark.skipif(shutil.which("zstdcat") is None, reason="zstd is not installed")
def test_a_pack_is_a_zst_file(place: Place, tmp_path: Path) -> None:
    """Which has one log after the other; each part is one, too, and says which log it is of."""
    place.small(range(5))
    place.pack()
    (key,) = place.objects()
    data = place.engine.objects.get(key)
    (tmp_path / "pack.zst").write_bytes(data)
    shown = subprocess.run(["zstdcat", tmp_path / "pack.zst"], capture_output=True, check=True)
    assert (shown.stdout, shown.stderr) == (b"".join(place.texts()), b"")
    for number, (start, end) in enumerate(part_spans(data)):
        part = data[start:end]
        assert zstandard.ZstdDecompressor().stream_reader(part, read_across_frames=True).read() == text_of(number)
        assert index_of(part).about["log_id"] == place.logs[number]


@both_ends
def test_what_is_deleted_goes_from_a_pack(place: Place, backend: Backend, tmp_path: Path) -> None:
    """After a day what is left is copied, and a day later the pack goes: then no catalog made of the objects has it again."""
    place.small(range(4))
    place.pack()
    (pack,) = place.objects()
    gone = place.logs[2]
    place.delete(2)
    with pytest.raises(NotFound):
        place.engine.logs.head(gone)
    place.engine.janitor.clean()
    assert place.objects() == [pack]
    place.clean()
    (anew,) = place.objects()
    assert anew != pack
    place.texts()
    place.engine.close()
    objects = place.settings.objects or f"file://{place.settings.objects_path}"
    new = replace(backend.settings(tmp_path / "new"), objects=objects, objects_endpoint=place.settings.objects_endpoint)
    assert rebuild(new).logs == 3
    place.reopen(new)
    assert [log.id for log in place.engine.logs.all(0, 10)] == sorted(place.logs.values())
    place.texts()
    place.clean()
    assert place.objects() == [anew]
    for number in list(place.logs):
        place.delete(number)
    place.clean()
    assert place.objects() == []


@both_ends
def test_a_pack_of_which_nothing_is_needed_lies_for_a_day(place: Place) -> None:
    """From when its last part was not: also where the first one was deleted long before."""
    place.small(range(2))
    place.pack()
    place.delete(0)
    place.clock.now_ms += DAY_MS - MINUTE_MS
    place.engine.janitor.clean()
    place.delete(1)
    for _ in range(7):
        place.clock.now_ms += DAY_MS // 8
        place.engine.janitor.clean()
        assert len(place.objects()) == 1
    place.clean()
    assert place.objects() == []


@both_ends
def test_one_log_that_is_left_of_a_pack_has_an_object_of_its_own(place: Place) -> None:
    place.small(range(2))
    place.pack()
    place.delete(0)
    place.clean()
    (key,) = place.objects()
    assert not is_pack(key)
    place.texts()


@both_ends
def test_retention_takes_logs_from_a_pack(place: Place) -> None:
    """As it does objects of one log."""
    place.small(range(3))
    place.clock.now_ms += 2 * DAY_MS
    place.small(range(3, 6))
    place.pack()
    assert len(place.objects()) == 1
    place.engine.runs.put_project("lab", place.clock(), retention={"retain_days": 1, "retain_bytes": None})
    assert place.engine.retention.retain(place.clock()) == 3
    starts = [place.engine.logs.head(log_id).start_byte for log_id in place.logs.values()]
    assert [bool(start) for start in starts] == [True] * 3 + [False] * 3
    place.engine.runs.put_project("lab", place.clock(), retention={"retain_days": None, "retain_bytes": None})
    for number in range(3):
        del place.logs[number]
    (pack,) = place.objects()
    place.clean()
    assert len(place.texts()) == 3
    assert pack not in place.objects()


class Deleting(Objects):
    """Deletes a log behind the first object that is put."""

    def __init__(self, place: Place, number: int) -> None:
        self._objects = place.engine.objects
        self._place, self._number = place, number

    def put(self, key: str, data: bytes) -> None:
        self._objects.put(key, data)
        if self._number in self._place.logs:
            self._place.delete(self._number)

    def ranges(self, key: str, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        return self._objects.ranges(key, starts, ends)

    def get(self, key: str) -> bytes:
        return self._objects.get(key)


@storage_contract
def test_log_that_is_deleted_while_what_is_left_of_its_pack_is_copied(place: Place) -> None:
    """Nothing moves, what was written is garbage, and what is deleted goes from both; the others move the next time."""
    place.small(range(4))
    place.pack()
    (pack,) = place.objects()
    place.delete(0)
    packer = Packer(Sealer(place.engine.logs, place.engine.frames, Deleting(place, 1)))
    leases = Leases(place.engine.database, place.clock)
    taken = leases.take(list(place.logs.values()))
    assert packer.renew(pack, taken, place.clock()) == 0
    assert [place.engine.logs.segments_by_byte(log_id, 0, 1)[0].object_key for log_id in place.logs.values()] == [pack] * 2
    assert packer.renew(pack, taken, place.clock()) == 2
    leases.give_back(taken)
    place.texts()
    place.clean()
    (anew,) = place.objects()
    assert len(part_spans(place.engine.objects.get(anew))) == 2
    place.texts()


@storage_contract
def test_log_that_is_deleted_while_it_is_packed(place: Place) -> None:
    """Between its object and its row: nothing is packed, what was written is garbage; the others are packed the next time."""
    place.small(range(3))
    sealer = Sealer(place.engine.logs, place.engine.frames, Deleting(place, 1))
    leases = Leases(place.engine.database, place.clock)
    held = leases.take(list(place.logs.values()))
    assert Packer(sealer).pack(held) == 0
    assert place.engine.logs.segment_sizes(place.logs[0]) == []
    assert Packer(sealer).pack(held) == 2
    leases.give_back(held)
    place.texts()
    place.clean()
    assert len(place.objects()) == 1
    place.texts()


@both_ends
@pytest.mark.parametrize("keeps", [0, 0.5], ids=["nothing", "half"])
def test_a_store_that_lies(place: Place, keeps: float) -> None:
    """Logs stay in the catalog until their pack was seen."""
    place.small(range(3))

    class Liar(Objects):
        def __init__(self, objects: Objects) -> None:
            self._objects = objects

        def put(self, key: str, data: bytes) -> None:
            if keeps:
                self._objects.put(key, data[: int(len(data) * keeps)])

        def ranges(self, key: str, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
            return self._objects.ranges(key, starts, ends)

    leases = Leases(place.engine.database, place.clock)
    held = leases.take(list(place.logs.values()))
    with pytest.raises(Unavailable):
        Packer(Sealer(place.engine.logs, place.engine.frames, Liar(place.engine.objects))).pack(held)
    leases.give_back(held)
    place.texts()
    assert place.pack() == 3
    place.texts()


@both_ends
def test_reader_that_has_the_old_place(place: Place) -> None:
    """While a log moves to another pack: what it has read of the catalog is good for a day."""
    place.small(range(3))
    place.pack()
    engine = place.engine
    (before,) = engine.logs.segments_by_byte(place.logs[1], 0, 1)
    place.delete(0)
    place.clock.now_ms += DAY_MS
    engine.janitor.clean()
    (after,) = engine.logs.segments_by_byte(place.logs[1], 0, 1)
    assert before.place != after.place
    for sealed in (before, after):
        assert b"".join(piece.data for piece in engine.frames.stream(sealed)) == text_of(1)


def test_parts_of_a_pack() -> None:
    """Are found by the table; a table that is damaged, or says more than there is, is none."""
    parts = [b"a" * 10, b"b", b"c" * 300]
    data = join(parts)
    assert [data[start:end] for start, end in part_spans(data)] == parts
    for wrong in (data[:-1], data[:-9] + b"x" * 9, b"", data[200:]):
        with pytest.raises(Damaged):
            part_spans(wrong)
