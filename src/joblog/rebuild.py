"""A catalog made anew from the objects alone, for when the database is gone: every sealed byte at the position that it had.

An object says what log it is of and where in it. What no object has cannot come back: bytes that were only in the catalog,
whether a log was closed, users and tokens. Objects may overlap, as a merged one does with those that it was made of and that
nobody had removed yet: of them such are chosen as reach furthest, in the fewest pieces.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from joblog import lines
from joblog.errors import Conflict, Damaged
from joblog.model import Gap, Log, Segment
from joblog.segment import LEVEL_SMALL, Index, encode_index, index_of
from joblog.status import Status
from joblog.storage.database import Database, Transaction
from joblog.storage.frames import FrameStore
from joblog.storage.logs import Logs, put_segment
from joblog.storage.names import Names
from joblog.storage.objects import Objects

# An index is some kilobytes; of an object with a larger one all is read.
_END_BYTES = 64 * 1024

LOST = "catalog lost"
"""The reason of the gap at the end of each log: of unknown size, which is written as 0."""


@dataclass(frozen=True)
class Found:
    """An object, as it describes itself."""

    key: str
    size_bytes: int
    written_ms: int
    index: Index
    end_byte: int
    end_line: int

    @property
    def start_byte(self) -> int:
        """Where in the log it begins."""
        return self.index.start_byte


class Rebuild:
    """Fills an empty catalog. ``logs``, ``bytes``, ``unused`` (objects) count; ``unreadable`` are sentences."""

    def __init__(self, database: Database, objects: Objects) -> None:
        self._db = database
        self._objects = objects
        self._frames = FrameStore(objects)
        self.logs = self.bytes = self.unused = 0
        self.unreadable: list[str] = []

    def run(self, now_ms: int) -> None:
        """Reads every object once. Raises Conflict when the catalog has logs already, Unavailable."""
        if Logs(self._db).all(0, 1):
            raise Conflict("the catalog is not empty: it has logs")
        by_log: dict[int, list[Found]] = {}
        for found in self._found():
            by_log.setdefault(int(found.index.about.get("log_id") or 0), []).append(found)
        for log_id, pieces in sorted(by_log.items()):
            chosen = tiling(pieces)
            self.unused += len(pieces) - len(chosen)
            self._restore(log_id, chosen, now_ms)

    def _found(self) -> Iterator[Found]:
        for key, size, written_ms in self._objects.listing():
            try:
                (end,) = self._objects.ranges(key, [max(size - _END_BYTES, 0)], [size]) if size else [b""]
                try:
                    index = index_of(end)
                except Damaged:
                    index = index_of(self._objects.get(key))
                placed = index.placed()
                yield Found(key, size, written_ms, index, placed.byte[-1], placed.line[-1])
            except Damaged as error:
                self.unreadable.append(f"{key}: {error}")

    def _restore(self, log_id: int, chosen: Sequence[Found], now_ms: int) -> None:
        about = chosen[0].index.about
        segments = [_segment(log_id, each) for each in chosen]
        try:
            crc32, partial_byte = self._scan(segments)
        except Damaged as error:
            self.unreadable.append(f"log {log_id}: {error}")
            return
        project_id = str(about["project_id"])
        Names(self._db).put_project(project_id, now_ms)
        first, last = segments[0], segments[-1]
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
                appended_ms=last.last_ms,
                start_byte=first.start_byte,
                start_line=first.start_line,
                end_byte=last.end_byte,
                end_line=last.end_line,
                partial_byte=partial_byte,
                crc32=crc32,
            )
            _count(tx, "log", log_id)
            log = Log(*tx.rows("log", id=log_id)[0])
            for segment in segments:
                put_segment(tx, log, segment)
            if first.start_byte:
                tx.rows("gap_retained", log_id=log_id, size_bytes=first.start_byte, now_ms=now_ms)
        Logs(self._db).add_gaps(log_id, [Gap(last.end_byte, 0, LOST, now_ms)])
        self.logs += 1
        self.bytes += last.end_byte - first.start_byte

    def _scan(self, segments: Sequence[Segment]) -> tuple[int, int]:
        """Reads all bytes; returns their CRC-32 and where the last line begins."""
        crc32, partial_byte = 0, segments[0].start_byte
        for segment in segments:
            for piece in self._frames.stream(segment):
                last = piece.data.rfind(b"\n") + 1
                partial_byte = piece.start_byte + last if last else partial_byte
                crc32 = zlib.crc32(piece.data, crc32)
                if lines.count(piece.data) != piece.end_line - piece.start_line:
                    raise Damaged(f"object {segment.object_key}: its index does not count its lines right")
        return crc32, partial_byte


def tiling(pieces: Sequence[Found]) -> list[Found]:
    """Chooses objects that join up and reach the furthest end; of such, those that begin first, in the fewest pieces.

    Where objects are missing between others, what is before them is left out, as if retention had removed it.
    """
    best: dict[int, tuple[int, int, int]] = {}  # by end: where the run begins, minus its pieces, which piece is its last
    ordered = sorted(pieces, key=lambda each: (each.start_byte, each.end_byte))
    chain: dict[int, int | None] = {}
    for number, piece in enumerate(ordered):
        before = best.get(piece.start_byte)
        start, count, chain[number] = (before[0], before[1] - 1, before[2]) if before else (piece.start_byte, -1, None)
        held = best.get(piece.end_byte)
        if held is None or (-start, count) > (-held[0], held[1]):
            best[piece.end_byte] = (start, count, number)
    at: int | None = best[max(best)][2]
    chosen = []
    while at is not None:
        chosen.append(ordered[at])
        at = chain[at]
    chosen.reverse()
    assert all(left.end_byte == right.start_byte for left, right in pairwise(chosen))
    return chosen


def _segment(log_id: int, found: Found) -> Segment:
    index = found.index
    times = index.second_ms or [found.written_ms]
    return Segment(
        log_id=log_id,
        start_byte=found.start_byte,
        end_byte=found.end_byte,
        start_line=index.start_line,
        end_line=found.end_line,
        object_key=found.key,
        object_bytes=found.size_bytes,
        level=LEVEL_SMALL,  # which it was written with it does not say; a merge will not do it again for nothing
        first_ms=times[0],
        last_ms=times[-1],
        index=encode_index(index),
    )


def _put_names(tx: Transaction, about: dict[str, str | int | None]) -> None:
    """Makes the job and the version, by what an older joblog has not written from what it has."""
    job_id, version_id, created_ms = about["job_id"], about["version_id"], about["created_ms"]
    name = about.get("job_name") or str(about["log_file"]).removeprefix("job-").rpartition(".")[0]
    made_ms = about.get("job_created_ms") or created_ms
    tx.rows("job_restore", id=job_id, project_id=about["project_id"], name=name, created_ms=made_ms)
    tx.rows(
        "version_restore",
        id=version_id,
        job_id=job_id,
        number=about.get("version_number") or version_id,
        uuid=about.get("version_uuid") or str(uuid.uuid4()),
        run_id=about.get("run_id"),
        created_ms=about.get("version_created_ms") or created_ms,
        status=Status.UNKNOWN,
    )
    for counter, number in (("job", job_id), ("version", version_id)):
        _count(tx, counter, int(number or 0))


def _count(tx: Transaction, counter: str, number: int) -> None:
    """Sees to it that the number is not given again."""
    rows = tx.rows("counter", name=counter)
    if not rows or rows[0][0] < number:
        tx.rows("set_counter", name=counter, value=number)
