"""Logs that are not UTF-8, as text: guessed, said, cut anywhere; each line has its own bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.errors import Invalid
from joblog.views.encodings import GBK, UTF8, UTF16BE, UTF16LE, WESTERN, Decoder, guess, parse_encoding
from joblog.views.metrics.watched import Watched, measured
from joblog.views.terminal.pages import shown_page
from joblog.views.terminal.terminal import Checkpoint
from joblog.views.values import ShownPage

CHINESE = "第1轮 损失: 0.5\n错误：显存不足，请减小批次大小\n第2轮 损失: 0.4\n"
GERMAN = "Größe geändert: 0,5\nfertig für heute\n"


def page(data: bytes, encoding: str = "", piece: int = 10_000) -> ShownPage:
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    return shown_page(pieces, Checkpoint(), 1000, at_end=True, closed=True, encoding=encoding)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (CHINESE.encode("gbk"), GBK),
        (CHINESE.encode("utf-16"), UTF16LE),
        (CHINESE.encode("utf-16-be"), UTF16BE),
        (CHINESE.encode(), UTF8),
        (GERMAN.encode("cp1252"), WESTERN),
        (GERMAN.encode("utf-16-le"), UTF16LE),
        (b"step 1 \xff\n", UTF8),
        (b"hole" + bytes(2000) + b"\n", UTF8),
        (bytes(range(256)) * 4, UTF8),
        ("训练".encode() * 50 + b"\xb1\xff" + "训练".encode(), UTF8),
    ],
)
def test_guesses(data: bytes, encoding: str) -> None:
    """By BOM, by where the NULs stand, by what is valid; noise among UTF-8 stays noise."""
    assert guess(data, 0) == encoding


@given(st.sampled_from(["gbk", "utf-16-le", "utf-16-be", "cp1252"]), st.integers(1, 50))
def test_lines_are_text_with_their_own_bytes(encoding: str, piece: int) -> None:
    """However the bytes come."""
    text = GERMAN if encoding == "cp1252" else CHINESE
    data = text.encode(encoding)
    found = page(data, parse_encoding(encoding), piece)
    assert [line.text for line in found.lines] == text.splitlines()
    assert [data[line.start_byte : line.end_byte].decode(encoding) for line in found.lines] == text.splitlines(keepends=True)


@given(
    st.lists(st.one_of(st.binary(max_size=9), st.sampled_from([b"\n\0", b"\0\n", b"\x1b[A", b"\x1b\0[\0A\0"]))),
    st.integers(1, 9),
)
def test_any_bytes_in_any_encoding_are_text(parts: list[bytes], piece: int) -> None:
    """Without controls, within the log; cut anywhere it is the same."""
    data = b"".join(parts)
    for encoding in (GBK, UTF16LE, UTF16BE, WESTERN):
        whole = page(data, encoding)
        assert not any(ord(each) < 32 or 0x7F <= ord(each) < 0xA0 for line in whole.lines for each in line.text)
        assert all(0 <= line.start_byte <= line.end_byte <= len(data) for line in whole.lines)
        decoded = [b"".join(text for text, _ in [*decoder.feed(data), *decoder.end()]) for decoder in [Decoder(0, encoding)]]
        decoder = Decoder(0, encoding)
        cut = [text for at in range(0, len(data), piece) for text, _ in decoder.feed(data[at : at + piece])]
        assert [b"".join([*cut, *(text for text, _ in decoder.end())])] == decoded


def test_numbers_are_read_in_any_encoding() -> None:
    """With the bytes of their lines."""
    for encoding in ("gbk", "utf-16"):
        data = CHINESE.encode(encoding)
        _, readings = measured([data], Watched(), (), ends=True)
        assert [(step, values) for _, _, step, _, values in readings] == [(1, [("损失", 0.5, "")]), (2, [("损失", 0.4, "")])]
        assert data[readings[1][0] :].decode("gbk" if encoding == "gbk" else "utf-16-le").lstrip("\0").startswith("第2轮")


def test_names_of_encodings() -> None:
    """In any case; others are refused."""
    assert (parse_encoding("GB2312"), parse_encoding(""), parse_encoding(None)) == (GBK, "", "")
    with pytest.raises(Invalid):
        parse_encoding("ebcdic")
