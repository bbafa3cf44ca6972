"""What a request for a page means: the tables of the two log calls, row by row, and what holds for all requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.errors import Invalid
from joblog.server.modelarts.positions import byte_span, line_position, line_span, parse_base_line
from tests.core.values import CREATED_MS, a_log

BASE = CREATED_MS * 10**6


def test_byte_requests() -> None:
    """``.../log``: start_byte and offset against the bytes returned, for a log of 10 bytes."""
    cases = {
        (0, 2048): (0, 10), (3, 4): (3, 7), (8, 2048): (8, 10),
        (7, -4): (3, 7), (2, -4): (0, 2), (99, -4): (6, 10), (0, -4): (0, 0),
        (-1, 4): (6, 10), (-1, -4): (6, 10), (-1, 2048): (0, 10), (-1, -2048): (0, 10),
        (4, 0): (4, 4), (99, 0): (10, 10), (-1, 0): (10, 10),
        (10, 5): (10, 10), (99, 5): (10, 10), (2**63 - 1, 2048): (10, 10), (2**63 - 1, -2048): (0, 10),
    }  # fmt: skip
    log = a_log(b"Log string")
    assert {asked: byte_span(*asked, log) for asked in cases} == cases


def test_byte_requests_before_the_first_kept_byte_mean_that_byte() -> None:
    """Positions do not change when retention removes the front: what is gone is passed over."""
    cases = {(0, 4): (6, 10), (5, 1): (6, 7), (8, -2048): (6, 8), (3, -4): (6, 6), (-1, 2048): (6, 10), (0, 0): (6, 6)}
    log = a_log(b"Log string", start_byte=6)
    assert {asked: byte_span(*asked, log) for asked in cases} == cases


def test_line_requests() -> None:
    """``.../aom-log``: base, lines and order against the lines returned, for a log of 8 lines."""
    cases = {
        (None, 3, "desc"): (5, 8), (None, 99, "desc"): (0, 8), (None, 3, "asc"): (0, 3), (None, 99, "asc"): (0, 8),
        (2, 3, "desc"): (2, 5), (6, 50, "desc"): (6, 8), (6, 3, "asc"): (3, 6), (2, 50, "asc"): (0, 2),
        (8, 3, "desc"): (8, 8), (0, 3, "asc"): (0, 0),
        (None, 0, "desc"): (8, 8), (None, 0, "asc"): (0, 0), (4, 0, "desc"): (4, 4), (4, 0, "asc"): (4, 4),
        (-BASE, 3, "desc"): (0, 3), (-1, 3, "asc"): (0, 0), (9, 3, "desc"): (8, 8), (10**20, 3, "asc"): (5, 8),
    }  # fmt: skip
    log = a_log(b"line\n" * 8)
    asked = {case: (None if case[0] is None else BASE + case[0], *case[1:]) for case in cases}
    assert {case: line_span(*asked[case], log) for case in cases} == cases


def test_line_requests_before_the_first_kept_line_mean_that_line() -> None:
    """Line numbers do not change when retention removes the front."""
    cases = {(0, 2, "desc"): (5, 7), (7, 50, "asc"): (5, 7), (None, 2, "asc"): (5, 7), (3, 2, "asc"): (5, 5)}
    log = a_log(b"line\n" * 8, start_line=5)
    asked = {case: (None if case[0] is None else BASE + case[0], *case[1:]) for case in cases}
    assert {case: line_span(*asked[case], log) for case in cases} == cases


def test_unfinished_last_line_is_held_back_until_the_log_is_closed() -> None:
    """A reader would get it twice, or never whole."""
    data = b"one\ntwo\nthr"
    assert line_span(None, 50, "desc", a_log(data)) == (0, 2)
    assert line_span(None, 50, "desc", a_log(data, closed_ms=1)) == (0, 3)
    assert line_span(None, 50, "desc", a_log(b"one\n", closed_ms=1)) == (0, 1)


@given(st.integers(0, 2000), st.integers(1, 500), st.sampled_from(["desc", "asc"]))
def test_line_pages_glue(count: int, lines: int, order: str) -> None:
    """Following end_line down from the top, or start_line up from the end, meets each line once."""
    log, spans = a_log(b"\n" * count), []
    base = None if order == "asc" else BASE
    if order == "asc":
        base = int(line_position(log, line_span(None, 0, "desc", log)[1]))
    while (span := line_span(base, lines, order, log))[0] < span[1]:
        spans.append(span)
        base = int(line_position(log, span[1] if order == "desc" else span[0]))
    met = [line for span in sorted(spans) for line in range(*span)]
    assert met == list(range(count))


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_line_position_is_the_time_of_making_and_the_number(one: int, other: int) -> None:
    """Positions are in the order of the lines and are read back as they are written."""
    log = a_log()
    positions = [line_position(log, line) for line in (one, other)]
    assert [parse_base_line(position) for position in positions] == [BASE + one, BASE + other]
    assert (int(positions[0]) < int(positions[1])) == (one < other)


def test_line_positions_of_the_documented_sample() -> None:
    """Line 3 of a log made at 1551252759254."""
    assert (line_position(a_log(), 2), line_position(a_log(), 3)) == ("1551252759254000002", "1551252759254000003")


def test_line_position_is_above_0_and_below_2_to_the_63() -> None:
    """Clients hold it in a signed 64-bit integer in which 0 means none; here for logs made in the year 2200."""
    made_ms = 7_258_118_400_000
    assert 0 < int(line_position(a_log(created_ms=made_ms), 0)) < int(line_position(a_log(created_ms=made_ms), 10**12)) < 2**63


@pytest.mark.parametrize("text", ["", " ", "\t\n "])
def test_blank_base_line_is_none(text: str) -> None:
    """Clients send it empty for the latest lines."""
    assert parse_base_line(text) is None


def test_base_line_is_digits() -> None:
    """Blanks around them do not count; however many there are, it is a number."""
    assert parse_base_line(" 1551252759254000002 ") == 1551252759254000002
    assert (parse_base_line("0"), parse_base_line("0007")) == (0, 7)
    assert (parse_base_line("9" * 100_000) or 0) > 2**63


@pytest.mark.parametrize("text", ["x", "-1", "+1", "1.5", "1e9", "0x10", "1_000", "1 2", "١٢", "²"])
def test_base_line_that_is_not_digits_is_refused(text: str) -> None:
    """With its name and what it should be."""
    with pytest.raises(Invalid, match=r"^base_line must be a position from an earlier answer \(digits only\), or empty, not "):
        parse_base_line(text)
