"""Pieces of logs in memory. A byte's position and a line's number never change, so a piece once read is right for ever.

So the cache is keyed by log and position, not by where a piece came from: it needs no invalidation when chunks are sealed,
segments merged or objects removed. Only a log's head, which says what part of it is held, must be fresh.
"""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
from collections.abc import Iterable
from itertools import accumulate

from joblog.core import lines
from joblog.core.timeline import Timeline

# What a piece costs beside its bytes.
_OVERHEAD_BYTES = 600

# Small neighbours are kept as one piece up to this size.
_JOIN_BYTES = 64 * 1024

PART_BYTES = 32 * 1024
"""Of a frame the part around what was asked for is kept, between multiples of this: the latest pages of five times as many logs
fit into the same memory."""

# A piece that is used again gets the number of newlines before each so many bytes: 20 us for 64 KiB, once.
_BLOCK_BYTES = 4096
_USES = 2


class CachedPiece:
    """Bytes from ``start_byte`` on, from after newline number ``start_line`` to after newline number ``end_line``."""

    __slots__ = ("_before", "_uses", "data", "end_byte", "end_line", "start_byte", "start_line")

    def __init__(self, start_byte: int, start_line: int, end_line: int, data: bytes) -> None:
        self.start_byte = start_byte
        self.end_byte = start_byte + len(data)
        self.start_line = start_line
        self.end_line = end_line
        self.data = data
        self._uses = 0
        self._before: list[int] | None = None

    def border(self, line: int) -> int:
        """Returns the position in the log after its newline number ``line``, which must be in this piece."""
        forwards, backwards = line - self.start_line, self.end_line - line
        if self._before is not None:
            block = bisect.bisect_left(self._before, forwards) - 1
            at = lines.border(self.data, forwards - self._before[block], block * _BLOCK_BYTES)
        elif forwards <= backwards:
            at = lines.border(self.data, forwards)
        else:
            at = lines.border_from_end(self.data, backwards + 1)
        self._uses += 1
        if self._uses == _USES:
            self._count()
        return self.start_byte + at

    def part(self, low: int, high: int, low_line: int | None = None) -> CachedPiece:
        """Returns what is kept of it for a reader of ``[low, high)``; ``low_line``: newlines before ``low``, if that is known.

        Both must be in this piece.
        """
        first = max(low - low % PART_BYTES, self.start_byte)
        end = min(high + -high % PART_BYTES, self.end_byte)
        if end - first > len(self.data) // 2:
            return self
        at, until = first - self.start_byte, end - self.start_byte
        if low_line is not None:
            start_line = low_line - self.data.count(b"\n", at, low - self.start_byte)
        elif at <= len(self.data) // 2:
            start_line = self.start_line + self.data.count(b"\n", 0, at)
        else:
            start_line = self.end_line - self.data.count(b"\n", at)
        data = self.data[at:until]
        return CachedPiece(first, start_line, self.end_line if end == self.end_byte else start_line + lines.count(data), data)

    def after(self, at: int, count: int) -> int:
        """Returns the position in the log after the ``count``-th newline at or after position ``at``."""
        return self.start_byte + lines.border(self.data, count, at - self.start_byte)

    def _count(self) -> None:
        counts = (self.data.count(b"\n", at, at + _BLOCK_BYTES) for at in range(0, len(self.data), _BLOCK_BYTES))
        self._before = list(accumulate(counts, initial=0))


class _LogPieces:
    """What is held of one log, in order and without overlap; the two lists run side by side with the pieces."""

    __slots__ = ("end_lines", "pieces", "starts")

    def __init__(self) -> None:
        self.pieces: list[CachedPiece] = []
        self.starts: list[int] = []
        self.end_lines: list[int] = []

    def put(self, piece: CachedPiece) -> tuple[CachedPiece, list[CachedPiece]]:
        """Puts a piece in its place, joined with those that it overlaps; returns what is there now, and what no longer is.

        Where all together are large, those that reach beyond it stay, and of the piece is put what they have not got: nothing
        that was held is lost.
        """
        low = bisect.bisect_right(self.starts, piece.start_byte) - 1
        if low < 0 or self.pieces[low].end_byte <= piece.start_byte:
            low += 1
        high = bisect.bisect_left(self.starts, piece.end_byte, low)
        if low < high and (self.starts[low] < piece.start_byte or self.pieces[high - 1].end_byte > piece.end_byte):
            first, last = self.pieces[low], self.pieces[high - 1]
            if max(last.end_byte, piece.end_byte) - min(first.start_byte, piece.start_byte) <= _JOIN_BYTES:
                piece = _one([each for each in (_before(first, piece), piece, _behind(last, piece)) if each.data])
            else:
                if first.start_byte < piece.start_byte:
                    piece, low = _behind(piece, first), low + 1
                if last.end_byte > piece.end_byte:
                    piece, high = _before(piece, last), high - 1
                if not piece.data:
                    return last, []
        replaced = self.pieces[low:high]
        self.pieces[low:high] = [piece]
        self.starts[low:high] = [piece.start_byte]
        self.end_lines[low:high] = [piece.end_line]
        return piece, replaced

    def drop(self, start_byte: int) -> None:
        at = bisect.bisect_left(self.starts, start_byte)
        del self.pieces[at], self.starts[at], self.end_lines[at]


class PieceCache:
    """Pieces lately used, within a number of bytes. For any thread."""

    def __init__(self, limit_bytes: int, timeline: Timeline | None = None) -> None:
        self.timeline = timeline or Timeline()
        self._limit = limit_bytes
        self._kept_bytes = 0
        self._lock = threading.Lock()
        self._logs: dict[int, _LogPieces] = {}
        self._order: OrderedDict[tuple[int, int], CachedPiece] = OrderedDict()
        self.hits = self.misses = 0
        """Reads that found all they wanted here, and those that brought something."""
        self.timeline.forgets(self.clear)

    @property
    def held_bytes(self) -> int:
        """What is in memory."""
        return self._kept_bytes

    def by_byte(self, log_id: int, low: int, high: int) -> list[CachedPiece] | None:
        """Returns the pieces that hold ``[low, high)``, or None when not all of them are here."""
        with self._lock:
            of_log = self._logs.get(log_id)
            if of_log is None:
                return None
            return self._run(log_id, of_log, bisect.bisect_right(of_log.starts, low) - 1, low, high)

    def by_line(self, log_id: int, low: int, start_byte: int, until: tuple[int, int]) -> list[CachedPiece] | None:
        """Returns the pieces from the one that holds newline ``low`` on, or None when not all of them are here.

        When ``low`` is 0 they begin at ``start_byte`` instead. ``until`` is what the last of them must hold: a newline, or
        else the byte before a position.
        """
        with self._lock:
            of_log = self._logs.get(log_id)
            if of_log is None:
                return None
            if low:
                first = bisect.bisect_left(of_log.end_lines, low)
                if first == len(of_log.pieces) or of_log.pieces[first].start_line >= low:
                    return None
                start_byte = of_log.pieces[first].start_byte
            else:
                first = bisect.bisect_right(of_log.starts, start_byte) - 1
            last = bisect.bisect_left(of_log.end_lines, until[0])
            end_byte = of_log.pieces[last].end_byte if last < len(of_log.pieces) else until[1]
            return self._run(log_id, of_log, first, start_byte, end_byte)

    def keep(self, log_id: int, pieces: Iterable[CachedPiece], past: int) -> None:
        """Holds pieces that were read in the past of that number, dropping those not used for longest."""
        with self._lock:
            self.misses += 1
            if past != self.timeline.number or not self._limit:
                return
            of_log = self._logs.setdefault(log_id, _LogPieces())
            for piece in pieces:
                kept, replaced = of_log.put(piece)
                for old in replaced:
                    self._forget(log_id, old)
                if (log_id, kept.start_byte) not in self._order:
                    self._order[log_id, kept.start_byte] = kept
                    self._kept_bytes += len(kept.data) + _OVERHEAD_BYTES
            while self._kept_bytes > self._limit and self._order:
                (oldest_id, start_byte), oldest = next(iter(self._order.items()))
                self._forget(oldest_id, oldest)
                self._logs[oldest_id].drop(start_byte)
                if not self._logs[oldest_id].pieces:
                    del self._logs[oldest_id]

    def beside(self, log_id: int, low: int, high: int) -> bool:
        """Says whether what ends where ``[low, high)`` begins is here, or what begins where it ends: somebody reads on."""
        with self._lock:
            of_log = self._logs.get(log_id)
            if of_log is None:
                return False
            before = bisect.bisect_left(of_log.starts, low) - 1
            behind = bisect.bisect_left(of_log.starts, high)
            return (before >= 0 and of_log.pieces[before].end_byte == low) or of_log.starts[behind : behind + 1] == [high]

    def clear(self) -> None:
        """Forgets everything: the one thing that a position's bytes do not outlive is the past in which they were appended."""
        with self._lock:
            self._logs.clear()
            self._order.clear()
            self._kept_bytes = 0

    def _run(self, log_id: int, of_log: _LogPieces, first: int, low: int, high: int) -> list[CachedPiece] | None:
        if first < 0:
            return None
        run = []
        at = low
        for number in range(first, len(of_log.pieces)):
            piece = of_log.pieces[number]
            if not piece.start_byte <= at < piece.end_byte:
                return None
            run.append(piece)
            self._order.move_to_end((log_id, piece.start_byte))
            at = piece.end_byte
            if at >= high:
                self.hits += 1
                return run
        return None

    def _forget(self, log_id: int, piece: CachedPiece) -> None:
        del self._order[log_id, piece.start_byte]
        self._kept_bytes -= len(piece.data) + _OVERHEAD_BYTES


def joined(pieces: Iterable[CachedPiece], most_bytes: int = _JOIN_BYTES) -> list[CachedPiece]:
    """Makes one piece of small neighbours; pieces that are large enough stay what they are."""
    done: list[CachedPiece] = []
    run: list[CachedPiece] = []
    size = 0
    for piece in pieces:
        if run and (size + len(piece.data) > most_bytes or run[-1].end_byte != piece.start_byte):
            done.append(_one(run))
            run, size = [], 0
        run.append(piece)
        size += len(piece.data)
    return [*done, _one(run)] if run else done


def _one(run: list[CachedPiece]) -> CachedPiece:
    if len(run) == 1:
        return run[0]
    return CachedPiece(run[0].start_byte, run[0].start_line, run[-1].end_line, b"".join(piece.data for piece in run))


def _before(piece: CachedPiece, other: CachedPiece) -> CachedPiece:
    """Returns what of a piece stands before another one that it overlaps, or nothing."""
    size = max(other.start_byte - piece.start_byte, 0)
    return CachedPiece(piece.start_byte, piece.start_line, other.start_line, piece.data[:size])


def _behind(piece: CachedPiece, other: CachedPiece) -> CachedPiece:
    """Returns what of a piece stands behind another one that it overlaps, or nothing."""
    size = max(piece.end_byte - other.end_byte, 0)
    return CachedPiece(piece.end_byte - size, other.end_line, piece.end_line, piece.data[len(piece.data) - size :])
