"""The terminal's view against a real emulator, however the bytes are cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from joblog.views.terminal.screen import GAP_COLUMNS, LONG_COLUMNS, MARKS
from joblog.views.terminal.sgr import escaped, pen_after
from joblog.views.terminal.terminal import Terminal
from joblog.views.values import ShownLine
from tests.generated import examples
from tests.views.terminal.emulator import Cells, emulated

ROWS = 6
"""A low screen, so that generated streams reach its top and scroll."""

WORDS = st.sampled_from([b"epoch 3", b"loss=0.1", b"#", b"x", "━━╸".encode(), "ошибка".encode(), b"  ", b"a\tb"])
WORDS_PLAIN = st.sampled_from([b"epoch 3", b"loss=0.1", b"#"])
MOVES = st.sampled_from(
    [*[b"\r", b"\b", b"\b\b\b", b"\n", b"\n", b"\r\n", b"\x1b[A", b"\x1b[2A", b"\x1b[9A", b"\x1b[B", b"\x1b[3B", b"\x1b[C"]
    , *[b"\x1b[12C", b"\x1b[4D", b"\x1b[E", b"\x1b[2F", b"\x1b[5G", b"\x1b[H", b"\x1b[2;3H", b"\x1b[3d", b"\x1b[1X", b"\x1b[2P"]
    , *[b"\x1b[3@", b"\x1bE", b"\x1b7", b"\x1b8"]]
)  # fmt: skip
ERASES = st.sampled_from([b"\x1b[K", b"\x1b[0K", b"\x1b[1K", b"\x1b[2K", b"\x1b[J", b"\x1b[1J", b"\x1b[2J"])
REGIONS = st.sampled_from(
    [*[b"\x1b[1;4r", b"\x1b[2;5r", b"\x1b[r", b"\x1b[3;6r", b"\x1b[L", b"\x1b[2L", b"\x1b[M", b"\x1b[2M", b"\x1bM", b"\x1bD"]
    , *[b"\r", b"\n", b"\n", b"\x1b[A", b"\x1b[2B", b"\x1b[H", b"\x1b[5;1H", b"\x1b[6;1H", b"\x1b[3d", b"\x1b[K", b"\x1b[J"]]
)  # fmt: skip
ADDRESSED = st.lists(st.one_of(WORDS_PLAIN, REGIONS), max_size=20).map(b"".join)
LOOKS = st.sampled_from(
    [*[b"\x1b[m", b"\x1b[0m", b"\x1b[1m", b"\x1b[31m", b"\x1b[1;31m", b"\x1b[97m", b"\x1b[44m", b"\x1b[39;49m", b"\x1b[22m"]
    , *[b"\x1b[3;4;9m", b"\x1b[7m", b"\x1b[27m", b"\x1b[103m"]]
)  # fmt: skip
NOISE = st.sampled_from([b"\x1b]0;title\x07", b"\x1b[?25l", b"\x1b[?25h", b"\x07", b"\x00", b"\x1b[6n", b"\x1b(B"])
STREAMS = st.lists(st.one_of(WORDS, WORDS, MOVES, ERASES, LOOKS, NOISE), max_size=40).map(b"".join)
ANY_BYTES = st.lists(st.one_of(STREAMS, st.binary(max_size=6), st.sampled_from([b"\x1b", b"\x1b[", b"\x1b]", "🚀".encode()])))


def shown(data: bytes, cut: list[int] | None = None, rows: int = ROWS) -> list[ShownLine]:
    """Feeds the data, cut at these positions, and returns all lines."""
    terminal, found, at = Terminal(rows=rows), list[ShownLine](), 0
    for end in [*(cut or []), len(data)]:
        found += terminal.feed(data[at:end])
        at = end
    return found + terminal.finish()


def cells(lines: list[ShownLine]) -> list[Cells]:
    """Returns lines as the emulator gives them."""
    found = []
    for line in lines:
        pens = [""] * len(line.text)
        for start, end, pen in line.spans:
            pens[start:end] = [pen] * (end - start)
        row = list(zip(line.text, pens, strict=True))
        while row and row[-1][0] == " ":
            row.pop()
        found.append([(character, pen if character != " " else "") for character, pen in row])
    while found and not found[-1]:
        found.pop()
    return found


def plain_blanks(rows: list[Cells]) -> list[Cells]:
    """The look of blanks is not compared: terminals differ in what erasing leaves there."""
    return [[(character, pen if character != " " else "") for character, pen in row] for row in rows]


@settings(max_examples=examples(400))
@given(STREAMS)
@example(b"one\ntwo\x1b[A\x1b[2K\rnew\n\n")
@example(b"abc\x1b[2J\x1b[Hdef")
def test_view_is_what_an_emulator_shows(data: bytes) -> None:
    """Texts and looks, line by line, whatever moves and erasures come."""
    assert cells(shown(data)) == plain_blanks(emulated(data, ROWS, 800))


@settings(max_examples=examples(400))
@given(ADDRESSED)
@example(b"a\n\n\n\n\n\n\x1b7\x1b[0;5r\x1b8\x1b[A\x1b7\x1b[6;0fbar\x1b8one\ntwo\n")
def test_regions_and_rows_are_what_an_emulator_shows(data: bytes) -> None:
    """What scrolls within a region, rows that are inserted, deleted, gone to by their number."""
    assert cells(shown(data)) == plain_blanks(emulated(data, ROWS, 800))


@given(st.one_of(STREAMS, ADDRESSED))
def test_cutting_at_every_byte_changes_nothing(data: bytes) -> None:
    """Neither the lines nor the bytes that they came from."""
    whole = shown(data)
    assert all(shown(data, [at]) == whole for at in range(len(data)))
    assert shown(data, list(range(len(data)))) == whole


@given(ANY_BYTES.map(b"".join), st.data())
def test_any_bytes_give_text_without_controls(data: bytes, more: st.DataObject) -> None:
    """What is shown holds no escape and no control, however malformed the input, and however it is cut."""
    whole = shown(data)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for line in whole for c in line.text)
    cut = more.draw(st.lists(st.integers(0, len(data)), max_size=8).map(sorted))
    assert shown(data, cut) == whole


@given(STREAMS)
@example(b"\nepoch 3\x1b[A\n")
def test_every_line_names_bytes_that_draw_it(data: bytes) -> None:
    """Ranges lie within the log, end after they begin where there is text, and the raw lines are those of the bytes."""
    for line in shown(data):
        assert 0 <= line.start_byte <= line.end_byte <= len(data)
        assert line.start_line == data.count(b"\n", 0, line.start_byte)
        assert not line.text or line.start_byte < line.end_byte
        assert line.end_line == line.start_line + 1 + data.count(
            b"\n", line.start_byte, max(line.end_byte - 1, line.start_byte)
        )


def test_bar_is_one_line_with_all_its_frames() -> None:
    """A progress bar that redraws itself folds; its bytes are all reachable."""
    data = b"start\n" + b"".join(b"\r%3d%%|####" % done for done in range(0, 101, 10)) + b"\nend\n"
    first, bar, last = shown(data)
    assert (first.text, last.text) == ("start", "end")
    assert (bar.text, bar.frames) == ("100%|####", 11)
    assert data[bar.start_byte : bar.end_byte] == data[6:-4]


@pytest.mark.slow  # pyte reads 100 kB a second
def test_real_logs_look_as_in_an_emulator(real_logs: Callable[[], Iterator[tuple[str, bytes]]]) -> None:
    """The last 40 kB of each, which takes pyte half a second; on a large screen."""
    for name, data in real_logs():
        start = data.rfind(b"\n", 0, max(len(data) - 40_000, 0)) + 1
        tail = data[start:].replace(b"\x1b[I", b"").replace(b"\x1b[O", b"")
        if b"\xf0\x9f" in tail or any(byte in tail for byte in (b"\xff", b"\x80\x80")):
            tail = tail.decode("ascii", "ignore").encode()  # widths of emoji differ between tables
        assert cells(shown(tail, rows=50)) == plain_blanks(emulated(tail, 50, 10_000)), name


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        (b"\x1b]0;never ended\nnext", "\nnext"),
        (b"\x1bPq#0;2;0;0;0\x1b\\image", "image"),
        (b"a\xc2\x9b31mb", "a31mb"),
        ("user\u202egnp.exe".encode(), "usergnp.exe"),
        (b"\xe8\xae\xad\xe7", "训\ufffd"),
        ("训练\bx".encode(), "训 x"),
        ("e\u0301".encode(), "e\u0301"),
        (b"\x1b[8mhidden\x1b[5mblink", "hiddenblink"),
        (b"\x1b[" + b"9" * 300 + b"m", "9" * 45 + "m"),
        (b"\x1b[99999999999999Cx", " " * GAP_COLUMNS + "x"),
    ],
)
def test_hostile_text(data: bytes, text: str) -> None:
    """Titles, links, images, hidden text, turned text, huge numbers: what is left is text."""
    assert "\n".join(line.text for line in shown(data)) == text
    assert all(not line.spans for line in shown(data))


def test_memory_is_bounded() -> None:
    """A line without end, rows without end, marks without end."""
    (line,) = shown(b"x" * (LONG_COLUMNS + 5))
    assert (len(line.text), line.cut, line.end_byte) == (LONG_COLUMNS, True, LONG_COLUMNS + 5)
    (line,) = shown(b"x" * 30_000, list(range(0, 30_000, 777)))
    assert (len(line.text), line.cut) == (30_000, False)
    terminal = Terminal(rows=ROWS)
    assert len(terminal.feed(b"\n" * 1000)) == 1000 - ROWS + 1
    assert len(terminal.screen.rows) == ROWS
    (stacked,) = shown(b"e" + "\u0301".encode() * 1000)
    assert len(stacked.text) == 1 + MARKS
    assert terminal.feed(b"\x1b[999999999B\x1b[999999999A") == []
    assert len(terminal.screen.rows) == ROWS


def test_looks_are_written_again_in_one_form() -> None:
    """For a terminal the spans become escapes, always the same, always reset."""
    (line,) = shown(b"\x1b[31m\x1b[1mbad\x1b[22;39m ok\x1b[38;5;200mx\x1b[48;2;1;2;3my\x1b[38;5m\x1b[0m")
    assert line.spans == [(0, 3, "1;31"), (6, 7, "38;5;200"), (7, 8, "38;5;200;48;2;1;2;3")]
    assert escaped(line.text, line.spans).startswith("\x1b[1;31mbad\x1b[0m ok\x1b[38;5;200mx\x1b[0m")


@given(st.lists(st.sampled_from(["0", "1", "2", "22", "31", "38;5;7", "48;2;1;2;3", "39", "49", "97", "104", "7", "27", "99"])))
def test_pen_is_its_own_normal_form(parameters: list[str]) -> None:
    """Reading a pen gives the pen."""
    pen = pen_after("1;31", ";".join(parameters))
    assert pen_after("", pen) == pen or not pen
