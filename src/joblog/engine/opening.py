"""How the catalog and the objects are opened, and the directory that one server has for itself."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from typing import Any

from joblog.catalog.database import Database, process_clock_ms
from joblog.catalog.sqlite import Sqlite
from joblog.core.settings import Settings
from joblog.errors import Invalid
from joblog.objects.store import Objects


@contextmanager
def open_alone(settings: Settings) -> Iterator[Database]:
    """Opens a catalog for a command that nobody may serve it beside; of PostgreSQL nobody can tell."""
    locked = -1 if settings.catalog else lock(settings)
    try:
        with closing(open_database(settings)) as database:
            yield database
    finally:
        if locked >= 0:
            os.close(locked)


def require_catalog(settings: Settings) -> None:
    """Raises Invalid where there is no catalog yet: opening an embedded one would make it."""
    if not settings.catalog and not settings.catalog_path.exists():
        raise Invalid("data", "a directory that joblog has served", str(settings.data))


def open_database(settings: Settings, clock_ms: Callable[[], int] | None = None, *, reads: bool = False) -> Database:
    """Opens the catalog, with another clock than its own if one is given; raises Invalid, Unavailable.

    With ``reads``, an embedded one that another process of this server writes to.
    """
    if not settings.catalog:
        return Sqlite(settings.catalog_path, clock_ms or process_clock_ms, reads=reads)
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
