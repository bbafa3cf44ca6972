"""Searching, against Python's re and grep, on logs cut into chunks, frames and segments anywhere."""

from __future__ import annotations

import random
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from joblog.core.logs import Head
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.patterns import MAX_SPANS, Pattern
from joblog.engine.scan import Scan
from joblog.engine.search import TEXT_BYTES, Ask, LogSearch, Match, Reached
from joblog.errors import Invalid, Missing
from joblog.objects.piece_cache import CachedPiece
from tests.engine.sealing import IndexingSealer
from tests.generated import examples

RealLogs = Callable[[], Iterator[tuple[str, bytes]]]


class Hit(NamedTuple):
    """What is known of a line that matches."""

    line: int
    start_byte: int
    end_byte: int
    spans: list[tuple[int, int]]
    text: bytes


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all examples, each of which makes a log."""
    engine = Engine(Settings(data=tmp_path_factory.mktemp("search")))
    engine.runs.put_project("p", 1)
    yield engine
    engine.close()


def made(engine: Engine, data: bytes, seed: int, parts: int = 4) -> Head:
    """Makes a log out of some appends, of which some are sealed and some merged."""
    chance = random.Random(seed)
    log = engine.runs.put_run("p", "a", None, 0, 1)[2]
    at = 0
    while at < len(data):
        part = data[at : at + chance.randint(1, len(data) // parts + 1)]
        engine.appender.append(log.id, at, part)
        at += len(part)
        if chance.random() < 0.3:
            engine.sealer.seal(log.id)
        if chance.random() < 0.2:
            engine.sealer.merge(log.id, 1)
    return engine.logs.head(log.id)


def found(search: LogSearch, log: Head, ask: Ask) -> list[Hit]:
    """Searches all of a log, in one go, and again with a stop after each step: both must find the same."""
    got = list(search.run(log, ask, log.start_byte, log.end_byte))
    assert sum(each.searched_bytes for each in got if isinstance(each, Reached)) == log.end_byte - log.start_byte
    hits = [each for each in got if isinstance(each, Match)]
    assert hits == list(stepwise(search, log, ask))
    return [Hit(each.line, each.start_byte, each.end_byte, each.spans, each.text.data) for each in hits]


def stepwise(search: LogSearch, log: Head, ask: Ask) -> Iterator[Match]:
    low, high = log.start_byte, log.end_byte
    while low < high:
        for each in search.run(log, ask, low, high):
            if isinstance(each, Match):
                yield each
                continue
            moved = each.at != (high if ask.backwards else low)
            low, high = (low, each.at) if ask.backwards else (each.at, high)
            if moved:
                break
        else:
            return


def expected(pattern: re.Pattern[bytes], data: bytes) -> list[Hit]:
    """What Python finds, line by line."""
    hits, at = [], 0
    for number, line in enumerate(data.removesuffix(b"\n").split(b"\n") if data else []):
        if pattern.search(line):
            hits.append(Hit(number, at, at + len(line), [(at + a, at + b) for a, b in spans(pattern, line)], line))
        at += len(line) + 1
    return hits


def spans(pattern: re.Pattern[bytes], line: bytes) -> list[tuple[int, int]]:
    """The matches that are not empty: from where the last one ended, or a byte further after an empty one."""
    got, at = list[tuple[int, int]](), 0
    while at <= len(line) and len(got) < MAX_SPANS and (match := pattern.search(line, at)):
        if match.end() > match.start():
            got.append(match.span())
        at = match.end() + (match.end() == at and match.end() == match.start())
        at = max(at, match.end())
    return got


ATOMS = st.sampled_from(
    ["a", "b", "ab", "e", ".", "[ab]", "[^a]", r"\d", r"\w", " ", "=", r"\.", "1", "(a|bc)", "(?:a|ab)", r"\bl", "^", "$"]
)
REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "*?", "+?", "{2}", "{1,3}"])
PATTERNS = st.lists(
    st.tuples(ATOMS, REPEATS).map(lambda part: part[0] + ("" if part[0] in "^$" else part[1])), min_size=1, max_size=5
).map("".join)
TEXTS = st.text(st.sampled_from("abc1 =.e\n\n"), max_size=400).map(str.encode)


@given(PATTERNS, TEXTS, st.booleans(), st.booleans(), st.integers(0, 1000))
@settings(max_examples=examples(40))
def test_finds_what_pythons_re_finds(
    kept: Engine, pattern: str, data: bytes, ignore_case: bool, backwards: bool, seed: int
) -> None:
    """The same lines, the same spans, wherever the log is cut."""
    log = made(kept, data, seed)
    ask = Ask(Pattern(pattern, regex=True, ignore_case=ignore_case), backwards)
    wanted = expected(re.compile(pattern.encode(), re.IGNORECASE if ignore_case else 0), data)
    assert found(kept.search, log, ask) == (wanted[::-1] if backwards else wanted)


LINES = st.lists(
    st.sampled_from(["loss is nan", "INFO step 12", "lo\u017fs", "Loss", "", "x" * 90 + "loss", "12=3.5", "快", "ab loss"]),
    max_size=6,
)
LITERALS = ("loss", "Loss", "nan", "step 1", "is nan", "xloss", "12", "快", "nowhere", "los", "INFO step 12")


@given(
    st.lists(st.tuples(LINES, st.integers(1, 300)), min_size=1, max_size=6),
    st.sampled_from(LITERALS),
    *[st.booleans()] * 2,
    st.integers(0, 1000),
)
@settings(max_examples=examples(100))
def test_an_indexed_log_gives_the_same_lines(
    kept: Engine, parts: list[tuple[list[str], int]], literal: str, ignore_case: bool, backwards: bool, seed: int
) -> None:
    """In both directions, with stops, whatever of it was sealed, merged and indexed, with words or without."""
    data = b"".join(("\n".join(lines) + "\n" * bool(seed % 5)).encode() * times for lines, times in parts)
    log = made(kept, data, seed)
    sealer = IndexingSealer(kept.logs, kept.frames, kept.objects, frame_bytes=64)
    chance = random.Random(seed)
    if seed % 3:
        kept.logs.close(kept.logs.head(log.id), len(data), zlib.crc32(data), 1)
    while chance.random() < 0.8 and sealer.seal(log.id):
        pass
    for step in (sealer.merge, sealer.compress):
        if chance.random() < 0.8:
            step(log.id, 1)
    ask = Ask(Pattern(literal, regex=False, ignore_case=ignore_case), backwards)
    wanted = expected_literal(literal, ignore_case, data)
    hits = [(hit.line, hit.start_byte) for hit in found(kept.search, kept.logs.head(log.id), ask)]
    assert hits == (wanted[::-1] if backwards else wanted)


def expected_literal(literal: str, ignore_case: bool, data: bytes) -> list[tuple[int, int]]:
    """Lines that hold the text, by Python's re on text, which folds case as RE2 does."""
    pattern = re.compile(re.escape(literal), re.IGNORECASE if ignore_case else 0)
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    return [(number, starts[number]) for number, line in enumerate(lines) if pattern.search(line.decode())]


def indexed(engine: Engine, parts: list[bytes]) -> Head:
    """Makes a log of large appends, each a segment of its own, and indexes them."""
    log = engine.runs.put_run("p", "indexed", None, 0, 1)[2]
    sealer = IndexingSealer(engine.logs, engine.frames, engine.objects, frame_bytes=64)
    for part in parts:
        assert sealer.append_sealed(engine.logs.head(log.id), part, 1) is not None
    data = b"".join(parts)
    engine.logs.close(engine.logs.head(log.id), len(data), zlib.crc32(data), 1)
    assert sealer.compress(log.id, 1) > 0
    return engine.logs.head(log.id)


@pytest.mark.parametrize("backwards", [False, True])
def test_matches_at_the_borders_of_what_is_passed_over(kept: Engine, backwards: bool) -> None:
    """In its neighbours' first and last lines; in a line that goes on in the next segment; letters that fold to others."""
    # Lines of 16 bytes: 64 of them are a group, and needles stand in front, at the end and in the middle of some.
    lines = [b"steps and steps"] * 4096
    for group, place, text in (
        (3, 0, "a needle"),
        (9, 63, "a needle"),
        (12, 31, "A NEEDLE"),
        (20, 0, "lo\u017fs a\u212a"),
        (33, 0, "-"),
    ):
        lines[64 * group + place] = text.encode().ljust(15)
    for group in (47, 62):
        lines[64 * group] = b"loss ask needle"
    data = b"\n".join(lines) + b"\n"
    cut = data.index(b"loss", 64 * 16 * 60) + 2
    parts = [data[: 1024 * 30], data[1024 * 30 : 1024 * 40], data[1024 * 40 : cut], data[cut:]]
    log = indexed(kept, parts)
    for literal in ("needle", "loss", "ask", "ak", "k", "ss ask"):
        for ignore_case in (False, True):
            ask = Ask(Pattern(literal, regex=False, ignore_case=ignore_case), backwards)
            wanted = expected_literal(literal, ignore_case, data)
            hits = [(hit.line, hit.start_byte) for hit in found(kept.search, log, ask)]
            assert hits == (wanted[::-1] if backwards else wanted)


def test_what_words_rule_out_is_not_read(kept: Engine) -> None:
    """A search for a word that is in one place reads the frames around it alone."""
    lines = [b"step %d of many\n" % number for number in range(2000)]
    lines[1234] = b"a needle\n"
    data = b"".join(lines)
    log = indexed(kept, [data])
    for pattern, most in (("needle", 4000), ("nowhere", 0), ("1234", len(data)), ("(?i)NEEDLE|out of nothing", 4000)):
        clues = Pattern(pattern, regex=True, ignore_case=False).clues
        for backwards in (False, True):
            pieces = list(Scan(kept.logs, kept.frames).search(log.id, 0, len(data), clues, backwards=backwards))
            assert sum(each.end_byte - each.start_byte for each in pieces) == len(data)
            assert sum(len(each.data) for each in pieces if isinstance(each, CachedPiece)) <= most


def check(engine: Engine, data: bytes, seed: int, pattern: str, lines: list[int], **how: bool) -> None:
    log = made(engine, data, seed)
    asked = Pattern(pattern, regex=how.get("regex", True), ignore_case=how.get("ignore_case", False))
    for backwards in (False, True):
        hits = found(engine.search, log, Ask(asked, backwards))
        assert [hit.line for hit in hits] == (lines[::-1] if backwards else lines), pattern


def test_patterns_mean_lines(kept: Engine) -> None:
    """The text's anchors are a line's, nothing reaches over a newline, and characters are whole."""
    data = "one\n\n訓練 = 0.5\r\nONE\nÉté\nlast one".encode() + b" \xff"
    for pattern, lines in (
        (r"\Aone", [0]), (r"^one$", [0]), (r"\Aone\z", [0]), ("(?-m)^one", [0]), ("^$", [1]), (r"e\n", []), (r"e\s", [5]),
        (r"one[^x]", [5]), ("(?s)one.", [5]), ("訓.", [2]), ("^. = ", []), ("^.. = ", [2]), (r"\r$", [2]),
    ):  # fmt: skip
        check(kept, data, 1, pattern, lines)
    check(kept, data, 2, "one", [0, 3, 5], ignore_case=True)
    check(kept, data, 3, "éTÉ", [4], ignore_case=True)
    check(kept, data, 4, "0.5", [2], regex=False)


def test_bad_patterns() -> None:
    """Are told apart from those that find nothing."""
    for text, regex in (
        ("(", True),
        ("a)(b", True),
        ("a{5000}", True),
        ("((a{100}){100}){100}", True),
        ("x" * 1001, False),
        ("a\nb", False),
        (r"(?=a)", True),
    ):
        with pytest.raises(Invalid, match=r"^pattern must be "):
            Pattern(text, regex=regex, ignore_case=False)
    with pytest.raises(Missing):
        Pattern("", regex=True, ignore_case=False)


def test_pattern_that_others_take_forever_for(kept: Engine) -> None:
    """Takes linear time here."""
    check(kept, b"a" * 5000 + b"!\n", 1, "(a*)*(a|aa)*(.*)*b$", [])


@pytest.mark.parametrize("size", [(1 << 20) - 10, (1 << 20) + 10, 5 << 20])
def test_very_long_line(engine: Engine, size: int) -> None:
    """Is looked through in parts; what is given of it is bounded; the lines around it keep their numbers."""
    data = b"first needle\n" + b"x" * size + b" needle at its end\nlast needle"
    engine.runs.put_project("p", 1)
    log = made(engine, data, 1)
    for backwards in (False, True):
        hits = found(engine.search, log, Ask(Pattern("needle", regex=False, ignore_case=False), backwards))
        assert sorted({hit.line for hit in hits}) == [0, 1, 2]
        assert all(data[a:b] == b"needle" for hit in hits for a, b in hit.spans)
        assert max(len(hit.text) for hit in hits) <= TEXT_BYTES
        assert all(b"needle" in hit.text for hit in hits)


@example(b"needle" + b"e" * 70 + b"needle", "needle", False, 0)
@given(
    st.lists(st.sampled_from([b"needle", b"nee", b"dle", b"x", b" ", b"\n", b"x" * 40, b"e" * 70]), max_size=60).map(b"".join),
    st.sampled_from(["needle", "^needle", "needle$", r"\bneedle\b", "^x", "x$"]),
    st.booleans(),
    st.integers(0, 1000),
)
@settings(max_examples=examples(50))
def test_what_lies_across_parts_of_a_line(kept: Engine, data: bytes, pattern: str, backwards: bool, seed: int) -> None:
    """Is found, once, and borders of parts are no borders of lines or words; here parts are of 64 bytes and overlap by 16."""
    log = made(kept, data, seed, 10)
    ask = Ask(Pattern(pattern, regex=True, ignore_case=False), backwards)
    hits = found(LogSearch(Scan(kept.logs, kept.frames), kept.reader, longest_line=64, overlap=16), log, ask)
    wanted = expected(re.compile(pattern.encode()), data)
    assert sorted(span for hit in hits for span in hit.spans) == [span for hit in wanted for span in hit.spans]
    assert sorted({hit.line for hit in hits}) == [hit.line for hit in wanted]


def test_context_is_the_lines_around(kept: Engine) -> None:
    """As many as there are, each with its number and place."""
    data = b"".join(b"line %d\n" % number for number in range(10))
    log = made(kept, data, 3)
    ask = Ask(Pattern("line (0|5|9)", regex=True, ignore_case=False), before=2, after=1)
    got = [each for each in kept.search.run(log, ask, 0, len(data)) if isinstance(each, Match)]
    around = [([text.line for text in each.before], each.line, [text.line for text in each.after]) for each in got]
    assert around == [([], 0, [1]), ([3, 4], 5, [6]), ([7, 8], 9, [])]
    assert all(data[text.start_byte :].startswith(text.data + b"\n") for each in got for text in (*each.before, *each.after))


def test_retention_meanwhile(kept: Engine) -> None:
    """What is removed while a search runs is passed over."""
    data = b"".join(b"line %d\n" % number for number in range(100))
    log = kept.runs.put_run("p", "retained", None, 0, 1)[2]
    kept.appender.append(log.id, 0, data)
    with kept.logs.transaction() as tx:
        tx.rows("log_start", id=log.id, was=0, start_byte=70, start_line=10)
    hits = [
        each
        for each in kept.search.run(log, Ask(Pattern("9", regex=False, ignore_case=False)), 0, len(data))
        if isinstance(each, Match)
    ]
    assert [hit.line for hit in hits] == [19, 29, 39, 49, 59, 69, 79, *range(89, 100)]


@pytest.mark.long  # 14 real logs, each searched several times
def test_real_logs_as_grep_does(engine: Engine, real_logs: RealLogs, tmp_path: Path) -> None:
    """grep -n finds the same lines, and Python's re the same spans."""
    engine.runs.put_project("p", 1)
    for seed, (_, data) in enumerate(real_logs()):
        data = data[: 1 << 19]
        (tmp_path / "log").write_bytes(data)
        log = made(engine, data, seed, 1)
        for pattern in (
            r"eval_accuracy",
            r"[0-9]+\.[0-9]+e-[0-9]",
            r"^:::MLLOG.*(start|stop)",
            r"\bstep\b",
            r"[Ee]rror|[Ww]arn",
            "$",
            r"^[^:]",
        ):
            hits = found(engine.search, log, Ask(Pattern(pattern, regex=True, ignore_case=False)))
            grep = subprocess.run(
                ["grep", "-anE", pattern, "log"], cwd=tmp_path, env={"LC_ALL": "C.UTF-8"}, capture_output=True, check=False
            )
            lines = [int(line.partition(b":")[0]) - 1 for line in grep.stdout.split(b"\n") if line]
            assert [hit.line for hit in hits] == lines, pattern
            if data.isascii():
                assert [hit[:4] for hit in hits] == [hit[:4] for hit in expected(re.compile(pattern.encode()), data)]
