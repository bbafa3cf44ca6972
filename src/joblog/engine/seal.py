"""Sealing, merging and writing whole segments: from chunks, or small segments, to one object.

The order is always: note the object's name in the catalog, write the object, see that it is there, swap the rows in one fenced
transaction, and, after a grace period, remove what the rows named before. A crash in between leaves a name that no row has, and
whose object is removed in its time; never a row without its object, never an object that the catalog does not know.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct

from joblog.catalog.leases import LEASE_MS, Lease
from joblog.catalog.logs import Logs, advance, advanced, seal
from joblog.catalog.segments import Doomed, PackName, drop_segments, put_segment
from joblog.core import lines
from joblog.core.counters import SEALED, Tally
from joblog.core.lines import Bytes
from joblog.core.logs import Chunk, Head, Segment
from joblog.core.segment import (
    COLD_FRAME_BYTES,
    FRAME_BYTES,
    LEVEL_FAST,
    LEVEL_INDEXED,
    LEVEL_SMALL,
    SegmentWriter,
    decode_index,
    encode_index,
)
from joblog.core.words import GROUP_BYTES, SHARE, WordsWriter
from joblog.engine.plans import SEGMENT_BYTES, plan_compression, plan_merges
from joblog.errors import Damaged, JoblogError, Unavailable
from joblog.objects.frame_store import FrameStore
from joblog.objects.store import Objects, segment_key

_SEAL_BYTES = 8 * 1024 * 1024
"""Raw bytes sealed in one step: they are in memory meanwhile."""

_FRAME_ENOUGH_BYTES = 32 * 1024
"""A compressed chunk of so many raw bytes becomes a frame of the segment as it is: sealing is copying, as merging is."""

_SEEN_BYTES = 4096
"""Of an object's end read back before rows rely on it: its index is there, at least the end of it."""

_Make = Callable[[Sequence[Segment]], tuple[SegmentWriter, int]]
"""Writes the frames of segments to a new one, and says of which level it is."""

_WORTH_FRAMES = 16
"""What has fewer frames, less than a mebibyte, is not compressed anew: a fifth of some kilobytes is less than a block."""


class Sealer:
    """Moves bytes from the catalog into the object store. Methods block; they raise Unavailable and Damaged."""

    words_share = SHARE
    """Of an object's frames, what their words may take."""
    segment_bytes = SEGMENT_BYTES
    """Raw bytes of a segment that is made of others, at most."""

    def __init__(
        self,
        logs: Logs,
        frames: FrameStore,
        objects: Objects,
        *,
        frame_bytes: int = FRAME_BYTES,
        tally: Tally | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """``ready``: whether the store may be written to in the way of an append."""
        self.logs, self.objects = logs, objects
        self._frames = frames
        self._frame_bytes = frame_bytes
        self.tally = tally or Tally()
        self._ready = ready

    def seal(self, log_id: int, lease: Lease | None = None) -> bool:
        """Seals the next stretch of a log's tail; False when there is none, another sealer was first, or the lease is lost."""
        try:
            return self._seal([(log_id, lease)]) > 0
        except Doomed:
            return False

    def seal_all(self, leases: Sequence[Lease], stopped: Callable[[], bool]) -> int:
        """Seals the next stretch of each of these logs; returns how many there were. Small ones share commits."""
        try:
            return self._seal([(lease.log_id, lease) for lease in leases], stopped)
        except (Doomed, JoblogError):  # now each by itself, so that the others are sealed
            made = 0
            for lease in leases:
                made += self.seal(lease.log_id, lease)
                if stopped():
                    break
            return made

    def _seal(self, wanted: Sequence[tuple[int, Lease | None]], stopped: Callable[[], bool] = lambda: False) -> int:
        """Seals stretches, as many at a time as are in memory; raises Doomed."""
        made = held_bytes = 0
        ready: list[Stretch] = []
        for log_id, lease in wanted:
            stretch = self.stretch(log_id, lease)
            if stretch is not None:
                ready.append(stretch)
                held_bytes += stretch.segment.end_byte - stretch.segment.start_byte
            if held_bytes >= _SEAL_BYTES:
                made, held_bytes, ready = made + self._swap(ready), 0, []
                if stopped():
                    break
        return made + self._swap(ready)

    def _swap(self, ready: Sequence[Stretch]) -> int:
        if not ready:
            return 0
        write_objects(self.logs, self.objects, [(each.segment, each.data) for each in ready])
        with self.logs.transaction() as tx:
            sealed = sum(
                (each.lease is None or each.lease.hold(tx)) and seal(tx, each.log, each.segment, each.rest)
                for each in sorted(ready, key=lambda each: each.log.id)
            )
        self.tally.add(SEALED, "seal", count=sealed)
        return sealed

    def stretch(self, log_id: int, lease: Lease | None) -> Stretch | None:
        """Makes a segment of the next stretch of a log's tail, if there is one."""
        log = self.logs.head(log_id)
        high = min(log.end_byte, log.sealed_byte + _SEAL_BYTES)
        chunks = self.logs.chunks_by_byte(log.id, log.sealed_byte, high) if high > log.sealed_byte else []
        if not chunks or chunks[0].start_byte != log.sealed_byte:
            return None
        writer = SegmentWriter(log.sealed_byte, log.sealed_line, LEVEL_FAST, self._frame_bytes)
        for chunk in chunks[:-1]:
            writer.arrived(chunk.start_byte, chunk.appended_ms)
            if chunk.is_frame and chunk.end_byte - chunk.start_byte >= _FRAME_ENOUGH_BYTES:
                writer.add_frame(chunk.stored, chunk.end_byte - chunk.start_byte, chunk.end_line - chunk.start_line)
            else:
                writer.add(chunk.data())
        last, data = chunks[-1], chunks[-1].data()
        rest = data[_seal_border(log, last, data) :]
        writer.arrived(last.start_byte, last.appended_ms)
        writer.add(data[: len(data) - len(rest)])
        segment, stored = self._made(log, writer, LEVEL_FAST, chunks[0].appended_ms, last.appended_ms)
        return Stretch(log, segment, stored, rest, lease)

    def append_sealed(self, log: Head, data: Bytes, now_ms: int) -> Head | None:
        """Appends a large body as a segment of its own, at the end that ``log`` shows; returns the head behind it.

        None, and nothing done, when the log has a tail in the catalog, is closed, or has moved on; when the store is not
        ready; or when storing took longer than a lease lasts.
        """
        began_s = time.monotonic()
        if not self._ready() or log.closed or log.sealed_byte != log.end_byte:
            return None
        head = advanced(log, data, lines.count(data), now_ms)
        writer = SegmentWriter(log.end_byte, log.end_line, LEVEL_FAST, self._frame_bytes)
        writer.arrived(log.end_byte, head.appended_ms)
        writer.add(data)
        try:
            segment = self._store(log, writer, LEVEL_FAST, head.appended_ms, head.appended_ms)
            if time.monotonic() - began_s > LEASE_MS / 1000:
                return None
            with self.logs.transaction() as tx:
                if not advance(tx, log, head) or not seal(tx, log, segment, b""):
                    raise Overtaken
        except (Doomed, Overtaken):
            return None
        self.tally.add(SEALED, "append")
        return head

    def merge(
        self, log_id: int, now_ms: int, lease: Lease | None = None, *, give_up: Callable[[], bool] = lambda: False
    ) -> int:
        """Makes few segments of a log's many, mostly by copying; returns how many became fewer.

        ``give_up`` is asked between one frame and the next: a large merge may take longer than a server has to end.
        """
        log = self.logs.head(log_id)
        sizes = self.logs.segment_sizes(log_id)
        plans = plan_merges(sizes, whole=_is_whole(log), most_bytes=self.segment_bytes)
        small = all(level == LEVEL_INDEXED for _, _, level in sizes)  # else it is looked at once more, to be compressed
        return self._merged(log, plans, log.fresh_segments - (not small), partial(self._copied, give_up), now_ms, lease)

    def compress(
        self, log_id: int, now_ms: int, lease: Lease | None = None, *, rest: Callable[[float], bool] = lambda _: False
    ) -> int:
        """Compresses anew, hard, what of a log's segments is not, and indexes it; returns how many became fewer or smaller.

        ``rest`` is called between one frame and the next with the seconds that one took of a processor: whether to give up.
        """
        log = self.logs.head(log_id)
        sizes, least_bytes = self.logs.segment_sizes(log_id), self._frame_bytes * _WORTH_FRAMES
        plans = plan_compression(sizes, least_bytes, whole=_is_whole(log), most_bytes=self.segment_bytes)
        return self._merged(log, plans, log.fresh_segments, partial(self._compressed, rest), now_ms, lease)

    def _merged(
        self, log: Head, plans: Sequence[tuple[int, int]], looked_at: int, make: _Make, now_ms: int, lease: Lease | None
    ) -> int:
        merged = 0
        for start_byte, end_byte in plans:
            try:
                merged += self._replace(log, (start_byte, end_byte), make, now_ms, lease)
            except (Doomed, Overtaken):
                break  # What this plan was made from is no more; the next look plans anew.
            except _GivenUp:
                return merged
        if looked_at > 0:
            with self.logs.transaction() as tx:
                tx.rows("log_merged", id=log.id, looked_at=looked_at)
        return merged

    def _replace(self, log: Head, span: tuple[int, int], make: _Make, now_ms: int, lease: Lease | None) -> int:
        start_byte, end_byte = span
        old = self.logs.segments_by_byte(log.id, start_byte, end_byte)
        if not old or old[0].start_byte != start_byte or old[-1].end_byte != end_byte:
            return 0
        writer, level = make(old)
        segment = self._store(log, writer, level, old[0].first_ms, old[-1].last_ms)
        with self.logs.transaction() as tx:
            if (lease is not None and not lease.hold(tx)) or not tx.rows("log_merged", id=log.id, looked_at=0):
                raise Overtaken
            if not drop_segments(tx, log.id, [(each.start_byte, each.object_key) for each in old], now_ms):
                raise Overtaken
            put_segment(tx, log, segment)
        self.tally.add(SEALED, "merge")
        return len(old)

    def _copied(self, give_up: Callable[[], bool], old: Sequence[Segment]) -> tuple[SegmentWriter, int]:
        """Copies the frames of segments as they are, each verified; small ones become larger ones."""
        writer = SegmentWriter(old[0].start_byte, old[0].start_line, LEVEL_FAST, self._frame_bytes)
        for each in old:
            _arrived(writer, each)
            for stored, piece in self._frames.copies(each):
                if give_up():
                    raise _GivenUp
                if len(piece.data) >= self._frame_bytes // 2:
                    writer.add_frame(stored, len(piece.data), piece.end_line - piece.start_line)
                else:
                    writer.add(piece.data)
        return writer, min(LEVEL_SMALL, *(each.level for each in old))  # their words are of other frames

    def _compressed(self, rest: Callable[[float], bool], old: Sequence[Segment]) -> tuple[SegmentWriter, int]:
        frame_bytes = self._frame_bytes * (COLD_FRAME_BYTES // FRAME_BYTES)
        group_bytes = self._frame_bytes * (GROUP_BYTES // FRAME_BYTES)
        words = WordsWriter(line_start=self._is_line_start(old[0]), group_bytes=group_bytes, share=self.words_share)
        writer = SegmentWriter(old[0].start_byte, old[0].start_line, LEVEL_SMALL, frame_bytes, words)
        small = all(each.level >= LEVEL_SMALL for each in old)
        for each in old:
            _arrived(writer, each)
            began_s = time.thread_time()
            for stored, piece in self._frames.copies(each):
                if small:
                    writer.add_frame(stored, len(piece.data), piece.end_line - piece.start_line, piece.data)
                else:
                    writer.add(piece.data)
                if rest(time.thread_time() - began_s):
                    raise _GivenUp
                began_s = time.thread_time()
        return writer, LEVEL_INDEXED

    def _is_line_start(self, first: Segment) -> bool:
        """Whether a segment begins at a line's beginning, or at what is kept of it."""
        before = self.logs.segments_by_byte(first.log_id, first.start_byte - 1, first.start_byte) if first.start_byte else []
        if not before:
            return True
        last = len(self._frames.placed(before[0]).byte) - 2
        return self._frames.read(before[0], range(last, last + 1))[0].data.endswith(b"\n")

    def _store(self, log: Head, writer: SegmentWriter, level: int, first_ms: int, last_ms: int) -> Segment:
        """Writes an object under a name that the catalog has noted; raises Unavailable, Doomed."""
        segment, data = self._made(log, writer, level, first_ms, last_ms)
        write_object(self.logs, self.objects, segment, data)
        return segment

    def _made(self, log: Head, writer: SegmentWriter, level: int, first_ms: int, last_ms: int) -> tuple[Segment, bytes]:
        """Returns a segment and its object."""
        data, index = writer.finish(self.logs.about(log))
        frames = index.placed()
        segment = Segment(
            log_id=log.id,
            start_byte=index.start_byte,
            end_byte=frames.byte[-1],
            start_line=index.start_line,
            end_line=frames.line[-1],
            object_key=segment_key(log, index.start_byte, frames.byte[-1]),
            object_bytes=len(data),
            level=level,
            first_ms=first_ms,
            last_ms=last_ms,
            index=encode_index(index),
        )
        return segment, data


class Stretch(Struct, frozen=True):
    """What is ready to take the place of chunks: a segment, its object, and the bytes of the last chunk that stay."""

    log: Head
    segment: Segment
    data: bytes
    rest: bytes
    lease: Lease | None


def write_object(logs: Logs, objects: Objects, named: Segment | PackName, data: bytes) -> None:
    """Writes one object as ``write_objects`` does."""
    write_objects(logs, objects, [(named, data)])


def write_objects(logs: Logs, objects: Objects, made: Sequence[tuple[Segment | PackName, bytes]]) -> None:
    """Notes the names, writes the objects, and looks whether they are there: a store's word is not enough to drop chunks by.

    Raises Unavailable; Doomed where that took longer than names without a row are kept.
    """
    logs.name_objects([named for named, _ in made])
    for named, data in made:
        objects.put(named.object_key, data)
        if not logs.is_named(named.object_key):  # else the object would be one that the catalog does not know
            try:
                logs.name_objects([named])
            except Doomed:
                objects.delete(named.object_key)
                raise
        try:
            (end,) = objects.ranges(named.object_key, [max(len(data) - _SEEN_BYTES, 0)], [len(data)])
        except Damaged:
            end = b""
        if not end or not data.endswith(end):
            raise Unavailable(f"the object store has taken object {named.object_key}, and does not have it")


class Overtaken(Exception):
    """Another node merged or removed a segment while this one was merging it, or has the lease now."""


class _GivenUp(Exception):
    """Whoever asked for the merge does not want it any more."""


def _arrived(writer: SegmentWriter, old: Segment) -> None:
    index = decode_index(old.index)
    for byte, ms in zip(index.second_byte, index.second_ms, strict=True):
        writer.arrived(byte, ms)


def _is_whole(log: Head) -> bool:
    """Whether nothing will be added to a log's segments."""
    return log.closed and log.sealed_byte == log.end_byte


def _seal_border(log: Head, last: Chunk, data: bytes) -> int:
    """Returns how much of the last chunk is sealed: not the line that goes on, unless it is all of the chunk."""
    if log.closed and last.end_byte == log.end_byte:
        return len(data)
    return data.rfind(b"\n") + 1 or len(data)
