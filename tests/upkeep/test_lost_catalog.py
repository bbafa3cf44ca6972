"""A catalog that is lost, emptied, restored or half there never costs a sealed byte: nothing is served, and nothing deleted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from joblog.cli import main
from joblog.engine.engine import Engine
from joblog.engine.opening import open_objects
from joblog.errors import Conflict, JoblogError
from joblog.upkeep.check import check
from joblog.upkeep.rebuild import rebuild
from joblog.upkeep.repair import repair
from tests.backends import Backend, storage_contract
from tests.checked import checked
from tests.clock import Clock

NOW_MS = 1_700_000_000_000
TEXT = b"".join(b"step %d loss=%f\n" % (step, 1 / (step + 1)) for step in range(400))
HALF = len(TEXT) // 2


class Place:
    """A catalog and its objects, where grace is 0 and whatever is due goes at once."""

    def __init__(self, backend: Backend, directory: Path) -> None:
        self.backend = backend
        self.clock = Clock()
        self.settings = replace(backend.settings(directory / "data"), object_grace_s=0, retain_share=100.0)
        self.copy = directory / "copy"

    def open(self) -> Engine:
        return Engine(self.settings, clock_ms=self.clock)

    def write(self, low: int, high: int, *, merge: bool = False, task: int = 0) -> int:
        """Appends that part of the text in pieces, each of which is sealed; cleans as a janitor does; returns the log's id."""
        engine = self.open()
        engine.runs.put_project("lab", NOW_MS)
        log_id = engine.runs.put_run("lab", "job", "run", task, NOW_MS)[2].id
        for at in range(low, high, 500):
            engine.appender.append(log_id, at, TEXT[at : min(at + 500, high)])
            while engine.sealer.seal(log_id):
                pass
        if merge:
            assert engine.sealer.merge(log_id, self.clock()) > 1
        self.clean(engine)
        engine.close()
        return log_id

    def clean(self, engine: Engine) -> None:
        """Goes through what a janitor does, twice, with all of its pauses between."""
        for _ in range(2):
            self.clock.now_ms += 7 * 3600 * 1000
            engine.janitor.clean()

    def save(self) -> None:
        """Copies the catalog alone."""
        if self.settings.catalog:
            shutil.rmtree(self.copy, ignore_errors=True)
            self._database("CREATE DATABASE {copy} TEMPLATE {name}")
        else:
            self.copy.mkdir()
            for each in self.settings.data.glob("catalog.db*"):
                shutil.copy(each, self.copy)

    def set_back(self) -> None:
        """Puts the copy in the catalog's place."""
        if self.settings.catalog:
            self._database("DROP DATABASE {name} WITH (FORCE)")
            self._database("ALTER DATABASE {copy} RENAME TO {name}")
        else:
            self.lose()
            for each in self.copy.iterdir():
                shutil.copy(each, self.settings.data)

    def lose(self) -> None:
        """Leaves an empty catalog, or none."""
        if self.settings.catalog:
            self._database("DROP DATABASE {name} WITH (FORCE)")
            self._database("CREATE DATABASE {name}")
        else:
            for each in self.settings.data.glob("catalog.db*"):
                each.unlink()

    def _database(self, sql: str) -> None:
        name = self.settings.catalog.rpartition("/")[2]
        assert self.backend.postgres is not None
        self.backend.postgres.run(sql.format(name=name, copy=f"{name}_copy"))

    def keys(self) -> set[str]:
        """Returns the objects that are there."""
        return {key for key, _, _ in open_objects(self.settings).listing()}

    def is_held(self) -> None:
        """Nobody can serve it, a check says so, and whatever is tried takes no object."""
        before = self.keys()
        with pytest.raises(JoblogError, match=r"joblog repair.*joblog rebuild"):
            self.open()
        assert any("joblog repair" in each for each in check(self.settings).problems())
        assert self.keys() == before

    def holds(self, log_id: int, text: bytes) -> None:
        """It can be served, what it has is sound, and the log is the text; also after a janitor's rounds."""
        assert list(check(self.settings).problems()) == []
        engine = self.open()
        self.clean(engine)
        assert self.read(engine, log_id) == text
        assert list(checked(engine).problems()) == []
        engine.close()

    @staticmethod
    def read(engine: Engine, log_id: int) -> bytes:
        head = engine.logs.head(log_id)
        return b"".join(engine.reader.stream(head, head.start_byte, head.end_byte))


@pytest.fixture
def place(backend: Backend, tmp_path: Path) -> Place:
    return Place(backend, tmp_path)


@storage_contract
def test_catalog_that_is_lost(place: Place) -> None:
    """A new one in its place is not served; rebuilt, it has every sealed byte."""
    log_id = place.write(0, len(TEXT), merge=True)
    place.lose()
    place.is_held()
    assert rebuild(place.settings).logs == 1
    place.holds(log_id, TEXT)


@storage_contract
def test_catalog_that_was_set_back_before_a_merge(place: Place) -> None:
    """The merged object has every byte, and it does not know it; what it knows is gone."""
    log_id = place.write(0, HALF)
    place.save()
    place.write(HALF, len(TEXT), merge=True)
    place.set_back()
    place.is_held()
    assert repair(place.settings, read=False).mended == 1
    place.holds(log_id, TEXT)


@storage_contract
def test_catalog_that_was_set_back_while_it_was_open(place: Place) -> None:
    """In the same epoch, so that only the names of objects tell."""
    engine = place.open()
    engine.runs.put_project("lab", NOW_MS)
    log_id = engine.runs.put_run("lab", "job", "run", 0, NOW_MS)[2].id
    engine.appender.append(log_id, 0, TEXT[:HALF])
    assert engine.sealer.seal(log_id)
    if not place.settings.catalog:
        place.save()
    else:
        engine.close()  # PostgreSQL copies no database that somebody uses
        place.save()
        engine = place.open()
    engine.appender.append(log_id, HALF, TEXT[HALF:])
    assert engine.sealer.seal(log_id)
    engine.close()
    place.set_back()
    place.is_held()
    repair(place.settings, read=True)
    place.holds(log_id, TEXT)


@storage_contract
def test_logs_that_a_restored_catalog_has_never_had(place: Place) -> None:
    """They come back under their numbers, which nothing else gets."""
    place.write(0, HALF)
    place.save()
    late = place.write(0, len(TEXT), merge=True, task=3)
    place.set_back()
    place.is_held()
    repair(place.settings, read=False)
    place.holds(late, TEXT)
    engine = place.open()
    assert engine.runs.put_run("lab", "job", "run", 4, NOW_MS)[2].id > late + 10**6
    engine.close()


def killed(place: Place, image: Path) -> int:
    """Leaves what a server that was killed leaves; returns the log's id."""
    log_id = place.write(0, HALF)
    engine = place.open()
    engine.appender.append(log_id, HALF, TEXT[HALF:])
    assert engine.sealer.seal(log_id)
    shutil.copytree(place.settings.data, image)
    engine.close()
    place.settings = replace(place.settings, data=image)
    return log_id


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: (data / "catalog.db").unlink(),
        lambda data: (data / "catalog.db").write_bytes(b""),
        lambda data: zeros(data / "catalog.db"),
        lambda data: (data / "catalog.db-wal").unlink(),
        lambda data: zeros(data / "catalog.db-wal"),
    ],
    ids=["no file", "an empty one", "zeros", "no log", "a log of zeros"],
)
def test_files_of_a_catalog_that_are_lost_or_damaged(tmp_path: Path, backend: Backend, harm: Callable[[Path], None]) -> None:
    """What is left of its catalog is not served, and no object goes."""
    place, image = Place(backend, tmp_path), tmp_path / "image"
    log_id = killed(place, image)
    harm(image)
    before = place.keys()
    with pytest.raises(JoblogError):
        place.open()
    assert main(["check", "--data", str(image)]) in (1, 2)
    assert place.keys() == before
    for each in image.glob("catalog.db*"):
        each.unlink()
    rebuild(place.settings)
    place.holds(log_id, TEXT)


@pytest.mark.parametrize("eighths", range(1, 8))
def test_part_of_a_catalogs_log(tmp_path: Path, backend: Backend, eighths: int) -> None:
    """Is not served, or it is a moment in which nothing that was sealed was in the object alone."""
    place, image = Place(backend, tmp_path), tmp_path / "image"
    log_id = killed(place, image)
    log = image / "catalog.db-wal"
    log.write_bytes(log.read_bytes()[: log.stat().st_size * eighths // 8])
    try:
        place.open().close()
    except Conflict:
        repair(place.settings, read=False)
    place.holds(log_id, TEXT)


def test_restore_is_a_command(tmp_path: Path, backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    """It takes the copy, keeps what was there beside it, and says what came back."""
    place = Place(backend, tmp_path)
    log_id = place.write(0, HALF)
    place.save()
    place.write(HALF, len(TEXT), merge=True)
    data, copy = str(place.settings.data), place.copy / "catalog.db"
    (place.settings.data / "catalog.db").write_bytes(bytes(100_000))
    assert main(["restore", "--data", data, "--catalog-from", str(copy)]) == 0
    assert f"{len(TEXT) - HALF} bytes more than the catalog knew" in capsys.readouterr().out
    assert list(place.settings.data.glob("catalog.db.before-*"))
    place.holds(log_id, TEXT)
    for wrong in (tmp_path / "missing", place.settings.data / "objects", place.settings.data / "secret"):
        assert main(["restore", "--data", data, "--catalog-from", str(wrong)]) == 2
    place.holds(log_id, TEXT)


@storage_contract
def test_catalog_of_a_store_that_is_anothers(place: Place, tmp_path: Path) -> None:
    """Two catalogs on one store: the second is not served."""
    log_id = place.write(0, len(TEXT))
    other = place.backend.settings(tmp_path / "other")
    url = place.settings.objects or f"file://{place.settings.objects_path}"
    other = replace(other, objects=url, objects_endpoint=place.settings.objects_endpoint)
    with pytest.raises(Conflict, match="another catalog's"):
        Engine(other)
    place.holds(log_id, TEXT)


@storage_contract
def test_store_that_is_not_there(place: Place, tmp_path: Path) -> None:
    """A directory that was not mounted, or another bucket: none of what the catalog names is in it."""
    log_id = place.write(0, len(TEXT))
    right, wrong = place.settings, replace(place.settings, objects=f"file://{tmp_path}/empty")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Conflict, match="none of the objects"):
        Engine(wrong)
    place.settings = right
    place.holds(log_id, TEXT)


@storage_contract
def test_store_of_an_older_joblog_is_taken_over_if_all_is_known(place: Place) -> None:
    """It has no mark: then every object must be one that the catalog names."""
    log_id = place.write(0, len(TEXT))
    store = open_objects(place.settings)
    for mark in store.marks():
        store.drop_mark(*mark)
    place.holds(log_id, TEXT)
    (key,) = list(place.keys())[:1]
    stranger = key.rpartition("-")[0] + "-" + "0" * 16 + ".zst"
    for mark in store.marks():
        store.drop_mark(*mark)
    store.put(stranger, store.get(key))
    place.is_held()
    repair(place.settings, read=False)
    place.holds(log_id, TEXT)
    engine = place.open()
    assert engine.retention.remove_garbage(2**61, 0) == 1
    assert stranger not in {key for key, _, _ in store.listing()}
    engine.close()


@storage_contract
def test_what_a_damaged_object_has_no_more(place: Place) -> None:
    """The frames that are whole stay; in the place of the others as many bytes and lines say so, and a gap does."""
    log_id = place.write(0, len(TEXT))
    engine = place.open()
    segments = engine.logs.segments_by_byte(log_id, 0, len(TEXT))
    engine.close()
    store, wrong = open_objects(place.settings), [segments[2], segments[4]]
    data = store.get(wrong[0].object_key)
    store.put(wrong[0].object_key, data[:20] + bytes([data[20] ^ 255]) + data[21:])
    store.delete(wrong[1].object_key)
    assert len(list(check(place.settings).problems())) > 0
    repair(place.settings, read=True)
    assert list(check(place.settings).problems()) == []
    engine = place.open()
    text, head = place.read(engine, log_id), engine.logs.head(log_id)
    lost = [(each.start_byte, each.end_byte - each.start_byte) for each in wrong]
    assert (len(text), text.count(b"\n"), head.lost_bytes) == (len(TEXT), TEXT.count(b"\n"), sum(size for _, size in lost))
    for at, size in lost:
        part = text[at : at + size]
        assert (part.startswith(b"[joblog] %d bytes were lost here" % size), part.count(b"\n")) == (
            True,
            TEXT[at : at + size].count(b"\n"),
        )
        text = text[:at] + TEXT[at : at + size] + text[at + size :]
    assert text == TEXT
    assert [(gap.at_byte, gap.size_bytes, gap.reason) for gap in engine.logs.gaps(log_id)] == [
        (*each, "object lost") for each in lost
    ]
    engine.close()


@storage_contract
def test_a_lost_merged_object_is_made_of_what_it_was_made_of(backend: Backend, tmp_path: Path) -> None:
    """As long as that lies in the store, where everything stays for a day."""
    place = Place(backend, tmp_path)
    place.settings = replace(place.settings, object_grace_s=30 * 24 * 3600)
    log_id = place.write(0, len(TEXT), merge=True)
    engine = place.open()
    (merged,) = engine.logs.segments_by_byte(log_id, 0, len(TEXT))
    engine.close()
    open_objects(place.settings).delete(merged.object_key)
    repair(place.settings, read=False)
    place.holds(log_id, TEXT)


@pytest.mark.backends("postgres-directory")
def test_database_that_is_set_back_under_a_node(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """What the node remembers of the other past is forgotten, it is told, and it seals nothing before it has looked."""
    log_id = place.write(0, HALF)
    place.save()
    engine = place.open()
    engine.appender.append(log_id, HALF, TEXT[HALF:])
    assert place.read(engine, log_id) == TEXT
    place.set_back()
    other = TEXT[HALF:].swapcase()
    assert engine.logs.head(log_id).end_byte == HALF
    engine.appender.append(log_id, HALF, other)
    assert place.read(engine, log_id) == TEXT[:HALF] + other
    assert "is not the one that it was" in caplog.text
    assert not engine.ownership.begun
    with pytest.raises(Conflict, match="an earlier time"):
        engine.ownership.begin()
    engine.close()
