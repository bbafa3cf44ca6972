"""The embedded database: SQLite in WAL mode, every commit fsynced. The one door to apsw.

One connection writes, under a lock; each thread that reads has a connection of its own, and WAL lets it read while the
writer writes. A read sees what is committed when it begins.

What comes while somebody writes is committed together with it, by whoever is the last of them: one fsync for all. Each is
undone by itself when it fails, and nobody hears how it went, not even that it failed, before the commit that all share.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw

from joblog.catalog.database import (
    HEAD_QUERIES,
    QUERIES,
    SCHEMA_VERSION,
    Row,
    Value,
    migrations,
    process_clock_ms,
    sql_file,
    statements,
)
from joblog.core.logs import Growth
from joblog.errors import Invalid, Unavailable

# 64 KiB appends committed in groups of 16: 200 MB/s with pages of 4 KiB, 400 with 16 KiB; 200-byte ones are no slower.
_PAGE_BYTES = 16 * 1024
# The write-ahead log is copied into the database at this size: rarely enough to write hot pages once, not every time. Its file
# is cut to this size after that.
_CHECKPOINT_BYTES = 16 * 1024 * 1024
# Reads that follow each other without a pause keep it from beginning anew; at this size, and whenever as much as that has come
# again, whoever writes waits a moment for there to be none.
_LARGE_LOG_BYTES = 4 * _CHECKPOINT_BYTES
_MOMENT_MS = 200
# So many transactions are committed together at most, so that the first does not wait for ever.
_MAX_GROUP = 64
# Of each thread's connection: the operating system's own cache is behind it.
_READ_CACHE_KIB = 2 * 1024
_BUSY_MS = 10_000


class Sqlite:
    """The catalog in one file. See ``Database`` for what the methods promise."""

    embedded = True

    def __init__(self, path: Path, clock_ms: Callable[[], int] = process_clock_ms, *, reads: bool = False) -> None:
        """Opens the file, makes or migrates the schema; raises Unavailable. The process's clock is the catalog's.

        With ``reads`` another process of the same server has done so, and is the only one that writes.
        """
        self.clock_ms = clock_ms
        self._reads = reads
        self._changed: Callable[[set[int]], None] = lambda _: None
        self._grew: Callable[[list[Growth]], None] = lambda _: None
        self._path = str(path)
        self._lock = threading.Lock()
        self._counting, self._waiting = threading.Lock(), 0
        self._group: _Group | None = None
        self._local = threading.local()
        self._open: list[apsw.Connection] = []
        if reads:
            return
        with _unavailable():
            self._writer = self._connect()
            self._wait_at_bytes = _LARGE_LOG_BYTES
            self._writer.pragma("journal_size_limit", _CHECKPOINT_BYTES)
            self._writer.set_wal_hook(self._checkpoint)  # in place of SQLite's own
            self._migrate()

    def rows(self, query: str, **values: Value) -> list[Row]:
        """Runs a named query on this thread's connection."""
        try:
            connection: apsw.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self._connect()
            return connection.execute(QUERIES[query], values).fetchall()
        except apsw.Error as error:
            raise _failed(error) from error

    @contextmanager
    def transaction(self) -> Iterator[_Writing]:
        """Commits when the block is left, with others that wait to write; rolls back when it raises."""
        if self._reads:
            raise Unavailable("this process of the server only reads")
        with _unavailable():
            group = self._begun()
            writing = _Writing(self._writer)
            try:
                yield writing
                if group.size:
                    self._writer.execute("RELEASE one")
                group.changed |= writing.changed
                group.growths += writing.growths
            except BaseException:
                self._undo(group)
                raise
            finally:
                self._ended(group)

    def _begun(self) -> _Group:
        """Waits for its turn, and begins a group or joins the one that those before have left open."""
        with self._counting:
            self._waiting += 1
        try:
            self._lock.acquire()
        finally:
            with self._counting:
                self._waiting -= 1
        group = self._group
        try:
            if group is None:
                self._writer.execute("BEGIN IMMEDIATE")
                group = self._group = _Group()
            else:
                self._writer.execute("SAVEPOINT one")
        except BaseException as error:  # as when the catalog was closed meanwhile
            self._roll_back()
            self._over(group, error)
            raise
        return group

    def _undo(self, group: _Group) -> None:
        """Takes back what one has done; all that the group has done where that cannot be, or SQLite itself has given up."""
        if group.size and self._writer.in_transaction:
            with suppress(apsw.Error):
                self._writer.execute("ROLLBACK TO one")
                self._writer.execute("RELEASE one")
                return
        self._roll_back()

    def _roll_back(self) -> None:
        """Takes back all of the open transaction. What fails here is not in the way of those who wait for their turn."""
        with suppress(apsw.Error):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    def _ended(self, group: _Group) -> None:
        """Leaves the commit to whoever waits to write, or makes it; returns when it is made. Raises what it raises."""
        group.size += 1
        if self._waiting and group.size < _MAX_GROUP and self._writer.in_transaction:
            self._lock.release()
            group.done.wait()
        else:
            failed: BaseException | None = None
            try:
                if self._writer.in_transaction:
                    self._writer.execute("COMMIT")
                elif group.size > 1:
                    failed = Unavailable("the catalog failed: SQLite has taken back what others had written")
            except BaseException as error:  # noqa: BLE001  # everybody in the group hears of it
                failed = error
                self._roll_back()
            self._over(group, failed)
        if group.failed is not None:
            raise _shared(group.failed)

    def _over(self, group: _Group | None, failed: BaseException | None) -> None:
        """Ends a group, if there is one, and lets the next begin."""
        self._group = None
        try:
            if group is not None:
                group.failed = failed
                if failed is None and group.growths:
                    self._grew(group.growths)
                self._changed(group.changed)
        finally:
            self._lock.release()
            if group is not None:
                group.done.set()

    def watch(
        self,
        changed: Callable[[set[int]], None],
        went_back: Callable[[], None] = lambda: None,
        grew: Callable[[list[Growth]], None] = lambda _: None,
    ) -> None:
        """Has ``grew`` called with what a commit has appended, then ``changed`` with what else it has changed.

        Nobody else changes the file, nor can set it back while it is open.
        """
        del went_back
        self._changed, self._grew = changed, grew

    def close(self) -> None:
        """Closes every connection."""
        with self._lock:
            while self._open:
                self._open.pop().close()

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(self._path)
        connection.set_busy_timeout(_BUSY_MS)
        connection.pragma("page_size", _PAGE_BYTES)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("cache_size", -_READ_CACHE_KIB)
        connection.pragma("query_only", int(self._reads))
        connection.pragma("temp_store", 2)  # in memory: neither files for it, nor a full /tmp in the way of what is written
        self._open.append(connection)
        return connection

    def _checkpoint(self, connection: apsw.Connection, name: str, pages: int) -> int:
        """Copies the write-ahead log into the database after a commit that has made it large enough."""
        size = pages * _PAGE_BYTES
        if size < _CHECKPOINT_BYTES:
            self._wait_at_bytes = _LARGE_LOG_BYTES
            return apsw.SQLITE_OK
        waits = size >= self._wait_at_bytes
        self._wait_at_bytes = max(self._wait_at_bytes, size + _LARGE_LOG_BYTES if waits else 0)
        connection.set_busy_timeout(_MOMENT_MS)
        try:
            connection.wal_checkpoint(name, apsw.SQLITE_CHECKPOINT_RESTART if waits else apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            pass  # What is committed is committed; a later commit tries again.
        finally:
            connection.set_busy_timeout(_BUSY_MS)
        return apsw.SQLITE_OK

    def _migrate(self) -> None:
        with self.transaction() as tx:
            empty = not self._writer.execute("SELECT 1 FROM sqlite_master WHERE name = 'counter'").fetchall()
            version = 0 if empty else int(tx.rows("counter", name="schema")[0][0])
            if version > SCHEMA_VERSION:
                raise Unavailable(f"{self._path} was written by a newer joblog (schema {version})")
            if version < SCHEMA_VERSION:
                for statement in [*migrations(version), *statements(sql_file("sqlite.sql"))]:
                    self._writer.execute(statement)
            tx.rows("set_counter", name="schema", value=SCHEMA_VERSION)


def copy_catalog(source: Path, target: Path) -> None:
    """Copies a catalog, also one that is being written to; raises Invalid when the source is none, Unavailable."""
    if not source.is_file():
        raise Invalid("catalog_from", "a file that is a copy of a catalog.db", str(source))
    with _unavailable(), closing(apsw.Connection(str(source))) as there:
        try:
            there.execute(QUERIES["counter"], {"name": "schema"})
        except apsw.Error as error:
            raise Invalid("catalog_from", f"a catalog of joblog's ({error})", str(source)) from error
        with closing(apsw.Connection(str(target))) as here, here.backup("main", there, "main") as copying:
            while not copying.done:
                copying.step()


class _Group:
    """Transactions that are committed together."""

    def __init__(self) -> None:
        self.size = 0
        self.changed: set[int] = set()
        self.growths: list[Growth] = []
        self.done = threading.Event()
        self.failed: BaseException | None = None


class _Writing:
    """The open write transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._execute = connection.execute
        self.changed: set[int] = set()
        self.growths: list[Growth] = []

    def rows(self, query: str, **values: Value) -> list[Row]:
        if query in HEAD_QUERIES:
            self.changed.add(values["id"])  # type: ignore[arg-type]  # these queries' id is a number
        return self._execute(QUERIES[query], values).fetchall()

    def many(self, query: str, values: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        return [self.rows(query, **each) for each in values]

    def grew(self, growth: Growth) -> None:
        self.changed.discard(growth.head.id)
        self.growths.append(growth)

    def later(self, query: str, values: Sequence[Mapping[str, Value]]) -> None:
        self.many(query, values)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise _failed(error) from error


def _shared(error: BaseException) -> Unavailable:
    """Returns what one of a group raises when their commit has failed: each its own."""
    if isinstance(error, apsw.Error):
        return _failed(error)
    return error if isinstance(error, Unavailable) else Unavailable(f"the catalog failed: {error!r}")


def _failed(error: apsw.Error) -> Unavailable:
    return Unavailable(f"the catalog failed: {type(error).__name__}: {error}")
