"""Pages of the terminal's view glue to what one terminal shows that reads all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.errors import Invalid
from joblog.views.terminal.pages import cursor, parse_cursor, shown_page
from joblog.views.terminal.screen import WINDOW_ROWS
from joblog.views.terminal.terminal import Checkpoint, Terminal
from joblog.views.values import ShownLine
from tests.generated import examples
from tests.views.terminal.test_terminal import ADDRESSED, ERASES, LOOKS, MOVES, STREAMS, WORDS

BLOCKS = st.one_of(
    STREAMS,
    ADDRESSED,
    st.integers(1, 250).map(lambda n: b"".join(b"line %d\n" % i for i in range(n))),
    st.integers(2, 30).map(lambda n: b"outer\n" + b"\rinner 1\n\x1b[A\rinner 2\x1b[K\n" * n),
    st.tuples(LOOKS, WORDS, ERASES, MOVES).map(b"".join),
)
LONG = st.lists(BLOCKS, max_size=6).map(b"".join)

# All that moves rows, in any order: what a line's place depends on is not settled.
ROWS = st.lists(
    st.sampled_from(
        [b"line 0", b"\n", b"\n" * 30, b"\r", b"\x0b", b"\x1bD", b"\x1bE", b"\x1bM", b"\x1bH", b"\x1bc", b"\x1b7", b"\x1b8"]
        + [b"\x1b[" + each for each in (b"r", b"1;4r", b"2;5r", b"1;24r", b"J", b"1J", b"2J", b"K", b"A", b"3B", b"H", b"2;3H")]
        + [b"\x1b[" + each for each in (b"24;1H", b"30;1H", b"L", b"2M", b"S", b"2T", b"P", b"@", b"5b", b"!p", b"4h", b"?6h")]
        + [b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[31m", b"\x1b[0m", b"\x1b(0", b"\x1b]0;title\x07"]
    ),
    max_size=30,
).map(b"".join)


def whole(data: bytes, height: int = 0) -> list[ShownLine]:
    terminal = Terminal(rows=height)
    return terminal.feed(data) + terminal.finish()


def paged(data: bytes, count: int, piece: int, limit: int, height: int = 0) -> tuple[list[ShownLine], bool]:
    """Reads a closed log page by page; returns all lines, and whether a page had to be cut."""
    found, mark, cut = list[ShownLine](), Checkpoint(), False
    while True:
        until = min(mark.byte + limit, len(data))
        pieces = (data[at : min(at + piece, until)] for at in range(mark.byte, until, piece))
        page = shown_page(pieces, mark, count, at_end=until == len(data), closed=True, height=height)
        assert page.start_byte == mark.byte
        assert page.settled == len(page.lines)
        found, cut, mark = found + page.lines, cut or page.cut, parse_cursor(page.next)
        assert mark.byte == page.end_byte > page.start_byte or not data
        if mark.byte == len(data):
            return found, cut


@settings(max_examples=examples(100))
@given(st.one_of(LONG, ROWS), st.integers(1, 300), st.integers(1, 500))
def test_pages_glue(data: bytes, count: int, piece: int) -> None:
    """Whatever their size, and however the bytes are read, they are the lines of one terminal; nested bars and looks too."""
    found, cut = paged(data, count, piece, len(data) + 1)
    assert not cut
    assert found == whole(data)


@settings(max_examples=examples(100))
@given(st.one_of(LONG, ROWS), st.integers(1, 300), st.integers(1, 500), st.integers(1, WINDOW_ROWS))
def test_pages_of_a_terminal_of_known_height_glue(data: bytes, count: int, piece: int, height: int) -> None:
    """Its rows are counted from its own top."""
    found, cut = paged(data, count, piece, len(data) + 1, height)
    assert not cut
    assert found == whole(data, height)


@settings(max_examples=examples(100))
@given(LONG, st.integers(1, 50), st.integers(4000, 6000))
def test_pages_with_a_bound_glue_unless_they_say_so(data: bytes, count: int, limit: int) -> None:
    """A bound on what a page reads changes nothing, except where a page says that it was cut."""
    found, cut = paged(data, count, 500, limit)
    assert cut or found == whole(data)


@settings(max_examples=examples(500))
@given(st.one_of(LONG, ROWS), st.integers(1, 100), st.data())
def test_settled_lines_of_a_growing_log_stay(data: bytes, count: int, more: st.DataObject) -> None:
    """What was settled while the log was shorter stands so in the whole; ``next`` shows the others again."""
    grown = more.draw(st.integers(0, len(data)))
    found, mark = list[ShownLine](), Checkpoint()
    while mark.byte < grown:
        page = shown_page([data[mark.byte : grown]], mark, count, at_end=True, closed=False)
        found += page.lines[: page.settled]
        if parse_cursor(page.next) == mark:
            break
        mark = parse_cursor(page.next)
        if page.end_byte == grown:
            break
    rest = Terminal(mark)
    found += rest.feed(data[mark.byte :]) + rest.finish()
    assert found == whole(data)


def test_a_page_reads_little_beyond_its_lines() -> None:
    """A page of a log of any size is made of what it shows, and of the screen's height."""
    read = 0

    def pieces() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 80
            yield b"x" * 79 + b"\n"

    page = shown_page(pieces(), Checkpoint(800, 10), 50, at_end=False, closed=False)
    assert (len(page.lines), page.end_byte, page.lines[0].start_line) == (50, 800 + 50 * 80, 10)
    assert read <= 80 * (50 + WINDOW_ROWS)


def test_a_bar_without_end_is_cut_and_says_so() -> None:
    """Where nothing settles within what a page may read, it ends there."""
    page = shown_page([b"a\n" + b"\x1b[A\rb\n" * 100], Checkpoint(), 10, at_end=False, closed=False)
    assert (page.cut, [line.text for line in page.lines], page.end_byte) == (True, ["b"], 502 + 100)


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "-1.0.", "1.2.3m", "1.2.31;1", "1.2..0", "1.2..100", "x.0.", "1.0.\x1b", "9" * 20 + ".0."]
)
def test_other_cursors_are_refused(text: str) -> None:
    """Nothing but what a page has given."""
    with pytest.raises(Invalid):
        parse_cursor(text)
    for mark in (Checkpoint(7, 3, "1;31"), Checkpoint(7, 3, "", 24)):
        assert parse_cursor(cursor(mark)) == mark
