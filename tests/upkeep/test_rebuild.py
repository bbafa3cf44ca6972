"""The catalog is lost; a new one, made from the objects, has every sealed byte where it was."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from joblog.cli import main
from joblog.core.logs import Head
from joblog.core.segment import Index
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.errors import Conflict
from joblog.upkeep.check import check
from joblog.upkeep.rebuild import LOST, rebuild
from joblog.upkeep.salvage import SalvagedObject, cover
from tests.backends import Backend, both_ends
from tests.checked import checked
from tests.conftest import start_server

NOW_MS = 1_700_000_000_000


FACTS = {"title": "lr 0.1", "command": "python train.py", "host": "gpu-7", "user": "mia", "commit": "a" * 40}


def whole(engine: Engine, log_id: int) -> bytes:
    head = engine.logs.head(log_id)
    return b"".join(engine.reader.stream(head, head.start_byte, head.end_byte))


@both_ends
def test_every_sealed_byte_is_where_it_was(
    backend: Backend, tmp_path: Path, real_logs: Callable[[], Iterator[tuple[str, bytes]]]
) -> None:
    """Of real logs, sealed and merged in pieces, under their names and numbers; and what is appended next goes on behind."""
    place = backend.settings(tmp_path / "old")
    if not place.objects:
        place = replace(place, objects=f"file://{tmp_path}/objects")
    engine, chance = Engine(place, clock_ms=lambda: NOW_MS), random.Random(0)
    engine.runs.put_project("lab", NOW_MS)
    texts: dict[int, bytes] = {}
    for number, (name, data) in enumerate(real_logs()):
        _, version, log = engine.runs.put_run("lab", f"Job_{number % 3}", f"run-{number // 4}", number % 4, NOW_MS)
        engine.states.describe(version, FACTS)
        texts[log.id], at = data[:2_000_000], 0
        assert name
        while at < len(texts[log.id]):
            at = engine.appender.append(log.id, at, texts[log.id][at : at + chance.randrange(1, 400_000)]).end_byte
            engine.sealer.seal(log.id)
            if chance.random() < 0.3:
                engine.sealer.merge(log.id, NOW_MS)  # leaves the old objects, as a crash would
    before = {log_id: engine.logs.head(log_id) for log_id in texts}
    jobs = engine.runs.jobs("lab", None, 0, 100)
    engine.close()

    anew = replace(backend.settings(tmp_path / "new"), objects=place.objects)
    done = rebuild(anew)
    assert (done.logs, done.unreadable) == (len(texts), [])
    assert done.unused > 0
    assert list(check(anew).problems()) == []
    with pytest.raises(Conflict, match="not empty"):
        rebuild(anew)
    engine = Engine(anew, clock_ms=lambda: NOW_MS)
    assert engine.runs.jobs("lab", None, 0, 100) == jobs
    for log_id, text in texts.items():
        _is_what_was_sealed(engine, before[log_id], text)
    for version in (each for job in jobs for each in engine.runs.all_versions(job.id)):
        assert {name: getattr(version, name) for name in FACTS} == FACTS
    again = engine.runs.put_run("lab", "Job_0", "run-0", 0, NOW_MS)[2]
    assert again.id == before[again.id].id
    assert engine.runs.put_run("lab", "Job_0", "run-0", 77, NOW_MS)[2].id > max(texts)
    engine.close()


def _is_what_was_sealed(engine: Engine, before: Head, text: bytes) -> None:
    head = engine.logs.head(before.id)
    assert (head.end_byte, head.end_line) == (before.sealed_byte, before.sealed_line)
    assert whole(engine, before.id) == text[: before.sealed_byte]
    assert [(gap.at_byte, gap.reason) for gap in engine.logs.gaps(before.id)] == [(head.end_byte, LOST)]
    engine.appender.append(before.id, head.end_byte, text[head.end_byte :] + b"more\n")
    assert whole(engine, before.id) == text + b"more\n"


def test_what_retention_had_removed_stays_away(tmp_path: Path) -> None:
    """The log begins where the first object that is left does; an object that is damaged is named, and its log left out."""
    place = Settings(data=tmp_path / "old", objects=f"file://{tmp_path}/objects")
    engine = Engine(place, clock_ms=lambda: NOW_MS)
    engine.runs.put_project("lab", NOW_MS)
    ids = [engine.runs.put_run("lab", "job", "run", worker, NOW_MS)[2].id for worker in range(2)]
    for log_id in ids:
        for turn in range(3):
            engine.appender.append(log_id, turn * 5000, b"line\n" * 1000)
            engine.sealer.seal(log_id)
    keys = [segment.object_key for log_id in ids for segment in engine.logs.segments_by_byte(log_id, 0, 2**40)]
    engine.close()
    (tmp_path / "objects" / keys[0]).unlink()
    damaged = tmp_path / "objects" / keys[3]
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"123456789")
    done = rebuild(Settings(data=tmp_path / "new", objects=place.objects))
    assert (done.logs, done.bytes) == (2, 20_000)
    assert [each.partition(":")[0] for each in done.unreadable] == [keys[3]]
    assert (tmp_path / "objects" / keys[3]).exists()
    engine = Engine(Settings(data=tmp_path / "new", objects=place.objects))
    head = engine.logs.head(ids[0])
    assert (head.start_byte, head.start_line, head.end_byte) == (5000, 1000, 15_000)
    assert list(checked(engine).problems()) == []
    engine.close()


def test_objects_that_overlap() -> None:
    """What holds most counts, then fewer pieces."""

    def found(start: int, end: int) -> SalvagedObject:
        return SalvagedObject(f"{start}-{end}", 1, 0, Index(start, 0, [end - start], [1], [0], [], [], {}), end, 0)

    def chosen(*spans: tuple[int, int]) -> list[tuple[int, int]]:
        return [(each.start_byte, each.end_byte) for each in cover([found(*span) for span in spans])]

    assert chosen((0, 5), (5, 9)) == [(0, 5), (5, 9)]
    assert chosen((0, 5), (5, 9), (0, 9), (9, 12)) == [(0, 9), (9, 12)]
    assert chosen((0, 7), (0, 5), (5, 9)) == [(0, 5), (5, 9)]
    assert chosen((0, 5), (6, 9)) == [(0, 5), (6, 9)]
    assert chosen((0, 5), (3, 9), (5, 9)) == [(0, 5), (5, 9)]
    assert chosen((0, 5), (3, 9)) == [(3, 9)]
    assert chosen((0, 3), (4, 9), (0, 9)) == [(0, 9)]


def test_links_are_good_after_it(tmp_path: Path) -> None:
    """A permanent link leads to the same lines as before; so does a position."""
    first = start_server(tmp_path / "old", objects=f"file://{tmp_path}/objects", seal_quiet_s=0, janitor_s=0.05)
    with first.client() as client:
        log = client.run("default", "resnet", run_id="r", task="worker-3").log.ref
        client.append(log, 0, b"one\ntwo\nthree\n")
        link = client.log("resnet", task="worker-3").link(1, 3)
        while client.status(log).sealed_byte < 14:
            time.sleep(0.05)
    assert first.stop() == 0
    anew = tmp_path / "new"
    assert main(["rebuild", "--data", str(anew), "--objects", f"file://{tmp_path}/objects"]) == 0
    second = start_server(anew, objects=f"file://{tmp_path}/objects")
    with second.client() as client:
        found = client.log(link.replace(first_url(link), second.url))
        assert (found.ref, list(found.lines(1, 3))) == (log, ["two", "three"])
    assert second.stop() == 0


def first_url(link: str) -> str:
    return link[: link.index("/p/")]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what it has found."""
    (tmp_path / "objects").mkdir()
    assert main(["rebuild", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 logs, 0 bytes; 0 unreadable, 0 objects unused\n"
