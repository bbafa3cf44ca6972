"""Statements on a connection to PostgreSQL: as few messages as may be, and nobody waits who need not.

A transaction's first statement goes together with its BEGIN, what nobody needs an answer to goes with its COMMIT, and what is
to be done for each of many values is one statement where ``postgres_many.sql`` has one.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import Connection, Cursor
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader

from joblog.catalog.database import HEAD_QUERIES, QUERIES, Row, Value, named_statements, sql_file
from joblog.catalog.postgres_connection import BoundConnection
from joblog.core.logs import Growth

LOST_S = 5.0
"""How long a call waits for a free connection, or goes on looking for one that works, before it is Unavailable."""

_AT_ONCE_BYTES = 32 * 1024
"""What is handed over in arrays: of 200 bytes 64 appends cost less than half in them, of 8 KiB 16 cost half as much again."""

_PARAMETER = re.compile(r"('[^']*')|(?<![:\w]):([a-z_][a-z0-9_]*)")


def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Turns ``:name`` parameters into ``$1``, ``$2`` ...; returns the statement and the names in that order."""
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return match[1] or f"${names.setdefault(match[2], len(names) + 1)}"

    return _PARAMETER.sub(number, sql), tuple(names)


_STATEMENTS = {name: numbered(sql) for name, sql in QUERIES.items()}
_AT_ONCE = {name: numbered(sql) for name, sql in named_statements(sql_file("postgres_many.sql")).items()}


class Using:
    """A connection in use."""

    def __init__(self, connection: BoundConnection) -> None:
        self.connection = connection
        self.changed: set[int] = set()
        self._later: list[tuple[str, Sequence[Mapping[str, Value]]]] = []

    def rows(self, query: str, **values: Value) -> list[Row]:
        """Runs a named query; see ``Transaction``, as for what follows."""
        self._note(query, values)
        sql, names = _STATEMENTS[query]
        cursor = self._asked(lambda on: on.execute(sql, [values[name] for name in names], binary=True))
        return cursor.fetchall() if cursor.description else []

    def many(self, query: str, values: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        """Runs a named query for each of the values."""
        if not values:
            return []
        for each in values:
            self._note(query, each)
        at_once = _at_once(query, values)
        cursor = self._asked(lambda on: _sent(on, query, values, at_once))
        if not at_once:
            return [result.fetchall() if result.description else [] for result in cursor.results()]
        answers: list[list[Row]] = [[] for _ in values]
        for row in cursor.fetchall() if cursor.description else []:
            answers[row[0] - 1].append(row[1:])
        return answers

    def later(self, query: str, values: Sequence[Mapping[str, Value]]) -> None:
        """Runs a named query for each of the values behind what is asked next, or before the commit."""
        if values:
            for each in values:
                self._note(query, each)
            self._later.append((query, values))

    def grew(self, growth: Growth) -> None:
        """Other nodes append, too: whoever follows asks the catalog."""

    def _asked(self, ask: Callable[[BoundConnection], Cursor[Any]]) -> Cursor[Any]:
        return ask(self.connection)

    def _note(self, query: str, values: Mapping[str, Value]) -> None:
        if query in HEAD_QUERIES:
            self.changed.add(values["id"])  # type: ignore[arg-type]  # these queries' id is a number

    def run(self, sql: str) -> list[Row]:
        """Runs a statement of the schema's, which has no name."""
        cursor = self.connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


class Writing(Using):
    """A transaction. It begins with its first statement, and what nobody waits for goes with its commit: each way is one less.

    ``another`` is asked for another connection when the first statement fails: nothing is done before it.
    """

    def __init__(
        self, connection: BoundConnection, another: Callable[[BoundConnection, psycopg.Error], BoundConnection]
    ) -> None:
        super().__init__(connection)
        self._another = another
        self._begun = False

    def commit(self) -> None:
        """Commits, if anything was asked."""
        if self._begun or self._later:
            self._asked(lambda on: on.execute("COMMIT"))

    def _asked(self, ask: Callable[[BoundConnection], Cursor[Any]]) -> Cursor[Any]:
        """Asks, behind what has waited for that, and together with it."""
        deadline, later = time.monotonic() + LOST_S, self._later
        self._later = []
        if self._begun and not later:
            return ask(self.connection)
        while True:
            try:
                with self.connection.pipeline():
                    if not self._begun:
                        self.connection.execute("BEGIN")
                    for query, values in later:
                        _sent(self.connection, query, values, _at_once(query, values))
                    cursor = ask(self.connection)
                self._begun = True
                return cursor
            except psycopg.Error as error:  # what was lost while it lay in the pool shows here, in time
                if self._begun or time.monotonic() > deadline:
                    raise
                self.connection = self._another(self.connection, error)


def _at_once(query: str, values: Sequence[Mapping[str, Value]]) -> bool:
    """Whether there is one statement for all of the values, and they are not too large for it."""
    if query not in _AT_ONCE or len(values) == 1:
        return False
    large = (value for each in values for value in each.values() if isinstance(value, bytes | bytearray | memoryview))
    return sum(map(len, large)) <= _AT_ONCE_BYTES


def _sent(on: BoundConnection, query: str, values: Sequence[Mapping[str, Value]], at_once: bool) -> Cursor[Any]:
    """Runs a named query for each of the values, or as one statement for all."""
    cursor = on.cursor(binary=True)
    if at_once:
        sql, names = _AT_ONCE[query]
        cursor.execute(sql, [_column([each[name] for each in values]) for name in names])
    elif len(values) == 1:
        sql, names = _STATEMENTS[query]
        cursor.execute(sql, [values[0][name] for name in names])
    else:
        sql, names = _STATEMENTS[query]
        cursor.executemany(sql, [[each[name] for name in names] for each in values], returning=True)
    return cursor


class _Numbers(list[Any]):
    """An array of BIGINT. Of a list psycopg would choose the numbers' size by the values."""


class _NumbersDumper(Dumper):
    """Writes one as PostgreSQL reads it: dimensions, no NULL, the type of what is in it, how many, from 1; size and value."""

    format = Format.BINARY
    oid = 1016  # BIGINT[]

    def dump(self, obj: list[int]) -> bytes:
        return struct.pack("!5I", 1, 0, 20, len(obj), 1) + b"".join([_NUMBER(8, each) for each in obj])


_NUMBER = struct.Struct("!Iq").pack


def _column(values: list[Any]) -> list[Any]:
    """Returns values as an array takes them: all of one type."""
    if isinstance(values[0], int):
        return _Numbers(values)
    return [bytes(value) if isinstance(value, bytearray | memoryview) else value for value in values]


class _WholeNumber(NumericBinaryLoader):
    """A sum over BIGINT is NUMERIC in PostgreSQL; joblog knows whole numbers only."""

    def load(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # of Decimal: that is the point
        return int(super().load(data))


def adapt(connection: Connection[Any]) -> None:
    """Has a new connection take and give numbers as these statements do."""
    connection.adapters.register_dumper(int, Int8BinaryDumper)  # else each size of number is a statement of its own
    connection.adapters.register_dumper(_Numbers, _NumbersDumper)
    connection.adapters.register_loader("numeric", _WholeNumber)
