"""Retention: by age and by stored size, per project, from a log's front; and the end of objects.

What retention removes moves the log's start and is a recorded gap; positions and line numbers stay what they were. Objects stay
where they are for a grace period after their row is gone, a day by default: it is what a trash would be, without copying.

Only names that the catalog has noted are removed, and each of them in two steps: a transaction dooms it, unless a segment has
it, and from then on none gets it; then the object goes, then the name. So no clock decides whether an object is needed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from joblog.api.values.accounts import Project
from joblog.catalog.database import Database, Row
from joblog.catalog.logs import Logs
from joblog.catalog.segments import Doomed, drop_segments, put_segment
from joblog.core.logs import Segment
from joblog.core.segment import LEVEL_FAST, LEVEL_SMALL, Index, SegmentWriter, decode_frame, encode_index, index_of
from joblog.engine.seal import write_object
from joblog.errors import Conflict
from joblog.objects.frame_store import read_segment
from joblog.objects.store import Objects, segment_key

_DAY_MS = 24 * 3600 * 1000

# Segments looked at, or objects removed, in one step.
_BATCH = 200

_FEW, _SHARE = 1000, 10
"""Of the names that wait for their removal, so many, or one of so many, are removed in one round."""

_WORTH = 4
"""A segment is cut where a fourth of it goes: else every round would write the rest of it anew."""

_FAILURES = 8
"""Projects that fail in one round before the others are left to the next one: it may be the catalog that does."""

Guard = Callable[[str, Callable[[], int]], int | None]
"""Takes a project's step, which is called by its name; returns what it returns, or None where it failed, and said so."""

_LOOKED_MS = "deleted-by-age-ms"
"""The counter that has when ages were last looked at."""


class Retention:
    """Removes what need not be kept. Methods block; they raise Unavailable."""

    def __init__(self, database: Database, objects: Objects, *, share_percent: float = 100.0) -> None:
        """``share_percent``: of what a project stores, the most that goes in one round, but for the first segment."""
        self._db = database
        self._objects = objects
        self._logs = Logs(database)
        self._share_percent = share_percent

    def trust_clock(self, now_ms: int) -> None:
        """Notes the time; raises Conflict when it has gone on by more than a day since it was noted, as a wrong clock does."""
        rows = self._db.rows("counter", name=_LOOKED_MS)
        days = (now_ms - rows[0][0]) / _DAY_MS if rows else 0
        if days > 1:
            raise Conflict(
                f"the clock has gone on by {days:.1f} days since ages were last looked at: the server was away, or the clock is"
                " wrong; nothing is deleted by age until `joblog confirm-clock` has said that it is right"
            )
        self.confirm_clock(now_ms)

    def confirm_clock(self, now_ms: int) -> None:
        """Notes the time, whatever it was before."""
        with self._db.transaction() as tx:
            tx.rows("set_counter", name=_LOOKED_MS, value=now_ms)

    def retain(self, now_ms: int, give_up: Callable[[], bool] = lambda: False, guard: Guard = lambda _, step: step()) -> int:
        """Applies every project's retention; returns how many segments were removed, or shortened.

        ``guard`` calls each project's step: what one raises need not keep the others from theirs, who come in any order.
        """
        rows, removed, failures = self._db.rows("projects_with_retention"), 0, 0
        for row in random.sample(rows, len(rows)):
            done = guard(row[0], partial(self._retain, row, now_ms, give_up))
            removed, failures = removed + (done or 0), failures + (done is None)
            if failures == _FAILURES or give_up():
                break
        return removed

    def garbage_due(self, now_ms: int, grace_ms: int) -> bool:
        """Whether there is anything to remove."""
        return bool(self._garbage(now_ms - grace_ms, (-1, ""), 1))

    def remove_garbage(self, now_ms: int, grace_ms: int, give_up: Callable[[], bool] = lambda: False) -> int:
        """Removes a share of what has had no row for ``grace_ms``; returns how many. ``give_up`` is asked before each."""
        left, removed, before_ms = self._share_of_garbage(), 0, now_ms - grace_ms
        after = (-1, "")
        while left > 0 and (rows := self._garbage(before_ms, after, min(_BATCH, left))):
            left -= len(rows)
            for after in rows:
                if give_up():
                    return removed
                _, key = after
                removed += self._remove_object(key, before_ms)
        return removed

    def _garbage(self, before_ms: int, after: tuple[int, str], limit: int) -> list[tuple[int, str]]:
        """Returns names that wait for their removal, and since when, the longest first: those behind one of them."""
        rows = self._db.rows("garbage_due", before_ms=before_ms, after_ms=after[0], after=after[1], limit=limit)
        return [(row[0], row[1]) for row in rows]

    def _share_of_garbage(self) -> int:
        return max(_FEW, int(self._db.rows("garbage_count")[0][0]) // _SHARE)

    def _remove_object(self, key: str, before_ms: int) -> bool:
        with self._db.transaction() as tx:
            if not tx.rows("garbage_doom", object_key=key, before_ms=before_ms):
                return False
        self._objects.delete(key)
        with self._db.transaction() as tx:
            tx.rows("garbage_drop", object_key=key)
        return True

    def _retain(self, of: Row, now_ms: int, give_up: Callable[[], bool]) -> int:
        project = Project(*of)
        oldest_ms = None if project.retain_days is None else now_ms - project.retain_days * _DAY_MS
        stored = int(self._db.rows("segments_stored_bytes", project_id=project.id)[0][0])
        least = stored - stored * self._share_percent / 100
        removed = 0
        while rows := self._db.rows("segments_oldest", project_id=project.id, limit=_BATCH):
            for row in rows:
                size = row[5]
                if give_up() or (removed and stored - size < least):
                    return removed
                excess = 0 if project.retain_bytes is None else stored - project.retain_bytes
                too_old = oldest_ms is not None and row[6] < oldest_ms
                if not too_old and (excess < size or not excess):
                    return removed + (excess > 0 and self._shorten(row, excess, now_ms))
                if not self._remove(row, now_ms):
                    return removed
                stored -= size
                removed += 1
        return removed

    def _remove(self, row: Row, now_ms: int) -> bool:
        """Removes a segment at the front of its log; False, and nothing done, when it is not there, or not in front."""
        return self._move_start(row, row[2], row[3], None, now_ms)

    def _shorten(self, row: Row, excess: int, now_ms: int) -> bool:
        """Leaves of a segment at its log's front the newest frames; at most ``excess`` stored bytes go, and whole lines."""
        log_id, start_byte, _, _, object_key, size, _ = row
        segments = self._logs.segments_by_byte(log_id, start_byte, start_byte + 1)
        if excess * _WORTH < size or not segments or segments[0].object_key != object_key:
            return False
        stored = read_segment(self._objects, segments[0])
        index = index_of(stored)
        first = _first_kept(stored, index, excess)
        if index.placed().stored[first] * _WORTH < size:
            return False
        kept, data = self._cut(segments[0], stored, index, first)
        try:
            write_object(self._logs, self._objects, kept, data)
        except Doomed:
            return False
        return self._move_start(row, kept.start_byte, kept.start_line, kept, now_ms)

    def _cut(self, old: Segment, stored: bytes, index: Index, first: int) -> tuple[Segment, bytes]:
        """Returns the segment of the frames from ``first`` on, and its object."""
        log, placed = self._logs.head(old.log_id), index.placed()
        writer = SegmentWriter(placed.byte[first], placed.line[first], LEVEL_FAST)
        times = list(zip(index.second_byte, index.second_ms, strict=True))
        before = [ms for byte, ms in times if byte <= placed.byte[first]]
        first_ms = before[-1] if before else old.first_ms
        for byte, ms in [(placed.byte[first], first_ms), *(each for each in times if each[0] > placed.byte[first])]:
            writer.arrived(byte, ms)
        for number in range(first, len(index.raw_bytes)):
            frame = stored[placed.stored[number] : placed.stored[number + 1]]
            writer.add_frame(frame, index.raw_bytes[number], index.newlines[number])
        data, kept = writer.finish(self._logs.about(log))
        return (
            Segment(
                log_id=old.log_id,
                start_byte=kept.start_byte,
                end_byte=old.end_byte,
                start_line=kept.start_line,
                end_line=old.end_line,
                object_key=segment_key(log, kept.start_byte, old.end_byte),
                object_bytes=len(data),
                level=min(old.level, LEVEL_SMALL),  # its words are of all frames
                first_ms=first_ms,
                last_ms=old.last_ms,
                index=encode_index(kept),
            ),
            data,
        )

    def _move_start(self, row: Row, to_byte: int, to_line: int, kept: Segment | None, now_ms: int) -> bool:
        """Drops a segment for what is ``kept`` of it; False, and nothing done, when it is not its log's first any more."""
        log_id, start_byte, _, _, object_key, _, _ = row
        try:
            with self._db.transaction() as tx:
                if not tx.rows("log_start", id=log_id, was=start_byte, start_byte=to_byte, start_line=to_line):
                    return False
                # Another node may have merged it into one that begins where it did.
                if not drop_segments(tx, log_id, [(start_byte, object_key)], now_ms):
                    raise _Gone
                if kept is not None:
                    put_segment(tx, self._logs.head(log_id), kept)
                tx.rows("gap_retained", log_id=log_id, size_bytes=to_byte, now_ms=now_ms)
        except (_Gone, Doomed):
            return False
        return True


def _first_kept(stored: bytes, index: Index, excess: int) -> int:
    """Returns the first frame that is kept: behind at most ``excess`` stored bytes, at a line's beginning."""
    placed = index.placed()
    first = sum(border <= excess for border in placed.stored[1:-1])
    while first:
        frame = stored[placed.stored[first - 1] : placed.stored[first]]
        if decode_frame(frame, index.raw_bytes[first - 1]).endswith(b"\n"):
            break
        first -= 1
    return first


class _Gone(Exception):
    """The segment is not there any more."""
