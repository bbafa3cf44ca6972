"""Packs that are damaged, lost or moved: each log keeps what is left of it, and what was deleted stays away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from joblog.core.pack import part_spans
from joblog.errors import Damaged
from joblog.upkeep.check import check
from joblog.upkeep.move_command import move
from joblog.upkeep.rebuild import rebuild
from joblog.upkeep.repair import repair
from tests.backends import Backend, both_ends
from tests.checked import checked
from tests.engine.packs import Place, read, text_of


@pytest.fixture
def place(backend: Backend, tmp_path: Path) -> Iterator[Place]:
    made = Place(replace(backend.settings(tmp_path / "data"), retain_share=100.0))
    yield made
    made.engine.close()


def harmed(place: Place, harm: Callable[[bytes], bytes]) -> str:
    """Damages the one pack that there is; returns its name."""
    (key,) = place.objects()
    place.engine.objects.put(key, harm(place.engine.objects.get(key)))
    return key


@both_ends
def test_damaged_table(place: Place, backend: Backend, tmp_path: Path) -> None:
    """A check says so; what is made of the objects has all logs, since each part says itself what it is."""
    place.small(range(4))
    place.pack()
    key = harmed(place, lambda data: data[:-20] + b"x" * 20)
    assert any("table" in problem for problem in checked(place.engine).problems())
    place.engine.close()
    objects = place.settings.objects or f"file://{place.settings.objects_path}"
    new = replace(backend.settings(tmp_path / "new"), objects=objects, objects_endpoint=place.settings.objects_endpoint)
    done = rebuild(new)
    assert (done.logs, done.unreadable) == (4, [])
    place.reopen(new)
    assert [read(place.engine, log_id) for log_id in place.logs.values()] == [text_of(number) for number in range(4)]
    place.clean()
    place.texts()
    assert place.objects() != [key]


@both_ends
def test_damaged_table_is_mended(place: Place) -> None:
    """Once `repair` has seen it: what is needed of the pack is packed anew."""
    place.small(range(4))
    place.pack()
    key = harmed(place, lambda data: data[:-20] + b"x" * 20)
    place.engine.close()
    repaired = repair(place.settings, read=True)
    assert (repaired.mended, [key in line for line in repaired.lines]) == (0, [True])
    place.reopen(place.settings)
    place.clean()
    place.texts()
    assert place.objects() != [key]


@both_ends
def test_damaged_part(place: Place) -> None:
    """The others move from a pack when something in it was deleted; it stays where it is, and `repair` says what is lost."""
    place.small(range(4))
    place.pack()
    (sealed,) = place.engine.logs.segments_by_byte(place.logs[1], 0, 1)
    at = (sealed.object_at or 0) + 20
    key = harmed(place, lambda data: data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
    assert len(list(checked(place.engine).problems())) > 0
    place.delete(0)
    place.clean()
    assert key in place.objects()
    assert len(place.objects()) == 2
    for number in (2, 3):
        assert read(place.engine, place.logs[number]) == text_of(number)
    with pytest.raises(Damaged):
        read(place.engine, place.logs[1])
    place.engine.close()
    assert repair(place.settings, read=True).mended == 1
    place.reopen(place.settings)
    assert list(check(place.settings).problems()) == []
    assert place.engine.logs.head(place.logs.pop(1)).lost_bytes == len(text_of(1))
    place.texts()
    place.clean()
    assert key not in place.objects()


@both_ends
def test_pack_that_is_lost(place: Place) -> None:
    """A gap in each of its logs says so; positions stay."""
    place.small(range(3))
    place.pack()
    place.engine.objects.delete(place.objects()[0])
    place.engine.close()
    settings = place.settings
    assert repair(settings, read=False).mended == 3
    place.reopen(settings)
    for log_id in place.logs.values():
        head = place.engine.logs.head(log_id)
        assert (head.start_byte, head.lost_bytes) == (head.end_byte, head.end_byte)
    assert list(check(settings).problems()) == []


@both_ends
def test_move_carries_packs(place: Place, backend: Backend, tmp_path: Path) -> None:
    """As they are, each once; and what was deleted goes at the other place, too."""
    place.small(range(5))
    place.pack()
    place.delete(1)
    keys, target = place.objects(), replace(backend.settings(tmp_path / "other"), retain_share=100.0)
    place.engine.close()
    assert move(place.settings, target, files=False, say=lambda *_: None).whole
    place.reopen(target)
    assert place.objects() == keys
    place.texts()
    place.clean()
    place.texts()
    (anew,) = place.objects()
    assert len(part_spans(place.engine.objects.get(anew))) == 4
