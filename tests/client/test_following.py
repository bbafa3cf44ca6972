"""The client's reading of a stream of events."""

from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.client.following import parsed
from joblog.errors import Unreachable

STREAM = (
    b'retry: 1000\nid: 0\nevent: start\ndata: {"line":0}\n\n: 1700000000\n\nid: 3\nevent: bytes\ndata: %b\n\n'
    b': 1700000010\n\nid: 3\nevent: end\ndata: {"closed":true}\n\n' % base64.b64encode(b"\xff\n\n")
)
EVENTS = [("start", 0, b'{"line":0}'), ("bytes", 3, b"/woK"), ("end", 3, b'{"closed":true}')]


@given(st.lists(st.integers(0, len(STREAM))))
def test_events_do_not_depend_on_how_they_are_cut(cuts: list[int]) -> None:
    """A network delivers what it likes at a time."""
    borders = [0, *sorted(cuts), len(STREAM)]
    assert list(parsed(STREAM[a:b] for a, b in itertools.pairwise(borders))) == EVENTS


def test_half_an_event_is_none() -> None:
    """A connection that is cut has not told it."""
    assert list(parsed(iter([STREAM[:-1]]))) == EVENTS[:2]


def test_endless_event_is_refused() -> None:
    """Whoever sends it, it is not joblog, and would fill the memory."""
    with pytest.raises(Unreachable):
        list(parsed(b"x" * 65536 for _ in range(100)))


def test_position_is_not_known_before_it_was_told() -> None:
    """An error may come first, and has none."""
    assert list(parsed(iter([b"retry: 1000\n\nevent: error\ndata: {}\n\n" + STREAM]))) == [("error", None, b"{}"), *EVENTS]
