"""Flood control: nothing under the rate is touched, and over it every byte is passed or counted."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from joblog.agent.filters.flood import TAIL_LINES, Bucket, Control, Passed

lines = st.sampled_from(
    [b"step 1 loss 0.25\n", b"step 22 loss 0.5\n", b"CUDA error: 37\n", b"other\r", b"half ", b"\n", b"x" * 40_000, b"\xff\0\n"]
)


def fed(control: Control, pieces: list[tuple[bytes, float]]) -> list[Passed]:
    now_s, out = 0.0, []
    for data, pause_s in pieces:
        now_s += pause_s
        out.append(control.feed(data, now_s))
    return [*out, control.end()]


@given(st.lists(st.tuples(lines, st.floats(0, 20)), max_size=200))
def test_what_passes_and_what_is_withheld_is_what_came(pieces: list[tuple[bytes, float]]) -> None:
    """Without joblog's own lines, byte for byte in number; lines that look like errors are all there."""
    out = fed(Control(Bucket(10, 0)), pieces)
    text, came = b"".join(one.data for one in out), b"".join(data for data, _ in pieces)
    own = sum(len(line) for line in re.findall(rb"\[joblog\] [^\n]*\n", text)) + sum(
        gap.at_byte for one in out for gap in one.withheld
    )
    assert len(text) - own + sum(gap.size_bytes for one in out for gap in one.withheld) == len(came)
    assert sum(len(one.aside) for one in out) == sum(gap.size_bytes for one in out for gap in one.withheld)
    assert text.count(b"CUDA error: 37\n") == came.count(b"CUDA error: 37\n")


kinds = st.one_of(
    (st.integers(0, 3) | st.integers(0, 300)).map(lambda kind: b"%b 1.5\n" % (b"ab"[kind % 2 : kind % 2 + 1] * kind)),
    st.sampled_from([b"NaN loss\n", b"other\r", b" \n"]),  # no \n alone: behind an \r it would not be a line of its own
)


@given(st.lists(st.tuples(st.lists(kinds, min_size=1, max_size=4), st.integers(1, 60)), max_size=3))
def test_many_lines_at_once_are_taken_as_one_by_one(blocks: list[tuple[list[bytes], int]]) -> None:
    """What comes out is the same: data, counts, what is set aside, and the gap."""
    several, single = Control(Bucket(1, 0)), Control(Bucket(1, 0))
    for control in (several, single):
        control.feed(b"x" * 100 + b"\n", 0.0)  # the flood begins
    outs: list[list[Passed]] = [[], []]
    for block, times in blocks:
        came = block * times
        outs[0].append(several.feed(b"".join(came), 0.0))
        outs[1].extend(single.feed(line, 0.0) for line in came)
    ends = several.end(), single.end()
    assert b"".join(one.data for one in outs[0]) == b"".join(one.data for one in outs[1])
    assert b"".join(one.aside for one in outs[0]) == b"".join(one.aside for one in outs[1])
    assert sorted(ends[0].data.splitlines()) == sorted(ends[1].data.splitlines())
    assert ends[0].withheld == ends[1].withheld


def test_under_the_rate_nothing_changes() -> None:
    """At once, and byte for byte."""
    out = fed(Control(Bucket(100, 0)), [(b"%d half" % number, 0.1) for number in range(1000)])
    assert [one.data for one in out] == [*(b"%d half" % number for number in range(1000)), b""]


def test_head_is_there_however_much_comes_at_once() -> None:
    """A reader that was kept from reading for a while gets a head and the flood behind it in one piece."""
    came = b"".join(b"step %d\n" % number for number in range(10_000))
    at_once = Control(Bucket(100, 0)).feed(came, 0.0).data
    by_line = Control(Bucket(100, 0))
    singly = b"".join(by_line.feed(line, 0.0).data for line in came.splitlines(keepends=True))
    assert at_once.startswith(b"step 0\nstep 1\n")
    assert at_once.splitlines()[:100] == singly.splitlines()[:100]


def test_flood_has_head_examples_errors_counts_and_tail() -> None:
    """10,000 lines in no time, then the end."""
    control = Control(Bucket(100, 0))
    pieces = [(b"step %d\n" % number, 0.0) for number in range(10_000)]
    pieces[5000] = (b"RuntimeError: here\n", 0.0)
    out = fed(control, pieces)
    text = b"".join(one.data for one in out)
    passed = text.splitlines()
    assert passed[:3] == [b"step 0", b"step 1", b"step 2"]
    assert b"RuntimeError: here" in passed
    assert passed[-TAIL_LINES:] == [b"step %d" % number for number in range(10_000 - TAIL_LINES, 10_000)]
    (gap,) = out[-1].withheld
    kept = sum(line.startswith(b"step ") for line in passed)
    assert b"[joblog] %d times: step #\n" % (10_000 - 1 - kept) in text
    assert b"[joblog] %d bytes were not kept here (flood: %d lines)\n" % (gap.size_bytes, 9_999 - kept) in text


def test_flood_that_is_over_ends_by_itself() -> None:
    """The first bytes after a quiet while come with the account of what was before, and pass."""
    control = Control(Bucket(100, 0))
    fed_at_once = [control.feed(b"step %d\n" % number, 0) for number in range(10_000)]
    after = control.feed(b"quiet again\n", 60)
    assert not any(one.withheld for one in fed_at_once)
    assert after.data.endswith(b"step 9999\nquiet again\n")
    assert len(after.withheld) == 1


def test_line_of_joblog_s_own_begins_a_line() -> None:
    """Where what passed before it ends without one, a newline stands before it, and its position is after that."""
    control = Control(Bucket(10, 0))
    head = control.feed(b"x" * 99, 0)
    flood = control.feed(b"x" * 99 + b"\n" + b"step 1\n" * 99 + b"end", 0)
    ended = control.end()
    assert (head.data, flood.data) == (b"x" * 99, b"x" * 99 + b"\nstep 1\n")
    (gap,) = ended.withheld
    assert ended.data[gap.at_byte :].startswith(b"[joblog] %d bytes were not kept here" % gap.size_bytes)
    assert control.pending_bytes == 0


def test_streams_share_a_bucket() -> None:
    """What one of them uses the other one has not."""
    bucket = Bucket(10, 0)
    one, other = Control(bucket), Control(bucket)
    assert one.feed(b"x" * 98 + b"\n", 0).data == b"x" * 98 + b"\n"
    assert other.feed(b"step 1\n", 0).data == b""
    assert (other.ends_s, other.pending_bytes) == (5.6, 7)
    assert other.wake(5).data == b""
    assert other.wake(6).data == b"step 1\n"
