"""Two actors on one catalog and one store, made to take their steps in any order that is wanted: each call is a step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from joblog.catalog.database import Database, Row, Transaction, Value
from joblog.core.logs import Growth
from joblog.errors import JoblogError
from joblog.objects.store import Objects

Step = Callable[[], None]
"""Called before each call of an actor's: returns when it is the actor's turn."""

_LOOK_S = 0.01


class Actor:
    """What one of them does, in a thread, which stands still before each of its steps."""

    def __init__(self, work: Callable[[Step], None]) -> None:
        self.ready, self.done = True, False
        self.error: BaseException | None = None
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(work,))
        self._thread.start()

    def _run(self, work: Callable[[Step], None]) -> None:
        self._go.acquire()
        try:
            work(self._step)
        except JoblogError:
            pass  # it gave way, as it may
        except BaseException as error:  # noqa: BLE001  # whoever makes them take turns raises it
            self.error = error
        self.done = True
        self._stands.release()

    def _step(self) -> None:
        self._stands.release()
        self._go.acquire()

    def take(self, waits: Callable[[], bool]) -> None:
        """Takes a step."""
        self.ready = False
        self._go.release()
        self.settle(waits)

    def settle(self, waits: Callable[[], bool]) -> None:
        """Returns once it has taken its step, or waits for what the other one has locked."""
        while not self.ready and not self.done:
            if self._stands.acquire(timeout=_LOOK_S):
                self.ready = not self.done
            elif waits():
                return
        if self.done:
            self._thread.join()


def interleaved(
    first: Callable[[Step], None], second: Callable[[Step], None], changes: Sequence[int], waits: Callable[[], bool]
) -> int:
    """Has both do their work: the first one begins, and after so many steps in all, each of ``changes``, the other goes on.

    Whoever is done, or waits for the other (``waits``: somebody does), lets that go on. Returns how many steps there were.
    """
    actors, at, steps = [Actor(first), Actor(second)], 0, 0
    while not all(each.done for each in actors):
        at ^= steps in changes
        at ^= not actors[at].ready
        if actors[at].ready:
            actors[at].take(waits)
            steps += 1
        actors[1 - at].settle(waits)
    for each in actors:
        if each.error is not None:
            raise each.error
    return steps


class SteppedDatabase:
    """A catalog each of whose calls is a step; ``inside``: also each statement of a transaction, and its commit."""

    def __init__(self, database: Database, step: Step, *, inside: bool) -> None:
        self._db, self._step, self._inside = database, step, inside
        self.embedded = database.embedded
        self.clock_ms = database.clock_ms

    def rows(self, query: str, **values: Value) -> list[Row]:
        self._step()
        return self._db.rows(query, **values)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self._step()
        with self._db.transaction() as tx:
            if not self._inside:
                yield tx
                return
            yield SteppedTransaction(tx, self._step)
            self._step()

    def watch(self, changed: Callable[[set[int]], None], went_back: Callable[[], None] = lambda: None) -> None:
        self._db.watch(changed, went_back)

    def close(self) -> None:
        self._db.close()


class SteppedTransaction:
    """A transaction each of whose statements is a step."""

    def __init__(self, tx: Transaction, step: Step) -> None:
        self._tx, self._step = tx, step

    def rows(self, query: str, **values: Value) -> list[Row]:
        self._step()
        return self._tx.rows(query, **values)

    def many(self, query: str, values: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        self._step()
        return self._tx.many(query, values)

    def grew(self, growth: Growth) -> None:
        self._tx.grew(growth)

    def later(self, query: str, values: Sequence[Mapping[str, Value]]) -> None:
        self._step()
        self._tx.later(query, values)


class SteppedObjects(Objects):
    """A store each of whose calls is a step."""

    def __init__(self, objects: Objects, step: Step) -> None:
        self._objects, self._step = objects, step

    def put(self, key: str, data: bytes) -> None:
        self._step()
        self._objects.put(key, data)

    def ranges(self, key: str, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        self._step()
        return self._objects.ranges(key, starts, ends)

    def get(self, key: str) -> bytes:
        self._step()
        return self._objects.get(key)

    def delete(self, key: str) -> None:
        self._step()
        self._objects.delete(key)

    def size(self, key: str) -> int | None:
        self._step()
        return self._objects.size(key)

    def listing(self) -> Iterator[tuple[str, int, int]]:
        self._step()
        yield from self._objects.listing()

    def marks(self) -> list[tuple[int, int]]:
        self._step()
        return self._objects.marks()
