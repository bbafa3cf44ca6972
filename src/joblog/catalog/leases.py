"""Leases: which node works on which log, so that nodes share the background work instead of doing it twice.

They are not what keeps a log right, each swap's own fence is: a lease spares work, and bounds in time how long after it began
a swap can still come. A node that was stopped and wakes up later finds its leases gone, and what it had prepared is garbage.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence

from joblog.catalog.database import Database, Transaction, Value

LEASE_MS = 60_000
"""Longer than putting an object takes with all its retries; far shorter than an object without a row is left in peace."""

RETENTION = 0
SWEEP = -1
WATCH = -2
"""What is leased that is not a log: by these numbers, for as long as it need not be done again."""


class Lease:
    """The right to work on one log, until it runs out or is given back."""

    def __init__(self, log_id: int, token: str, clock_ms: Callable[[], int], lasting_ms: int = LEASE_MS) -> None:
        self.log_id = log_id
        self._token = token
        self._clock_ms = clock_ms
        self._lasting_ms = lasting_ms

    def hold(self, tx: Transaction) -> bool:
        """Renews the lease within a swap's transaction, which then goes before anybody who takes it; False when it is lost."""
        return bool(tx.rows("lease_hold", **self.renewal()))

    def renewal(self) -> dict[str, Value]:
        """Returns what renews it."""
        now_ms = self._clock_ms()
        return {"log_id": self.log_id, "token": self._token, "until_ms": now_ms + self._lasting_ms, "now_ms": now_ms}


def hold_all(tx: Transaction, leases: Sequence[Lease]) -> bool:
    """Renews leases, in the order of their logs' ids, as ``Lease.hold`` does; False when one is lost."""
    return all(tx.many("lease_hold", [lease.renewal() for lease in leases]))


class Renewed:
    """A lease that is kept for longer than it lasts, while somebody says now and then that the work goes on."""

    def __init__(self, lease: Lease, database: Database) -> None:
        self._lease = lease
        self._db = database
        self._due_ms = database.clock_ms() + LEASE_MS // 4

    def hold(self) -> bool:
        """Renews the lease when a quarter of its time has gone; False when it is lost."""
        if self._db.clock_ms() < self._due_ms:
            return True
        self._due_ms = self._db.clock_ms() + LEASE_MS // 4
        with self._db.transaction() as tx:
            return self._lease.hold(tx)


class Leases:
    """One node's leases. All methods block and raise Unavailable."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._db = database
        self._clock_ms = clock_ms
        self._token = secrets.token_hex(16)

    def take(self, log_ids: Iterable[int], lasting_ms: int = LEASE_MS) -> list[Lease]:
        """Takes those of the leases that nobody holds."""
        now_ms = self._clock_ms()
        wanted: Sequence[dict[str, Value]] = [
            {"log_id": log_id, "token": self._token, "until_ms": now_ms + lasting_ms, "now_ms": now_ms}
            for log_id in sorted(log_ids)
        ]
        if not wanted:
            return []
        with self._db.transaction() as tx:
            taken = tx.many("lease_take", wanted)
        return [Lease(row[0], self._token, self._clock_ms, lasting_ms) for rows in taken for row in rows]

    def give_back(self, leases: Sequence[Lease]) -> None:
        """Lets others take them."""
        if leases:
            with self._db.transaction() as tx:
                tx.many("lease_drop", [{"log_id": lease.log_id, "token": self._token} for lease in leases])

    def forget(self, before_ms: int) -> None:
        """Drops those that ran out before a moment: of nodes that died, of logs that were deleted."""
        with self._db.transaction() as tx:
            tx.rows("leases_drop", before_ms=before_ms)
