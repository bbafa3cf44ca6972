"""Which catalog a store's objects are of, and that it is the catalog it was: what keeps a lost one from costing a sealed byte.

A catalog has a number of its own and an epoch, which grows with each start and before anything is deleted. The store carries
both, written once the catalog has the new epoch and before anything is done in it. So a store that is ahead of the catalog has
seen a later time than the catalog knows of: it was restored, or parts of it are gone. And no object is written before the
catalog has noted its name. So an object with a name that it does not know is of such a time, too, or of another catalog.

In either case nobody serves the catalog, and nothing is deleted, until an operator has said what is true. Where the store is
not ahead, nothing was deleted since the moment to which the catalog may have been set back: all that it names is there.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import islice

from joblog.catalog.database import Database
from joblog.errors import Conflict
from joblog.objects.store import Objects

CATALOG, EPOCH = "catalog", "epoch"
"""The counters that have the catalog's number and its epoch."""

_ASKED = 500
"""Names looked for in the catalog in one step."""

_SHOWN = 3

_WHAT_TO_DO = (
    "nothing is deleted meanwhile. If this is not the catalog or the store that it should be, stop and put that in its place; "
    "`joblog repair` makes a catalog that was restored, or has lost something, agree with its objects; "
    "`joblog rebuild` makes a new one of the objects alone"
)


class Ownership:
    """One catalog's right to one store. Methods block; they raise Unavailable. ``begun``: an epoch of this process's has."""

    def __init__(self, database: Database, objects: Objects) -> None:
        self._db = database
        self._objects = objects
        self._strangers = ""
        self.begun = False

    def begin(self) -> None:
        """Begins a new epoch; raises Conflict unless catalog and store fit. Looks at every object's name."""
        self.agree()
        self.look()
        self.agree()
        self.take()
        self.begun = True

    def look(self) -> None:
        """Looks for objects that the catalog does not know; while there are any, ``agree`` raises Conflict."""
        keys = list(islice(self.unknown(), _SHOWN + 1))
        self._strangers = ", ".join(keys[:_SHOWN]) + (" ..." if len(keys) > _SHOWN else "")

    def agree(self) -> None:
        """Raises Conflict where the store's mark is not this catalog's, or of a later time, or objects are unknown."""
        marks = self._objects.marks()  # before the catalog, which others may bring further meanwhile
        ours, epoch = self._counter(CATALOG), self._counter(EPOCH)
        newest = marks[-1][0] if marks else 0
        if any(catalog != ours for each, catalog in marks if each == newest):
            raise Conflict(f"the store's objects are another catalog's: {_WHAT_TO_DO}")
        if newest > epoch:
            raise Conflict(
                f"the catalog is of an earlier time (epoch {epoch}) than its objects (epoch {newest}): {_WHAT_TO_DO}"
            )
        if self._strangers:
            raise Conflict(f"the store has objects that the catalog does not know ({self._strangers}): {_WHAT_TO_DO}")
        if not marks and self._db.rows("segments_any") and next(self._objects.segments(), None) is None:
            raise Conflict(f"the store has none of the objects that the catalog names: {_WHAT_TO_DO}")

    def take(self) -> None:
        """Begins a new epoch, later than any that the store has seen, whoever's that was."""
        marks = self._objects.marks()
        newest = marks[-1][0] if marks else 0
        with self._db.transaction() as tx:
            ours = int(tx.rows("counter_or", name=CATALOG, value=secrets.randbits(56) + 1)[0][0])
            epoch = int(tx.rows("next_id", name=EPOCH)[0][0])
            if epoch <= newest:
                epoch = newest + 1
                tx.rows("set_counter", name=EPOCH, value=epoch)
        self._objects.put_mark(epoch, ours)
        for each, catalog in marks:
            if each < epoch:
                self._objects.drop_mark(each, catalog)

    def unknown(self) -> Iterator[str]:
        """Yields the keys of objects that the catalog has never named, or does not know any more."""
        keys = (key for key, _, _ in self._objects.segments())
        while page := list(islice(keys, _ASKED)):
            with self._db.transaction() as tx:
                known = tx.many("segment_known", [{"object_key": key} for key in page])
            for key, rows in zip(page, known, strict=True):
                # A store may list for a while what was deleted; and another node may just have.
                if not rows and self._objects.size(key) is not None:
                    yield key

    def _counter(self, name: str) -> int:
        rows = self._db.rows("counter", name=name)
        return int(rows[0][0]) if rows else 0
