"""A log's head and its parts, as frozen values: rows of the catalog. The API answers a head as a ``Log`` (``api/values``)."""

from __future__ import annotations

from msgspec import Struct

from joblog.core.lines import Bytes
from joblog.core.segment import decode_frame


class Head(Struct, frozen=True):
    """One worker's log: where its bytes begin and end, and where they are.

    ``[start_byte, sealed_byte)`` is in segments, ``[sealed_byte, end_byte)`` in chunks. A ``..._line`` is the number of
    newlines before the ``..._byte`` beside it. ``partial_byte`` is where the unfinished last line begins, ``end_byte``
    when there is none. ``crc32`` is of all bytes from 0 to ``end_byte``, those no longer held among them.
    """

    id: int
    project_id: str
    job_id: int
    version_id: int
    worker: int
    log_file: str
    created_ms: int
    appended_ms: int
    start_byte: int
    start_line: int
    sealed_byte: int
    sealed_line: int
    end_byte: int
    end_line: int
    partial_byte: int
    crc32: int
    closed_ms: int | None
    claimed_bytes: int | None
    claimed_crc32: int | None
    lost_bytes: int
    fresh_segments: int

    @property
    def task(self) -> str:
        """``worker-0``, ``worker-1`` ..."""
        return f"worker-{self.worker}"

    @property
    def closed(self) -> bool:
        """Whether nothing more can be added."""
        return self.closed_ms is not None

    @property
    def complete(self) -> bool | None:
        """Whether the writer's count and checksum agree and nothing was dropped; None until the writer has said."""
        if self.claimed_bytes is None or self.claimed_crc32 is None:
            return None
        return (self.claimed_bytes, self.claimed_crc32, self.lost_bytes) == (self.end_byte, self.crc32, 0)

    @property
    def last_line(self) -> int:
        """The number of lines that can be read: an unfinished one counts once the log is closed."""
        unfinished = max(self.partial_byte, self.start_byte) < self.end_byte
        return self.end_line + (1 if self.closed and unfinished else 0)


class Growth(Struct, frozen=True):
    """What one commit has appended to a log: ``parts``, one behind the other, up to the end that ``head`` shows."""

    head: Head
    start_byte: int
    parts: tuple[Bytes, ...]


class Chunk(Struct, frozen=True):
    """A row of a log's tail: bytes from ``start_byte``, after ``start_line`` newlines.

    ``stored`` is a zstd frame when it is shorter than the bytes.
    """

    start_byte: int
    end_byte: int
    start_line: int
    end_line: int
    appended_ms: int
    stored: bytes

    @property
    def is_frame(self) -> bool:
        """Whether the bytes are compressed."""
        return len(self.stored) < self.end_byte - self.start_byte

    def data(self) -> bytes:
        """Returns the bytes; raises Damaged."""
        return decode_frame(self.stored, self.end_byte - self.start_byte) if self.is_frame else self.stored


class Segment(Struct, frozen=True):
    """A sealed object and the index of its frames (see ``joblog.core.segment``).

    One with an ``object_at`` is a part of a pack (see ``joblog.core.pack``): of that it is ``object_bytes`` from there on.
    """

    log_id: int
    start_byte: int
    end_byte: int
    start_line: int
    end_line: int
    object_key: str
    object_bytes: int
    level: int
    first_ms: int
    last_ms: int
    index: bytes
    object_at: int | None = None

    @property
    def place(self) -> tuple[str, int | None]:
        """The object, and the byte of a pack at which the segment begins: no other one is there, ever."""
        return self.object_key, self.object_at
