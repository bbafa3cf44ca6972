"""Rows of segments, and the names of objects that have none: not yet, or not any more.

An object's name is among the garbage before the object is written; the transaction that gives it its row takes it out, and the
one that drops its row puts it back. A pack has many rows: its name is put back when the first of them is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from joblog.catalog.database import Row, Transaction, Value
from joblog.core.logs import Head, Segment

_PACKED = b"\xc1"
"""Begins the index in a row of a part of a pack: no msgpack begins so. A node of an older version, which knows nothing of packs
and runs on while others are upgraded, then says that it cannot read the index; else it might take another log's frames."""


class Doomed(Exception):
    """The object is being removed: whoever was to give it a row came too late."""


class PackName(Struct, frozen=True):
    """An object of many logs, whose bytes all of them have in the catalog, or in other objects."""

    object_key: str
    log_id: int = 0
    end_byte: int = 0


def name_object(tx: Transaction, named: Segment | PackName, now_ms: int) -> None:
    """Notes an object's name, before it is written or before it gets a row again; raises Doomed when it is being removed."""
    key, log_id, end_byte = named.object_key, named.log_id, named.end_byte
    if isinstance(named, Segment) and named.object_at is not None:
        log_id = end_byte = 0
    if not tx.rows("object_name", object_key=key, log_id=log_id, end_byte=end_byte, now_ms=now_ms):
        raise Doomed


def segment_of(row: Row) -> Segment:
    """Returns the segment of a row."""
    segment = Segment(*row)
    return segment if segment.object_at is None else structs.replace(segment, index=segment.index.removeprefix(_PACKED))


def put_segment(tx: Transaction, log: Head, segment: Segment) -> None:
    """Inserts a segment's row, of an object that was named; raises Doomed when it is being removed."""
    claim(tx, segment.object_key)
    tx.rows("segment_put", **_segment_row(log, segment))


def put_pack(tx: Transaction, parts: Sequence[tuple[Head, Segment]]) -> None:
    """Inserts the rows of all parts of a new pack, that was named; raises Doomed when it is being removed."""
    claim(tx, parts[0][1].object_key)
    tx.many("segment_put", [_segment_row(log, segment) for log, segment in parts])


def adopt_segment(tx: Transaction, log: Head, segment: Segment, since_ms: int) -> None:
    """Inserts a segment's row, of an object that others have written and that was named; raises Doomed.

    A pack may have parts that nobody needs: its name stays among the garbage, for whoever looks what of it is needed.
    """
    put_segment(tx, log, segment)
    if segment.object_at is not None:
        tx.rows("garbage_put", object_key=segment.object_key, now_ms=since_ms)


def claim(tx: Transaction, object_key: str) -> None:
    """Takes an object's name out of the garbage, in the transaction that gives it its rows; raises Doomed."""
    if not tx.rows("object_claim", object_key=object_key):
        raise Doomed


def _segment_row(log: Head, segment: Segment) -> dict[str, Value]:
    return {
        "log_id": log.id,
        "start_byte": segment.start_byte,
        "end_byte": segment.end_byte,
        "start_line": segment.start_line,
        "end_line": segment.end_line,
        "project_id": log.project_id,
        "object_key": segment.object_key,
        "object_at": segment.object_at,
        "object_bytes": segment.object_bytes,
        "level": segment.level,
        "first_ms": segment.first_ms,
        "last_ms": segment.last_ms,
        "frames": segment.index if segment.object_at is None else _PACKED + segment.index,
    }


def drop_segments(tx: Transaction, log_id: int, dropped: Sequence[tuple[int, str]], now_ms: int) -> bool:
    """Drops segments' rows, given by start byte and object, and notes their objects as garbage.

    False when one is not there (any more): then the transaction must be given up.
    """
    rows = tx.many("segment_drop", [{"log_id": log_id, "start_byte": at, "object_key": key} for at, key in dropped])
    note_garbage(tx, [row for each in rows for row in each], now_ms)
    return all(rows)


def note_garbage(tx: Transaction, dropped: Iterable[Row], now_ms: int) -> None:
    """Notes the objects of rows that were dropped, given by key and place in the object, as garbage; last in a transaction.

    Packs may be those of others, too: their names are locked in one order.
    """
    rows = list(dropped)
    tx.many("garbage_put", [{"object_key": key, "now_ms": now_ms} for key in sorted({key for key, _ in rows})])
    packs = sorted({key for key, at in rows if at is not None})
    tx.many("garbage_last", [{"object_key": key, "now_ms": now_ms} for key in packs])
