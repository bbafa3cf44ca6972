"""A catalog made anew from the objects alone, for when the database is gone: every sealed byte at the position that it had.

What no object has cannot come back: bytes that were only in the catalog, whether a log was closed, users and tokens. Nor can
the numbers that were given to what has no object; so those given from now on are far behind all that an object names.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from itertools import pairwise

from joblog.api.values import RecordedGap
from joblog.catalog.database import Database, Transaction
from joblog.catalog.left_out import leave_out
from joblog.catalog.logs import Logs
from joblog.catalog.runs import Runs
from joblog.catalog.segments import adopt_segment, name_object
from joblog.core import lines
from joblog.core.log_sum import LogSum
from joblog.core.logs import Head, Segment
from joblog.core.settings import Settings
from joblog.core.status import Status
from joblog.engine.opening import open_alone, open_objects
from joblog.engine.ownership import Ownership
from joblog.errors import Conflict, Damaged
from joblog.objects.frame_store import FrameStore
from joblog.objects.store import Objects, is_pack
from joblog.upkeep.salvage import (
    LOST_OBJECT,
    SalvagedObject,
    SalvagedSpan,
    cover,
    describe,
    describe_pack,
    is_covered,
    mended,
    write_mended,
)

LOST = "catalog lost"
"""The reason of the gap at the end of each log: of unknown size, which is written as 0."""

KEPT_MS = 2**62
"""Since when an object is garbage that is never removed: it may have bytes that nothing else has, and no place for them."""

_IDS = 10**9
"""Numbers left out: more than can have been given, of jobs, versions, logs and tokens."""


class Rebuild:
    """Fills an empty catalog. ``logs``, ``bytes``, ``unused`` (objects) count; ``unreadable`` are sentences."""

    def __init__(self, database: Database, objects: Objects) -> None:
        self._db = database
        self._objects = objects
        self._logs = Logs(database)
        self._frames = FrameStore(objects)
        self.logs = self.bytes = self.unused = 0
        self.unreadable: list[str] = []
        self._packs: dict[str, int] = {}
        """Packs that parts were found in, and since when what is not needed of them is garbage."""

    def run(self, now_ms: int) -> None:
        """Reads every object once. Raises Conflict when the catalog has logs already, Unavailable."""
        if self._logs.all(0, 1):
            raise Conflict("the catalog is not empty: it has logs")
        by_log: dict[int, list[SalvagedObject]] = {}
        for salvaged in self._salvaged(now_ms):
            by_log.setdefault(salvaged.log_id, []).append(salvaged)
        for log_id, pieces in sorted(by_log.items()):
            self.restore(log_id, pieces, now_ms)
        self.name_packs()
        give_none_again(self._db)
        Ownership(self._db, self._objects).take()

    def restore(self, log_id: int, pieces: list[SalvagedObject], now_ms: int) -> None:
        """Makes a log that the catalog does not have of its objects."""
        while pieces:
            chosen = cover(pieces)
            damaged = [each for each in chosen if not self._sound(each)]
            if not damaged:
                break
            for each in damaged:
                pieces.remove(each)
                self.keep(each.key, f"log {log_id}: object {each.key} is damaged", log_id, each.end_byte)  # the whole pack
        if pieces:
            self._restore(log_id, chosen, now_ms)
            segments = self._logs.segments_by_byte(log_id, 0, 2**62)
            spare = [each for each in pieces if each not in chosen]
            self.unused += len(spare)
            for each in spare:
                self._spare(each.key, now_ms if is_covered(each, segments) else KEPT_MS, log_id, each.end_byte)

    def keep(self, key: str, why: str, log_id: int = 0, end_byte: int = 0) -> None:
        """Notes an object that is of no use, and may be all that there is of something: it is never removed."""
        self.unreadable.append(why)
        self._spare(key, KEPT_MS, log_id, end_byte)

    def _spare(self, key: str, since_ms: int, log_id: int, end_byte: int) -> None:
        """Notes since when an object that gets no row, or a pack of which a part gets none, is garbage."""
        if is_pack(key):
            self.note_pack(key, since_ms)
        else:
            name(self._db, key, since_ms, log_id, end_byte)

    def note_pack(self, key: str, since_ms: int) -> None:
        """Notes since when what is not needed of a pack is garbage, unless it is to be kept for ever."""
        self._packs[key] = max(since_ms, self._packs.get(key, 0))

    def since_ms(self, key: str, now_ms: int) -> int:
        """Returns since when what is not needed of a pack is garbage, if it is one."""
        return self._packs.get(key, now_ms)

    def name_packs(self) -> None:
        """Notes packs as garbage of which parts may be needed: for whoever looks, later, what of them is not."""
        for key, since_ms in self._packs.items():
            name(self._db, key, since_ms, 0, 0)

    def _salvaged(self, now_ms: int) -> Iterator[SalvagedObject]:
        for key, size, written_ms in self._objects.segments():
            if is_pack(key):
                self.note_pack(key, now_ms)
                pack = describe_pack(self._objects, key, written_ms)
                for problem in pack.problems:
                    self.keep(key, problem)
                yield from pack.parts
                continue
            try:
                yield describe(self._objects, key, size, written_ms)
            except Damaged as error:
                self.keep(key, f"{key}: {error}")

    def _sound(self, salvaged: SalvagedObject) -> bool:
        try:
            for piece in self._frames.stream(salvaged.segment(0)):
                if lines.count(piece.data) != piece.end_line - piece.start_line:
                    return False
        except Damaged:
            return False
        return True

    def _restore(self, log_id: int, chosen: Sequence[SalvagedObject], now_ms: int) -> None:
        first, last = chosen[0], chosen[-1]
        log = self._put_log(log_id, first, last, now_ms)
        segments, lost = self._filled(log, chosen)
        total = self._scan(segments)
        with self._db.transaction() as tx:
            for segment in segments:
                name_object(tx, segment, now_ms)
                adopt_segment(tx, log, segment, self.since_ms(segment.object_key, now_ms))
            tx.rows(
                "log_extend",
                id=log_id,
                sealed_byte=last.end_byte,
                sealed_line=last.end_line,
                end_byte=last.end_byte,
                end_line=last.end_line,
                partial_byte=total.partial_byte,
                crc32=total.crc32,
            )
            if first.start_byte:
                tx.rows("gap_retained", log_id=log_id, size_bytes=first.start_byte, now_ms=now_ms)
        gaps = [RecordedGap(each.start_byte, len(each.data), LOST_OBJECT, now_ms) for each in lost]
        self._logs.add_gaps(log_id, [*gaps, RecordedGap(last.end_byte, 0, LOST, now_ms)])
        self.logs += 1
        self.bytes += last.end_byte - first.start_byte

    def _put_log(self, log_id: int, first: SalvagedObject, last: SalvagedObject, now_ms: int) -> Head:
        """Makes the log, which holds nothing yet, and what it belongs to."""
        about = first.index.about
        project_id = str(about["project_id"])
        Runs(self._db).put_project(project_id, now_ms)
        with self._db.transaction() as tx:
            _put_names(tx, about)
            tx.rows(
                "log_restore",
                id=log_id,
                project_id=project_id,
                job_id=about["job_id"],
                version_id=about["version_id"],
                worker=about["worker"],
                log_file=about["log_file"],
                created_ms=about["created_ms"],
                appended_ms=last.segment(log_id).last_ms,
                start_byte=first.start_byte,
                start_line=first.index.start_line,
                end_byte=first.start_byte,
                end_line=first.index.start_line,
                partial_byte=first.start_byte,
                crc32=0,
            )
            _count(tx, "log", log_id)
        return self._logs.head(log_id)

    def _filled(self, log: Head, chosen: Sequence[SalvagedObject]) -> tuple[list[Segment], list[SalvagedSpan]]:
        """Returns segments that tile, and what stands in them for what no object has."""
        segments = [chosen[0].segment(log.id)]
        lost: list[SalvagedSpan] = []
        for left, right in pairwise(chosen):
            if left.end_byte < right.start_byte:
                here, there = (left.end_byte, left.end_line), (right.start_byte, right.index.start_line)
                more, gone = write_mended(self._logs, self._objects, log, mended(here, there, []), segments[-1].last_ms)
                segments, lost = segments + more, lost + gone
            segments.append(right.segment(log.id))
        return segments, lost

    def _scan(self, segments: Sequence[Segment]) -> LogSum:
        """Reads all bytes."""
        total = LogSum(segments[0].start_byte)
        for segment in segments:
            for piece in self._frames.stream(segment):
                total.take(piece.data)
        return total


def name(database: Database, key: str, since_ms: int, log_id: int, end_byte: int) -> None:
    """Notes an object as garbage since a moment."""
    with database.transaction() as tx:
        tx.rows("object_name", object_key=key, now_ms=since_ms, log_id=log_id, end_byte=end_byte)


def give_none_again(database: Database) -> None:
    """Leaves numbers out: what was lost may have had those that come next, and links to it must not lead to what is new."""
    with database.transaction() as tx:
        leave_out(tx, _IDS)


def _put_names(tx: Transaction, about: dict[str, str | int | None]) -> None:
    """Makes the job and the version, by what an older joblog has not written from what it has."""
    job_id, version_id, created_ms = about["job_id"], about["version_id"], about["created_ms"]
    job_name = about.get("job_name") or str(about["log_file"]).removeprefix("job-").rpartition(".")[0]
    made_ms = about.get("job_created_ms") or created_ms
    tx.rows("job_restore", id=job_id, project_id=about["project_id"], name=job_name, created_ms=made_ms)
    tx.rows(
        "version_restore",
        id=version_id,
        job_id=job_id,
        number=about.get("version_number") or version_id,
        uuid=about.get("version_uuid") or str(uuid.uuid4()),
        run_id=about.get("run_id"),
        created_ms=about.get("version_created_ms") or created_ms,
        status=Status.UNKNOWN,
        project_id=about["project_id"],
        **{name: about.get(name) for name in ("title", "command", "host", "user_name", "commit_id")},
    )
    tx.rows("job_latest", id=job_id)
    for counter, number in (("job", job_id), ("version", version_id)):
        _count(tx, counter, int(number or 0))


def _count(tx: Transaction, counter: str, number: int) -> None:
    """Sees to it that the number is not given again."""
    rows = tx.rows("counter", name=counter)
    if not rows or rows[0][0] < number:
        tx.rows("set_counter", name=counter, value=number)


def rebuild(settings: Settings) -> Rebuild:
    """Fills an empty catalog from the objects, and returns what was found; raises Conflict, Invalid, Unavailable."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open_alone(settings) as database:
        done = Rebuild(database, open_objects(settings))
        done.run(database.clock_ms())
        return done
