"""Whether a catalog is being filled from another one, which ``joblog move`` notes in the catalog it fills.

Until it has all, nobody serves it. Once it has, it may be filled further, as long as nobody has served it. Of two commands that
fill one catalog the later one goes on: the earlier finds, with its next transaction, that its turn is over. So a command that
was killed needs no waiting for.
"""

from __future__ import annotations

import hashlib

from joblog.catalog.database import Database, Transaction
from joblog.catalog.left_out import PAST
from joblog.errors import Conflict

_STATE, _TURN, _SOURCE = "move", "move-turn", "move-from"

OWN = frozenset(("schema", PAST, _STATE, _TURN, _SOURCE))
"""The counters that are of the catalog itself, and are not carried over."""

_PARTIAL, _WHOLE = 1, 2


class Turn:
    """The right to fill a catalog, until somebody else begins to, or serves it."""

    def __init__(self, database: Database, source: str) -> None:
        """Begins; ``source`` says where from. Raises Conflict when the catalog has, or had, anything that is from elsewhere."""
        self._db = database
        number = int.from_bytes(hashlib.sha256(source.encode()).digest()[:7], "big")
        with database.transaction() as tx:
            self._number = int(tx.rows("next_id", name=_TURN)[0][0])  # first: it makes others wait
            counters: dict[str, int] = {str(row[0]): int(row[1]) for row in tx.rows("counters")}
            if not counters.get(_STATE):
                if counters.keys() - OWN or tx.rows("project_rows"):
                    raise Conflict("the new catalog is in use: name an empty one")
                tx.rows("set_counter", name=_SOURCE, value=number)
            elif counters[_SOURCE] != number:
                raise Conflict("the new catalog holds a part of another one: name an empty one")
            tx.rows("set_counter", name=_STATE, value=_PARTIAL)

    def hold(self, tx: Transaction) -> None:
        """Makes sure, in a transaction's first statement, that it is still this command's turn; raises Conflict."""
        if not tx.rows("move_hold", turn=self._number):
            raise Conflict("another `joblog move` to this catalog is running")

    def done(self) -> None:
        """Notes that the catalog has all that the other one had."""
        with self._db.transaction() as tx:
            self.hold(tx)
            tx.rows("set_counter", name=_STATE, value=_WHOLE)


def is_partial(database: Database) -> bool:
    """Says whether a catalog lacks what is still to be moved to it."""
    rows = database.rows("counter", name=_STATE)
    return bool(rows) and rows[0][0] == _PARTIAL


def begin_serving(database: Database) -> None:
    """Ends the time in which a catalog may be filled; raises Conflict when it has not got all yet."""
    rows = database.rows("counter", name=_STATE)
    if not rows or not rows[0][0]:
        return
    with database.transaction() as tx:
        tx.rows("next_id", name=_TURN)
        served = tx.rows("move_served", whole=_WHOLE)
        if not served and tx.rows("counter", name=_STATE)[0][0] == _PARTIAL:
            raise Conflict("this catalog is only partly copied: run `joblog move` again to finish")
