"""Doubles at the two seams where faults are injected: a catalog and an object store that fail at their n-th call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from joblog.catalog.database import Database, Row, Transaction, Value
from joblog.core.logs import Growth
from joblog.errors import Unavailable
from joblog.objects.store import Objects


class Fuse:
    """Counts calls and fails one of them: the ``at``-th (from 1), before it is done or, for ``after``, once it is."""

    def __init__(self, at: int, *, after: bool = False) -> None:
        self.at = at
        self.after = after
        self.calls = 0

    @property
    def blown(self) -> bool:
        return self.calls >= self.at

    @contextmanager
    def call(self) -> Iterator[None]:
        self.calls += 1
        failing = self.calls == self.at
        if failing and not self.after:
            raise Unavailable("injected, before")
        yield
        if failing:
            raise Unavailable("injected, after")


class FailingDatabase:
    """A database behind a fuse: each query and each commit is a call. A commit that fails ``after`` has committed."""

    def __init__(self, database: Database, fuse: Fuse) -> None:
        self._db = database
        self._fuse = fuse
        self.embedded = database.embedded
        self.clock_ms = database.clock_ms

    def rows(self, query: str, **values: Value) -> list[Row]:
        with self._fuse.call():
            return self._db.rows(query, **values)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        lost = None
        with self._db.transaction() as tx:
            yield FailingTransaction(tx, self._fuse)
            self._fuse.calls += 1
            if self._fuse.calls == self._fuse.at:
                lost = Unavailable("injected, at the commit")
                if not self._fuse.after:
                    raise lost
        if lost is not None:
            raise lost

    def watch(self, changed: Callable[[set[int]], None], went_back: Callable[[], None] = lambda: None) -> None:
        self._db.watch(changed, went_back)

    def close(self) -> None:
        self._db.close()


class FailingTransaction:
    """A transaction behind the fuse of its database."""

    def __init__(self, tx: Transaction, fuse: Fuse) -> None:
        self._tx = tx
        self._fuse = fuse

    def rows(self, query: str, **values: Value) -> list[Row]:
        with self._fuse.call():
            return self._tx.rows(query, **values)

    def grew(self, growth: Growth) -> None:
        self._tx.grew(growth)

    def many(self, query: str, values: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        with self._fuse.call():
            return self._tx.many(query, values)

    def later(self, query: str, values: Sequence[Mapping[str, Value]]) -> None:
        with self._fuse.call():
            self._tx.later(query, values)


class FailingObjects(Objects):
    """An object store behind a fuse. A put that fails ``after`` has stored the object: its answer was lost."""

    def __init__(self, objects: Objects, fuse: Fuse) -> None:
        self._objects = objects
        self._fuse = fuse

    def put(self, key: str, data: bytes) -> None:
        with self._fuse.call():
            self._objects.put(key, data)

    def ranges(self, key: str, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        with self._fuse.call():
            return self._objects.ranges(key, starts, ends)

    def get(self, key: str) -> bytes:
        with self._fuse.call():
            return self._objects.get(key)

    def delete(self, key: str) -> None:
        with self._fuse.call():
            self._objects.delete(key)

    def size(self, key: str) -> int | None:
        with self._fuse.call():
            return self._objects.size(key)

    def listing(self) -> Iterator[tuple[str, int, int]]:
        with self._fuse.call():
            yield from self._objects.listing()
