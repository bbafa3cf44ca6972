"""Frames: every redraw with its own bytes, however the log is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from joblog.views.redraws import FRAME_BYTES, Frame, Redraws
from tests.views.terminal.test_terminal import ANY_BYTES


def frames(data: bytes, cut: list[int] | None = None) -> list[Frame]:
    splitter, found, at = Redraws(), list[Frame](), 0
    for end in [*(cut or []), len(data)]:
        found += splitter.feed(data[at:end])
        at = end
    rest = splitter.rest()
    return [*found, rest] if rest else found


def test_every_redraw_is_a_frame() -> None:
    """With the bytes it is, the raw line it is in, and no escapes."""
    found = frames(b"a\n\r 1%\x1b[K\r\x1b[31m 2%\r\n\nend")
    assert [(each.text, each.start, each.end, each.line) for each in found] == [
        ("a", 0, 2, 0), (" 1%", 3, 10, 1), (" 2%", 10, 19, 1), ("end", 21, 24, 3),
    ]  # fmt: skip


@given(ANY_BYTES.map(b"".join), st.data())
def test_cutting_changes_nothing(data: bytes, more: st.DataObject) -> None:
    """Frames are parts of the log between its line ends, in order; their text has no controls."""
    whole = frames(data)
    assert frames(data, more.draw(st.lists(st.integers(0, len(data))).map(sorted))) == whole
    assert [each.raw for each in whole] == [part for part in data.replace(b"\r", b"\n").split(b"\n") if part]
    for each in whole:
        assert data[each.start : each.end].rstrip(b"\r\n") == each.raw.rstrip(b"\r\n")
        assert each.line == data.count(b"\n", 0, each.start)
        assert not any(ord(c) < 32 and c != "\t" for c in each.text)


def test_a_frame_without_end_takes_bounded_memory() -> None:
    """Its range is whole, what is kept of it is not."""
    (found,) = frames(b"x" * (FRAME_BYTES + 9) + b"\n", [5, FRAME_BYTES + 3])
    assert (len(found.raw), found.start, found.end) == (FRAME_BYTES, 0, FRAME_BYTES + 10)


@given(ANY_BYTES.map(b"".join), st.data())
def test_known_frames_are_left_out(data: bytes, more: st.DataObject) -> None:
    """The others are what they are without, however the log is cut, and whatever becomes known on the way."""
    whole = frames(data)
    outlines = [b"", *(each.outline for each in whole)]
    known = [frozenset[bytes]()]
    splitter, found, at = Redraws(), list[Frame](), 0
    for end in [*more.draw(st.lists(st.integers(0, len(data))).map(sorted)), len(data)]:
        for frame in splitter.feed_some(data[at:end], lambda: known[0]):
            if frame.outline not in known[0]:
                found.append(frame)
                known[0] |= set(more.draw(st.lists(st.sampled_from(outlines), max_size=1)))
        at = end
    rest = splitter.rest()
    found += [rest] if rest is not None else []
    expected = iter(whole)
    assert all(any(frame == each for each in expected) for frame in found)
    assert {each.outline for each in whole} - {each.outline for each in found} <= known[0]
