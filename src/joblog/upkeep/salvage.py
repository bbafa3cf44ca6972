"""What can be made of objects when their rows are gone or wrong: which of them tile a log, and what stands where none does.

An object says what log it is of and where in it. Objects may overlap, as a merged one does with those that it was made of and
that nobody has removed yet: of them such are chosen as hold the most bytes, in the fewest pieces. Positions and line numbers
never change, so where bytes are lost as many others stand, with as many newlines, that say so.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from joblog.catalog.logs import Logs
from joblog.core import lines
from joblog.core.logs import Head, Segment
from joblog.core.pack import part_spans
from joblog.core.segment import (
    LEVEL_FAST,
    LEVEL_INDEXED,
    LEVEL_SMALL,
    Index,
    SegmentWriter,
    decode_frame,
    encode_index,
    index_of,
    words_place,
)
from joblog.engine.plans import SEGMENT_BYTES
from joblog.engine.seal import write_object
from joblog.errors import Damaged
from joblog.objects.frame_store import read_segment
from joblog.objects.store import Objects, segment_key

LOST_OBJECT = "object lost"
"""The reason of a gap whose bytes were sealed, and are in no object any more; others stand in their place."""

# An index is some kilobytes; of an object with a larger one all is read.
_END_BYTES = 64 * 1024

_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class SalvagedObject:
    """An object, as it describes itself."""

    key: str
    size_bytes: int
    written_ms: int
    index: Index
    end_byte: int
    end_line: int
    at: int | None = None
    """Where in a pack it begins; ``size_bytes`` is then that of the part."""

    @property
    def log_id(self) -> int:
        """The log that it is of; 0 if it does not say."""
        return int(self.index.about.get("log_id") or 0)

    @property
    def place(self) -> tuple[str, int | None]:
        """What tells it from all others."""
        return self.key, self.at

    @property
    def start_byte(self) -> int:
        """Where in the log it begins."""
        return self.index.start_byte

    @property
    def start(self) -> tuple[int, int]:
        """The byte and the line number at which it begins."""
        return self.index.start_byte, self.index.start_line

    def segment(self, log_id: int) -> Segment:
        """Returns the row that it gets."""
        times = self.index.second_ms or [self.written_ms]
        index = encode_index(self.index)
        first, end = words_place(sum(self.index.stored_bytes), self.size_bytes, index)
        return Segment(
            log_id=log_id,
            start_byte=self.start_byte,
            end_byte=self.end_byte,
            start_line=self.index.start_line,
            end_line=self.end_line,
            object_key=self.key,
            object_bytes=self.size_bytes,
            # Which it was written with it does not say; a merge will not do it again for nothing. What is packed stays so.
            level=LEVEL_INDEXED if first < end else LEVEL_SMALL if self.at is None else LEVEL_FAST,
            first_ms=times[0],
            last_ms=times[-1],
            index=index,
            object_at=self.at,
        )


@dataclass(frozen=True)
class SalvagedSpan:
    """Bytes that are left of a log, after ``start_line`` newlines; or, without ``data``, what stands for lost ones."""

    start_byte: int
    start_line: int
    data: bytes
    lost: bool = False


@dataclass(frozen=True)
class SalvagedPack:
    """The parts of a pack that say what they are; sentences on the others; and what is wrong with its table, if it is."""

    parts: list[SalvagedObject]
    problems: list[str]
    table_problem: str = ""


def describe_pack(objects: Objects, key: str, written_ms: int) -> SalvagedPack:
    """Reads what the parts of a pack say of themselves; raises Unavailable."""
    parts, problems, table_problem = list[SalvagedObject](), list[str](), ""
    try:
        stored = objects.get(key)
        try:
            spans = part_spans(stored, walk=False)
        except Damaged as error:
            table_problem, spans = f"object {key}: {error}", part_spans(stored)
    except Damaged as error:
        return SalvagedPack([], [f"object {key}: {error}"])
    for start, end in spans:
        try:
            index = index_of(stored[start:end])
        except Damaged as error:
            problems.append(f"object {key}, part at {start}: {error}")
            continue
        placed = index.placed()
        parts.append(SalvagedObject(key, end - start, written_ms, index, placed.byte[-1], placed.line[-1], start))
    return SalvagedPack(parts, problems, table_problem)


def describe(objects: Objects, key: str, size: int, written_ms: int) -> SalvagedObject:
    """Reads what an object of one log says of itself; raises Damaged, Unavailable."""
    (end,) = objects.ranges(key, [max(size - _END_BYTES, 0)], [size]) if size else [b""]
    try:
        index = index_of(end)
    except Damaged:
        index = index_of(objects.get(key))
    placed = index.placed()
    return SalvagedObject(key, size, written_ms, index, placed.byte[-1], placed.line[-1])


def cover(pieces: Sequence[SalvagedObject]) -> list[SalvagedObject]:
    """Chooses objects that do not overlap and hold the most bytes; of such, the fewest, and what ends first."""
    ordered = sorted(pieces, key=lambda each: (each.end_byte, each.start_byte))
    ends = [each.end_byte for each in ordered]
    best: list[tuple[int, int]] = [(0, 0)]  # of the first pieces: bytes, minus how many
    taken: list[int | None] = []  # behind how many of the first it is taken, or None
    for number, piece in enumerate(ordered):
        before = bisect.bisect_right(ends, piece.start_byte, 0, number)
        size, count = best[before]
        mine = (size + piece.end_byte - piece.start_byte, count - 1)
        taken.append(before if mine > best[number] else None)
        best.append(max(mine, best[number]))
    chosen, at = [], len(ordered)
    while at:
        before_or_none = taken[at - 1]
        if before_or_none is None:
            at -= 1
        else:
            chosen.append(ordered[at - 1])
            at = before_or_none
    return chosen[::-1]


def is_covered(piece: SalvagedObject, chosen: Sequence[Segment]) -> bool:
    """Whether all that an object holds is in segments that lie in order."""
    at = piece.start_byte
    for each in chosen:
        if each.start_byte <= at < each.end_byte:
            at = each.end_byte
    return at >= piece.end_byte


def read_frames(objects: Objects, salvaged: SalvagedObject) -> Iterator[SalvagedSpan | None]:
    """Yields the frames of an object, None for one that is damaged; raises Damaged when there is no object."""
    placed, stored = salvaged.index.placed(), memoryview(read_segment(objects, salvaged.segment(0)))
    for number, newlines in enumerate(salvaged.index.newlines):
        try:
            frame = stored[placed.stored[number] : placed.stored[number + 1]]
            data = decode_frame(frame, placed.byte[number + 1] - placed.byte[number])
            yield SalvagedSpan(placed.byte[number], placed.line[number], data) if lines.count(data) == newlines else None
        except Damaged:
            yield None


def mended(start: tuple[int, int], end: tuple[int, int], left: Sequence[SalvagedSpan]) -> Iterator[SalvagedSpan]:
    """Yields what stands between two places (byte, line number): what is left of it and, between that, what stands for it."""
    at, line = start
    for span in sorted(left, key=lambda each: each.start_byte):
        if span.start_byte + len(span.data) <= at or span.start_byte >= end[0]:
            continue
        if span.start_byte > at:
            yield from _stand_in((at, line), (span.start_byte, span.start_line))
            at, line = span.start_byte, span.start_line
        data = span.data[at - span.start_byte : end[0] - span.start_byte]
        yield SalvagedSpan(at, line, data)
        at, line = at + len(data), line + lines.count(data)
    yield from _stand_in((at, line), end)


def _stand_in(start: tuple[int, int], end: tuple[int, int]) -> Iterator[SalvagedSpan]:
    """Yields as many bytes and newlines as were there: a sentence, blanks, and the newlines behind them."""
    size, newlines = end[0] - start[0], end[1] - start[1]
    if not size:
        return
    words = b"[joblog] %d bytes were lost here (%s) " % (size, LOST_OBJECT.encode())
    for low in range(0, size, _BLOCK):
        high = min(low + _BLOCK, size)
        text = words[low:high].ljust(high - low)
        ends = max(high - max(low, size - newlines), 0)
        before = max(low - (size - newlines), 0)
        yield SalvagedSpan(start[0] + low, start[1] + before, text[: high - low - ends] + b"\n" * ends, lost=True)


def write_mended(
    logs: Logs, objects: Objects, log: Head, spans: Iterator[SalvagedSpan], ms: int
) -> tuple[list[Segment], list[SalvagedSpan]]:
    """Writes objects for a stretch of a log; returns their segments, and what stands there for lost bytes."""
    segments: list[Segment] = []
    lost: list[SalvagedSpan] = []
    writer: SegmentWriter | None = None
    size = 0
    for span in spans:
        if writer is None:
            writer, size = SegmentWriter(span.start_byte, span.start_line, LEVEL_FAST), 0
            writer.arrived(span.start_byte, ms)
        writer.add(span.data)
        size += len(span.data)
        lost += [span] if span.lost else []
        if size >= SEGMENT_BYTES:
            segments.append(_written(logs, objects, log, writer, ms))
            writer = None
    if writer is not None:
        segments.append(_written(logs, objects, log, writer, ms))
    return segments, lost


def _written(logs: Logs, objects: Objects, log: Head, writer: SegmentWriter, ms: int) -> Segment:
    data, index = writer.finish(logs.about(log))
    placed = index.placed()
    key = segment_key(log, index.start_byte, placed.byte[-1])
    segment = SalvagedObject(key, len(data), ms, index, placed.byte[-1], placed.line[-1]).segment(log.id)
    write_object(logs, objects, segment, data)
    return segment
