"""Verifies what is stored: that catalog and objects belong together, that pieces tile each log, that every byte can be read,
that counts and checksums are right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from joblog.catalog.logs import Logs
from joblog.catalog.runs import Runs
from joblog.core import lines, segment
from joblog.core.log_sum import LogSum
from joblog.core.logs import Head, Segment
from joblog.core.pack import part_spans
from joblog.core.settings import Settings
from joblog.engine.opening import open_database, open_objects, require_catalog
from joblog.engine.ownership import Ownership
from joblog.errors import Conflict, JoblogError
from joblog.objects.frame_store import FrameStore, read_segment
from joblog.objects.store import Objects

_BATCH = 100
_READ_BYTES = 4 * 1024 * 1024


class Check:
    """Reads everything once. ``logs`` and ``bytes`` count what was read; ``close`` is called at the end."""

    def __init__(
        self, runs: Runs, logs: Logs, objects: Objects, ownership: Ownership, close: Callable[[], None] = lambda: None
    ) -> None:
        self._runs = runs
        self._logs = logs
        self._objects = objects
        self._ownership = ownership
        self._close = close
        self.logs = 0
        self.bytes = 0
        self._pack: tuple[str, set[tuple[int, int]]] = "", set()

    def problems(self) -> Iterator[str]:
        """Yields a sentence for each thing that is wrong. A log that changes meanwhile is looked at again."""
        try:
            yield from self._problems()
        finally:
            self._close()

    def _problems(self) -> Iterator[str]:
        try:
            self._ownership.agree()
        except Conflict as error:
            yield str(error)
        for key in self._ownership.unknown():
            yield f"object {key}: the catalog does not know it; `joblog repair` looks what it is"
        for project_id, job_id in self._runs.kept_wrong():
            yield f"{project_id}/{job_id}: what the job keeps of its runs is not how these are"
        after = 0
        while page := self._logs.all(after, _BATCH):
            for log in page:
                after = log.id
                self.logs += 1
                problems = list(self._of(log))
                if problems and self._logs.head(log.id) != log:
                    problems = list(self._of(self._logs.head(log.id)))
                yield from (f"{log.project_id}/{log.job_id}/{log.version_id}/{log.task}: {each}" for each in problems)

    def _of(self, log: Head) -> Iterator[str]:
        state = _State(log)
        try:
            for sealed in self._logs.segments_by_byte(log.id, log.start_byte, log.sealed_byte):
                yield from self._segment(state, sealed)
            yield from state.at(log.sealed_byte, log.sealed_line, "the sealed part's end")
            for low in range(log.sealed_byte, log.end_byte, _READ_BYTES):
                high = min(low + _READ_BYTES, log.end_byte)
                for chunk in self._logs.chunks_by_byte(log.id, low, high):
                    if chunk.start_byte >= low:
                        yield from state.taken(chunk.start_byte, chunk.start_line, chunk.data(), "chunk")
            yield from state.at(log.end_byte, log.end_line, "the log's end")
            yield from state.ended()
        except JoblogError as error:
            yield str(error)
        self.bytes += state.byte - log.start_byte

    def _segment(self, state: _State, sealed: Segment) -> Iterator[str]:
        stored = read_segment(self._objects, sealed)
        index = segment.index_of(stored)
        if segment.encode_index(index) != sealed.index:
            yield f"segment at {sealed.start_byte}: its row and its object do not have the same index"
        first, end = segment.words_place(sum(index.stored_bytes), len(stored), sealed.index)
        if first < end and sum(segment.words_of(stored[:end]).groups) != len(index.raw_bytes):
            yield f"segment at {sealed.start_byte}: its words are of other frames"
        if sealed.object_at is not None:
            yield from self._part(sealed)
        for piece in FrameStore(self._objects).stream(sealed):
            yield from state.taken(piece.start_byte, piece.start_line, piece.data, "frame")
        yield from state.at(sealed.end_byte, sealed.end_line, f"the end of the segment at {sealed.start_byte}")

    def _part(self, sealed: Segment) -> Iterator[str]:
        """Yields what is wrong with what a pack says of one of its parts; reads it once for all that follow each other."""
        if self._pack[0] != sealed.object_key:
            self._pack = sealed.object_key, set(part_spans(self._objects.get(sealed.object_key), walk=False))
        at = sealed.object_at or 0
        if (at, at + sealed.object_bytes) not in self._pack[1]:
            yield f"segment at {sealed.start_byte}: object {sealed.object_key} has no part there"


class _State(LogSum):
    """Where the reading of one log stands."""

    def __init__(self, log: Head) -> None:
        super().__init__(log.start_byte)
        self._log, self.line = log, log.start_line

    def taken(self, byte: int, line: int, data: bytes, what: str) -> Iterator[str]:
        """Takes the next piece; yields what is wrong with its place."""
        yield from self.at(byte, line, f"{what} at {byte}")
        self.take(data)
        self.line += lines.count(data)

    def at(self, byte: int, line: int, what: str) -> Iterator[str]:
        """Yields what is wrong when the bytes read so far do not lead to this border."""
        if (byte, line) != (self.byte, self.line):
            yield f"{what} is at byte {byte}, line {line}; the bytes before it lead to byte {self.byte}, line {self.line}"
            self.byte, self.line = byte, line

    def ended(self) -> Iterator[str]:
        """Yields what is wrong with the log's own account of all its bytes."""
        if self._log.start_byte == 0 and self.crc32 != self._log.crc32:
            yield f"the bytes have CRC-32 {self.crc32:08x}, the catalog says {self._log.crc32:08x}"
        if self.partial_byte != max(self._log.partial_byte, self._log.start_byte):
            yield f"the last line begins at {self.partial_byte}, the catalog says {self._log.partial_byte}"


def check(settings: Settings) -> Check:
    """Returns a check of what is stored, which may be in use."""
    require_catalog(settings)
    database, objects = open_database(settings), open_objects(settings)
    return Check(Runs(database), Logs(database), objects, Ownership(database, objects), database.close)
