"""What stands before the words of a line: times, levels, ranks, hosts, containers, streams, in any order. It is learnt.

No list of formats: a line may begin with whatever ends in a blank, a colon, a bracket or a bar (``cuts``), and the lines around
say how much of that it is: a prefix is what they begin with, too, whatever comes behind it. Times, levels and places in a file
differ from line to line; all else of a prefix is the same for all lines of one stream, so that two ranks' lines come apart.

    sample.learnt(text)     how much of a line is what the lines before it begin with
    cuts(text, end)         what a line may begin with, the longest first
    own(text)               how much of it says what it is by itself: times, levels, ranks
    cut.after(text)         where another line goes on behind the same, None when it begins otherwise
    facts(head)             the rank and the level that a prefix says

Texts in, values out; each takes time by the first HEAD_CHARACTERS of a line.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

HEAD_CHARACTERS = 120
"""No prefix is longer."""

MAX_CUTS = 24
SAMPLE_LINES = 24
"""Lines before one that say what it begins with."""

_LEVELS = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL|SEVERE)"
_LEVEL = rf"(?<![A-Za-z]){_LEVELS}(?![A-Za-z])|(?<![A-Za-z]){_LEVELS.lower()}(?![A-Za-z])"
_DATE = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}/\d{1,2}(?:/\d{2,4})?(?![\d/])|(?<![A-Za-z])[A-Z][a-z]{2} {1,2}\d{1,2}(?= \d)"
_TOKEN = re.compile(
    rf"(?P<t>(?:{_DATE}|\d{{1,2}}:\d{{2}}:\d{{2}}|\d{{10,}}(?:\.\d+)?)[\d:.,T+-]*Z?)|(?P<g>(?<![A-Za-z\d])[IWEFD]\d{{4}}(?= ))"
    rf"|(?P<l>{_LEVEL})|(?P<p>(?<=[\w)]):\d+)|(?P<n>\d+)|(?P<b>[ \t]+)|(?P<c>[:\]|>)}}]+)|(?P<w>[^\s\d:\]|>)}}]+)|(?P<o>.)",
    re.DOTALL,
)
_SAME = {"t": "T", "g": "G", "l": "L", "p": "P"}
_SIGNS = frozenset("ctgl")
"""Kinds of tokens of which a prefix has one: else its words are the line's own."""
_ZEROS = dict.fromkeys(map(ord, "123456789"), "0")
_RELEARN = 256
"""Lines after which what was learnt is learnt anew."""
_NUMBER = re.compile(r"\d+")
_FIRST = re.compile(r"\s*\S{1,40}")
_RANKS = (
    re.compile(r"(?i)(?<![a-z])rank[ _:=-]{0,2}(\d{1,7})(?!\d)"),
    re.compile(r"\[default(\d{1,7})\]"),
    re.compile(r"^\s*\[?\s*(\d{1,7})\s*[\]:>|]+\s*$"),
    re.compile(r"\[\d+,(\d{1,7})\](?:<\w+>)?|@\d+,(\d{1,7})\]"),
    re.compile(r"(?i)(?<![a-z])(?:worker|trainer|task|node|host|replica|process|npu|gpu)[-_ ]{0,2}(\d{1,7})(?![\d.])"),
)
_LONGER = 24
"""Characters by which another line's times and blanks may be longer."""
_NAMES = 2
"""Names, of a logger or a host, that may stand among what says what it is by itself."""


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """What a prefix says: a rank, and whether it is one of the whole run's; a level, in capitals (empty: none)."""

    rank: int | None = None
    everywhere: bool = False
    level: str = ""

    @property
    def mild(self) -> bool:
        """Whether it is of a level at which nothing fails."""
        return self.level[:4] in ("TRAC", "DEBU", "INFO", "NOTI", "WARN")


@dataclass(frozen=True, slots=True)
class _Head:
    """How a line begins: its tokens' kinds, where each ends, and what is the same in lines of its stream, of any stream."""

    text: str
    kinds: str
    ends: tuple[int, ...]
    strict: tuple[str, ...]
    loose: tuple[str, ...]


@lru_cache(512)
def _head(text: str) -> _Head:
    kinds, ends, strict = list[str](), list[int](), list[str]()
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup or "o"
        kinds.append(kind)
        ends.append(token.end())
        padding = kind == "b" and kinds[-2:-1] == ["l"]
        strict.append("~" if padding else _SAME.get(kind) or token[0])
    loose = tuple("0" if kind == "n" else same for kind, same in zip(kinds, strict, strict=True))
    return _Head(text, "".join(kinds), tuple(ends), tuple(strict), loose)


@dataclass(frozen=True, slots=True)
class Cut:
    """What a line may begin with: ``text``, its first tokens, and the blanks that these end with."""

    text: str
    tokens: tuple[str, ...] = ()
    blanks: str = ""

    def after(self, text: str) -> int | None:
        """Returns where a line goes on behind the same, None when it begins otherwise."""
        if not self.text:
            return 0
        head, count = _head(text[: len(self.text) + _LONGER]), len(self.tokens)
        if head.strict[:count] != self.tokens:
            return None
        end = head.ends[count - 1] if count else 0
        if not self.blanks or text.startswith(self.blanks, end):
            return end + len(self.blanks)
        return len(text) if not text[end:].strip() else None  # an empty line has lost the blank at its end


NOTHING = Cut("")


def _cut(head: _Head, count: int, blanks: str | None = None) -> Cut:
    """Returns the first tokens of a line, so many, as what it begins with; the last may be blanks, or fewer of these."""
    if head.kinds[count - 1] != "b":
        return Cut(head.text[: head.ends[count - 1]], head.strict[:count])
    start = head.ends[count - 2] if count > 1 else 0
    blanks = head.text[start : head.ends[count - 1]] if blanks is None else blanks
    return Cut(head.text[:start] + blanks, head.strict[: count - 1], blanks)


def _counts(head: _Head) -> list[int]:
    """Returns of how many tokens a line's prefix may be: it ends with blanks or a closing sign."""
    ends = [
        at + 1 for at, (kind, next_) in enumerate(pairwise(head.kinds + "w")) if kind == "b" or (kind == "c" and next_ != "b")
    ]
    return ends[:MAX_CUTS]


def cuts(text: str, end: int | None = None) -> list[Cut]:
    """Returns what a line may begin with, up to ``end``, the longest first; without the empty one."""
    head = _head(text[: min(HEAD_CHARACTERS, len(text) if end is None else end)])
    counts = _counts(head)
    if end is not None and head.kinds and len(head.kinds) not in counts and end <= HEAD_CHARACTERS:
        counts.append(len(head.kinds))
    return [_cut(head, count) for count in reversed(counts)]


def marked_cuts(text: str, end: int) -> list[Cut]:
    """Returns what a line may begin with that has a sign of its own: a closing one, a time, a level."""
    return [cut for cut in cuts(text, end) if not _SIGNS.isdisjoint(_head(cut.text).kinds)]


class Sample:
    """The last lines before one, which say what it begins with."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=SAMPLE_LINES)
        self._erring: deque[bool] = deque(maxlen=SAMPLE_LINES)
        self._learnt: dict[str, tuple[int, str]] = {}
        self._added = 0

    def add(self, text: str) -> None:
        """Takes the line that comes next."""
        self._lines.append(text[:HEAD_CHARACTERS])
        self._erring.append("ERROR" in text[:HEAD_CHARACTERS])
        self._added += 1
        if self._added % _RELEARN == 1:
            self._learnt.clear()

    @property
    def erring(self) -> bool:
        """Whether most lines are of level ERROR: whoever took a program's stderr gave it to them."""
        return len(self._erring) > 2 and 2 * sum(self._erring) > len(self._erring)

    def learnt(self, text: str) -> Cut:
        """Returns what a line begins with that the lines before it begin with, too: at least two of them, and a quarter."""
        head = _head(text[:HEAD_CHARACTERS])
        alike = head.text.translate(_ZEROS)
        if alike not in self._learnt:
            if self._added <= SAMPLE_LINES:
                self._learnt.clear()  # the first lines say more with each
            self._learnt[alike] = self._learn(head, text)
        count, blanks = self._learnt[alike]
        return _cut(head, count, blanks) if count else NOTHING

    def heads(self, text: str) -> list[Cut]:
        """Returns what a line may begin with: what the lines before it say, what says so itself, nothing at the end."""
        learnt = self.learnt(text)
        more = own(text[len(learnt.text) :]) if learnt.text else NOTHING
        longer = cuts(text, len(learnt.text) + len(more.text))[0] if more.text else learnt
        candidates = sorted({longer, learnt, own(text)}, key=lambda cut: -len(cut.text))
        return [*(cut for cut in candidates if cut.text), NOTHING]

    def _learn(self, head: _Head, text: str) -> tuple[int, str]:
        alive, least = [_head(line) for line in self._lines], max(2, len(self._lines) // 4)
        best, most = (0, ""), 0
        for count in _counts(head):
            tokens = count - (head.kinds[count - 1] == "b")
            alive = [each for each in alive if each.loose[:tokens] == head.loose[:tokens]]
            if len(alive) < max(least, most):
                break
            cut = self._common(head, count, alive) if not _SIGNS.isdisjoint(head.kinds[:count]) else None
            if cut is not None and _differ([each.text[each.ends[tokens - 1] :] for each in alive], text[len(cut.text) :]):
                best, most = (count, cut.blanks), len(alive)
        return best

    def _common(self, head: _Head, count: int, others: list[_Head]) -> Cut | None:
        """Returns a cut with the blanks that the lines have in common: more of them are the words' own."""
        if head.kinds[count - 1] != "b" or count == 1:
            return None if count == 1 and head.kinds[:1] == "b" else _cut(head, count)
        blanks = [each.text[each.ends[count - 2] : each.ends[count - 1]] for each in (head, *others) if len(each.ends) >= count]
        return _cut(head, count, min(blanks, key=len)) if all(not each.strip() for each in blanks) else None


def _differ(behind: list[str], own_text: str) -> bool:
    """Whether what comes behind a prefix differs, as words do behind one, and numbers do not."""
    firsts = {_NUMBER.sub("", match[0]) for each in (*behind, own_text) if (match := _FIRST.match(each)) is not None}
    return sum(any(map(str.isalpha, first)) for first in firsts) > 1


def facts(head: str) -> HeadFacts:
    """Returns what a prefix says."""
    level = re.search(_LEVEL, head)
    glog = None if level else re.search(r"(?<![A-Za-z\d])([IWEFD])\d{4}(?= )|(?:(?<=[\d:Z\])|>-] )|^\[?)([IWEF])(?= \S)", head)
    letter = level[0].upper() if level else ""
    if glog is not None:
        letter = {"I": "INFO", "W": "WARNING", "E": "ERROR", "F": "FATAL", "D": "DEBUG"}[glog[1] or glog[2]]
    for number, pattern in enumerate(_RANKS):
        match = pattern.search(head)
        if match is not None:
            return HeadFacts(int(next(group for group in match.groups() if group is not None)), number == 0, letter)
    return HeadFacts(level=letter)


def own(text: str) -> Cut:
    """Returns what a line begins with that is nothing but times, levels, ranks and a name or two; empty when none of these."""
    head = _head(text[:HEAD_CHARACTERS])
    counts, names, facts_so_far, end = set(_counts(head)), 0, 0, 0
    for at, kind in enumerate(head.kinds):
        token = head.text[head.ends[at - 1] if at else 0 : head.ends[at]]
        names += kind == "w" and any(map(str.isalpha, token)) and not _ranked(token)
        facts_so_far += (
            kind in "tg" or (kind == "l" and token.isupper()) or (kind == "w" and _ranked(token)) or (at < 2 and kind == "n")
        )
        if names > _NAMES or kind == "o":
            break
        closed = kind == "c" or (kind == "b" and at > 0 and head.kinds[at - 1] in "ctgl")
        if facts_so_far and closed and at + 1 in counts:
            end = at + 1
    return _cut(head, end) if end else NOTHING


def _ranked(token: str) -> bool:
    """Whether a token says that a rank follows, or is a level of one letter."""
    return token.lower().lstrip("[(<") in ("rank", "default") or token.lstrip("[") in ("I", "W", "E", "F")
