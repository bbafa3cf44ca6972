"""PostgreSQL, the catalog of any number of nodes. The one door to psycopg.

A network lies between: calls have deadlines, a lost connection is replaced, and a read that was on it is made again. What
was in a transaction is not: it may have been committed, and only who asked for it can tell.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import NoReturn

import psycopg
from psycopg import Connection, RawCursor, conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from joblog.catalog.database import SCHEMA_VERSION, Row, Value, migrations, sql_file, statements
from joblog.catalog.postgres_connection import BoundConnection
from joblog.catalog.postgres_notify import Changes, ServerClock
from joblog.catalog.postgres_past import past_of
from joblog.catalog.postgres_statements import LOST_S, Using, Writing, adapt
from joblog.errors import Invalid, Unavailable

# Unless the address says otherwise. Without these a call hangs for many minutes when the network between is cut; with them it
# fails within some ten seconds. Of several hosts the one that takes writes is used.
_CONNECT = {
    "target_session_attrs": "read-write",
    "connect_timeout": "3",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "joblog",
    "client_encoding": "utf8",
}

# Milliseconds, before this side gives up too (STATEMENT_S). No statement of joblog's runs for seconds; a node that was stopped
# inside a transaction must not hold its locks.
_SESSION = {"statement_timeout": 9_000, "lock_timeout": 5_000, "idle_in_transaction_session_timeout": 60_000}

_RECONNECT_S = 1.0
"""The pool gives up on a connection after so long, and is made to begin anew: its own pauses between attempts would only grow,
and whoever waits for a connection when it gives up would wait in vain."""

_MIGRATION_LOCK = 0x6A6F626C6F67  # "joblog"
_MIGRATION_S = 10 * 60.0
_MIGRATION_LOCK_MS = 200
"""A migration waits for a lock in tries as short as this: whoever comes while it waits, an append, waits behind it."""

_MIGRATION_PAUSE_S = 0.5

_PATIENT_TRY, _PATIENCE = 10, 8
"""Each tenth try waits eight times as long: PostgreSQL ends an autovacuum that is in the way of who has waited for a second."""


class Postgres:
    """The catalog in a PostgreSQL database. See ``Database`` for what the methods promise."""

    embedded = False

    def __init__(self, address: str, *, connections: int = 16, clock_ms: Callable[[], int] | None = None) -> None:
        """Connects, and makes or migrates the schema; raises Invalid for the address, Unavailable.

        ``address`` is what libpq takes: ``postgresql://user@host1,host2/name?option=value``. ``connections`` is the most
        that are open at a time: half of them for reads, which go on while every commit waits for a standby. ``clock_ms`` is
        another clock than the database's.
        """
        self._clock = ServerClock()
        self.clock_ms = clock_ms or self._clock
        self._changes: Changes | None = None
        self._past = ""
        self._looking = threading.Lock()
        self._went_back: Callable[[], None] = lambda: None
        self._conninfo = dsn(address)
        self._reads, self._writes = self._new_pool(connections // 2), self._new_pool(connections - connections // 2)
        logging.getLogger("psycopg").setLevel(logging.ERROR)  # its every attempt; each call that fails says so itself
        # Says why it cannot, where the pool would say only that it has waited.
        with _unavailable(), psycopg.connect(self._conninfo) as connection:
            self._clock.set_by(connection)
        try:
            self.migrate()
            with self._alone() as connection:
                self._past = past_of(connection, Using(connection))
            self._reads.open()
            self._writes.open()
        except BaseException:
            self.close()
            raise

    def _new_pool(self, connections: int) -> _Pool:
        return _Pool(
            self._conninfo,
            connection_class=BoundConnection,
            min_size=1,
            max_size=connections,
            open=False,
            timeout=LOST_S,
            reconnect_timeout=_RECONNECT_S,
            reconnect_failed=lambda pool: pool.check(),
            kwargs={"autocommit": True, "cursor_factory": RawCursor},
            configure=self._configure,
            name="joblog",
        )

    def rows(self, query: str, **values: Value) -> list[Row]:
        """Runs a named query on a free connection; again on another one when the connection turns out to be lost."""
        deadline = time.monotonic() + LOST_S
        while True:
            with _unavailable():
                connection = self._reads.getconn()
                try:
                    return Using(connection).rows(query, **values)
                except psycopg.Error as error:
                    if not self._lost(self._reads, connection, error) or time.monotonic() > deadline:
                        raise
                finally:
                    self._reads.putconn(connection)

    @contextmanager
    def transaction(self) -> Iterator[Writing]:
        """Commits when the block is left, rolls back when it raises."""
        with _unavailable():
            writing = Writing(self._writes.getconn(), self._another)
            try:
                yield writing
                writing.commit()
            except BaseException as error:
                if isinstance(error, psycopg.Error):
                    self._lost(self._writes, writing.connection, error)
                if not writing.connection.closed:
                    writing.connection.rollback()
                raise
            finally:
                self._writes.putconn(writing.connection)
                if self._changes is not None:
                    self._changes.committed(writing.changed)  # or perhaps not: it is a hint

    def watch(self, changed: Callable[[set[int]], None], went_back: Callable[[], None] = lambda: None) -> None:
        """Tells other nodes too, and hears it from them: within milliseconds, on two connections more."""
        self._went_back = went_back
        self._changes = Changes(self._conninfo, changed, self._clock)

    def migrate(self) -> None:
        """Makes the schema, or brings it up to date; of several nodes one does it while the others wait."""
        until_s, tries = time.monotonic() + _MIGRATION_S, count(1)
        with self._alone() as connection:
            connection.statement_s = _MIGRATION_S
            while not _migrated(connection, 1 if next(tries) % _PATIENT_TRY else _PATIENCE):
                if time.monotonic() > until_s:
                    raise Unavailable("others hold locks on the catalog's tables: end what reads all of them, such as pg_dump")
                time.sleep(_MIGRATION_PAUSE_S)

    @contextmanager
    def _alone(self) -> Iterator[BoundConnection]:
        """Gives a connection that is of no pool."""
        with _unavailable(), BoundConnection.connect(self._conninfo, autocommit=True, cursor_factory=RawCursor) as connection:
            _configure(connection)
            yield connection

    def close(self) -> None:
        """Closes every connection."""
        if self._changes is not None:
            self._changes.close()
        self._reads.close()
        self._writes.close()

    def _configure(self, connection: BoundConnection) -> None:
        """Prepares a new connection; after a promotion or a restore all are new, and what they read is of another past."""
        _configure(connection)
        with self._looking:  # nobody reads of the new past before all have forgotten the other one
            past = past_of(connection, Using(connection))
            if past != self._past:
                self._went_back()
                self._past = past

    def _another(self, connection: BoundConnection, error: psycopg.Error) -> BoundConnection:
        """Returns another connection to begin a transaction with where that failed because this one is lost; else raises."""
        if not self._lost(self._writes, connection, error):
            raise error
        other = self._writes.getconn()
        self._writes.putconn(connection)
        return other

    def _lost(self, pool: _Pool, connection: BoundConnection, error: psycopg.Error) -> bool:
        """Says whether the connection is of no use any more, and sees to it that nobody is given it again."""
        if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            connection.close()  # its server was made a standby; another one takes writes now
        if connection.overdue:
            pool.distrust(connection)
        return connection.closed


class _Pool(ConnectionPool[BoundConnection]):
    """Connections that are replaced together when one has had no answer: the server of all of them hangs, or is gone."""

    _replaced_s = 0.0

    def distrust(self, connection: BoundConnection) -> None:
        """Replaces all, unless that was done since ``connection`` was made."""
        if connection.made_s > self._replaced_s:
            self._replaced_s = time.monotonic()
            self.drain()


def _migrated(connection: BoundConnection, patience: int) -> bool:
    """Brings the schema up to date, all of it or, where a lock cannot be had, nothing: then returns False."""
    using = Using(connection)
    try:
        with connection.transaction():
            using.run(f"SET LOCAL statement_timeout = {int(_MIGRATION_S * 1000)}")
            using.run(f"SET LOCAL lock_timeout = {_MIGRATION_LOCK_MS * patience}")
            using.run(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            empty = using.run("SELECT to_regclass('counter') IS NULL")[0][0]
            version = 0 if empty else int(using.rows("counter", name="schema")[0][0])
            if version > SCHEMA_VERSION:
                raise Unavailable(f"the catalog was written by a newer joblog (schema {version})")
            if version < SCHEMA_VERSION:
                for statement in [*migrations(version), *statements(sql_file("postgres.sql"))]:
                    using.run(statement)
                using.rows("set_counter", name="schema", value=SCHEMA_VERSION)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        return False
    return True


def await_server(address: str, patience_s: float, say: Callable[[str], None]) -> None:
    """Returns once a connection can be made; ``say`` is told why it cannot, once.

    Raises Unavailable when none could be made for ``patience_s``, Invalid for the address.
    """
    options, deadline, reported = dsn(address), time.monotonic() + patience_s, False
    while True:
        try:
            with _unavailable():
                psycopg.connect(options).close()
            return
        except Unavailable as error:
            if time.monotonic() > deadline:
                raise
            if not reported:
                say(str(error))
                reported = True
        time.sleep(_RECONNECT_S)


def dsn(address: str) -> str:
    """Returns the address with what joblog needs of a connection, where it does not say otherwise; raises Invalid."""
    try:
        given = conninfo.conninfo_to_dict(address)
    except psycopg.ProgrammingError as error:
        raise Invalid("catalog", f"an address of a PostgreSQL database ({str(error).strip()})") from error
    session = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    options = f"{session} {given.pop('options', None) or ''}".strip()
    return conninfo.make_conninfo("", **{**_CONNECT, **given, "options": options})


def _configure(connection: Connection[Row]) -> None:
    """Prepares a new connection. Acknowledged means committed, whatever the server's own default is."""
    adapt(connection)
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
    )


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        _raise(error)


def _raise(error: psycopg.Error) -> NoReturn:
    if isinstance(error, psycopg.DataError):  # such as a NUL, which PostgreSQL has no text with
        raise Invalid("a text", f"one that the catalog can hold ({str(error).strip()})") from error
    if isinstance(error, PoolTimeout):
        raise Unavailable("the catalog failed: no connection to PostgreSQL was free, or could be made") from error
    raise Unavailable(f"the catalog failed: {type(error).__name__}: {' '.join(str(error).split())}") from error
