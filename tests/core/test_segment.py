"""The segment format: what goes in comes out, and what is damaged is seen to be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.core import lines, segment
from joblog.core.segment import (
    LEVEL_FAST,
    LEVEL_SMALL,
    FrameBorders,
    Index,
    SegmentWriter,
    decode_frame,
    decode_index,
    encode_index,
    index_of,
)
from joblog.errors import Damaged
from tests.core.values import LOG_BYTES

ABOUT: dict[str, str | int | None] = {"project_id": "lab", "job_id": 1}
FRAME = 64


def made(parts: list[bytes], *, start_byte: int = 0, start_line: int = 0, level: int = LEVEL_FAST) -> tuple[bytes, Index]:
    writer = SegmentWriter(start_byte, start_line, level, FRAME)
    at = start_byte
    for number, part in enumerate(parts):
        writer.arrived(at, 1_700_000_000_000 + 400 * number)
        writer.add(part)
        at += len(part)
    return writer.finish(ABOUT)


def raw_frames(stored: bytes, index: Index) -> list[bytes]:
    placed = index.placed()
    return [
        decode_frame(stored[placed.stored[n] : placed.stored[n + 1]], placed.byte[n + 1] - placed.byte[n])
        for n in range(len(index.raw_bytes))
    ]


@given(
    st.lists(LOG_BYTES, max_size=20), st.integers(0, 2**62), st.integers(0, 2**40), st.sampled_from([LEVEL_FAST, LEVEL_SMALL])
)
def test_bytes_out_are_bytes_in(parts: list[bytes], start_byte: int, start_line: int, level: int) -> None:
    """However they are cut when they come, and wherever in the log they stand."""
    stored, index = made(parts, start_byte=start_byte, start_line=start_line, level=level)
    frames, data = raw_frames(stored, index), b"".join(parts)
    assert b"".join(frames) == data
    assert index_of(stored) == decode_index(encode_index(index)) == index
    assert index.newlines == [lines.count(frame) for frame in frames]
    placed = index.placed()
    assert (placed.byte[0], placed.line[0], placed.stored[0]) == (start_byte, start_line, 0)
    assert (placed.byte[-1], placed.line[-1]) == (start_byte + len(data), start_line + lines.count(data))


@given(st.lists(LOG_BYTES, max_size=20))
def test_frames_are_full_and_cut_after_a_line_where_one_ends(parts: list[bytes]) -> None:
    """So a page of lines is mostly in one frame; a line longer than a frame is cut where the frame is full."""
    stored, index = made(parts)
    frames = raw_frames(stored, index)
    data = b"".join(parts)
    for number, frame in enumerate(frames[:-1]):
        window = data[sum(map(len, frames[:number])) :][:FRAME]
        assert frame == window[: window.rfind(b"\n") + 1 or FRAME]
    assert all(0 < len(frame) <= FRAME for frame in frames)


@given(st.binary(max_size=300), st.integers(1, 60))
def test_parts_that_come_differently_make_the_same_segment(data: bytes, size: int) -> None:
    """Merging writes the bytes in other parts than they came in: that is not to be seen."""
    whole, parts = SegmentWriter(0, 0, LEVEL_FAST, FRAME), SegmentWriter(0, 0, LEVEL_FAST, FRAME)
    whole.add(data)
    for at in range(0, len(data), size):
        parts.add(data[at : at + size])
    assert parts.finish(ABOUT) == whole.finish(ABOUT)


def test_times_are_kept_to_the_second() -> None:
    """The first byte of each second and when it came: chunks come more often than anybody asks."""
    _, index = made([b"1\n", b"2\n", b"3\n", b"4\n", b"5\n", b"6\n", b"7\n"])
    assert (index.second_byte, index.second_ms) == ([0, 6, 10], [1_700_000_000_000, 1_700_000_001_200, 1_700_000_002_000])


def test_clock_that_goes_back_adds_no_time() -> None:
    """Times within a segment only rise, so that one can be looked for by halving."""
    writer = SegmentWriter(0, 0, LEVEL_FAST)
    for at_byte, at_ms in ((0, 5000), (10, 3000), (20, 5999), (30, 6000)):
        writer.arrived(at_byte, at_ms)
    _, index = writer.finish(ABOUT)
    assert (index.second_byte, index.second_ms) == ([0, 30], [5000, 6000])


PLACED = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), min_size=1, max_size=12)


def frames_of(sizes: list[tuple[int, int]]) -> FrameBorders:
    newlines = [min(count, size) for size, count in sizes]
    sizes_bytes = [size for size, _ in sizes]
    return Index(100, 20, sizes_bytes, [1] * len(sizes), newlines, [], [], {}).placed()


@given(PLACED, st.data())
def test_frames_that_hold_bytes(sizes: list[tuple[int, int]], draw: st.DataObject) -> None:
    """Exactly those of which a byte is in the range."""
    placed = frames_of(sizes)
    low = draw.draw(st.integers(placed.byte[0], placed.byte[-1] - 1))
    high = draw.draw(st.integers(low + 1, placed.byte[-1] + 5))
    expected = [n for n in range(len(sizes)) if placed.byte[n] < high and placed.byte[n + 1] > low]
    assert list(placed.covering_bytes(low, high)) == expected


@given(PLACED, st.data())
def test_frames_that_hold_lines(sizes: list[tuple[int, int]], draw: st.DataObject) -> None:
    """From the one with the first newline asked for, or the very first, to the one with the last, with all between."""
    placed = frames_of(sizes)
    low = draw.draw(st.integers(placed.line[0], placed.line[-1]))
    high = draw.draw(st.integers(low, placed.line[-1]))
    holder = {newline: n for n in range(len(sizes)) for newline in range(placed.line[n] + 1, placed.line[n + 1] + 1)}
    numbers = list(placed.covering_lines(low, high))
    if high > placed.line[0]:
        assert numbers == list(range(holder.get(low, 0), holder[high] + 1))
    else:
        assert all(placed.line[n] == placed.line[0] for n in numbers)


def test_every_changed_byte_is_seen() -> None:
    """Whichever byte of an object is changed, and to whatever: it cannot be read, or reads as it did."""
    stored, index = made([b"epoch 1 loss 0.25\nepoch 2 loss 0.125\n" * 3, b"\xff\x00" * 20])
    expected = (index, raw_frames(stored, index))
    silent = [
        (at, flip)
        for at in range(len(stored))
        for flip in (1, 2, 4, 8, 16, 32, 64, 128, 255)
        if read(stored[:at] + bytes([stored[at] ^ flip]) + stored[at + 1 :]) not in (expected, None)
    ]
    assert silent == []


def test_every_cut_is_seen() -> None:
    """An object that ends early, or lacks its beginning, has no index or no frame that reads."""
    stored, _ = made([b"epoch 1 loss 0.25\n" * 9])
    assert [size for size in range(len(stored)) if read(stored[:size]) is not None] == []
    assert [size for size in range(1, len(stored)) if read(stored[size:]) is not None] == []


def read(stored: bytes) -> tuple[Index, list[bytes]] | None:
    try:
        index = index_of(stored)
        return index, raw_frames(stored, index)
    except Damaged:
        return None


@pytest.mark.parametrize("use", [index_of, decode_index, lambda data: decode_frame(data, 10)])
@given(data=st.binary(max_size=100))
def test_what_is_no_segment_is_damaged(use: Callable[[bytes], object], data: bytes) -> None:
    """Whatever the bytes are, no other error comes of them."""
    with pytest.raises(Damaged):
        use(data)


def test_frame_of_another_size_is_damaged() -> None:
    """A frame says how many bytes it holds, and so does the index: neither is believed alone."""
    stored, index = made([b"0123456789"])
    frame = stored[: index.stored_bytes[0]]
    assert decode_frame(frame, 10) == b"0123456789"
    for stored_frame, size in ((frame, 9), (frame, 11), (frame + b"x", 10), (frame + frame, 10), (frame[:-1], 10)):
        with pytest.raises(Damaged):
            decode_frame(stored_frame, size)


def test_frame_size_is_bounded() -> None:
    """What one random read must decompress."""
    writer = SegmentWriter(0, 0, LEVEL_FAST)
    writer.add(b"x" * (3 * segment.FRAME_BYTES + 1))
    _, index = writer.finish(ABOUT)
    assert index.raw_bytes == [segment.FRAME_BYTES] * 3 + [1]


def test_header_that_announces_terabytes_allocates_nothing() -> None:
    """One byte that changed in a frame's header was a MemoryError, and before that, where there is so much, the memory."""
    frame = bytearray(segment.encode_frame(b"step 4 loss 0.4\n" * 4))
    frame[4] = 0xF0  # the size that follows is one of eight bytes
    with pytest.raises(Damaged, match=r"frame holds [0-9]{9,} bytes, not 64|cannot be read"):
        decode_frame(bytes(frame), 64)
