"""What an object store has, by the log that it is of: objects of one log by their place, parts of packs by what they say."""

from __future__ import annotations

from collections.abc import Iterable

from joblog.catalog.database import Database
from joblog.objects.store import Objects, is_pack
from joblog.upkeep.salvage import SalvagedObject, describe_pack

Listed = dict[str, tuple[int, int]]
"""Objects by key: size in bytes, time of writing."""

_ASKED = 500


class Inventory:
    """Lists the store. ``places``: objects of logs by their directory; ``packs``, of which those are read that are unknown.

    Others are read when they are asked for.
    """

    def __init__(self, database: Database, objects: Objects) -> None:
        self._db = database
        self._objects = objects
        self.places: dict[str, Listed] = {}
        self.packs: Listed = {}
        for key, size, written_ms in objects.segments():
            if is_pack(key):
                self.packs[key] = size, written_ms
            else:
                self.places.setdefault(key.rpartition("/")[0], {})[key] = size, written_ms
        self.unknown_packs = self.unknown(self.packs)
        self._parts: dict[int, list[SalvagedObject]] = {}
        self._described = set[str]()
        self.problems: dict[str, list[str]] = {}
        """Sentences on parts of packs that are not what they were, by the packs' keys."""
        self.table_problems: dict[str, str] = {}
        self.describe(self.unknown_packs)

    def describe(self, keys: Iterable[str]) -> None:
        """Reads packs, unless they were read before."""
        for key in set(keys) - self._described:
            pack = describe_pack(self._objects, key, self.packs[key][1])
            self._described.add(key)
            for part in pack.parts:
                self._parts.setdefault(part.log_id, []).append(part)
            if pack.problems:
                self.problems[key] = pack.problems
            if pack.table_problem:
                self.table_problems[key] = pack.table_problem

    def parts(self) -> dict[int, list[SalvagedObject]]:
        """Returns the parts of all packs, by the ids of the logs that they say they are of."""
        self.describe(self.packs)
        return self._parts

    def unknown(self, keys: Iterable[str]) -> set[str]:
        """Returns those of the objects that the catalog has never named, or does not know any more."""
        unknown, left = set(), list(keys)
        while left:
            page, left = left[:_ASKED], left[_ASKED:]
            with self._db.transaction() as tx:
                known = tx.many("segment_known", [{"object_key": key} for key in page])
            unknown |= {key for key, rows in zip(page, known, strict=True) if not rows}
        return unknown

    def unknown_parts(self, log_id: int) -> list[SalvagedObject]:
        """Returns the parts of a log in packs that the catalog does not know."""
        return [part for part in self._parts.get(log_id, []) if part.key in self.unknown_packs]

    def logs_of_unknown_packs(self) -> set[int]:
        """Returns the ids of the logs that packs that the catalog does not know are of."""
        return {log_id for log_id in self._parts if self.unknown_parts(log_id)}
