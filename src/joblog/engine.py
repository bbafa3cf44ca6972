"""Everything below the HTTP server, put together: the catalog, the objects, reading, appending, the background loop."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from joblog.check import Check
from joblog.config import Settings
from joblog.errors import Invalid
from joblog.feed import Feed
from joblog.ingest import Ingest
from joblog.janitor import Janitor
from joblog.model import Log
from joblog.query import Query
from joblog.rebuild import Rebuild
from joblog.scan import Scan
from joblog.search import Search
from joblog.storage.database import Database
from joblog.storage.frames import FewFrames, FrameStore
from joblog.storage.heads import Heads
from joblog.storage.iam import Iam
from joblog.storage.jobs import Jobs
from joblog.storage.logs import Logs
from joblog.storage.moves import begin_serving
from joblog.storage.names import Names
from joblog.storage.objects import Objects
from joblog.storage.overview import Overview
from joblog.storage.pieces import PieceCache
from joblog.storage.retention import Retention
from joblog.storage.seal import Sealer
from joblog.storage.sqlite import Sqlite
from joblog.storage.states import States
from joblog.storage.tokens import Tokens
from joblog.storage.vault import Vault
from joblog.tally import OBJECT_CALLS, Tally

_INLINE_FRAMES = 2
"""Frames that an event loop may read from a local directory: 0.1 to 0.3 ms each; a thread costs 0.1 ms and the GIL."""


class _Heads(Protocol):
    def log(self, project_id: str, job_id: int, version_id: int, worker: int) -> Log: ...


def clock_ms() -> int:
    """The time of day in milliseconds: an annotation, never a key."""
    return time.time_ns() // 1_000_000


class Engine:
    """One joblog: the only one on an embedded catalog, one of many on PostgreSQL. Whoever opens it closes it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock_ms: Callable[[], int] = clock_ms,
        deliver: Callable[[Callable[[], None]], None] = lambda tell: tell(),
        called: Callable[[str, bool, float], None] | None = None,
    ) -> None:
        """Opens the catalog and the objects; nothing runs in the background until ``janitor.start()``.

        ``called`` is told of every call of the object store that has ended: which, whether it failed, how long it took.

        Raises Invalid when another process serves the directory, or for settings that cannot be used; Unavailable when the
        catalog cannot be opened; Conflict when it has not got all yet that is being moved to it.
        """
        self.settings = settings
        self.clock_ms = clock_ms
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = -1 if settings.catalog else lock(settings)
        self.tally, self._also_called = Tally(), called
        self.objects = open_objects(settings)
        self.objects.watch(self._called)
        self.database = self._catalog()
        self.names, self.feed = Names(self.database), Feed()
        self._heads: _Heads = self.names
        if isinstance(self.database, Sqlite):  # any other one is changed by other processes too
            self._heads = heads = Heads(self.names)
            self.database.watch(lambda log_ids: self._changed(heads, log_ids))
        else:
            self.database.watch(self.feed.changed)
        self.logs = Logs(self.database)
        self.jobs = Jobs(self.database)
        self.overview = Overview(self.database)
        self.states = States(self.database)
        self.tokens = Tokens(self.database)
        self.vault = Vault.load(settings.secret_key, settings.secret_key_path)
        self.iam = Iam(self.database, self.vault)
        self.cache = cache = PieceCache(settings.cache_bytes)
        self.frames = FrameStore(self.objects, self.tally)
        self.query_now = Query(self.logs, cache, FewFrames(self.frames, _INLINE_FRAMES if self.objects.local_directory else 0))
        self.query = Query(self.logs, cache, self.frames)
        self.search = Search(Scan(self.logs, self.frames), self.query)
        self.sealer = Sealer(self.logs, self.frames, self.objects, tally=self.tally)
        self.retention = Retention(self.database, self.objects)
        self.janitor = Janitor(settings, self.database, self.sealer, self.retention, self.states, clock_ms=clock_ms)
        room = settings.append_queue_bytes
        self.ingest = Ingest(self.logs, self.query, clock_ms=clock_ms, queue_bytes=room, deliver=deliver, tally=self.tally)

    def _catalog(self) -> Database:
        database = open_database(self.settings)
        try:
            begin_serving(database)
        except BaseException:
            database.close()
            if self._lock >= 0:
                os.close(self._lock)
            raise
        return database

    def log(self, project_id: str, job_id: int, version_id: int, worker: int) -> Log:
        """Returns a worker's log, within microseconds where the catalog is embedded; raises what ``Names.log`` raises."""
        return self._heads.log(project_id, job_id, version_id, worker)

    def _called(self, call: str, failed: bool, seconds: float) -> None:
        self.tally.took(OBJECT_CALLS, seconds, call, "failed" if failed else "ok")
        if self._also_called is not None:
            self._also_called(call, failed, seconds)

    def _changed(self, heads: Heads, log_ids: set[int]) -> None:
        """Follows a commit: first what is remembered is forgotten, then those who wait are woken."""
        heads.changed(log_ids)
        self.feed.changed(log_ids)

    def check(self) -> Check:
        """Returns a check of all that is stored."""
        return Check(self.logs, self.objects)

    def close(self) -> None:
        """Commits what was taken and lets go of everything; again does nothing."""
        self.ingest.close()
        self.janitor.close()
        self.database.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def check(settings: Settings) -> Check:
    """Returns a check of what is stored, which may be in use."""
    if not settings.catalog and not settings.catalog_path.exists():
        raise Invalid("data", "a directory that joblog has served", str(settings.data))
    database = open_database(settings)
    return Check(Logs(database), open_objects(settings), database.close)


def rebuild(settings: Settings) -> Rebuild:
    """Fills an empty catalog from the objects, and returns what was found; raises Conflict, Invalid, Unavailable."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    locked = -1 if settings.catalog else lock(settings)
    database = open_database(settings)
    try:
        done = Rebuild(database, open_objects(settings))
        done.run(clock_ms())
        return done
    finally:
        database.close()
        if locked >= 0:
            os.close(locked)


def open_database(settings: Settings) -> Database:
    """Opens the catalog; raises Invalid, Unavailable."""
    if not settings.catalog:
        return Sqlite(settings.catalog_path)
    database: Database = _postgres().Postgres(settings.catalog, connections=settings.catalog_connections)
    return database


def await_database(settings: Settings, say: Callable[[str], None]) -> None:
    """Returns once a catalog that is not embedded can be reached; ``say`` is told when it cannot.

    Raises Unavailable after ``settings.catalog_wait_s``, Invalid.
    """
    if settings.catalog:
        _postgres().await_server(settings.catalog, settings.catalog_wait_s, say)


def _postgres() -> Any:
    try:
        # Loaded when it is asked for: the base of the server does not need psycopg.
        return import_module("joblog.storage.postgres")
    except ModuleNotFoundError as error:
        raise Invalid(
            "catalog", f"SQLite's until PostgreSQL's driver is installed: pip install 'joblog[postgres]' ({error})"
        ) from error


def open_objects(settings: Settings) -> Objects:
    """Opens the object store, without asking it for anything yet; raises Invalid."""
    if not settings.objects:
        return Objects.local(settings.objects_path)
    return Objects.at(
        settings.objects,
        endpoint=settings.objects_endpoint,
        region=settings.objects_region,
        virtual_hosted=settings.objects_style == "host",
    )


def lock(settings: Settings) -> int:
    """Takes the directory, since two servers on one SQLite would each think it the only one; returns a descriptor to close.

    Raises Invalid when somebody has it.
    """
    descriptor = os.open(settings.data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise Invalid("data", "a directory that no other joblog is serving", str(settings.data)) from error
    return descriptor
