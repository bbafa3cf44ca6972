"""What every part of the benchmark is given: the servers, the logs, the time it may take, and where its rows go."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from bench.logs import MIB, MadeLog, Maker, Texts
from bench.quiet import Measured, Patience, quietly
from bench.servers import Joblog, Nginx, Wrk
from bench.table import Row

LOGS = 500
LOG_BYTES = 96 * 1024
"""500 of them are 49 MB: the frames of all fit in joblog's cache of 64 MiB."""

LARGE_LOGS = 32
LARGE_BYTES = 10 * 10**6
"""32 of them are five times the cache."""

LONG_BODY_BYTES = 16 * MIB
LONG_TIMES, LONG_TIMES_QUICK = 640, 64
"""10 GB, or 1 GB, in appends of the largest size there is."""

_SETTLED_S = 120.0
_UNSETTLED = """
SELECT 1 FROM log WHERE closed_ms IS NOT NULL AND (sealed_byte < end_byte OR fresh_segments > 1) OR fresh_segments >= 4 LIMIT 1
"""
"""A closed log that is not sealed or not merged, a growing one that is to be merged (janitor.py)."""

T = TypeVar("T")


@dataclass
class Made:
    """The logs to read, by where their bytes are and how large they are."""

    tails: list[MadeLog] = field(default_factory=list)
    sealed: list[MadeLog] = field(default_factory=list)
    large: list[MadeLog] = field(default_factory=list)
    long: list[MadeLog] = field(default_factory=list)
    searched: list[MadeLog] = field(default_factory=list)


def make_logs(data: Path, texts: Texts, parts: Iterable[str], *, quick: bool) -> Made:
    """Makes the logs that the parts read."""
    made, maker, wanted = Made(), Maker(data), set(parts)
    try:
        if wanted & {"latest", "page", "bytes", "connections"}:
            made.tails = maker.tails("tail", texts.stretches(LOGS, LOG_BYTES))
            made.sealed = maker.sealed("sealed", texts.stretches(LOGS, LOG_BYTES))
        if wanted & {"page", "length"}:
            made.large = maker.sealed("large", texts.stretches(LARGE_LOGS, LARGE_BYTES))
        if "length" in wanted:
            times = LONG_TIMES_QUICK if quick else LONG_TIMES
            made.long = maker.sealed("long", [texts.mixed(LONG_BODY_BYTES)], times)
        if wanted & {"patterns", "search"}:
            made.searched = maker.sealed("searched", [texts.mixed(LONG_BODY_BYTES)], LONG_TIMES_QUICK)
    finally:
        maker.close()
    return made


@dataclass
class Stage:
    """What is measured, with what, for how long."""

    directory: Path
    texts: Texts
    made: Made
    joblog: Joblog
    nginx: Nginx
    wrk: Wrk
    seconds: float
    patience: Patience
    quick: bool = False
    rows: list[Row] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def servers(self) -> tuple[int, int]:
        """The processes that belong to what is measured."""
        return self.joblog.pid, self.nginx.pid

    def quietly(self, measure: Callable[[], T], *servers: int) -> Measured[T]:
        """Measures when others are quiet, see ``quiet.quietly``; ``servers``: further processes that are measured."""
        return quietly(measure, (*self.servers, *servers), self.patience)

    def add(self, row: Row) -> None:
        """Adds a row with the server's memory after it, and says it on stderr for those who wait."""
        memory = self.joblog.memory()
        self.peak_bytes = max(self.peak_bytes, memory.peak_bytes)
        shown = f"{memory.now_bytes / 1e6:.0f}, {memory.peak_bytes / 1e6:.0f} MB"
        self.rows.append(msgspec.structs.replace(row, memory=shown))
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        print(f"{row.what}: {row.joblog}; {row.beside} {ratio}; others {row.others}; {shown}", file=sys.stderr)

    def settled(self) -> None:
        """Waits until the background loop has nothing to do."""
        begun = time.monotonic()
        while self._catalog(_UNSETTLED):
            if time.monotonic() - begun > _SETTLED_S:
                raise RuntimeError("the background loop does not come to its end")
            time.sleep(0.1)

    def stored_bytes(self, project_id: str) -> int:
        """Returns the size of a project's objects, packs once, those that are still waiting to be removed not among them."""
        keys = self._catalog("SELECT DISTINCT object_key FROM segment WHERE project_id = ?", project_id)
        return sum((self.directory / "data" / "objects" / key).stat().st_size for (key,) in keys)

    def _catalog(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        path = self.directory / "data" / "catalog.db"
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()
