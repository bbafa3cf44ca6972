"""A catalog made to agree with its objects: after it was restored, or lost a part; or objects were lost or damaged.

What is right stays as it is. Of a log whose objects are not those that its rows name, the objects that are there, chunks, and
the whole frames of damaged objects make one again; what none of them has is a gap, in whose place other bytes say so. An object
of no use is kept for good if it may have something that nothing else has. Nobody else may be at work meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from msgspec import structs

from joblog.catalog.database import Database, process_clock_ms
from joblog.catalog.logs import Logs, put_rest
from joblog.catalog.segments import adopt_segment, drop_segments, name_object
from joblog.catalog.sqlite import copy_catalog
from joblog.core.log_sum import LogSum
from joblog.core.logs import Chunk, Head, Segment
from joblog.core.segment import decode_index
from joblog.core.settings import Settings
from joblog.engine.opening import lock, open_alone, open_objects, require_catalog
from joblog.engine.ownership import Ownership
from joblog.errors import Conflict, Damaged, Invalid, NotFound
from joblog.objects.frame_store import FrameStore
from joblog.objects.store import Objects, log_place
from joblog.upkeep.inventory import Inventory, Listed
from joblog.upkeep.rebuild import KEPT_MS, Rebuild, give_none_again, name
from joblog.upkeep.salvage import (
    LOST_OBJECT,
    SalvagedObject,
    SalvagedSpan,
    cover,
    describe,
    is_covered,
    mended,
    read_frames,
    write_mended,
)

_PAGE = 100


@dataclass
class _Pieces:
    """What there is of one log, beside its chunks."""

    sound: list[SalvagedObject] = field(default_factory=list)
    damaged: list[SalvagedObject] = field(default_factory=list)


class Repair:
    """Looks at all logs. ``mended`` counts logs that were changed or came back; ``lines`` say what was found and done."""

    def __init__(self, database: Database, objects: Objects) -> None:
        self._db = database
        self._objects = objects
        self._logs = Logs(database)
        self._frames = FrameStore(objects)
        self._rebuild = Rebuild(database, objects)
        self._now_ms = database.clock_ms()
        self._went_back = False
        self.logs = self.mended = 0
        self.lines: list[str] = []

    def run(self, *, read: bool = False) -> None:
        """Makes all agree; ``read``: reads every object, where else its size is enough. Raises Conflict, Unavailable."""
        inventory = Inventory(self._db, self._objects)
        if read:
            inventory.describe(inventory.packs)
        if (inventory.places or inventory.packs) and not self._logs.all(0, 1):
            raise Conflict("the catalog is empty but the store has objects: run `joblog rebuild` to make a catalog from them")
        try:
            Ownership(self._db, self._objects).agree()
        except Conflict as error:
            self._went_back = True
            self.lines.append(str(error).partition(":")[0])
        with self._db.transaction() as tx:
            tx.rows("garbage_spare")
        for key in inventory.packs:
            problems = inventory.problems.get(key, [])
            self.lines += problems
            if key in inventory.unknown_packs:
                self._went_back = True
                self._rebuild.note_pack(key, KEPT_MS if problems else self._now_ms)
            elif key in inventory.table_problems:
                self.lines.append(f"{inventory.table_problems[key]}; what is needed of it will be packed anew")
                with self._db.transaction() as tx:
                    tx.rows("garbage_put", object_key=key, now_ms=self._now_ms)
        after = 0
        while page := self._logs.all(after, _PAGE):
            for log in page:
                after = log.id
                self.logs += 1
                self._log(log, inventory, read=read)
        self._strays(inventory)
        self._rebuild.name_packs()
        if self._went_back:
            give_none_again(self._db)
        Ownership(self._db, self._objects).take()

    def _log(self, log: Head, inventory: Inventory, *, read: bool) -> None:
        there = inventory.places.pop(log_place(log), {})
        rows = self._logs.segments_by_byte(log.id, log.start_byte, log.sealed_byte) if log.sealed_byte > log.start_byte else []
        unknown, unknown_parts = inventory.unknown(there), inventory.unknown_parts(log.id)
        self._went_back |= bool(unknown)
        listed = there | inventory.packs
        wrong = [each for each in rows if not self._is_right(each, listed, read=read)]
        if not unknown and not unknown_parts and not wrong and _tiles(log, rows):
            return
        for each in wrong:
            self.lines.append(f"{log_place(log)}: object {each.object_key} is missing or damaged")
        pieces = self._pieces(log, there, inventory, rows, [each for each in rows if each not in wrong])
        chosen = self._chosen(log, pieces)
        head, segments, lost = self._filled(log, pieces, chosen)
        self._swap(log, head, rows, segments, lost)
        for key in unknown - {each.object_key for each in segments}:
            self._set_aside(log, key, there[key], segments)
        for part in unknown_parts:
            if not is_covered(part, segments):
                self._rebuild.note_pack(part.key, KEPT_MS)
        self.mended += 1
        sizes = sum(len(each.data) for each in lost) + head.start_byte - log.start_byte
        more = f", {head.end_byte - log.end_byte} bytes more than the catalog knew" if head.end_byte > log.end_byte else ""
        self.lines.append(f"{log_place(log)}: {len(segments)} objects{more}, {sizes} bytes lost")

    def _is_right(self, row: Segment, there: Listed, *, read: bool) -> bool:
        """Whether a row's object is there, and of its size; or all that it says, if it is to be read."""
        size, _ = there.get(row.object_key, (0, 0))
        if size != row.object_bytes if row.object_at is None else size < row.object_at + row.object_bytes:
            return False
        return not read or self._sound(row)

    def _sound(self, segment: Segment) -> bool:
        try:
            for piece in self._frames.stream(segment):
                if piece.data.count(b"\n") != piece.end_line - piece.start_line:
                    return False
        except Damaged:
            return False
        return True

    def _pieces(
        self, log: Head, there: Listed, inventory: Inventory, rows: Sequence[Segment], right: Sequence[Segment]
    ) -> _Pieces:
        """Describes all objects at the log's place, and parts of packs, of it and not of what retention has removed."""
        pieces, about = _Pieces(), self._logs.about(log)
        named = {each.place: each for each in rows}
        described = list(inventory.parts().get(log.id, []))
        for key, (size, written_ms) in there.items():
            try:
                described.append(describe(self._objects, key, size, written_ms))
            except Damaged as error:
                self.lines.append(f"object {key}: {error}")
        places, listed = {each.place for each in described}, there | inventory.packs
        for (key, at), row in named.items():
            if (key, at) not in places and key in listed:  # its frames may be whole: where they are the row says, too
                index, written_ms = decode_index(row.index), listed[key][1]
                pieces.damaged.append(SalvagedObject(key, row.object_bytes, written_ms, index, row.end_byte, row.end_line, at))
        for salvaged in sorted(described, key=lambda each: each.place not in named):  # of equal ones: these
            row_or_none = named.get(salvaged.place)
            theirs = salvaged.index.about
            if row_or_none is None and (theirs.get("log_id"), theirs.get("version_uuid")) != (log.id, about["version_uuid"]):
                self.lines.append(f"object {salvaged.key} is of another log that had the same numbers")
            elif salvaged.start_byte >= log.start_byte and (row_or_none is not None or self._agrees(log, salvaged, right)):
                pieces.sound.append(salvaged)
        return pieces

    def _agrees(self, log: Head, salvaged: SalvagedObject, right: Sequence[Segment]) -> bool:
        """Whether an object that no row names has the same bytes as what rows name, where both have some."""
        segment = salvaged.segment(log.id)
        others = [(each.start_byte, each.end_byte, [each]) for each in right]
        others.append((log.sealed_byte, log.end_byte, []))
        for start, end, sealed in others:
            low, high = max(salvaged.start_byte, start), min(salvaged.end_byte, end)
            if low >= high:
                continue
            chunks = [] if sealed else self._logs.chunks_by_byte(log.id, low, high)
            known = [*self._stream(sealed), *((each.start_byte, each.data()) for each in chunks)]
            try:
                if _crc32(self._stream([segment]), low, high) != _crc32(known, low, high):
                    self.lines.append(f"object {salvaged.key} has other bytes than the catalog where both have some")
                    return False
            except Damaged:
                return True  # It is found out to be when it is chosen.
        return True

    def _chosen(self, log: Head, pieces: _Pieces) -> list[SalvagedObject]:
        """Chooses the objects that the log is made of, each of which is read; those that are damaged are put aside."""
        sound: set[tuple[str, int | None]] = set()
        while True:
            chosen = cover(pieces.sound)
            for each in chosen:
                if each.place not in sound and not self._sound(each.segment(log.id)):
                    self.lines.append(f"object {each.key} is damaged")
                    pieces.sound.remove(each)
                    pieces.damaged.append(each)
                    break
                sound.add(each.place)
            else:
                return chosen

    def _filled(
        self, log: Head, pieces: _Pieces, chosen: Sequence[SalvagedObject]
    ) -> tuple[Head, list[Segment], list[SalvagedSpan]]:
        """Returns the log's new head, segments that tile it up to its sealed border, and what stands for lost bytes."""
        segments: list[Segment] = []
        lost: list[SalvagedSpan] = []
        start = at = (log.start_byte, log.start_line)
        ms = log.created_ms
        last = (chosen[-1].end_byte, chosen[-1].end_line) if chosen else at
        for piece in [*chosen, None]:
            border = max(last, (log.sealed_byte, log.sealed_line)) if piece is None else piece.start
            if at[0] < border[0]:
                left = [*self._left(pieces, at[0], border[0]), *self._chunk_spans(log, at[0], border[0])]
                if at == start and not left:
                    start = border  # nothing at all of its front is there, as after retention
                else:
                    more, gone = write_mended(self._logs, self._objects, log, mended(at, border, left), ms)
                    segments, lost = segments + more, lost + gone
            at = border
            if piece is not None:
                segments.append(piece.segment(log.id))
                at, ms = (piece.end_byte, piece.end_line), segments[-1].last_ms
        return self._head(log, segments, start, at), segments, lost

    def _left(self, pieces: _Pieces, low: int, high: int) -> Iterator[SalvagedSpan]:
        """Yields the frames of damaged objects that are whole."""
        for salvaged in pieces.damaged:
            if salvaged.start_byte < high and salvaged.end_byte > low:
                yield from (span for span in read_frames(self._objects, salvaged) if span is not None)

    def _chunk_spans(self, log: Head, low: int, high: int) -> Iterator[SalvagedSpan]:
        for each in self._logs.chunks_by_byte(log.id, low, high):
            yield SalvagedSpan(each.start_byte, each.start_line, each.data())

    def _head(self, log: Head, segments: Sequence[Segment], start: tuple[int, int], sealed: tuple[int, int]) -> Head:
        """Returns the head of a log that is sealed up to a border; reads all of it."""
        total, beyond = LogSum(start[0]), LogSum(log.end_byte, log.crc32)
        chunks = self._logs.chunks_by_byte(log.id, sealed[0], log.end_byte) if sealed[0] < log.end_byte else []
        for at, data in chain(self._stream(segments), _behind(chunks, sealed[0])):
            total.take(data)
            beyond.take(data[max(log.end_byte - at, 0) :])
        end = max(sealed, (log.end_byte, log.end_line))
        return structs.replace(
            log,
            start_byte=start[0],
            start_line=start[1],
            sealed_byte=sealed[0],
            sealed_line=sealed[1],
            end_byte=end[0],
            end_line=end[1],
            partial_byte=total.partial_byte,
            crc32=(beyond if start[0] else total).crc32,
        )

    def _stream(self, segments: Sequence[Segment]) -> Iterator[tuple[int, bytes]]:
        for segment in segments:
            yield from ((piece.start_byte, piece.data) for piece in self._frames.stream(segment))

    def _swap(
        self, log: Head, head: Head, rows: Sequence[Segment], segments: Sequence[Segment], lost: Sequence[SalvagedSpan]
    ) -> None:
        present, kept = {each.place for each in rows}, {each.place for each in segments}
        rest = self._logs.chunks_by_byte(log.id, head.sealed_byte, log.end_byte) if head.sealed_byte < log.end_byte else []
        with self._db.transaction() as tx:
            tx.rows("log_move", **structs.asdict(head))
            dropped = [(each.start_byte, each.object_key) for each in rows if each.place not in kept]
            drop_segments(tx, log.id, dropped, self._now_ms)
            for each in segments:
                if each.place not in present:
                    name_object(tx, each, self._now_ms)
                    adopt_segment(tx, log, each, self._rebuild.since_ms(each.object_key, self._now_ms))
            tx.rows("chunks_drop", log_id=log.id, before=head.sealed_byte)
            if rest and rest[0].start_byte < head.sealed_byte:
                data = rest[0].data()[head.sealed_byte - rest[0].start_byte :]
                put_rest(tx, log.id, (head.sealed_byte, head.sealed_line), data, rest[0].appended_ms)
            front = head.start_byte - log.start_byte
            if front:
                tx.rows("gap_retained", log_id=log.id, size_bytes=head.start_byte, now_ms=self._now_ms)
            gaps = [(each.start_byte, len(each.data)) for each in lost] + ([(log.start_byte, front)] if front else [])
            for at, size in gaps:
                if tx.rows("gap_put", log_id=log.id, at_byte=at, size_bytes=size, reason=LOST_OBJECT, now_ms=self._now_ms):
                    tx.rows("log_lose", id=log.id, size_bytes=size)

    def _set_aside(self, log: Head, key: str, listed: tuple[int, int], segments: Sequence[Segment]) -> None:
        """Notes an object that no row gets: as garbage, or to be kept, where its bytes are not all in others."""
        try:
            covered = is_covered(describe(self._objects, key, *listed), segments)
        except Damaged:
            covered = False
        name(self._db, key, self._now_ms if covered else KEPT_MS, log.id, 0)

    def _strays(self, inventory: Inventory) -> None:
        """Brings logs back that the catalog does not have, of the objects that it does not know."""
        by_log: dict[int, list[SalvagedObject]] = {}
        for there in inventory.places.values():
            for key in inventory.unknown(there):
                self._went_back = True
                try:
                    salvaged = describe(self._objects, key, *there[key])
                except Damaged as error:
                    self._rebuild.keep(key, f"object {key}: {error}")
                    continue
                by_log.setdefault(salvaged.log_id, []).append(salvaged)
        log_ids = inventory.logs_of_unknown_packs()
        for log_id in log_ids - self._logs.heads(sorted(log_ids)).keys():
            by_log.setdefault(log_id, []).extend(inventory.unknown_parts(log_id))
        for log_id, pieces in sorted(by_log.items()):
            for each in list(pieces):
                if not self._is_free(log_id, each.index.about):
                    pieces.remove(each)
                    self._rebuild.keep(each.key, f"object {each.key} is of a log whose numbers or name others have")
            before = self._rebuild.logs
            self._rebuild.restore(log_id, pieces, self._now_ms)
            if self._rebuild.logs > before:
                self.mended += 1
                self.lines.append(f"{log_place(self._logs.head(log_id))}: the catalog did not know this log")
        self.lines += self._rebuild.unreadable
        self._rebuild.unreadable.clear()

    def _is_free(self, log_id: int, about: dict[str, str | int | None]) -> bool:
        """Whether a log may come back under its numbers and its name."""
        try:
            self._logs.head(log_id)
        except NotFound:
            pass
        else:
            return False
        key = {"project_id": about["project_id"], "name": about.get("job_name")}
        named = self._db.rows("job_by_name", **key)
        job = self._db.rows("job", project_id=about["project_id"], id=about["job_id"])
        version = self._db.rows("version", job_id=about["job_id"], id=about["version_id"])
        if (named and named[0][0] != about["job_id"]) or (job and job[0][2] != about.get("job_name")):
            return False
        if version:
            return bool(version[0][3] == about.get("version_uuid"))
        number = self._db.rows("version_by_number", job_id=about["job_id"], number=about.get("version_number"))
        return not number and not self._db.rows("version_any", id=about["version_id"])


def _tiles(log: Head, rows: Sequence[Segment]) -> bool:
    at = log.start_byte
    for each in rows:
        if each.start_byte != at:
            return False
        at = each.end_byte
    return at == max(log.sealed_byte, log.start_byte)


def _behind(chunks: Sequence[Chunk], byte: int) -> Iterator[tuple[int, bytes]]:
    for each in chunks:
        cut = max(byte - each.start_byte, 0)
        yield each.start_byte + cut, each.data()[cut:]


def _crc32(parts: Iterable[tuple[int, bytes]], low: int, high: int) -> int:
    total = LogSum()
    for start, data in parts:
        total.take(data[max(low - start, 0) : max(high - start, 0)])
    return total.crc32


def repair(settings: Settings, *, read: bool) -> Repair:
    """Makes a catalog agree with its objects, and returns what was done; raises Conflict, Invalid, Unavailable."""
    require_catalog(settings)
    with open_alone(settings) as database:
        done = Repair(database, open_objects(settings))
        done.run(read=read)
        return done


def restore(settings: Settings, source: Path) -> Repair:
    """Puts a copy of an embedded catalog in the place of the one that is there, which stays beside it, and repairs it.

    Raises as ``repair`` does; Invalid too when the copy is none.
    """
    if settings.catalog:
        raise Invalid("catalog", "SQLite's: restore a PostgreSQL database by its own means, then run `joblog repair`")
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    locked, path = lock(settings), settings.catalog_path
    try:
        part = path.with_name("catalog.db.part")
        part.unlink(missing_ok=True)
        copy_catalog(source, part)
        for each in (f"{path.name}-wal", f"{path.name}-shm", path.name):
            if (there := path.with_name(each)).exists():
                there.rename(path.with_name(f"{each}.before-{process_clock_ms()}"))
        part.rename(path)
    finally:
        os.close(locked)
    return repair(settings, read=False)
