"""Where a joblog under test keeps its catalog and its objects: every combination that there is, on real engines.

A test that takes ``backend`` and is marked ``every_backend`` runs on each of them; unmarked, on the embedded default.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TypedDict

import psycopg
import pytest

from joblog.catalog.postgres import Postgres
from joblog.core.settings import Settings
from tests.engines import BUCKET, ObjectServer, PostgresServer

DEFAULT = "sqlite-directory"
SEVERAL = "sqlite-directory-several"
"""The default, answered by several processes."""

BACKENDS = (DEFAULT, "sqlite-s3", "postgres-directory", "postgres-s3")

every_backend = pytest.mark.backends(*BACKENDS, long=BACKENDS[1:3])
"""Marks a test, or as ``pytestmark`` a module's, that takes ``backend`` itself or through what it takes.

Those that mix what is local with what is not have their turn in a long run.
"""

every_server = pytest.mark.backends(*BACKENDS, SEVERAL, long=(*BACKENDS[1:3], SEVERAL))
"""Marks what is promised to users: as ``every_backend``, and of several processes."""

storage_contract = pytest.mark.backends(*BACKENDS, long=BACKENDS[1:])
"""Marks what takes long on each: those that are not the default have their turn in a long run."""

both_ends = pytest.mark.backends(BACKENDS[0], BACKENDS[-1])
"""Marks what takes long, and would find nothing new on the others."""

default_first = pytest.mark.backends(DEFAULT, SEVERAL, BACKENDS[-1], long=(SEVERAL, BACKENDS[-1]))
"""Marks what is about HTTP: several processes, and the other end, have their turn in a long run."""

both_catalogs = pytest.mark.backends(DEFAULT, "postgres-directory")
"""Marks what has nothing to do with objects."""

default_catalog_first = pytest.mark.backends(DEFAULT, "postgres-directory", long=("postgres-directory",))
"""Marks what is about HTTP and has nothing to do with objects."""

_numbers = count(1)


class Place(TypedDict, total=False):
    """The settings that name a catalog and an object store; what is not there is the embedded default."""

    catalog: str
    objects: str
    objects_endpoint: str
    objects_region: str
    workers: int


class Backend:
    """Engines that are running; each ``place`` on them is new and empty."""

    def __init__(self, name: str, postgres: PostgresServer | None, s3: ObjectServer | None) -> None:
        self.name = name
        self.postgres = postgres
        self.s3 = s3
        self._databases: list[str] = []
        if postgres is not None:
            postgres.run("CREATE DATABASE template")
            Postgres(postgres.address("template")).close()
            with psycopg.connect(postgres.address("template")) as connection:  # its copies are new ones, and no restored one
                connection.execute("DELETE FROM counter WHERE name = 'past'")

    def place(self) -> Place:
        """Returns the settings of a catalog and an object store that nobody has used; for ``Settings`` or a server."""
        settings = Place(workers=3) if self.name == SEVERAL else Place()
        if self.postgres is not None:
            name = f"joblog_{next(_numbers)}"
            self.postgres.run(f"CREATE DATABASE {name} TEMPLATE template STRATEGY FILE_COPY")
            self._databases.append(name)
            settings["catalog"] = self.postgres.address(name)
        if self.s3 is not None:
            settings["objects"] = f"s3://{BUCKET}/place-{next(_numbers)}"
            settings["objects_endpoint"] = self.s3.endpoint
            settings["objects_region"] = "us-east-1"
        return settings

    def settings(self, data: Path) -> Settings:
        """Returns settings of a new place."""
        return Settings(data=data, **self.place())

    def close(self) -> None:
        """Drops what was made."""
        if self.postgres is not None:
            for name in (*self._databases, "template"):
                self.postgres.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
