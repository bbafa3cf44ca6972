"""Everything below the HTTP server, put together: the catalog, the objects, reading, appending, the background loop."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Protocol

from joblog.catalog.database import Database
from joblog.catalog.handover import begin_serving
from joblog.catalog.head_cache import HeadCache
from joblog.catalog.logs import Logs
from joblog.catalog.modelarts_jobs import Jobs
from joblog.catalog.overview import Overview
from joblog.catalog.runs import Runs
from joblog.catalog.sqlite import Sqlite
from joblog.catalog.states import States
from joblog.catalog.tokens import Tokens
from joblog.catalog.users import Users
from joblog.catalog.vault import Vault
from joblog.catalog.watching import Watching
from joblog.core.counters import OBJECT_CALLS, Tally
from joblog.core.logs import Growth, Head
from joblog.core.settings import Settings
from joblog.core.timeline import Timeline
from joblog.engine.append import Appender
from joblog.engine.feed import Feed
from joblog.engine.generations import Generations
from joblog.engine.janitor import Janitor
from joblog.engine.opening import lock, open_database, open_objects
from joblog.engine.ownership import Ownership
from joblog.engine.pack import Packer
from joblog.engine.read import InMemory, PageReader
from joblog.engine.retention import Retention
from joblog.engine.scan import Scan
from joblog.engine.seal import Sealer
from joblog.engine.search import LogSearch
from joblog.engine.stored import StoredLogs
from joblog.errors import Unavailable
from joblog.objects.frame_store import FewFrames, FrameStore
from joblog.objects.piece_cache import PieceCache

_INLINE_FRAMES = 2
"""Frames that an event loop may read from a local directory: 0.1 to 0.3 ms each; a thread costs 0.1 ms and the GIL."""


class _Heads(Protocol):
    def log(self, project_id: str, job_id: int, version_id: int, worker: int) -> Head: ...


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
        generations: Generations | None = None,
        reads: bool = False,
    ) -> None:
        """Opens the catalog and the objects; nothing runs in the background until ``janitor.start()``.

        ``called`` is told of every call of the object store that has ended: which, whether it failed, how long it took.
        ``clock_ms`` is another clock than the catalog's own, which tells the time of day: an annotation, never a key.
        ``generations`` is shared with other processes of this server; with ``reads`` this is one that writes nothing.

        Raises Invalid when another process serves the directory, or for settings that cannot be used; Unavailable when the
        catalog cannot be opened; Conflict when it has not got all yet that is being moved to it, or does not fit its objects.
        """
        self.settings = settings
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.generations, self.reads, self._commits = generations, reads, -1
        self._lock = -1 if settings.catalog or reads else lock(settings)
        self.tally, self._also_called, self.objects = Tally(), called, open_objects(settings)
        self.objects.watch(self._called)
        self.database, self.ownership = self._catalog(clock_ms)
        self.clock_ms = clock_ms = self.database.clock_ms
        self.runs, self.feed, self.timeline = Runs(self.database), Feed(), Timeline()
        self._remember()
        self.logs = Logs(self.database)
        self.jobs = Jobs(self.database)
        self.overview = Overview(self.database)
        self.states = States(self.database)
        self.tokens = Tokens(self.database)
        self.vault = Vault.load(settings.secret_key, settings.secret_key_path)
        self.users = Users(self.database, self.vault)
        self.watching = Watching(self.database)
        self._open_readers()
        self.sealer = Sealer(self.logs, self.frames, self.objects, tally=self.tally, ready=lambda: self.ownership.begun)
        self.retention = Retention(self.database, self.objects, share_percent=settings.retain_share)
        self.packer = Packer(self.sealer)
        self.janitor = Janitor(settings, self.database, self.sealer, self.retention, self.states, self.ownership)
        room, tally = settings.append_queue_bytes, self.tally
        self.appender = Appender(self.logs, self.reader, clock_ms=clock_ms, queue_bytes=room, deliver=deliver, tally=tally)

    def _remember(self) -> None:
        """Makes the memories, of pieces and of heads, and has them follow the commits."""
        self.cache = PieceCache(self.settings.cache_bytes, self.timeline)
        self._heads: _Heads = self.runs
        if isinstance(self.database, Sqlite):  # any other one is changed by other processes too
            self._heads = self._head_cache = heads = HeadCache(self.runs, self.timeline)
            self.database.watch(partial(self._changed, heads), self._went_back, partial(self._grew, heads))
        else:
            self.database.watch(self.feed.changed, self._went_back)

    def _open_readers(self) -> None:
        """Opens the ways to read: pages, whole logs, searches."""
        local = self.objects.local_directory
        self.frames = FrameStore(self.objects, self.tally, shared=not local)
        few = FewFrames(self.frames, _INLINE_FRAMES if local else 0)
        self.reader_now = PageReader(self.logs if self.database.embedded else InMemory(self.database), self.cache, few)
        self.reader = PageReader(self.logs, self.cache, self.frames)
        self.bulk_reader = PageReader(self.logs, PieceCache(0, self.timeline), self.frames) if local else self.reader
        """For whole logs, of which the cache would hold the end, in place of what readers of pages use."""
        self.stored = StoredLogs(self.logs, self.frames, self.timeline)
        self.scan = Scan(self.logs, self.frames)
        self.search = LogSearch(self.scan, self.reader)

    def _catalog(self, clock_ms: Callable[[], int] | None) -> tuple[Database, Ownership]:
        try:
            database = open_database(self.settings, clock_ms, reads=self.reads)
        except BaseException:
            self._unlock()
            raise
        if self.reads:
            return database, Ownership(database, self.objects)
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

    def log(self, project_id: str, job_id: int, version_id: int, worker: int) -> Head:
        """Returns a worker's log, within microseconds where the catalog is embedded; raises what ``Runs.log`` raises."""
        return self._heads.log(project_id, job_id, version_id, worker)

    def _went_back(self) -> None:
        """Forgets what was read of a past that may not have been; seals and deletes nothing before all was looked at again."""
        self.timeline.went_back()
        self.ownership.begun = False
        _log.error(
            "the catalog's database is not the one that it was: it was promoted, or restored. What was acknowledged last may be"
            " gone from it; agents send what their spools still have. Nothing is sealed or deleted before it fits its objects"
        )

    def catch_up(self) -> None:
        """Forgets, in a process that only reads, what another one may have changed since."""
        generations = self.generations
        if generations is not None and generations.commits != self._commits:
            self._commits = generations.commits  # first: what is committed meanwhile is forgotten next time
            self._head_cache.clear()

    def _called(self, call: str, failed: bool, seconds: float) -> None:
        self.tally.took(OBJECT_CALLS, seconds, call, "failed" if failed else "ok")
        if self._also_called is not None:
            self._also_called(call, failed, seconds)

    def _changed(self, heads: HeadCache, log_ids: set[int]) -> None:
        """Follows a commit: first what is remembered is forgotten, then those who wait are woken."""
        if self.generations is not None:
            self.generations.committed()
        heads.changed(log_ids)
        self.feed.changed(log_ids)

    def _grew(self, heads: HeadCache, growths: list[Growth]) -> None:
        """Follows a commit of appends: what is remembered goes on to their ends, then those who wait are given them."""
        if self.generations is not None:
            self.generations.committed()
        heads.grew([growth.head for growth in growths])
        self.feed.grew(growths)

    def close(self) -> None:
        """Commits what was taken and lets go of everything; again does nothing."""
        self.appender.close()
        self.janitor.close()
        self.database.close()
        self._unlock()
