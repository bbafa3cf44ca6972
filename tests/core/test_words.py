"""The words of segments: what they let a search pass over has no line with the string, whatever the bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from joblog.core.words import Words, WordsWriter, clues_of, read_words
from joblog.errors import Damaged
from tests.generated import examples

RealLogs = Callable[[], Iterator[tuple[str, bytes]]]

PIECES = ("loss", "Loss", "los", "s", "e", "=", " ", "0", "12", ".", "\n", "\n", "é", "É", "快", "_", "@", "[", "error", "-")
text = st.lists(st.sampled_from(PIECES), max_size=40).map(lambda some: "".join(some).encode())
strings = st.lists(st.sampled_from([each for each in PIECES if each != "\n"]), min_size=1, max_size=4).map(
    lambda some: "".join(some).encode()
)


def written(frames: list[bytes], *, line_start: bool = True, group_bytes: int = 30) -> Words:
    writer = WordsWriter(line_start=line_start, group_bytes=group_bytes, share=100)
    for frame in frames:
        writer.add(frame)
    return read_words(writer.finish(sum(map(len, frames)) + 100))


@given(st.lists(text.filter(bool), min_size=1, max_size=12), strings, st.booleans())
@example([b"los", b"s\n", b"x\n"], b"loss", True)
@example([b"los" * 20, b"s\n", b"x\n"], b"loss", True)
@settings(max_examples=examples(500))
def test_what_is_passed_over_has_no_match(frames: list[bytes], string: bytes, line_start: bool) -> None:
    """As it is, and in any case of ASCII's letters; frames are cut anywhere."""
    clues = clues_of([string])
    if clues is None:
        assert not any(chr(byte).isalpha() and len(string) > 2 for byte in string if byte < 0x80) or len(string) < 8
        return
    may = written(frames, line_start=line_start).frames(clues)
    assert len(may) == len(frames)
    whole, at = b"".join(frames), 0
    for line in whole.split(b"\n"):
        covered = [number for number, end in enumerate(ends(frames)) if end > at and end - len(frames[number]) < at + len(line)]
        if string in line or string.lower() in line.lower():
            assert all(may[number] for number in covered)
        at += len(line) + 1


def ends(frames: list[bytes]) -> list[int]:
    return [sum(map(len, frames[: number + 1])) for number in range(len(frames))]


def test_runs_of_letters_ask_for_their_neighbours() -> None:
    """A word of the string is a word, its end or its beginning, or stands within one."""
    words = written([b"INFO: timeout of memory\n", b"out of memoryview 12\n", b"layer4.conv2=1e-05\n"], group_bytes=1)

    def may(string: str) -> list[bool]:
        clues = clues_of([string.encode()])
        assert clues is not None
        return words.frames(clues)

    assert may("out of memory") == [True, True, False]
    assert may(" out of memory") == [False, True, False]
    assert may("of memory ") == [True, False, False]
    assert may("of memory\n".strip()) == [True, True, False]
    assert may("memoryv") == [False, True, False]
    assert may("yer9.CONV77") == [False, False, True]
    assert may("nowhere") == [False, False, False]
    assert clues_of([b"12", b"memory"]) is None
    assert clues_of([b"e"]) is None
    both = clues_of([b"layer", b"INFO"])
    assert both is not None
    assert words.frames(both) == [True, False, True]


def test_text_that_is_not_words_has_none() -> None:
    """More words than their share, or than there may be, are left out; then everything is looked through."""
    writer = WordsWriter(line_start=True)
    writer.add(b"some words\n")
    assert writer.finish(stored_bytes=20) == b""
    writer = WordsWriter(line_start=True, group_bytes=100_000)
    for number in range(30):
        writer.add(
            b"".join(b"%s\n" % bytes(97 + (each * 7 + number) // 26**at % 26 for at in range(30)) for each in range(4000))
        )
    assert writer.finish(stored_bytes=10**9) == b""


def test_words_of_real_logs_are_few(real_logs: RealLogs) -> None:
    """Of a log of a mebibyte or more less than a fiftieth of what is stored of it."""
    for _, data in real_logs():
        frames = [data[at : at + 262144] for at in range(0, len(data), 262144)]
        writer = WordsWriter(line_start=True)
        for frame in frames:
            writer.add(frame)
        payload = writer.finish(10**9)
        assert len(payload) < 3000
        words = read_words(payload)
        for string in (b"Traceback", b"loss", b"GPU", b"run_start", b"epoch_num"):
            clues = clues_of([string])
            assert clues is not None
            for frame, may in zip(frames, words.frames(clues), strict=True):
                assert may or string not in frame


@pytest.mark.parametrize("payload", [b"", b"\x28\xb5\x2f\xfd", b"words"])
def test_damaged_words_are_refused(payload: bytes) -> None:
    """By name."""
    with pytest.raises(Damaged):
        read_words(payload)
