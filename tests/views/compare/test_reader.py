"""The templates of a log: the same however it is cut, places that are right, memory that is bounded."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from joblog.core.template import template
from joblog.views.compare.reader import EXAMPLE_BYTES, MAX_TEMPLATES, Entry, TemplateReader, read_templates

ENDS = [b"\n", b"\n", b"\r", b"\r\n"]
LINES = st.lists(
    st.tuples(
        st.sampled_from([b"step 1", b"step 22", b"loss 0.5", b"", b"x" * 5000, b"a 1\xff", b"  "]), st.sampled_from(ENDS)
    ),
    max_size=30,
)


def plain(data: bytes) -> dict[str, list[tuple[int, int]]]:
    """Returns where the lines of each template are, found one by one."""
    places: dict[str, list[tuple[int, int]]] = {}
    at = number = 0
    for line in data.splitlines(keepends=True):
        text = template(line.rstrip(b"\r\n"))
        if text:
            places.setdefault(text, []).append((at, number))
        at += len(line)
        number += line.endswith(b"\n")
    return places


@given(LINES, st.lists(st.integers(0, 3000), max_size=6), st.booleans())
def test_counts_and_places_are_those_of_the_lines(lines: list[tuple[bytes, bytes]], cuts: list[int], whole: bool) -> None:
    """However the bytes are cut; of a line that redraws itself each frame counts."""
    data = b"".join(line + end for line, end in lines)
    if not whole:
        data = data.rstrip(b"\r\n")
    borders = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[low:high] for low, high in pairwise(borders)]
    reader = read_templates(pieces, TemplateReader(100, 7), closed_at=100 + len(data))
    expected = {
        text: (len(each), each[0][0] + 100, each[0][1] + 7, each[-1][0] + 100, each[-1][1] + 7)
        for text, each in plain(data).items()
    }
    entries = {
        text: (each.count, each.first_byte, each.first_line, each.last_byte, each.last_line)
        for text, each in reader.entries.items()
    }
    assert (entries, reader.ended, reader.at) == (expected, True, 100 + len(data))
    assert reader.lines == sum(each[0] for each in expected.values())


def test_what_most_lines_begin_with_is_taken_off() -> None:
    """So that two runs that were started in two ways print the same."""
    lines = [b"epoch %d begins\n" % at for at in range(40)] + [b"saving checkpoint\n", b"loading data\n"] * 20
    bare = read_templates([b"".join(lines)], TemplateReader(), closed_at=-1)
    prefixed = read_templates([b"".join(b"pod/trainer-0: " + line for line in lines)], TemplateReader(), closed_at=-1)
    assert bare.entries.keys() == prefixed.entries.keys()


def test_memory_is_bounded_and_the_last_words_stay() -> None:
    """Of lines that never come again the older ones are counted together; what names a failure is not among them."""
    reader = TemplateReader()
    words = [
        bytes([97 + at % 26, 97 + at // 26 % 26, 97 + at // 676 % 26, 97 + at // 17576]) for at in range(5 * MAX_TEMPLATES)
    ]
    reader.feed(b"RuntimeError: early\n")
    for word in words:
        reader.feed(b"said " + word + b"\n")
    reader.feed(b"ValueError: the end\n")
    assert len(reader.entries) <= MAX_TEMPLATES
    assert reader.others + sum(each.count for each in reader.entries.values()) == reader.lines == len(words) + 2
    assert {"RuntimeError: early", "ValueError: the end", "said " + words[-1].decode()} <= reader.entries.keys()


def test_a_long_line_keeps_little() -> None:
    """A megabyte without an end is held by its first two kilobytes."""
    reader = TemplateReader()
    for _ in range(100):
        reader.feed(b"y" * 10_000)
        assert len(reader._waiting) <= 12_048
    reader.feed(b"\nnext\n")
    assert reader.entries["next"] == Entry(b"next", 1, 1_000_001, 1, 1_000_001, 1)
    assert max(len(each.line) for each in reader.entries.values()) <= EXAMPLE_BYTES


def test_a_small_first_piece_does_not_make_a_log_young() -> None:
    """What lines begin with is learnt from enough of them: else each question would read the log from its beginning again."""
    pieces = [b"node a: word 1\n"] * 10 + [b"node a: other 2\n" * 200]
    reader = read_templates(pieces, TemplateReader(), closed_at=-1)
    assert (reader.young, reader.at) == (False, sum(map(len, pieces)))
    assert reader.entries == read_templates([b"".join(pieces)], TemplateReader(), closed_at=-1).entries
    assert read_templates(pieces[:3], TemplateReader(), closed_at=-1).young
