"""Borders between lines, whole characters and text, against oracles of a line each."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from joblog.core import lines
from joblog.server.modelarts import positions
from tests.core.values import LOG_BYTES, a_log

LINED = st.lists(st.sampled_from([b"\n", b"\r", b"a", b"long " * 20]), max_size=300).map(b"".join)


def borders(data: bytes) -> list[int]:
    """The oracle: where each line begins, and where the bytes after the last newline do."""
    found = [0]
    for line in data.split(b"\n")[:-1]:
        found.append(found[-1] + len(line) + 1)
    return found


@given(LINED)
@example(b"\n" * 1000)
def test_border_is_after_the_nth_newline(data: bytes) -> None:
    """Counted from the front, for every n there is."""
    expected = borders(data)
    assert [lines.border(data, n) for n in range(lines.count(data) + 1)] == expected


@given(LINED)
@example(b"\n" * 1000)
def test_border_from_end_is_after_the_nth_newline_from_the_end(data: bytes) -> None:
    """Counted from the back, for every n there is; 0 is the end itself."""
    expected = [len(data), *borders(data)[:0:-1]]
    assert [lines.border_from_end(data, n) for n in range(lines.count(data) + 1)] == expected


@given(LINED, st.data())
def test_border_can_start_anywhere(data: bytes, draw: st.DataObject) -> None:
    """Newlines before ``start`` are not counted."""
    start = draw.draw(st.integers(0, len(data)))
    n = draw.draw(st.integers(0, lines.count(data[start:])))
    assert lines.border(data, n, start) == start + borders(data[start:])[n]


@pytest.mark.parametrize("newlines", [0, 1, 64, 65, 1000])
def test_border_past_the_last_newline_is_an_error(newlines: int) -> None:
    """However many there are: stepping and halving agree."""
    data = b"a\n" * newlines + b"rest"
    with pytest.raises(ValueError, match=r"newlines|subsection"):
        lines.border(data, newlines + 1)
    with pytest.raises(ValueError, match=r"newlines|subsection"):
        lines.border_from_end(data, newlines + 1)


def page(data: bytes, start_byte: int, offset: int, *, growing: bool = False) -> tuple[int, int]:
    """Answers a byte request for a log of ``data`` as a reader of the log does, from the three bytes around it."""
    low, high = positions.byte_span(start_byte, offset, a_log(data))
    first = max(low - 3, 0)
    around = data[first : high + 3]
    backwards = offset < 0 or start_byte == -1
    low, high = lines.whole_characters(around, low - first, high - first, backwards=backwards, growing=growing)
    return low + first, high + first


def forward(data: bytes, size: int, start: int = 0, *, growing: bool = False) -> list[tuple[int, int]]:
    """Follows ``end_byte`` until it stays."""
    pages: list[tuple[int, int]] = []
    while (found := page(data, start, size, growing=growing))[0] < found[1]:
        pages.append(found)
        start = found[1]
    return pages


def backward(data: bytes, size: int) -> list[tuple[int, int]]:
    """Begins at -1 and follows ``end_byte - log_byte_count``; returns the pages in the log's order."""
    pages, start = list[tuple[int, int]](), -1
    while (found := page(data, start, -size))[0] < found[1]:
        pages.insert(0, found)
        start = found[0]
    return pages


def check_pages(pages: list[tuple[int, int]], data: bytes) -> None:
    """The pages are the data, without gap or overlap, and their texts are the data's text: no character was cut."""
    assert [page[0] for page in pages] == [0, *(page[1] for page in pages)][: len(pages)]
    assert b"".join(data[low:high] for low, high in pages) == data
    assert "".join(lines.text(data[low:high]) for low, high in pages) == lines.text(data)


@given(LOG_BYTES, st.integers(1, 9))
def test_pages_forward_glue(data: bytes, size: int) -> None:
    """A reader that follows ``end_byte`` gets every byte once and every character whole, whatever the page size."""
    check_pages(forward(data, size), data)


@given(LOG_BYTES, st.integers(1, 9))
def test_pages_backward_glue(data: bytes, size: int) -> None:
    """So does one that goes back from the end."""
    check_pages(backward(data, size), data)


@given(LOG_BYTES, st.integers(1, 9), st.lists(st.integers(0, 60), max_size=5))
def test_pages_of_a_growing_log_glue(data: bytes, size: int, cuts: list[int]) -> None:
    """A reader that is there while the log grows, cut anywhere, sees the same characters as one that comes later."""
    pages: list[tuple[int, int]] = []
    for cut in sorted(cuts):
        pages += forward(data[:cut], size, pages[-1][1] if pages else 0, growing=True)
    check_pages(pages + forward(data, size, pages[-1][1] if pages else 0), data)


@given(LOG_BYTES, st.integers(-9, 9).filter(bool), st.data())
def test_page_is_what_was_asked_for_but_for_its_edges(data: bytes, offset: int, draw: st.DataObject) -> None:
    """It never reaches further than one character beyond the request, nor ends more than one short of it."""
    start = draw.draw(st.integers(-1, len(data) + 3))
    asked, found = positions.byte_span(start, offset, a_log(data)), page(data, start, offset)
    assert all(abs(here - there) <= 3 for here, there in zip(asked, found, strict=True))
    inside = asked[0] <= found[0] and found[1] <= asked[1]
    assert inside or len(data[found[0] : found[1]].decode()) <= 1


@pytest.mark.parametrize("text", ["é", "练", "🚀"])
def test_character_that_has_not_arrived_is_waited_for(text: str) -> None:
    """In a growing log it is left out until it is there; in a closed one its bytes are all there will be."""
    data = b"ab" + text.encode()
    for missing in range(1, len(text.encode())):
        part = data[:-missing]
        assert page(part, 0, 2048, growing=True) == (0, 2)
        assert page(part, 2, 2048, growing=True) == (2, 2)
        assert page(part, -1, -1, growing=True) == (2, 2)
        assert page(part, len(part), 1, growing=True) == (len(part), len(part))
        assert page(part, 0, 2048) == (0, len(part))


def test_page_that_starts_inside_a_character_begins_after_it() -> None:
    """Nobody who follows pages is ever there; who is gets on, and never gets what stands before."""
    data = "练b".encode()
    assert [page(data, 1, size) for size in (1, 2, 3)] == [(3, 3), (3, 3), (3, 4)]
    assert [page(data, 2, -size) for size in (1, 2)] == [(0, 0), (0, 0)]
    assert page(b"ab\xe8\xae", 3, 1, growing=True) == (3, 3)


def test_page_smaller_than_a_character_gives_it_whole() -> None:
    """Else a reader with a page of one byte would never get on; in both directions."""
    data = "a🚀b".encode()
    assert forward(data, 1) == [(0, 1), (1, 5), (5, 6)]
    assert backward(data, 1) == [(0, 1), (1, 5), (5, 6)]


@given(LOG_BYTES)
def test_text_has_one_replacement_for_each_invalid_byte(data: bytes) -> None:
    """So that what a reader sees counts as what the log holds: valid characters as they are, each other byte U+FFFD."""
    expected, at = "", 0
    while at < len(data):
        size = next((n for n in (1, 2, 3, 4) if is_character(data[at : at + n])), 0)
        expected += data[at : at + size].decode() if size else "\ufffd"
        at += size or 1
    assert lines.text(data) == expected


def is_character(data: bytes) -> bool:
    try:
        return len(data.decode()) == 1
    except UnicodeDecodeError:
        return False


def test_text_of_broken_utf8() -> None:
    """The cases that decoders disagree on."""
    cases = {
        b"ok \xe8\xae\xad": "ok 训",
        b"\xe8\xae": "\ufffd\ufffd",
        b"\xf0\x9f\x9a\n": "\ufffd\ufffd\ufffd\n",
        b"\xed\xa0\x80": "\ufffd\ufffd\ufffd",
        b"\xc0\xaf": "\ufffd\ufffd",
        "\ufffd".encode(): "\ufffd",
        b"\x00\x1b\r": "\x00\x1b\r",
    }
    assert {data: lines.text(data) for data in cases} == cases
