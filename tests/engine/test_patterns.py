"""What a pattern finds in blocks, against what RE2 finds in each of their lines; what is known of its matches beforehand."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator

import hypothesis.strategies as st
import pytest
import re2
from hypothesis import assume, example, given, settings

from joblog.engine.literals import Literals, literals_of
from joblog.engine.patterns import Pattern, compiled
from joblog.errors import Invalid
from tests.generated import examples

RealLogs = Callable[[], Iterator[tuple[str, bytes]]]

CHARACTERS = "abkKsSoOxX 01*-_é快ſ\u212aÉÿŸ"
ATOMS = (
    *(re2.escape(each) for each in CHARACTERS),
    *(
        "ab",
        "loss",
        "ASK",
        "[ab]",
        "[^a]",
        "[a-c]",
        "[k-s]",
        "[]a]",
        "[a\\]b]",
        "[[:alpha:]]",
        "[S-]",
        "[\\dk]",
        "[\\x41s]",
        "[é快]",
    ),
    *(".", "\\d", "\\w", "\\S", "\\s", "\\pL", "\\p{Lu}", "\\PL", "\\x6b", "\\x{e9}", "\\x{212A}", "\\C", "\\Qa.b\\E"),
    *(
        "\\101",
        "\\n",
        "\\t",
        "^",
        "$",
        "\\b",
        "\\B",
        "\\A",
        "\\z",
        "",
        "(?i)",
        "(?-i)",
        "(?s)",
        "(?i-s)",
        "(?U)",
        "{",
        "a{,2}",
        "\\-",
    ),
)
REPEATS = ("*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{0,1}", "{1,3}", "{2,}", "{9}", "{1}?", "{2}{2}")
GROUPS = ("(", "(?:", "(?P<n>", "(?<n>", "(?i:", "(?-i:", "(?is-m:", "(?m:")

expressions = st.recursive(
    st.sampled_from(ATOMS),
    lambda some: st.one_of(
        st.lists(some, min_size=2, max_size=4).map("".join),
        st.lists(some, min_size=2, max_size=4).map("|".join),
        st.builds(lambda group, inside: f"{group}{inside})", st.sampled_from(GROUPS), some),
        st.builds(lambda inside, repeat: f"(?:{inside}){repeat}", some, st.sampled_from(REPEATS)),
        st.builds(lambda inside, repeat: f"{inside}{repeat}", some, st.sampled_from(REPEATS)),
    ),
    max_leaves=8,
)
pieces = st.one_of(
    st.sampled_from(
        ["loss", "LOSS", "lo\u017f\u017f", "ask", "a\u212a", "ab", "a.b", "k", "S", " ", "é", "É", "快", "{", "a{,2}"]
    ).map(str.encode),
    st.sampled_from([b"\xff", b"\xc5", b"\xbf", b"\xe2\x84", b"\x00", b"\r", b"*", b"\x2a", b"aaaaaaaaa"]),
    st.text(CHARACTERS, max_size=3).map(str.encode),
)
lines_of_text = st.lists(st.lists(pieces, max_size=6).map(b"".join), min_size=1, max_size=8)


def expected(source: str, regex: bool, ignore_case: bool, lines: list[bytes]) -> set[bytes]:
    """Returns which of the lines RE2 finds a match in, each by itself."""
    text = ("(?i)" if ignore_case else "") + (source if regex else re2.escape(source))
    pattern = compiled(text.encode(), "an expression")
    return {line for line in lines if pattern.search(line) is not None}


def check(pattern: Pattern, wanted: set[bytes], lines: list[bytes]) -> None:
    """Looks at a block: what it gives must be the lines that are wanted, where they stand."""
    before, behind = b"before\n", b"loss ask ab behind\n"
    data = before + b"".join(line + b"\n" for line in lines) + behind
    at, places = len(before), []
    for line in lines:
        if line in wanted:
            places.append((at, at + len(line)))
        at += len(line) + 1
    assert list(pattern.lines(data, len(before), len(data) - len(behind))) == places


@given(expressions, st.booleans(), lines_of_text)
@example("(?i)a*b", False, [b"a\na*b".replace(b"\n", b""), b"x*", b"A*B"])
@example("x\\*x", True, [b"x", b"x*x"])
@example("é(?i)*", False, [b""])
@example("ÿa", True, ["Ÿa".encode(), "ÿA".encode()])
@example("loss|(?i)ask", False, [b"lo\xc5\xbfs", b"A\xc5\xbfK", b"as\xe2\x84\xaa"])
@settings(max_examples=examples(600))
def test_a_block_gives_what_its_lines_give(source: str, ignore_case: bool, lines: list[bytes]) -> None:
    """Whatever the expression and the bytes."""
    try:
        pattern = Pattern(source, regex=True, ignore_case=ignore_case)
    except Invalid:
        assume(condition=False)
        raise
    wanted = expected(source, True, ignore_case, lines)
    check(pattern, wanted, lines)
    literals = literals_of(source, regex=True, ignore_case=ignore_case)
    if literals is not None:
        for line in lines:
            has_one = holds(literals, line)
            assert has_one or line not in wanted
            assert not (has_one and literals.exact) or line in wanted


def holds(literals: Literals, line: bytes) -> bool:
    """Whether a line may match, by the definition of literals."""
    text = bytes(each | 0x20 for each in line) if literals.folded else line
    if literals.wide and any(letter.encode() in line for letter in "\u017f\u212a"):
        return True
    return any(each in text for each in literals.strings)


@given(st.text(CHARACTERS, min_size=1, max_size=8), st.booleans(), lines_of_text)
@settings(max_examples=examples(200))
def test_literals_are_found_as_they_are(text: str, ignore_case: bool, lines: list[bytes]) -> None:
    """A literal is no expression."""
    lines = [*lines, b"x" + text.encode(), text.swapcase().encode()]
    check(Pattern(text, regex=False, ignore_case=ignore_case), expected(text, False, ignore_case, lines), lines)


@pytest.mark.parametrize(
    ("source", "ignore_case"),
    [
        *(
            (each, False)
            for each in ("loss", "a", "e", "loss|error", "loss.*nan", "^a", "a$|b", "x?", "(?i)loss", "[ab]", "\\d+e-", "s.k")
        ),
        *((each, True) for each in ("loss", "a", "timed out|nonfinite", "k")),
    ],
)
@pytest.mark.parametrize("often", [0.0, 0.001, 0.05, 0.5, 1.0])
def test_blocks_of_many_windows(source: str, ignore_case: bool, often: float) -> None:
    """Strings that are seldom, on most lines, on most lines of a part only; lines longer than windows."""
    chance = random.Random(source)
    lines = list[bytes]()
    for share in (often, 0.0, often, 1.0 - often):
        for _ in range(400):
            words = (
                ["loss=1e-4 ask", "Loss nan", "error a a a a", "lo\u017fs Timed Out", "b"]
                if chance.random() < share
                else ["x", "0.1", "-"]
            )
            lines.append(" ".join(chance.choices(words, k=chance.choice([0, 1, 5, 20]))).encode())
        lines.append(b"y" * chance.choice([10, 9000, 200_000]) + b" loss")
    check(Pattern(source, regex=True, ignore_case=ignore_case), expected(source, True, ignore_case, lines), lines)


def test_which_strings_are_known() -> None:
    """For each expression the strings that are looked for: case folded, exact (a line that has one matches), or none."""

    def known(source: str, *, ignore_case: bool = False) -> str | None:
        literals = literals_of(source, regex=True, ignore_case=ignore_case)
        if literals is None:
            return None
        marks = ("i" if literals.folded else "") + ("w" if literals.wide else "") + ("=" if literals.exact else "")
        return f"{b'|'.join(literals.strings).decode()}/{marks}"

    assert known("loss") == "loss/="
    assert known("loss|error") == "error|loss/="
    assert known("Loss", ignore_case=True) == "loss/iw"
    assert known("(?i)traceback|out of memory|nccl.*timed out|nonfinite") == "nonfinite|out of memory|timed out|traceback/iw"
    assert known("^Epoch [0-9]+: done$") in {"Epoch /", ": done/"}
    assert known("step=(50|60) ") == "step=50 |step=60 /="
    assert known("colou?r") == "color|colour/="
    assert known("gr[ae]y") == "gray|grey/="
    assert known("ab{2}c") == "abbc/="
    assert known("(ab)+cde") == "cde/"
    assert known("\\d+\\.\\d+e-\\d+") == "e-/"
    assert known("err\\b.*\\bfatal") == "fatal/"
    assert known("a") == "a/="
    assert known("[a-z]+|error") is None
    assert known(".*") is None
    assert known("(error)?") is None
    assert known("a.b") is None
    assert known("\\Qa.b\\E") is None
    assert known("[0-9]{3}") is None


def test_case_is_folded_as_re2_folds_it() -> None:
    """A letter matches its other case and, of all other characters, those that are looked for as wide ones."""
    everything = [chr(each) for each in range(0x110000) if not 0xD800 <= each < 0xE000]
    text = "\n".join(everything).encode()
    for letter in string.ascii_lowercase:
        pattern = re2.compile(f"(?i){letter}")
        others = {match.group().decode() for match in pattern.finditer(text)} - {letter, letter.upper()}
        assert others == {"k": {"\u212a"}, "s": {"\u017f"}}.get(letter, set())


def test_patterns_on_real_logs(real_logs: RealLogs) -> None:
    """The table of patterns that the benchmark has, line by line."""
    for _, data in real_logs():
        lines = data.split(b"\n")
        for source in (
            "loss|error",
            "Traceback|out of memory",
            "(?i)warning|nan",
            "\\d+\\.\\d+e-\\d+",
            "INFO:.*layer[12]",
            "\\x1b\\[0m",
        ):
            check(Pattern(source, regex=True, ignore_case=False), expected(source, True, False, lines), lines)


def test_a_pattern_that_multiplies_is_bounded() -> None:
    """Alternations within alternations, and repetitions of these, make few strings, or none."""
    source = "(?:a|b|c)" * 100
    literals = literals_of(source, regex=True, ignore_case=False)
    assert literals is not None
    assert len(literals.strings) <= 64
    literals = literals_of("(?:" * 50 + "ab" + "{9})" * 50, regex=True, ignore_case=True)
    assert literals is not None
    assert sum(map(len, literals.strings)) <= 2048
    assert literals_of("(?:" * 300 + "ab" + ")" * 300, regex=True, ignore_case=False) is None
    assert literals_of("(?:ab)" * 100, regex=True, ignore_case=False) is not None
