"""Packing: many small closed logs of a project move from the catalog into one object, instead of each into its own.

What is needed of a pack is copied to a new one once some of it was not needed for a while, because it was deleted, or retention
has removed it: so its bytes go. The order of all steps is that of sealing: the name, the object, a look at it, one fenced
transaction for all rows. Where one log is not any more what it was, nothing is done, and the next look plans anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct, structs

from joblog.catalog.database import Value
from joblog.catalog.leases import Lease, hold_all
from joblog.catalog.segments import Doomed, PackName, claim, name_object, put_pack
from joblog.core.counters import DAMAGED, SEALED
from joblog.core.logs import Head, Segment
from joblog.core.pack import join, part_spans
from joblog.core.segment import decode_frame, decode_index, skipped
from joblog.engine.seal import Overtaken, Sealer, Stretch, write_object
from joblog.errors import Damaged, NotFound
from joblog.objects.store import pack_key, segment_key

SMALL_BYTES = 1024 * 1024
"""A closed log of fewer raw bytes is packed: a larger one is compressed anew when it is old, and is worth an object."""

_PACK_LOGS = 256
"""Logs of a pack, at most: the transaction that gives all of them their rows takes as long as some appends."""

_PACK_BYTES = 64 * 1024 * 1024
"""Raw bytes of a pack, at most: as many as of a segment, stored some 6 MB, which one look at a part's neighbour copies."""

_Part = tuple[Head, Segment]


class Packable(Struct, frozen=True):
    """A small log that is closed and all tail."""

    log_id: int
    project_id: str
    size_bytes: int
    closed_ms: int


def plan_packs(
    logs: Iterable[Packable], now_ms: int, after_ms: int, *, most_logs: int = _PACK_LOGS, most_bytes: int = _PACK_BYTES
) -> list[list[int]]:
    """Plans packs of logs, given in the order in which they were closed: of one project each, full ones, and late ones.

    A log waits for others of its project for ``after_ms``; one that a clock has closed in the future does not.
    """
    plans: list[list[int]] = []
    open_packs: dict[str, list[Packable]] = {}
    for log in logs:
        pack = open_packs.setdefault(log.project_id, [])
        pack.append(log)
        if len(pack) == most_logs or sum(each.size_bytes for each in pack) >= most_bytes:
            plans.append([each.log_id for each in open_packs.pop(log.project_id)])
    for pack in open_packs.values():
        if any(not now_ms - after_ms < each.closed_ms <= now_ms for each in pack):
            plans.append([each.log_id for each in pack])
    return plans


class Packer:
    """Makes packs. Methods block; they raise Unavailable and Damaged."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._logs, self._objects = sealer.logs, sealer.objects

    def pack(self, leases: Sequence[Lease], stopped: Callable[[], bool] = lambda: False) -> int:
        """Packs logs of one project that are closed and all tail; returns how many. One alone gets an object of its own.

        Raises Damaged for one that is, when the others are packed.
        """
        stretches, damaged = self._stretches(leases)
        if len(stretches) < 2:
            return self._sealer.seal_all(leases, stopped)
        data, parts = _packed([(each.log, each.segment, each.data) for each in stretches])
        by_log = {lease.log_id: lease for lease in leases}
        try:
            write_object(self._logs, self._objects, PackName(parts[0][1].object_key), data)
            with self._logs.transaction() as tx:
                moves: list[dict[str, Value]] = [
                    {"id": log.id, "was": each.start_byte, "end_byte": each.end_byte, "end_line": each.end_line}
                    for log, each in parts
                ]
                if not hold_all(tx, [by_log[log.id] for log, _ in parts]) or not all(tx.many("log_pack", moves)):
                    raise Overtaken
                put_pack(tx, parts)
                tx.many("chunks_drop", [{"log_id": log.id, "before": each.end_byte} for log, each in parts])
        except (Doomed, Overtaken):
            return 0
        self._sealer.tally.add(SEALED, "pack")
        if damaged is not None:
            raise damaged
        return len(parts)

    def _stretches(self, leases: Sequence[Lease]) -> tuple[list[Stretch], Damaged | None]:
        """Makes a segment of each log that is as it must be, in the order of their ids."""
        stretches, damaged = list[Stretch](), None
        for lease in sorted(leases, key=lambda each: each.log_id):
            try:
                stretch = self._sealer.stretch(lease.log_id, lease)
            except NotFound:
                continue
            except Damaged as error:
                damaged = error
                continue
            if stretch is not None and _is_all(stretch):
                stretches.append(stretch)
        return stretches, damaged

    def renew(self, object_key: str, leases: Sequence[Lease], now_ms: int) -> int:
        """Copies what is needed of a pack, of the logs that are leased, to a new one; returns how many parts that were.

        Where all of it is needed, its name is no garbage any more. What is damaged stays where it is.
        """
        by_log = {lease.log_id: lease for lease in leases}
        segments, stored = self._logs.segments_of(object_key), self._objects.get(object_key)
        if _spans(stored) == {_span(each) for each in segments}:
            self._keep(object_key, len(segments))
            return 0
        needed = [each for each in segments if each.log_id in by_log]
        heads = self._logs.heads(sorted({each.log_id for each in needed}))
        copies = [(heads[each.log_id], each, self._copy(stored, each)) for each in needed if each.log_id in heads]
        sound = [(log, each, copy) for log, each, copy in copies if copy is not None]
        try:
            if sound:
                self._replace(object_key, sound, by_log, now_ms)
            else:
                with self._logs.transaction() as tx:
                    name_object(tx, PackName(object_key), now_ms)  # it is looked at again, but not at once
        except (Doomed, Overtaken):
            return 0
        return len(sound)

    def _keep(self, object_key: str, parts: int) -> None:
        with self._logs.transaction() as tx:
            # From here on whoever drops a row of its waits, and so is seen by the next statement, or by nobody.
            if (
                tx.rows("garbage_lock", object_key=object_key)
                and len(tx.rows("segments_of_object", object_key=object_key)) == parts
            ):
                claim(tx, object_key)

    def _copy(self, stored: bytes, segment: Segment) -> bytes | None:
        """Returns a part as it is, each of its frames verified, with the index that its row has; None if it is damaged."""
        index, at = decode_index(segment.index), segment.object_at or 0
        borders = [at + border for border in index.placed().stored]
        try:
            for number, raw_bytes in enumerate(index.raw_bytes):
                decode_frame(stored[borders[number] : borders[number + 1]], raw_bytes)
        except Damaged:
            self._sealer.tally.add(DAMAGED)
            return None
        return stored[at : borders[-1]] + skipped(segment.index)

    def _replace(
        self, object_key: str, copies: Sequence[tuple[Head, Segment, bytes]], by_log: dict[int, Lease], now_ms: int
    ) -> None:
        data, parts = _packed(copies)
        write_object(self._logs, self._objects, PackName(parts[0][1].object_key), data)
        drops: list[dict[str, Value]] = [
            {"log_id": log.id, "start_byte": each.start_byte, "object_key": object_key} for log, each in parts
        ]
        log_ids = sorted({log.id for log, _ in parts})
        with self._logs.transaction() as tx:
            if not hold_all(tx, [by_log[log_id] for log_id in log_ids]):
                raise Overtaken
            locked = tx.many("log_merged", [{"id": log_id, "looked_at": 0} for log_id in log_ids])
            if not all(locked) or not all(tx.many("segment_drop", drops)):
                raise Overtaken
            put_pack(tx, parts)
            name_object(tx, PackName(object_key), now_ms)
        self._sealer.tally.add(SEALED, "pack")


def _packed(segments: Sequence[tuple[Head, Segment, bytes]]) -> tuple[bytes, list[_Part]]:
    """Returns an object of segments, given with their logs and as they are stored, and what becomes of their rows."""
    if len(segments) == 1:
        ((log, segment, data),) = segments
        key = segment_key(log, segment.start_byte, segment.end_byte)
        return data, [(log, structs.replace(segment, object_key=key, object_at=None, object_bytes=len(data)))]
    key = pack_key([log.id for log, _, _ in segments], segments[0][0].project_id)
    parts, at = list[_Part](), 0
    for log, segment, data in segments:
        parts.append((log, structs.replace(segment, object_key=key, object_at=at, object_bytes=len(data))))
        at += len(data)
    return join([data for _, _, data in segments]), parts


def _is_all(stretch: Stretch) -> bool:
    """Whether it is all of a closed log."""
    log, segment = stretch.log, stretch.segment
    return log.closed and (segment.start_byte, segment.end_byte) == (log.start_byte, log.end_byte)


def _spans(stored: bytes) -> set[tuple[int, int]]:
    """Returns where its parts are; nowhere if it does not say, so that what is needed of it is copied."""
    try:
        return set(part_spans(stored, walk=False))
    except Damaged:
        return set()


def _span(segment: Segment) -> tuple[int, int]:
    at = segment.object_at or 0
    return at, at + segment.object_bytes
