"""Lines that say in plain words that something went wrong, of no kind that is known: the last resort.

Every log has such lines, and most of them matter not. Those at its very end are told where nothing else is: as what they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from joblog.views.prefix import facts
from joblog.views.why.failure import Failure
from joblog.views.why.forms import LINE_CHARACTERS
from joblog.views.why.kinds import LAST_WORDS, is_echo, passes_on
from joblog.views.why.pieces import PieceLine

KEPT = 3
"""Lines, the last ones."""

_WORDS = re.compile(
    r"(?i)(?<![\w'\"`/-])(?:fail(?:ed|ure)|error(?!s? ?(?:rate|ratio|bound|bar|analysis|correct))|fatal|cannot|can't|could not"
    r"|couldn't|unable to|not found|no such|unavailable|insufficient|denied|refused|rejected|aborted|aborting|crashed"
    r"|unexpected(?:ly)?|invalid|undefined|unreachable|does not exist|halt(?:ed)? )"
    r"(?![\w'\"`]|\s{0,20}[=:]\s?[\d.]+%?(?:\s|$|[,;]))"
    r"|失败|错误|无法|异常"
)
_NONE = re.compile(
    r"(?i)\b(?:0|no|zero|without) (?:\w+ )?(?:fail|err)"
    r"|(?:failed|failures?|errors?)(?: \w{1,20})?\s{0,3}[:=]\s{0,3}(?:0|none|false)\b"
)
_MINDED = re.compile(
    r"(?i)\b(?:warn(?:ing)?|ignor(?:e|ed|ing)|skip(?:ped|ping)?|retry(?:ing)?|fall(?:ing)? ?back"
    r"|deprecated|optional|instead|disabled|may|might|would|if|in case|INFO"
    r"|debug)\b"
)


@dataclass(frozen=True, slots=True)
class LastWords:
    """A line that may be one, and how many ordinary lines, and recurring ones, were before the next."""

    failure: Failure
    ordinary: int
    recurring: int

    def after(self, ordinary: int, recurring: int) -> Failure:
        """Returns it with what came behind it."""
        return replace(self.failure, after=ordinary - self.ordinary, went_on=recurring - self.recurring)


def last_words(line: PieceLine) -> Failure | None:
    """Returns what a line says went wrong, None when it says no such thing, or that it matters not."""
    text = line.text[:LINE_CHARACTERS].strip()
    if _WORDS.search(text) is None or _NONE.search(text) or _MINDED.search(text) or is_echo(text) or passes_on(text):
        return None
    return Failure(LAST_WORDS, text, line.start, line.end, line.line, line.line + 1, [text], weak=2, rank=facts(text).rank)
