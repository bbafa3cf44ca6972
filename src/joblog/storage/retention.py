"""Retention: by age and by stored size, per project, whole segments from a log's front; and the end of objects.

What retention removes moves the log's start and is a recorded gap; positions and line numbers stay what they were.
"""

from __future__ import annotations

from joblog.model import Project
from joblog.storage.database import Database, Row
from joblog.storage.logs import drop_segment
from joblog.storage.objects import Objects

_DAY_MS = 24 * 3600 * 1000

# Segments looked at, or objects removed, in one step.
_BATCH = 200


class Retention:
    """Removes what need not be kept. Methods block; they raise Unavailable."""

    def __init__(self, database: Database, objects: Objects) -> None:
        self._db = database
        self._objects = objects

    def retain(self, now_ms: int) -> int:
        """Applies every project's retention; returns how many segments were removed."""
        return sum(self._retain(Project(*row), now_ms) for row in self._db.rows("projects_with_retention"))

    def remove_garbage(self, now_ms: int, grace_ms: int) -> int:
        """Removes objects whose row has been gone for ``grace_ms``; returns how many."""
        removed = 0
        while keys := [row[0] for row in self._db.rows("garbage_due", before_ms=now_ms - grace_ms, limit=_BATCH)]:
            for key in keys:
                self._objects.delete(key)
                with self._db.transaction() as tx:
                    tx.rows("garbage_drop", object_key=key)
            removed += len(keys)
        return removed

    def sweep(self, now_ms: int, grace_ms: int) -> int:
        """Notes as garbage the objects that no row names and that are older than ``grace_ms``; returns how many.

        They are what a crash between an object and its row left behind. Younger ones may be about to get their row.
        """
        found = 0
        for key, _, written_ms in self._objects.listing():
            if written_ms > now_ms - grace_ms or self._db.rows("segment_known", object_key=key):
                continue
            with self._db.transaction() as tx:
                tx.rows("garbage_put", object_key=key, now_ms=now_ms)
            found += 1
        return found

    def _retain(self, project: Project, now_ms: int) -> int:
        oldest_ms = None if project.retain_days is None else now_ms - project.retain_days * _DAY_MS
        stored = int(self._db.rows("segments_stored_bytes", project_id=project.id)[0][0])
        removed = 0
        while True:
            rows = self._db.rows("segments_oldest", project_id=project.id, limit=_BATCH)
            for row in rows:
                too_old = oldest_ms is not None and row[6] < oldest_ms
                too_much = project.retain_bytes is not None and stored > project.retain_bytes
                if not (too_old or too_much):
                    return removed
                if not self._remove(row, now_ms):
                    return removed
                stored -= row[5]
                removed += 1
            if not rows:
                return removed

    def _remove(self, row: Row, now_ms: int) -> bool:
        """Removes a segment at the front of its log; False, and nothing done, when it is not there, or not in front."""
        log_id, start_byte, end_byte, end_line, object_key, _, _ = row
        try:
            with self._db.transaction() as tx:
                if not tx.rows("log_start", id=log_id, was=start_byte, start_byte=end_byte, start_line=end_line):
                    return False
                # Another node may have merged it into one that begins where it did.
                if not drop_segment(tx, log_id, start_byte, object_key, now_ms):
                    raise _Gone
                tx.rows("gap_retained", log_id=log_id, size_bytes=end_byte, now_ms=now_ms)
        except _Gone:
            return False
        return True


class _Gone(Exception):
    """The segment is not there any more."""
