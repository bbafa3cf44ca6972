"""Everything that one catalog and its objects hold, carried over to others: the same ids, names, positions and secrets.

A pass brings what differs. Passes go on until one finds nothing or, where the source is being written to, until there have been
some; the command can be said again at any time, and does what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from joblog.catalog.database import Database
from joblog.catalog.handover import Turn
from joblog.core.logs import Head
from joblog.errors import Damaged, NotFound
from joblog.upkeep.move_log import Carrier, Changed, MoveEnd
from joblog.upkeep.move_tables import Mirror

_PASSES = 4
"""A source that is written to is never carried over wholly; what is left after so many passes is what came in the last one."""

_PAGE = 100

_AT_ONCE = 4
"""Logs carried at a time; each may have an object of some tens of MiB in memory."""

_ATTEMPTS = 5
"""How often a log is looked at anew because it was sealed or merged while it was carried."""


class Move:
    """Carries one place over to another.

    ``logs`` and ``bytes`` are what the source has, ``seen`` how many of its logs the present pass has been through, ``carried``
    how many were not there, or not as they are, all passes together; ``problems`` are sentences.
    """

    def __init__(
        self, source: MoveEnd, target: MoveEnd, turn: Turn, *, same_objects: bool, clock_ms: Callable[[], int]
    ) -> None:
        """``same_objects``: both use one store, and objects stay where they are."""
        self._source = source
        self._target = target
        self._turn, self._same_objects = turn, same_objects
        self._carrier = Carrier(source, target, turn, same_objects=same_objects, clock_ms=clock_ms)
        self._mirror = Mirror(source.database, target.database, turn.hold)
        self.logs = self.bytes = self.seen = self.carried = 0
        self.problems: list[str] = []

    def run(self, say: Callable[[int, int, int], None] = lambda *_: None) -> bool:
        """Carries over all that differs; returns whether a pass has found that nothing does.

        ``say`` is told ``seen``, ``logs`` and ``carried`` with each log that a pass is through with. Raises Unavailable, which
        leaves what was carried so far, Invalid for what the other catalog cannot keep, Conflict when somebody else fills that
        catalog, or serves it.
        """
        for _ in range(_PASSES):
            changed = self._pass(say)
            if self.problems or not changed:
                return not self.problems
        return False

    def _pass(self, say: Callable[[int, int, int], None]) -> int:
        ((self.logs, self.bytes),) = self._source.database.rows("logs_total")
        self.seen, changed = 0, self._mirror.run() + self._drop() + self._garbage()
        with ThreadPoolExecutor(_AT_ONCE, "joblog-move") as threads:
            after = 0
            while page := self._source.logs.all(after, _PAGE):
                copies = {log.id: log for log in _between(self._target.database, after, page[-1].id)}
                after = page[-1].id
                for done in threads.map(self._log, page, [copies.get(log.id) for log in page]):
                    changed += done
                    self.carried += done
                    self.seen += 1
                    say(self.seen, self.logs, self.carried)
        return changed

    def _garbage(self) -> int:
        """Notes what is garbage at the source, where the objects stay: else nobody knows them any more."""
        rows = self._source.database.rows("garbage_rows") if self._same_objects else []
        with self._target.database.transaction() as tx:
            self._turn.hold(tx)
            names = ("object_key", "since_ms", "log_id", "end_byte")
            return sum(map(len, tx.many("garbage_row_put", [dict(zip(names, row, strict=True)) for row in rows])))

    def _drop(self) -> int:
        """Drops the logs that were deleted at the source."""
        after = dropped = 0
        while page := self._target.logs.all(after, _PAGE):
            there = {log.id for log in _between(self._source.database, after, page[-1].id)}
            after = page[-1].id
            for log in page:
                if log.id not in there:
                    self._carrier.drop(log)
                    dropped += 1
        return dropped

    def _log(self, log: Head, copy: Head | None) -> bool:
        """Carries one log; returns whether there was anything to carry. One that is damaged becomes a problem."""
        failed: tuple[Head, list[str]] | None = None
        for _ in range(_ATTEMPTS):
            try:
                log = self._source.logs.head(log.id)
                keys = self._source.keys(log.id)
                if log == copy and keys == self._target.keys(log.id):
                    return False
                self._carrier.carry(log, copy)
                return True
            except NotFound:
                return True  # It was deleted; the next pass sees to that.
            except Changed:
                pass
            except Damaged as error:
                # An object that was merged away, or one that is lost: in the latter case the log is still what it was.
                if failed == (log, keys):
                    self.problems.append(f"{log.project_id}/{log.job_id}/{log.version_id}/{log.task}: {error}")
                    return True
                failed = log, keys
        return True  # It changes faster than it can be read; the next pass looks again.


def _between(database: Database, after: int, until: int) -> Iterator[Head]:
    return (Head(*row) for row in database.rows("logs_between", after=after, until=until))
