"""A log's rows: its head, the chunks of its tail, the segments before them, and the steps that change them.

Each step is one transaction that fences itself: it names the border it saw and does nothing when that border has moved.
So nodes and threads need no locks between them, and a step that is repeated does no harm.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from joblog.api.values import RecordedGap
from joblog.catalog.database import Database, Row, Transaction, Value, batches
from joblog.catalog.segments import PackName, name_object, put_segment, segment_of
from joblog.core import lines
from joblog.core.lines import Bytes
from joblog.core.logs import Chunk, Head, Segment
from joblog.core.segment import encode_frame
from joblog.errors import Conflict, NotFound

CHUNK_BYTES = 64 * 1024
"""A chunk's rows are at most so large: a page reads whole rows, and agents send about so much at a time."""

_COMPRESS_BYTES = 2048
"""Smaller rows stay as they are: a page of the database holds several of them as it is."""


_HEADS = 16
"""Logs in one statement log_heads."""

_ABOUT = (
    "job_name", "job_created_ms", "version_number", "version_uuid", "run_id", "version_created_ms",
    "title", "command", "host", "user_name", "commit_id",
)  # fmt: skip
"""What the statement log_about returns."""


Claims = tuple[int | None, int | None]
"""How many bytes of a log its writer counts, and their CRC-32; None where it does not say."""


class Packed(Struct, frozen=True):
    """An append's bytes, and what its rows will be: for each its size, its newlines, what is stored.

    A row is stored as a zstd frame where that is shorter, which one sees by its length. Packing takes longer than writing
    what is left to write, so it is done before the transaction.
    """

    data: Bytes
    rows: list[tuple[int, int, Bytes]]

    @property
    def newlines(self) -> int:
        """All newlines."""
        return sum(row[1] for row in self.rows)


def pack(data: Bytes) -> Packed:
    """Makes rows of an append's bytes."""
    parts = [data] if len(data) <= CHUNK_BYTES else [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    return Packed(data, [(len(part), lines.count(part), _stored(part)) for part in parts])


def _stored(part: Bytes) -> Bytes:
    if len(part) < _COMPRESS_BYTES:
        return part
    frame = encode_frame(part)
    return frame if len(frame) < len(part) else part


class Logs:
    """The catalog's logs by id. All methods block."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.transaction = database.transaction
        self.clock_ms = database.clock_ms

    def head(self, log_id: int) -> Head:
        """Returns the log as it is now; raises NotFound."""
        return _head(self._db.rows("log", id=log_id), log_id)

    def heads(self, log_ids: Sequence[int]) -> dict[int, Head]:
        """Returns those of the logs that there are, as they are now, by their ids."""
        logs: dict[int, Head] = {}
        for some in batches(log_ids, _HEADS):
            logs.update((row[0], Head(*row)) for row in self._db.rows("log_heads", **some))
        return logs

    def all(self, after: int, limit: int) -> list[Head]:
        """Lists every project's logs by id."""
        return [Head(*row) for row in self._db.rows("logs_all", after=after, limit=limit)]

    def gaps(self, log_id: int) -> list[RecordedGap]:
        """Returns what was not kept, by position."""
        return [RecordedGap(*row) for row in self._db.rows("gaps", log_id=log_id)]

    def chunks_by_byte(self, log_id: int, low: int, high: int) -> list[Chunk]:
        """Returns the chunks that hold bytes of ``[low, high)``."""
        rows = self._db.rows("chunks_by_byte", log_id=log_id, low=low, high=high)
        return [Chunk(*row) for row in rows]

    def chunks_by_line(self, log_id: int, low: int, high: int) -> list[Chunk]:
        """Returns the chunks from the one that holds newline ``low`` to the one that holds newline ``high``."""
        return [Chunk(*row) for row in self._db.rows("chunks_by_line", log_id=log_id, low=low, high=high)]

    def name_objects(self, objects: Sequence[Segment | PackName]) -> None:
        """Notes objects' names, before they are written; raises Doomed when one is being removed."""
        with self.transaction() as tx:
            for each in objects:
                name_object(tx, each, self.clock_ms())

    def is_named(self, object_key: str) -> bool:
        """Whether the catalog has the name of an object that has no row yet, and the object is not being removed."""
        return bool(self._db.rows("object_named", object_key=object_key))

    def segments_by_byte(self, log_id: int, low: int, high: int) -> list[Segment]:
        """Returns the segments that hold bytes of ``[low, high)``."""
        rows = self._db.rows("segments_by_byte", log_id=log_id, low=low, high=high)
        return [segment_of(row) for row in rows]

    def segments_by_line(self, log_id: int, low: int, high: int) -> list[Segment]:
        """Returns the segments from the one that holds newline ``low`` to the one that holds newline ``high``."""
        return [segment_of(row) for row in self._db.rows("segments_by_line", log_id=log_id, low=low, high=high)]

    def segments_of(self, object_key: str) -> list[Segment]:
        """Returns all segments that an object holds, in the order of their logs' ids."""
        return [segment_of(row) for row in self._db.rows("segments_of_object", object_key=object_key)]

    def segments_since(self, log_id: int, since_ms: int, after_byte: int, limit: int) -> list[Segment]:
        """Returns segments from byte ``after_byte`` on that hold bytes which arrived at ``since_ms`` or later."""
        rows = self._db.rows("segments_since", log_id=log_id, since_ms=since_ms, after_byte=after_byte, limit=limit)
        return [segment_of(row) for row in rows]

    def chunk_times_since(self, log_id: int, since_ms: int) -> list[tuple[int, int, int]]:
        """Returns start byte, end byte and arrival (ms) of the chunks that arrived at ``since_ms`` or later."""
        return [(row[0], row[1], row[2]) for row in self._db.rows("chunk_times_since", log_id=log_id, since_ms=since_ms)]

    def about(self, log: Head) -> dict[str, str | int | None]:
        """Returns what an object says of its log, for whoever has the objects alone; raises NotFound."""
        rows = self._db.rows("log_about", id=log.id)
        if not rows:
            raise NotFound("log", log.id)
        about: dict[str, str | int | None] = {
            "project_id": log.project_id,
            "job_id": log.job_id,
            "version_id": log.version_id,
            "worker": log.worker,
            "log_file": log.log_file,
            "log_id": log.id,
            "created_ms": log.created_ms,
        }
        return about | dict(zip(_ABOUT, rows[0], strict=True))

    def segment_sizes(self, log_id: int) -> list[tuple[int, int, int]]:
        """Returns start byte, end byte and level of every segment, in order."""
        return [(row[0], row[1], row[2]) for row in self._db.rows("segment_sizes", log_id=log_id)]

    def close(self, log: Head, claimed_bytes: int | None, claimed_crc32: int | None, now_ms: int) -> Head:
        """Closes a log at the end that ``log`` shows; raises Conflict."""
        with self._db.transaction() as tx:
            return close(tx, log, (claimed_bytes, claimed_crc32), now_ms)

    def add_gaps(self, log_id: int, gaps: Sequence[RecordedGap]) -> list[RecordedGap]:
        """Records what was not kept, and returns what was not recorded before; the same gap again changes nothing."""
        with self._db.transaction() as tx:
            return add_gaps(tx, log_id, gaps)


def close(tx: Transaction, log: Head, claims: Claims, now_ms: int) -> Head:
    """Closes a log at the end that ``log`` shows, with what its writer counts; raises Conflict."""
    closed = tx.rows(
        "log_close", id=log.id, end_byte=log.end_byte, claimed_bytes=claims[0], claimed_crc32=claims[1], now_ms=now_ms
    )
    head = _head(tx.rows("log", id=log.id), log.id)
    if not closed:
        raise Conflict("the log grew while it was being closed", head.end_byte)
    return head


def add_gaps(tx: Transaction, log_id: int, gaps: Sequence[RecordedGap]) -> list[RecordedGap]:
    """Records what was not kept, and returns what was not recorded before; the same gap again changes nothing."""
    added = []
    for gap in gaps:
        new = tx.rows(
            "gap_put",
            log_id=log_id,
            at_byte=gap.at_byte,
            size_bytes=gap.size_bytes,
            reason=gap.reason,
            now_ms=gap.recorded_ms,
        )
        if new:
            tx.rows("log_lose", id=log_id, size_bytes=gap.size_bytes)
            added.append(gap)
    return added


class Appending:
    """What one transaction appends to one log: the parts that begin at its end, each at its ``at``, one after the other.

    An ``at`` that is None is the end, wherever that is. ``outcomes`` are, for each part, whether it was taken, and the log's
    head behind it. Of what was not, nothing is written.
    """

    def __init__(self, head: Head, parts: Sequence[tuple[int | None, Packed]], now_ms: int) -> None:
        self.before = self.head = head
        self.outcomes: list[tuple[bool, Head]] = []
        self.taken: list[Packed] = []
        for at, packed in parts:
            fits = at in (None, self.head.end_byte) and not self.head.closed
            if fits:
                self.head = advanced(self.head, packed.data, packed.newlines, now_ms)
                self.taken.append(packed)
            self.outcomes.append((fits, self.head))

    def overtaken(self, head: Head) -> None:
        """Says that another node has moved the log's end to where ``head`` shows it."""
        self.outcomes = [(False, head) for _ in self.outcomes]
        self.taken = []


def append(
    tx: Transaction, parts: Mapping[int, Sequence[tuple[int | None, Packed]]], now_ms: int
) -> dict[int, list[tuple[bool, Head]] | NotFound]:
    """Appends to logs, given by id, within a transaction: three statements, each for all logs, however many these are.

    Returns for each log the outcomes (see ``Appending``), or NotFound, with nothing written, when there is no such log.
    """
    ids = sorted(parts)  # The order in which all nodes lock them: two that did so in each other's order would wait for ever.
    heads = {row[0]: Head(*row) for rows in tx.many("log_to_append", [{"id": log_id} for log_id in ids]) for row in rows}
    appending = {log_id: Appending(heads[log_id], parts[log_id], now_ms) for log_id in ids if log_id in heads}
    moving = [each for each in appending.values() if each.taken]
    moved = tx.many("log_advance", [_advance(each.before, each.head) for each in moving])
    late = [each for each, done in zip(moving, moved, strict=True) if not done]
    for each, rows in zip(late, tx.many("log", [{"id": each.head.id} for each in late]), strict=True):
        each.overtaken(_head(rows, each.head.id))
    tx.later("chunk_put", [row for each in moving for row in _chunk_rows(each)])
    return {log_id: appending[log_id].outcomes if log_id in appending else NotFound("log", log_id) for log_id in ids}


def advanced(head: Head, data: Bytes, newlines: int, now_ms: int) -> Head:
    """Returns the head that ``data``, with so many newlines, leads to. Times never go back within a log, whatever clocks do."""
    last = data.rfind(b"\n") + 1
    return msgspec.structs.replace(
        head,
        end_byte=head.end_byte + len(data),
        end_line=head.end_line + newlines,
        partial_byte=head.end_byte + last if last else head.partial_byte,
        crc32=zlib.crc32(data, head.crc32),
        appended_ms=max(now_ms, head.appended_ms),
    )


def advance(tx: Transaction, was: Head, head: Head) -> bool:
    """Moves the log's end from where ``was`` shows it to where ``head`` does; False when it was elsewhere, or closed."""
    return bool(tx.rows("log_advance", **_advance(was, head)))


def seal(tx: Transaction, log: Head, segment: Segment, rest: bytes) -> bool:
    """Puts a segment in the place of the chunks it holds; ``rest`` is what the last of these chunks holds beyond it.

    False, and nothing done, when another sealer was first; raises Doomed.
    """
    if not tx.rows("log_seal", id=log.id, was=segment.start_byte, sealed_byte=segment.end_byte, sealed_line=segment.end_line):
        return False
    put_segment(tx, log, segment)
    tx.rows("chunks_drop", log_id=log.id, before=segment.end_byte)
    if rest:
        put_rest(tx, log.id, (segment.end_byte, segment.end_line), rest, segment.last_ms)
    return True


def put_rest(tx: Transaction, log_id: int, at: tuple[int, int], rest: bytes, appended_ms: int) -> None:
    """Puts back what is not sealed of a chunk that was dropped; ``at`` is its byte and line number."""
    tx.many("chunk_put", _chunks(log_id, at, [pack(rest)], appended_ms))


def drop_logs(tx: Transaction, log_ids: Sequence[int]) -> list[Row]:
    """Drops logs with all that they have; returns their segments' objects and places in them, for ``note_garbage``."""
    logs: list[dict[str, Value]] = [{"log_id": log_id} for log_id in log_ids]
    # First the logs: what another node does to one is over then, or will find it gone.
    tx.many("log_drop", [{"id": log_id} for log_id in log_ids])
    dropped = [row for rows in tx.many("log_segments_drop", logs) for row in rows]
    for drop in ("log_chunks_drop", "log_gaps_drop"):
        tx.many(drop, logs)
    return dropped


def _head(rows: list[tuple[object, ...]], log_id: int) -> Head:
    if not rows:
        raise NotFound("log", log_id)
    return Head(*rows[0])  # type: ignore[arg-type]  # the row is in the order of the fields


def _advance(was: Head, head: Head) -> dict[str, Value]:
    return {
        "id": head.id,
        "at": was.end_byte,
        "end_byte": head.end_byte,
        "end_line": head.end_line,
        "partial_byte": head.partial_byte,
        "crc32": head.crc32,
        "appended_ms": head.appended_ms,
    }


def _chunk_rows(appending: Appending) -> list[dict[str, Value]]:
    before = appending.before
    return _chunks(before.id, (before.end_byte, before.end_line), appending.taken, appending.head.appended_ms)


def _chunks(log_id: int, at: tuple[int, int], packed: Sequence[Packed], appended_ms: int) -> list[dict[str, Value]]:
    start_byte, start_line = at
    rows: list[dict[str, Value]] = []
    for size, newlines, stored in (row for each in packed for row in each.rows):
        rows.append(
            {
                "log_id": log_id,
                "start_byte": start_byte,
                "end_byte": start_byte + size,
                "start_line": start_line,
                "end_line": start_line + newlines,
                "appended_ms": appended_ms,
                "data": stored,
            }
        )
        start_byte, start_line = start_byte + size, start_line + newlines
    return rows
