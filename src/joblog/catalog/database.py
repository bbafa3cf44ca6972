"""What joblog needs of a database: named queries, transactions, nothing else.

Two exist, ``catalog/sqlite.py`` and PostgreSQL's; both run the one ``schema.sql`` and the same ``queries``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import resources
from typing import Any, Protocol

from joblog.core.logs import Growth

Value = str | int | bytes | bytearray | memoryview | None
Row = tuple[Any, ...]

SCHEMA_VERSION = 5
"""Raised by one with every file added to ``migrations/``, which is named by the version it leads to."""

BATCH_IDS = 50
"""Ids that a statement takes at once, if it says nothing else."""

HEAD_QUERIES = frozenset(
    (
        "log_put",
        "log_restore",
        "log_extend",
        "log_move",
        "log_advance",
        "log_seal",
        "log_pack",
        "log_close",
        "log_drop",
        "log_lose",
        "log_start",
        "log_merged",
    )
)
"""The queries that change a log's head; each has the log's id as ``id``."""


def process_clock_ms() -> int:
    """The time of day in milliseconds, by this machine's clock."""
    return time.time_ns() // 1_000_000


class Transaction(Protocol):
    """A write transaction: all of it is durable when the block is left, or none of it when the block raises."""

    def rows(self, query: str, **values: Value) -> list[Row]:
        """Runs the named query and returns all its rows."""

    def many(self, query: str, values: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        """Runs the named query once for each of the values, in order, and returns the rows of each; over a network at once."""

    def grew(self, growth: Growth) -> None:
        """Notes that the transaction's one change of a log is to append this, for whoever watches an embedded catalog."""

    def later(self, query: str, values: Sequence[Mapping[str, Value]]) -> None:
        """Runs the named query once for each of the values, whose rows nobody needs, before the commit: over a network with it.

        What it raises, the end of the transaction's block may raise.
        """


class Database(Protocol):
    """The catalog's engine. All methods block, may be called from any thread, and raise Unavailable when it fails.

    A transaction that has raised Unavailable may have been committed all the same: whoever repeats it must find that out.
    Transactions of several nodes run side by side and see what others commit meanwhile (what SQL calls read committed). So each
    names in its first change what it relies on, and changes the rows of several logs in the order of their ids.
    """

    @property
    def embedded(self) -> bool:
        """Whether a point read costs microseconds, so that an event loop may wait for it."""

    def rows(self, query: str, **values: Value) -> list[Row]:
        """Reads what is committed, outside a transaction."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Opens a write transaction; leaving the block commits, durably."""

    def watch(self, changed: Callable[[set[int]], None], went_back: Callable[[], None] = lambda: None) -> None:
        """Has ``changed`` called with the ids of logs whose heads a commit has changed; once, before anything is written.

        For a commit made here: before the transaction's block is left. For one of another process: soon after, or never.
        ``went_back`` is called when the database may have been set back, before anything is read from it as it is then.
        """

    def clock_ms(self) -> int:
        """The time of day in milliseconds, by the one clock that all who share the catalog go by: the database's own.

        Never blocks.
        """

    def close(self) -> None:
        """Frees what is held; again does nothing."""


def statements(sql: str) -> list[str]:
    """Splits a schema or a migration into its statements; what a statement itself ends with ; stands in an indented line."""
    bare = re.sub(r"--[^\n]*", "", sql)
    return [part.strip() for part in re.split(r";[ \t]*(?:\n(?![ \t])|\Z)", bare) if part.strip()]


def named_statements(sql: str) -> dict[str, str]:
    """Returns a file's statements by name, each ``@part`` replaced by the part of that name, which the file has before it."""
    pieces = re.split(r"^-- (name|part): (\w+)$", sql, flags=re.MULTILINE)
    parts, named = dict[str, str](), dict[str, str]()
    for kind, name, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        whole = re.sub(r"@(\w+)", lambda match: parts[match[1]], statements(text)[0])
        (parts if kind == "part" else named)[name] = whole
    return named


def sql_file(name: str) -> str:
    """Returns the text of a file beside this one."""
    return resources.files("joblog.catalog").joinpath(name).read_text(encoding="utf-8")


def migrations(version: int) -> list[str]:
    """Returns the statements that lead from schema ``version`` to the present one; 0 is an empty database."""
    if version == 0:
        return statements(sql_file("schema.sql"))
    return [
        statement
        for number in range(version + 1, SCHEMA_VERSION + 1)
        for statement in statements(sql_file(f"migrations/{number:04d}.sql"))
    ]


def _queries() -> dict[str, str]:
    files = resources.files("joblog.catalog").joinpath("queries").iterdir()
    return {
        name: sql
        for file in files
        if file.name.endswith(".sql")
        for name, sql in named_statements(file.read_text("utf-8")).items()
    }


def batches(ids: Sequence[int], size: int = BATCH_IDS) -> Iterator[dict[str, Value]]:
    """Yields ids as a statement takes ``size`` of them at a time, ``:id_1`` and so on; 0, which nothing has, fills the last."""
    for start in range(0, len(ids), size):
        some = [*ids[start : start + size], *[0] * size][:size]
        yield {f"id_{number}": each for number, each in enumerate(some, 1)}


QUERIES = _queries()
"""Every statement that joblog runs, by name; the same on SQLite and on PostgreSQL."""
