"""One log, carried from a catalog and its objects to others, and verified there.

The order is: its new objects, each with its row as long as the log is not there yet; then what was written is read back; then,
in one transaction, the rest of its rows and its head, unless the bytes read back do not have the count and the CRC-32 that the
head says. So a command that is killed leaves objects and rows that the next one finds, and a log that has a head is sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from msgspec import structs

from joblog.catalog.database import Database, Transaction
from joblog.catalog.handover import Turn
from joblog.catalog.logs import Logs, drop_logs
from joblog.catalog.segments import adopt_segment, drop_segments, name_object, note_garbage
from joblog.core import lines, segment
from joblog.core.log_sum import LogSum
from joblog.core.logs import Chunk, Head, Segment
from joblog.engine.read import PageReader
from joblog.errors import Damaged
from joblog.objects.frame_store import FrameStore, read_segment
from joblog.objects.piece_cache import PieceCache
from joblog.objects.store import Objects

_TAIL_BYTES = 4 * 1024 * 1024
"""Of a tail, read and written at a time."""


@dataclass(frozen=True)
class MoveEnd:
    """A catalog and its objects."""

    database: Database
    objects: Objects

    @property
    def logs(self) -> Logs:
        """Its logs by id."""
        return Logs(self.database)

    def keys(self, log_id: int) -> list[str]:
        """Returns the keys of a log's objects, in the order of their bytes."""
        return [row[1] for row in self.database.rows("segment_keys", log_id=log_id)]


class Changed(Exception):
    """The log was sealed, merged or shortened while it was read: its pieces do not join up."""


class _Sum(LogSum):
    """That of a log's bytes, which are read more than once."""

    def join(self, start_byte: int, data: bytes) -> None:
        """Takes bytes that begin at or before ``byte``; what is known already counts once."""
        if start_byte > self.byte:
            raise Changed
        self.take(data[self.byte - start_byte :])


class Carrier:
    """Carries logs, for any thread. ``objects`` counts those that were written."""

    def __init__(
        self, source: MoveEnd, target: MoveEnd, turn: Turn, *, same_objects: bool, clock_ms: Callable[[], int]
    ) -> None:
        """``same_objects``: both use one store, and objects stay where they are."""
        self._source = source
        self._target = target
        self._turn = turn
        self._same_objects = same_objects
        self._clock_ms = clock_ms
        self._there = PageReader(target.logs, PieceCache(0), FrameStore(target.objects))

    def carry(self, log: Head, copy: Head | None) -> None:
        """Makes the other catalog's log, whose head there is ``copy``, the one that ``log`` shows.

        Raises Changed when the source no longer has it so, Damaged when its bytes, here or there, are not what they must be,
        Conflict when it is not this command's turn any more, Unavailable.
        """
        segments = self._segments(log)
        known = set(self._target.keys(log.id))
        if copy is None:
            self._drop_others(log, segments)
        for sealed in segments:
            if sealed.object_key not in known:
                self._object(log, sealed, at_once=copy is None)
        before = copy if copy is not None and copy.end_byte >= log.start_byte else None
        total = _Sum(before.end_byte, before.crc32) if before else _Sum(log.start_byte, 0)
        for sealed in segments:
            self._read_back(sealed, total, before, new=sealed.object_key not in known)
        self._deliver(log, segments, total, self._wanted(log, before, segments))

    def drop(self, log: Head) -> None:
        """Drops a log that the source has no more."""
        with self._target.database.transaction() as tx:
            self._turn.hold(tx)
            note_garbage(tx, drop_logs(tx, [log.id]), self._clock_ms())

    def _segments(self, log: Head) -> list[Segment]:
        if log.start_byte == log.sealed_byte:
            return []
        segments = self._source.logs.segments_by_byte(log.id, log.start_byte, log.sealed_byte)
        at = (log.start_byte, log.start_line)
        for each in segments:
            if (each.start_byte, each.start_line) != at:
                raise Changed
            at = (each.end_byte, each.end_line)
        if at != (log.sealed_byte, log.sealed_line):
            raise Changed
        return segments

    def _drop_others(self, log: Head, segments: Sequence[Segment]) -> None:
        """Drops the rows that an earlier command left and that the source has merged away since."""
        with self._target.database.transaction() as tx:
            self._turn.hold(tx)
            self._drop_all_but(tx, log, {each.object_key for each in segments})

    def _drop_all_but(self, tx: Transaction, log: Head, keys: set[str]) -> set[str]:
        """Returns which of the keys have their rows already."""
        rows = tx.rows("segment_keys", log_id=log.id)
        drop_segments(tx, log.id, [(start_byte, key) for start_byte, key in rows if key not in keys], self._clock_ms())
        return {key for _, key in rows if key in keys}

    def _object(self, log: Head, sealed: Segment, *, at_once: bool) -> None:
        with self._target.database.transaction() as tx:
            self._turn.hold(tx)
            name_object(tx, sealed, self._clock_ms())
        if not self._same_objects and not self._is_there(sealed):
            self._target.objects.put(sealed.object_key, self._source.objects.get(sealed.object_key))
        if at_once:
            with self._target.database.transaction() as tx:
                self._turn.hold(tx)
                adopt_segment(tx, log, sealed, self._clock_ms())

    def _is_there(self, sealed: Segment) -> bool:
        """Whether the other store has the object, since it has another part of the same pack. What is read back proves it."""
        return sealed.object_at is not None and bool(self._target.logs.segments_of(sealed.object_key))

    def _read_back(self, sealed: Segment, total: _Sum, before: Head | None, *, new: bool) -> None:
        """Adds an object of the other store to the sum; what was there in another object before must be the same."""
        if not new and sealed.end_byte <= total.byte:
            return
        until = before.end_byte if before and new else 0
        again, once = LogSum(), LogSum()
        for at, data in _frames(self._target.objects, sealed):
            total.join(at, data)
            again.take(data[: max(until - at, 0)])
        if before and sealed.start_byte < until:
            for part in self._there.stream(before, sealed.start_byte, min(sealed.end_byte, until)):
                once.take(part)
            if once.crc32 != again.crc32:
                raise Damaged(f"object {sealed.object_key} does not have the bytes that the log had there before")

    def _wanted(self, log: Head, before: Head | None, segments: Sequence[Segment]) -> _Sum | None:
        """Returns what to compare with where the head's CRC-32 is of more than can be read: retention has removed the rest."""
        if before is not None or not log.start_byte:
            return None
        wanted = _Sum(log.start_byte, 0)
        for sealed in segments:
            for at, data in _frames(self._source.objects, sealed):
                wanted.join(at, data)
        return wanted

    def _deliver(self, log: Head, segments: Sequence[Segment], total: _Sum, wanted: _Sum | None) -> None:
        with self._target.database.transaction() as tx:
            self._turn.hold(tx)
            tx.rows("log_move", **structs.asdict(log))
            there = self._drop_all_but(tx, log, {each.object_key for each in segments})
            for sealed in segments:
                if sealed.object_key not in there:
                    adopt_segment(tx, log, sealed, self._clock_ms())
            tx.rows("log_chunks_drop", log_id=log.id)
            tx.rows("log_gaps_drop", log_id=log.id)
            for gap in self._source.logs.gaps(log.id):
                values = dict(vars(gap))
                tx.rows("gap_put", log_id=log.id, now_ms=values.pop("recorded_ms"), **values)
            self._tail(tx, log, total, wanted)
            crc32 = wanted.crc32 if wanted else log.crc32
            if (total.byte, total.crc32) != (log.end_byte, crc32):
                delivered = f"{total.byte} bytes with CRC-32 {total.crc32:08x}"
                raise Damaged(f"what was carried is {delivered}; the log has {log.end_byte} with {crc32:08x}")

    def _tail(self, tx: Transaction, log: Head, total: _Sum, wanted: _Sum | None) -> None:
        at = (log.sealed_byte, log.sealed_line)
        for low in range(log.sealed_byte, log.end_byte, _TAIL_BYTES):
            high = min(low + _TAIL_BYTES, log.end_byte)
            chunks = [each for each in self._source.logs.chunks_by_byte(log.id, low, high) if each.start_byte >= low]
            for each in chunks:
                if (each.start_byte, each.start_line) != at:
                    raise Changed
                at = (each.end_byte, each.end_line)
                if wanted:
                    wanted.join(each.start_byte, each.data())
            tx.many("chunk_put", [_row(log, each) for each in chunks])
            for row in tx.rows("chunks_by_byte", log_id=log.id, low=low, high=high):
                written = Chunk(*row)
                total.join(written.start_byte, written.data())
        if at != (log.end_byte, log.end_line):
            raise Changed


def _frames(objects: Objects, sealed: Segment) -> Iterator[tuple[int, bytes]]:
    """Yields position and bytes of each frame of an object, which must be what its row says; raises Damaged."""
    stored = read_segment(objects, sealed)
    index = segment.index_of(stored)
    if len(stored) != sealed.object_bytes or segment.encode_index(index) != sealed.index:
        raise Damaged(f"object {sealed.object_key} is not what its row says")
    placed, view = index.placed(), memoryview(stored)
    for number, newlines in enumerate(index.newlines):
        frame = view[placed.stored[number] : placed.stored[number + 1]]
        data = segment.decode_frame(frame, placed.byte[number + 1] - placed.byte[number])
        if lines.count(data) != newlines:
            raise Damaged(f"object {sealed.object_key}: its index does not count its lines right")
        yield placed.byte[number], data


def _row(log: Head, chunk: Chunk) -> dict[str, int | bytes]:
    values = structs.asdict(chunk)
    return {"log_id": log.id, "data": values.pop("stored"), **values}
