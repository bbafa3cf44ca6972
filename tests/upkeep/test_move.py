"""A joblog is moved to other engines: everything is there, under its ids; whatever fails, saying it again goes on."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from joblog.catalog.handover import Turn
from joblog.cli import main
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.opening import open_database, open_objects
from joblog.errors import Conflict, Invalid, Unavailable
from joblog.upkeep.check import check
from joblog.upkeep.move import Move
from joblog.upkeep.move_command import Moved, move
from joblog.upkeep.move_log import MoveEnd
from joblog.upkeep.move_tables import _TABLES
from joblog.upkeep.rebuild import give_none_again
from tests.engine.faults import FailingDatabase, FailingObjects, Fuse
from tests.engines import ObjectServer, PostgresServer
from tests.upkeep.moved import NOW_MS, Filled, bytes_of, rows, shared_place

FAULTS = 6


def moved(source: Settings, target: Settings) -> Moved:
    return move(source, target, files=True, say=lambda *_: None)


def is_the_same(filled: Filled, source: Settings, target: Settings) -> None:
    """Every row, every byte, every secret; positions and checksums verified by reading all of it."""
    assert rows(target) == rows(source)
    assert list(check(target).problems()) == []
    engine = Engine(target, clock_ms=lambda: NOW_MS)
    try:
        assert {log_id: bytes_of(engine, log_id) for log_id in filled.texts} == filled.texts
        assert engine.runs.version_by_uuid("lab", filled.uuid).uuid == filled.uuid
        assert engine.tokens.find(filled.token_secret) == filled.token
        assert engine.users.key(filled.key.access) == (filled.user.id, filled.key.secret)
        again = engine.runs.put_run("lab", "Train_1", "run-7", 0, NOW_MS)[2]
        assert again.id == min(filled.texts)
        engine.appender.append(again.id, again.end_byte, b" goes on\n")
        assert bytes_of(engine, again.id) == filled.texts[again.id] + b" goes on\n"
        assert engine.runs.put_run("lab", "Train_1", "new", 0, NOW_MS)[2].id > max(filled.texts)
    finally:
        engine.close()


@pytest.mark.parametrize("there", ["shared", "embedded"])
def test_everything_is_there(there: str, postgres: PostgresServer, s3: ObjectServer, tmp_path: Path) -> None:
    """From SQLite and a directory to PostgreSQL and S3, and back; again finds nothing to do; serving ends it."""
    embedded, shared = Settings(data=tmp_path / "embedded"), shared_place(postgres, s3, tmp_path / "shared")
    source, target = (embedded, shared) if there == "shared" else (shared, embedded)
    filled = Filled(source)
    done = moved(source, target)
    assert (done.whole, done.needs_key, done.move.problems) == (True, False, [])
    assert (done.move.carried, done.move.logs) == (len(filled.texts), len(filled.texts))
    again = moved(source, target)
    assert (again.whole, again.move.carried) == (True, 0)
    is_the_same(filled, source, target)
    with pytest.raises(Conflict, match="in use"):
        moved(source, target)


def test_what_changes_between_two_commands_is_carried_by_the_second(
    postgres: PostgresServer, s3: ObjectServer, tmp_path: Path
) -> None:
    """Growth, sealing, merging, retention, closing, deletion, revocation, renaming, all at once."""
    source, target = Settings(data=tmp_path / "embedded"), shared_place(postgres, s3, tmp_path / "shared")
    filled, chance = Filled(source), random.Random(1)
    assert moved(source, target).whole
    filled.engine = engine = Engine(source, clock_ms=lambda: NOW_MS)
    ids = sorted(filled.texts)
    for log_id in (ids[0], ids[4]):
        filled.append(log_id, chance.randbytes(30_000) + b"\n", chance, seal=True)
    filled.close(ids[4])
    while engine.sealer.seal(ids[4]):
        pass
    for log_id in ids:
        engine.sealer.merge(log_id, NOW_MS)
    gone = engine.runs.put_run("lab", "Train_2", None, 0, NOW_MS)
    engine.runs.put_project("lab", NOW_MS, name="other-name")
    engine.runs.put_project("third", NOW_MS, name="the-lab")
    engine.close()
    assert moved(source, target).whole
    engine = Engine(source, clock_ms=lambda: NOW_MS)
    engine.jobs.delete_job(gone[0], NOW_MS)
    assert filled.token is not None
    engine.tokens.revoke(filled.token.id)
    engine.close()
    assert moved(source, target).whole
    assert rows(target) == rows(source)
    filled.token = None  # it was revoked
    is_the_same(filled, source, target)


def test_numbers_that_were_left_out_cost_nothing(tmp_path: Path) -> None:
    """As a rebuild leaves a thousand million out: a move looks at what there is."""
    source, target = Settings(data=tmp_path / "old"), Settings(data=tmp_path / "new")
    filled = Filled(source)
    database = open_database(source)
    give_none_again(database)
    database.close()
    engine = Engine(source, clock_ms=lambda: NOW_MS)
    log_id = engine.runs.put_run("lab", "Train_9", None, 0, NOW_MS)[2].id
    filled.texts[log_id] = b"behind them\n"
    engine.appender.append(log_id, 0, filled.texts[log_id])
    engine.close()
    assert moved(source, target).whole
    is_the_same(filled, source, target)


def test_objects_that_both_places_use_stay_where_they_are(tmp_path: Path, postgres: PostgresServer) -> None:
    """Only the catalog moves; no object is written, none is removed."""
    source = Settings(data=tmp_path / "old", objects=f"file://{tmp_path}/objects")
    filled = Filled(source)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "objects").rglob("*.zst")}
    postgres.run("CREATE DATABASE moved_same")
    target = Settings(data=tmp_path / "new", catalog=postgres.address("moved_same"), objects=source.objects)
    assert moved(source, target).whole
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "objects").rglob("*.zst")} == before
    is_the_same(filled, source, target)


def test_whatever_call_fails_saying_it_again_goes_on(tmp_path: Path) -> None:
    """Calls of the catalog and of the store, from the first to the last; one that fails may have been done all the same."""
    source = Settings(data=tmp_path / "source")
    filled = Filled(source)
    whole = [Fuse(10**9), Fuse(10**9)]
    assert not fails(source, Settings(data=tmp_path / "whole"), *whole)
    for kind, fuse in enumerate(whole):
        for number in range(FAULTS):
            target = Settings(data=tmp_path / f"target-{kind}-{number}")
            fuses = [Fuse(10**9), Fuse(10**9)]
            fuses[kind] = Fuse(1 + (fuse.calls - 1) * number // (FAULTS - 1), after=number % 2 == 1)
            if not fails(source, target, *fuses):
                continue  # Logs are carried side by side: not all runs have as many calls.
            with pytest.raises(Conflict, match="run `joblog move` again"):
                Engine(target)
            assert moved(source, target).whole
            assert rows(target) == rows(source)
            assert list(check(target).problems()) == []
    is_the_same(filled, source, target)


def fails(source: Settings, target: Settings, catalog_fuse: Fuse, object_fuse: Fuse) -> bool:
    """Moves until a fuse blows; says whether it has."""
    target.data.mkdir(mode=0o700)
    ours, theirs = open_database(source), open_database(target)
    try:
        turn = Turn(theirs, str(source.catalog_path.resolve()))
        there = MoveEnd(FailingDatabase(theirs, catalog_fuse), FailingObjects(open_objects(target), object_fuse))
        moving = Move(MoveEnd(ours, open_objects(source)), there, turn, same_objects=False, clock_ms=lambda: NOW_MS)
        assert moving.run()
    except Unavailable:
        return True
    else:
        return False
    finally:
        ours.close()
        theirs.close()


def test_two_commands_at_once(tmp_path: Path) -> None:
    """The later one goes on; the earlier is told, and changes nothing more; nor does one that came before a server."""
    source, target = Settings(data=tmp_path / "source"), Settings(data=tmp_path / "target")
    Filled(source)
    target.data.mkdir()
    database = open_database(target)
    address = str(source.catalog_path.resolve())
    earlier = Turn(database, address)
    Turn(database, address).done()
    with pytest.raises(Conflict, match="another `joblog move`"), database.transaction() as tx:
        earlier.hold(tx)
    later = Turn(database, address)
    later.done()
    Engine(target).close()
    with pytest.raises(Conflict, match="another `joblog move`"):
        later.done()
    database.close()


def test_what_is_damaged_is_named_and_the_rest_is_carried(tmp_path: Path) -> None:
    """A lost object, a changed one: the log is a problem, the move is not whole, and nobody can serve what is there."""
    source, target = Settings(data=tmp_path / "source"), Settings(data=tmp_path / "target")
    filled = Filled(source)
    ids = sorted(filled.texts)
    keys = {log_id: [key for _, key in rows(source)["segment"][log_id]] for log_id in ids}
    (source.objects_path / keys[ids[0]][0]).unlink()
    changed = source.objects_path / keys[ids[1]][0]
    content = bytearray(changed.read_bytes())
    content[20] ^= 1
    changed.write_bytes(content)
    done = moved(source, target)
    assert not done.whole
    assert [each.partition(":")[0].rpartition("/")[2] for each in done.move.problems] == ["worker-0", "worker-1"]
    assert "is missing" in done.move.problems[0]
    assert done.move.carried == len(ids)
    assert [row[0] for row in rows(target)["log"]] == ids[2:]
    with pytest.raises(Conflict, match="only partly copied"):
        Engine(target)
    filled.engine = engine = Engine(source)
    engine.jobs.delete_version(engine.runs.version("lab", 2, 2), NOW_MS)
    engine.close()
    assert moved(source, target).whole


def test_a_row_that_is_not_what_its_log_says(tmp_path: Path) -> None:
    """The CRC-32 of what was carried decides."""
    source, target = Settings(data=tmp_path / "source"), Settings(data=tmp_path / "target")
    filled = Filled(source)
    database = open_database(source)
    log_id = sorted(filled.texts)[4]
    with database.transaction() as tx:
        for row in tx.rows("chunks_by_byte", log_id=log_id, low=0, high=1):
            tx.rows("chunks_drop", log_id=log_id, before=1)
            values = {"start_byte": 0, "end_byte": row[1], "start_line": 0, "end_line": row[3], "appended_ms": row[4]}
            tx.rows("chunk_put", log_id=log_id, data=bytes(row[1]), **values)
    database.close()
    done = moved(source, target)
    assert len(done.move.problems) == 1
    assert "CRC-32" in done.move.problems[0]
    assert log_id not in [row[0] for row in rows(target)["log"]]


def test_what_cannot_be_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To nowhere, to itself, over something, from another place than it was begun from, with another key."""
    source, other = Settings(data=tmp_path / "source"), Settings(data=tmp_path / "other")
    Filled(source)
    Filled(other)
    assert main(["move", "--data", str(source.data)]) == 2
    assert "--to-data or --to-catalog is missing" in capsys.readouterr().err
    assert main(["move", "--data", str(source.data), "--to-catalog", "postgresql://nowhere/x"]) == 2
    assert "--to-data or --to-objects is missing" in capsys.readouterr().err
    with pytest.raises(Invalid, match="another place"):
        moved(source, replace(source))
    with pytest.raises(Conflict, match="in use"):
        moved(source, other)
    target = Settings(data=tmp_path / "target")
    target.data.mkdir()
    target.secret_key_path.write_text("A" * 43 + "=\n")
    with pytest.raises(Conflict, match=r"secret\.key belongs to another joblog"):
        moved(source, target)
    with pytest.raises(Conflict, match="holds a part of another one"):
        moved(other, target)
    with pytest.raises(Conflict, match="partly copied"):
        moved(target, Settings(data=tmp_path / "third"))


def test_keys_without_their_key_are_told(
    postgres: PostgresServer, s3: ObjectServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """PostgreSQL has no directory to put it into: who serves must be given it."""
    source, target = Settings(data=tmp_path / "source"), shared_place(postgres, s3, tmp_path / "target")
    filled = Filled(source)
    size = sum(map(len, filled.texts.values()))
    to = ["--to-catalog", target.catalog, "--to-objects", target.objects, "--to-objects-endpoint", s3.endpoint]
    assert main(["move", "--data", str(source.data), *to, "--to-objects-region", "us-east-1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "access keys: give every node the source's secret key, as JOBLOG_SECRET_KEY"
    assert lines[1:] == [f"6 logs, {size} bytes, 6 carried, 0 problems"]


def test_every_column_is_carried(tmp_path: Path) -> None:
    """A column that is new is named among those of its table, or a move would leave it behind."""
    Engine(Settings(data=tmp_path)).close()
    connection = apsw.Connection(str(tmp_path / "catalog.db"))
    for table in _TABLES:
        assert {row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")} == set(table.columns), table.name
    connection.close()
