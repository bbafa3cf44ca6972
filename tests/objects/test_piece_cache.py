"""Pieces of a log in memory: whatever was kept, in whatever order, what comes back is the log's, and nothing held is lost."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.core import lines
from joblog.objects.piece_cache import PART_BYTES, CachedPiece, PieceCache
from tests.generated import examples

LOG = 7
SIZE = 400_000

Span = tuple[int, int]

SPANS = st.lists(st.tuples(st.integers(0, SIZE), st.sampled_from((1, 10, 4096, 30_000, 65_536, 120_000))), max_size=20)


def text(seed: int) -> bytes:
    """Lines of all lengths, some of them none."""
    chance = random.Random(seed)
    made = b"".join(b"x" * chance.choice((0, 1, 80, 300, 9000)) + b"\n" for _ in range(4000))
    return made[:SIZE]


def piece(log: bytes, low: int, high: int) -> CachedPiece:
    """Returns the piece of a log that holds these bytes."""
    return CachedPiece(low, log.count(b"\n", 0, low), log.count(b"\n", 0, high), log[low:high])


def check(log: bytes, one: CachedPiece) -> None:
    """Looks whether a piece is the log's, and knows its lines."""
    right = piece(log, one.start_byte, one.end_byte)
    assert (one.data, one.start_line, one.end_line) == (right.data, right.start_line, right.end_line)


@given(st.integers(0, 9), SPANS)
@settings(max_examples=examples(60))
def test_what_is_held_is_the_logs_and_stays(seed: int, spans: list[Span]) -> None:
    """Pieces that overlap, in any order: each byte that was kept is there, once."""
    log, cache, kept = text(seed), PieceCache(10**9), bytearray(SIZE)
    for low, size in spans:
        high = min(low + size, SIZE)
        if low == high:
            continue
        cache.keep(LOG, [piece(log, low, high)], cache.timeline.number)
        kept[low:high] = b"\1" * (high - low)
        pieces = cache._logs[LOG].pieces
        assert all(one.end_byte <= next_one.start_byte for one, next_one in pairwise(pieces))
        for each in pieces:
            check(log, each)
        there = bytearray(SIZE)
        for each in pieces:
            there[each.start_byte : each.end_byte] = b"\1" * len(each.data)
        assert there == kept
        got = cache.by_byte(LOG, low, high)
        assert got is not None
        joined = b"".join(each.data for each in got)
        assert joined[low - got[0].start_byte :][: high - low] == log[low:high]
    assert cache.held_bytes >= sum(kept)


@given(st.integers(0, 9), st.integers(0, SIZE - 1), st.integers(1, 9000), st.booleans())
@settings(max_examples=examples(100))
def test_a_part_holds_what_was_asked_for(seed: int, low: int, size: int, known: bool) -> None:
    """Between multiples of its size, or the ends of what it is a part of."""
    log = text(seed)
    high = min(low + size, SIZE)
    whole = piece(log, low - low % 5000, min(low - low % 5000 + 256 * 1024, SIZE))
    part = whole.part(low, high, log.count(b"\n", 0, low) if known else None)
    check(log, part)
    assert part.start_byte <= low < high <= part.end_byte
    assert part is whole or len(part.data) <= size + 2 * PART_BYTES


@given(st.integers(0, 9), st.integers(0, 3000))
@settings(max_examples=examples(60))
def test_borders_are_those_of_lines_counted_one_by_one(seed: int, number: int) -> None:
    """From the start, from the end, and by halves."""
    log = text(seed)
    ends = [at + 1 for at in range(len(log)) if log[at] == 10]
    number = min(number, len(ends))
    assert lines.border(log, number) == (ends[number - 1] if number else 0)
    assert lines.border_from_end(log, number) == (ends[-number] if number else len(log))


def test_of_what_is_small_one_piece_is_made() -> None:
    """A tail's pages overlap: each is there as one piece with its neighbours, none pushes another out."""
    log = text(0)
    cache = PieceCache(10**9)
    for at in range(0, 50_000, 4000):
        cache.keep(LOG, [piece(log, at, at + 8000)], cache.timeline.number)
    assert [(each.start_byte, each.end_byte) for each in cache._logs[LOG].pieces] == [(0, 56_000)]
    assert cache.beside(LOG, 56_000, 57_000)
    assert not cache.beside(LOG, 56_001, 57_000)
