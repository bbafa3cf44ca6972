"""The new lines of a log, by position, with when they arrived: what rules are shown."""

from __future__ import annotations

from joblog.catalog.logs import Logs
from joblog.catalog.watching import WatchedLog
from joblog.core import lines
from joblog.engine.scan import Scan
from joblog.engine.times import arrived, second_of
from joblog.objects.frame_store import FrameStore
from joblog.watch.rule import Block

READ_BYTES = 4 * 1024 * 1024
"""Of one log at a time; what is left follows at once."""

_MAX_LINE_BYTES = 64 * 1024
"""A line that has not ended yet is waited for up to this length."""

_SECOND_MS = 1000


class Blocks:
    """Reads logs. Methods block and raise Unavailable, Damaged, NotFound."""

    def __init__(self, logs: Logs, frames: FrameStore) -> None:
        self._logs = logs
        self._scan = Scan(logs, frames)

    def begin(self, head: WatchedLog, since_ms: int) -> int:
        """Returns where a log is read from that is looked at for what arrived at a moment or later."""
        if head.created_ms >= since_ms:
            return head.start_byte
        return arrived(self._logs, self._logs.head(head.id), since_ms)

    def read(self, head: WatchedLog, at: int) -> tuple[Block | None, int]:
        """Returns the lines that begin at a position, if one has ended, and where the next ones begin."""
        at = max(at, head.start_byte)
        high = min(head.end_byte, at + READ_BYTES)
        if at >= high:
            return None, at
        line, data, times = self._tail(head, at, high) or self._sealed(head, at, high)
        if not data:
            return None, at
        whole = whole_lines(data, ends=head.closed_ms is not None and at + len(data) >= head.end_byte)
        if not whole:
            return None, at
        start = times[0][0]
        return Block(head.worker, start, line, data[:whole], times), start + whole

    def _tail(self, head: WatchedLog, at: int, high: int) -> tuple[int, bytes, list[tuple[int, int]]] | None:
        """Reads what is not sealed; None where some of it is, or was sealed a moment ago."""
        if at < head.sealed_byte:
            return None
        chunks = self._logs.chunks_by_byte(head.id, at, high)
        if not chunks or chunks[0].start_byte > at:
            return None
        parts, first = [chunk.data() for chunk in chunks], chunks[0]
        before = parts[0][: at - first.start_byte]
        parts[0] = parts[0][len(before) :]
        times = [(max(chunk.start_byte, at), chunk.appended_ms) for chunk in chunks]
        return first.start_line + lines.count(before), b"".join(parts), times

    def _sealed(self, head: WatchedLog, at: int, high: int) -> tuple[int, bytes, list[tuple[int, int]]]:
        line, parts, places = 0, list[bytes](), list[int]()
        for piece in self._scan.forwards(head.id, at, high):
            if not parts:
                line = piece.start_line
            parts.append(piece.data)
            places.append(piece.start_byte)
        if not parts:
            return 0, b"", []
        seconds = second_of(self._logs, self._logs.head(head.id), places)
        return line, b"".join(parts), [(place, second * _SECOND_MS) for place, second in zip(places, seconds, strict=True)]


def whole_lines(data: bytes, *, ends: bool) -> int:
    """Returns how much of it is whole lines: those that are drawn over, and very long ones, too."""
    if ends:
        return len(data)
    whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    return len(data) if not whole and len(data) >= _MAX_LINE_BYTES else whole
