"""Everything below the HTTP server, put together: the catalog, the objects, reading, appending, the background loop."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from joblog.catalog.database import Database, process_clock_ms
from joblog.catalog.handover import begin_serving
from joblog.catalog.head_cache import Heads
from joblog.catalog.logs import Logs
from joblog.catalog.modelarts_jobs import Jobs
from joblog.catalog.overview import Overview
from joblog.catalog.runs import Names
from joblog.catalog.sqlite import Sqlite, copy_catalog
from joblog.catalog.states import States
from joblog.catalog.tokens import Tokens
from joblog.catalog.users import Iam
from joblog.catalog.vault import Vault
from joblog.core.counters import OBJECT_CALLS, Tally
from joblog.core.logs import Log
from joblog.core.settings import Settings
from joblog.engine.append import Ingest
from joblog.engine.feed import Feed
from joblog.engine.janitor import Janitor
from joblog.engine.ownership import Ownership
from joblog.engine.read import Query
from joblog.engine.retention import Retention
from joblog.engine.scan import Scan
from joblog.engine.seal import Sealer
from joblog.engine.search import Search
from joblog.errors import Invalid, Unavailable
from joblog.objects.frame_store import FewFrames, FrameStore
from joblog.objects.piece_cache import PieceCache
from joblog.objects.store import Objects
from joblog.upkeep.check import Check
from joblog.upkeep.rebuild import Rebuild
from joblog.upkeep.repair import Repair

_INLINE_FRAMES = 2
"""Frames that an event loop may read from a local directory: 0.1 to 0.3 ms each; a thread costs 0.1 ms and the GIL."""


class _Heads(Protocol):
    def log(self, project_id: str, job_id: int, version_id: int, worker: int) -> Log: ...


_log = logging.getLogger("joblog.engine")


class Engine:
    """One joblog: the only one on an embedded catalog, one of many on PostgreSQL. Whoever opens it closes it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock_ms: Callable[[], int] | None = None,
        deliver: Callable[[Callable[[], None]], None] = lambda tell: tell(),
        called: Callable[[str, bool, float], None] | None = None,
    ) -> None:
        """Opens the catalog and the objects; nothing runs in the background until ``janitor.start()``.

        ``called`` is told of every call of the object store that has ended: which, whether it failed, how long it took.
        ``clock_ms`` is another clock than the catalog's own, which tells the time of day: an annotation, never a key.

        Raises Invalid when another process serves the directory, or for settings that cannot be used; Unavailable when the
        catalog cannot be opened; Conflict when it has not got all yet that is being moved to it, or does not fit its objects.
        """
        self.settings = settings
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = -1 if settings.catalog else lock(settings)
        self.tally, self._also_called = Tally(), called
        self.objects = open_objects(settings)
        self.objects.watch(self._called)
        self.database, self.ownership = self._catalog(clock_ms)
        self.clock_ms = clock_ms = self.database.clock_ms
        self.names, self.feed = Names(self.database), Feed()
        self.cache = cache = PieceCache(settings.cache_bytes)
        self._heads: _Heads = self.names
        if isinstance(self.database, Sqlite):  # any other one is changed by other processes too
            self._heads = heads = Heads(self.names)
            self.database.watch(lambda log_ids: self._changed(heads, log_ids), self._went_back)
        else:
            self.database.watch(self.feed.changed, self._went_back)
        self.logs = Logs(self.database)
        self.jobs = Jobs(self.database)
        self.overview = Overview(self.database)
        self.states = States(self.database)
        self.tokens = Tokens(self.database)
        self.vault = Vault.load(settings.secret_key, settings.secret_key_path)
        self.iam = Iam(self.database, self.vault)
        self.frames = FrameStore(self.objects, self.tally)
        self.query_now = Query(self.logs, cache, FewFrames(self.frames, _INLINE_FRAMES if self.objects.local_directory else 0))
        self.query = Query(self.logs, cache, self.frames)
        self.search = Search(Scan(self.logs, self.frames), self.query)
        self.sealer = Sealer(self.logs, self.frames, self.objects, tally=self.tally, ready=lambda: self.ownership.begun)
        self.retention = Retention(self.database, self.objects, share_percent=settings.retain_share)
        self.janitor = Janitor(settings, self.database, self.sealer, self.retention, self.states, self.ownership)
        room = settings.append_queue_bytes
        self.ingest = Ingest(self.logs, self.query, clock_ms=clock_ms, queue_bytes=room, deliver=deliver, tally=self.tally)

    def _catalog(self, clock_ms: Callable[[], int] | None) -> tuple[Database, Ownership]:
        try:
            database = open_database(self.settings, clock_ms)
        except BaseException:
            self._unlock()
            raise
        try:
            begin_serving(database)
            return database, self._owned(database)
        except BaseException:
            database.close()
            self._unlock()
            raise

    def _owned(self, database: Database) -> Ownership:
        ownership = Ownership(database, self.objects)
        try:
            ownership.begin()
        except Unavailable as error:  # what was taken can be read, and more be taken
            _log.warning("%s; nothing is sealed or deleted before it can be reached", error)
        return ownership

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def log(self, project_id: str, job_id: int, version_id: int, worker: int) -> Log:
        """Returns a worker's log, within microseconds where the catalog is embedded; raises what ``Names.log`` raises."""
        return self._heads.log(project_id, job_id, version_id, worker)

    def _went_back(self) -> None:
        """Forgets what was read of a past that may not have been; seals and deletes nothing before all was looked at again."""
        self.cache.clear()
        self.ownership.begun = False
        _log.error(
            "the catalog's database is not the one that it was: it was promoted, or restored. What was acknowledged last may be"
            " gone from it; agents send what their spools still have. Nothing is sealed or deleted before it fits its objects"
        )

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
        return Check(self.logs, self.objects, self.ownership)

    def close(self) -> None:
        """Commits what was taken and lets go of everything; again does nothing."""
        self.ingest.close()
        self.janitor.close()
        self.database.close()
        self._unlock()


def check(settings: Settings) -> Check:
    """Returns a check of what is stored, which may be in use."""
    if not settings.catalog and not settings.catalog_path.exists():
        raise Invalid("data", "a directory that joblog has served", str(settings.data))
    database, objects = open_database(settings), open_objects(settings)
    return Check(Logs(database), objects, Ownership(database, objects), database.close)


def rebuild(settings: Settings) -> Rebuild:
    """Fills an empty catalog from the objects, and returns what was found; raises Conflict, Invalid, Unavailable."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(settings) as database:
        done = Rebuild(database, open_objects(settings))
        done.run(database.clock_ms())
        return done


def repair(settings: Settings, *, read: bool) -> Repair:
    """Makes a catalog agree with its objects, and returns what was done; raises Conflict, Invalid, Unavailable."""
    if not settings.catalog and not settings.catalog_path.exists():
        raise Invalid("data", "a directory with a catalog", str(settings.data))
    with _alone(settings) as database:
        done = Repair(database, open_objects(settings))
        done.run(read=read)
        return done


def restore(settings: Settings, source: Path) -> Repair:
    """Puts a copy of an embedded catalog in the place of the one that is there, which stays beside it, and repairs it.

    Raises as ``repair`` does; Invalid too when the copy is none.
    """
    if settings.catalog:
        raise Invalid("catalog", "SQLite's: restore a PostgreSQL database by its own means, and then say joblog repair")
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    locked, path = lock(settings), settings.catalog_path
    try:
        part = path.with_name("catalog.db.part")
        part.unlink(missing_ok=True)
        copy_catalog(source, part)
        for each in (f"{path.name}-wal", f"{path.name}-shm", path.name):
            if (there := path.with_name(each)).exists():
                there.rename(path.with_name(f"{each}.before-{process_clock_ms()}"))
        part.rename(path)
    finally:
        os.close(locked)
    return repair(settings, read=False)


def confirm_clock(settings: Settings) -> None:
    """Says that the catalog's clock is right, also where it seems to have jumped; raises Invalid, Unavailable."""
    if not settings.catalog and not settings.catalog_path.exists():
        raise Invalid("data", "a directory that joblog has served", str(settings.data))
    with closing(open_database(settings)) as database:
        Retention(database, open_objects(settings)).confirm_clock(database.clock_ms())


@contextmanager
def _alone(settings: Settings) -> Iterator[Database]:
    """Opens a catalog for a command that nobody may serve it beside; of PostgreSQL nobody can tell."""
    locked = -1 if settings.catalog else lock(settings)
    try:
        with closing(open_database(settings)) as database:
            yield database
    finally:
        if locked >= 0:
            os.close(locked)


def open_database(settings: Settings, clock_ms: Callable[[], int] | None = None) -> Database:
    """Opens the catalog, with another clock than its own if one is given; raises Invalid, Unavailable."""
    if not settings.catalog:
        return Sqlite(settings.catalog_path, clock_ms or process_clock_ms)
    given = {"connections": settings.catalog_connections, "clock_ms": clock_ms}
    database: Database = _postgres().Postgres(settings.catalog, **given)
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
        return import_module("joblog.catalog.postgres")
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
