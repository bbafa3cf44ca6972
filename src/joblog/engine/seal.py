"""Sealing, merging and writing whole segments: from chunks, or small segments, to one object.

The order is always: note the object's name in the catalog, write the object, see that it is there, swap the rows in one fenced
transaction, and, after a grace period, remove what the rows named before. A crash in between leaves a name that no row has, and
whose object is removed in its time; never a row without its object, never an object that the catalog does not know.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from joblog.catalog.leases import LEASE_MS, Lease
from joblog.catalog.logs import Doomed, Logs, advance, advanced, drop_segment, put_segment, seal
from joblog.core import lines
from joblog.core.counters import SEALED, Tally
from joblog.core.lines import Bytes
from joblog.core.logs import Chunk, Log, Segment
from joblog.core.segment import FRAME_BYTES, LEVEL_FAST, LEVEL_SMALL, SegmentWriter, decode_index, encode_index
from joblog.errors import Damaged, Unavailable
from joblog.objects.frame_store import FrameStore
from joblog.objects.store import Objects, segment_key

SEGMENT_BYTES = 64 * 1024 * 1024
"""Raw bytes of a segment, at most: a 10 GB log is then 160 rows."""

_SEAL_BYTES = 8 * 1024 * 1024
"""Raw bytes sealed in one step: they are in memory meanwhile."""

_FRAME_ENOUGH_BYTES = 32 * 1024
"""A compressed chunk of so many raw bytes becomes a frame of the segment as it is: sealing is copying, merging compresses."""

_SEEN_BYTES = 4096
"""Of an object's end read back before rows rely on it: its index is there, at least the end of it."""

_MERGE_FAN_IN = 4
"""So many neighbours of like size become one, so that a byte is rewritten log4 times in the log's life, not more."""


class Sealer:
    """Moves bytes from the catalog into the object store. Methods block; they raise Unavailable and Damaged."""

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
        self._logs = logs
        self._frames = frames
        self._objects = objects
        self._frame_bytes = frame_bytes
        self.tally = tally or Tally()
        self._ready = ready

    def seal(self, log_id: int, lease: Lease | None = None) -> bool:
        """Seals the next stretch of a log's tail; False when there is none, another sealer was first, or the lease is lost."""
        log = self._logs.head(log_id)
        high = min(log.end_byte, log.sealed_byte + _SEAL_BYTES)
        chunks = self._logs.chunks_by_byte(log.id, log.sealed_byte, high) if high > log.sealed_byte else []
        if not chunks or chunks[0].start_byte != log.sealed_byte:
            return False
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
        try:
            segment = self._store(log, writer, LEVEL_FAST, chunks[0].appended_ms, last.appended_ms)
            with self._logs.transaction() as tx:
                sealed = (lease is None or lease.hold(tx)) and seal(tx, log, segment, rest)
        except Doomed:
            return False
        self.tally.add(SEALED, "seal", count=int(sealed))
        return sealed

    def append_sealed(self, log: Log, data: Bytes, now_ms: int) -> Log | None:
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
            with self._logs.transaction() as tx:
                if not advance(tx, log, head) or not seal(tx, log, segment, b""):
                    raise _Overtaken
        except (Doomed, _Overtaken):
            return None
        self.tally.add(SEALED, "append")
        return head

    def merge(
        self, log_id: int, now_ms: int, lease: Lease | None = None, *, give_up: Callable[[], bool] = lambda: False
    ) -> int:
        """Merges what is worth merging of a log's segments; returns how many segments became fewer or smaller.

        ``give_up`` is asked between one frame and the next: a large merge takes longer than a server has to end.
        """
        log = self._logs.head(log_id)
        sizes = self._logs.segment_sizes(log_id)
        merged = 0
        for start_byte, end_byte in plan_merges(sizes, whole=log.closed and log.sealed_byte == log.end_byte):
            try:
                merged += self._merge(log, (start_byte, end_byte), now_ms, lease, give_up)
            except (Doomed, _Overtaken):
                break  # What this plan was made from is no more; the next look plans anew.
            except _GivenUp:
                return merged
        with self._logs.transaction() as tx:
            tx.rows("log_merged", id=log_id, looked_at=log.fresh_segments)
        return merged

    def _merge(self, log: Log, span: tuple[int, int], now_ms: int, lease: Lease | None, give_up: Callable[[], bool]) -> int:
        start_byte, end_byte = span
        old = self._logs.segments_by_byte(log.id, start_byte, end_byte)
        if not old or old[0].start_byte != start_byte or old[-1].end_byte != end_byte:
            return 0
        writer = SegmentWriter(start_byte, old[0].start_line, LEVEL_SMALL, self._frame_bytes)
        for each in old:
            index = decode_index(each.index)
            for byte, ms in zip(index.second_byte, index.second_ms, strict=True):
                writer.arrived(byte, ms)
            for piece in self._frames.stream(each):
                if give_up():
                    raise _GivenUp
                writer.add(piece.data)
        segment = self._store(log, writer, LEVEL_SMALL, old[0].first_ms, old[-1].last_ms)
        with self._logs.transaction() as tx:
            if (lease is not None and not lease.hold(tx)) or not tx.rows("log_merged", id=log.id, looked_at=0):
                raise _Overtaken
            for each in old:
                if not drop_segment(tx, log.id, each.start_byte, each.object_key, now_ms):
                    raise _Overtaken
            put_segment(tx, log, segment)
        self.tally.add(SEALED, "merge")
        return len(old)

    def _store(self, log: Log, writer: SegmentWriter, level: int, first_ms: int, last_ms: int) -> Segment:
        """Writes an object under a name that the catalog has noted; raises Unavailable, Doomed."""
        data, index = writer.finish(self._logs.about(log))
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
        write_object(self._logs, self._objects, segment, data)
        return segment


def write_object(logs: Logs, objects: Objects, segment: Segment, data: bytes) -> None:
    """Notes the name, writes the object, and looks whether it is there: a store's word for it is not enough to drop chunks by.

    Raises Unavailable; Doomed where that took longer than names without a row are kept.
    """
    logs.name_object(segment)
    objects.put(segment.object_key, data)
    if not logs.is_named(segment.object_key):  # else the object would be one that the catalog does not know
        try:
            logs.name_object(segment)
        except Doomed:
            objects.delete(segment.object_key)
            raise
    try:
        (end,) = objects.ranges(segment.object_key, [max(len(data) - _SEEN_BYTES, 0)], [len(data)])
    except Damaged:
        end = b""
    if not end or not data.endswith(end):
        raise Unavailable(f"the object store has taken object {segment.object_key}, and does not have it")


class _Overtaken(Exception):
    """Another node merged or removed a segment while this one was merging it, or has the lease now."""


class _GivenUp(Exception):
    """Whoever asked for the merge does not want it any more."""


def plan_merges(sizes: Sequence[tuple[int, int, int]], *, whole: bool) -> list[tuple[int, int]]:
    """Plans merges of segments given as (start byte, end byte, level), which join up; returns the byte ranges to merge.

    A growing log: from its newest segment back, as long as each is at most twice the size of all newer ones together
    (or of a frame: what is less costs nothing to rewrite), when there are _MERGE_FAN_IN of them. A ``whole`` one, closed
    and sealed: everything, in ranges of up to SEGMENT_BYTES, except what is one segment of the small level already.
    """
    if whole:
        return [
            (group[0][0], group[-1][1]) for group in _groups(sizes) if len(group) > 1 or (group and group[0][2] != LEVEL_SMALL)
        ]
    total = taken = 0
    for start, end, _ in reversed(sizes):
        if (taken and end - start > 2 * max(total, FRAME_BYTES)) or total + end - start > SEGMENT_BYTES:
            break
        total += end - start
        taken += 1
    return [(sizes[-taken][0], sizes[-1][1])] if taken >= _MERGE_FAN_IN else []


def _groups(sizes: Sequence[tuple[int, int, int]]) -> list[list[tuple[int, int, int]]]:
    groups: list[list[tuple[int, int, int]]] = []
    for each in sizes:
        if not groups or each[1] - groups[-1][0][0] > SEGMENT_BYTES:
            groups.append([])
        groups[-1].append(each)
    return groups


def _seal_border(log: Log, last: Chunk, data: bytes) -> int:
    """Returns how much of the last chunk is sealed: not the line that goes on, unless it is all of the chunk."""
    if log.closed and last.end_byte == log.end_byte:
        return len(data)
    return data.rfind(b"\n") + 1 or len(data)
