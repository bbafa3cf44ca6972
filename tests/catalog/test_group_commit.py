"""The embedded catalog commits together what waits to be written: one fsync for all, each undone by itself."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from joblog.catalog.sqlite import Sqlite
from joblog.errors import Unavailable

WRITERS = 10
DEADLINE_S = 60.0

_WAL_HEADER_BYTES, _FRAME_HEADER = 32, struct.Struct(">II16s")


class Wrong(Exception):
    """What a writer finds out in the middle of its transaction."""


def commits(path: Path) -> int:
    """Counts the commits in a write-ahead log that was not begun anew: the last frame of each has the database's size."""
    log = Path(f"{path}-wal").read_bytes()
    page_bytes = struct.unpack_from(">I", log, 8)[0]
    frames = range(_WAL_HEADER_BYTES, len(log), _FRAME_HEADER.size + page_bytes)
    return sum(_FRAME_HEADER.unpack_from(log, at)[1] > 0 for at in frames)


def put(database: Sqlite, number: int, *, wrong: bool = False) -> None:
    """Sets a counter of its own, and finds that this was wrong."""
    with database.transaction() as tx:
        tx.rows("set_counter", name=f"writer-{number}", value=number)
        if wrong:
            raise Wrong


def together(database: Sqlite, threads: ThreadPoolExecutor, write: Callable[[int], None]) -> list[Future[None]]:
    """Has WRITERS write who all wait for one that is writing."""
    deadline = time.monotonic() + DEADLINE_S
    with database.transaction() as tx:
        tx.rows("set_counter", name="first", value=1)
        writing = [threads.submit(write, number) for number in range(WRITERS)]
        while database._waiting < WRITERS:
            assert time.monotonic() < deadline
    return writing


def values(database: Sqlite) -> list[int | None]:
    """Returns what the writers have set."""
    rows = [database.rows("counter", name=f"writer-{number}") for number in range(WRITERS)]
    return [row[0][0] if row else None for row in rows]


def test_all_who_wait_share_one_commit(tmp_path: Path) -> None:
    """Those that fail are undone and hear of their own error; the others' writes are there."""
    path = tmp_path / "catalog.db"
    with closing(Sqlite(path)) as database, ThreadPoolExecutor(WRITERS) as threads:
        changed: list[set[int]] = []
        database.watch(changed.append)
        before = commits(path)
        writing = together(database, threads, lambda number: put(database, number, wrong=number % 2 == 1))
        errors = [type(each.exception()) for each in writing]
        assert commits(path) - before == 1
        assert len(changed) == 1
        assert errors == [type(None), Wrong] * (WRITERS // 2)
        assert values(database) == [number if number % 2 == 0 else None for number in range(WRITERS)]
        assert database.rows("counter", name="first") == [(1,)]


def test_when_the_first_fails_the_others_do_not(tmp_path: Path) -> None:
    """It is alone until it is over."""
    path = tmp_path / "catalog.db"
    with closing(Sqlite(path)) as database, ThreadPoolExecutor(WRITERS) as threads:
        writing: list[Future[None]] = []

        def first() -> None:
            with database.transaction() as tx:
                tx.rows("set_counter", name="first", value=1)
                writing.extend(threads.submit(put, database, number) for number in range(WRITERS))
                raise Wrong

        with pytest.raises(Wrong):
            first()
        assert [each.exception() for each in writing] == [None] * WRITERS
        assert values(database) == list(range(WRITERS))
        assert database.rows("counter", name="first") == []


def test_a_commit_that_fails_fails_for_all_of_them(tmp_path: Path) -> None:
    """As when the disk is full: none of it is there afterwards, and the next goes through."""
    path = tmp_path / "catalog.db"
    with closing(Sqlite(path)) as database, ThreadPoolExecutor(WRITERS) as threads:
        database._writer.set_commit_hook(lambda: True)  # the database refuses
        with pytest.raises(Unavailable):
            together(database, threads, lambda number: put(database, number))
        database._writer.set_commit_hook(None)
        put(database, 7)
        assert values(database)[7] == 7
        assert database.rows("counter", name="first") == []


def test_when_one_cannot_be_undone_nothing_of_the_group_is_kept(tmp_path: Path) -> None:
    """Half of what one has written is never committed with the others, and they all hear that theirs was not."""
    path = tmp_path / "catalog.db"
    with closing(Sqlite(path)) as database, ThreadPoolExecutor(WRITERS) as threads:

        def write(number: int) -> None:
            with database.transaction() as tx:
                tx.rows("set_counter", name=f"writer-{number}", value=number)
                if number == WRITERS // 2:
                    database._writer.execute("RELEASE one")  # there is nothing to go back to now
                    raise Wrong

        with pytest.raises(Unavailable):
            together(database, threads, write)
        put(database, 7)
        assert database.rows("counter", name="first") == []
        assert values(database)[WRITERS // 2] is None


def test_who_still_waits_when_the_catalog_is_closed_hears_of_it(tmp_path: Path) -> None:
    """And nobody waits for ever."""
    database = Sqlite(tmp_path / "catalog.db")
    with ThreadPoolExecutor(WRITERS) as threads:
        writing = together(database, threads, lambda number: put(database, number))
        closed = threading.Thread(target=database.close)
        closed.start()
        errors = [each.exception() for each in writing]
        closed.join()
    assert all(error is None or isinstance(error, Unavailable) for error in errors)
    with closing(apsw.Connection(str(tmp_path / "catalog.db"))) as again:
        rows = again.execute("SELECT COUNT(*) FROM counter WHERE name LIKE 'writer-%'").fetchall()
    assert rows == [(errors.count(None),)]
