"""Expressions from outside, compiled by RE2: whatever they are, they take time linear in what they look at."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from joblog.errors import Invalid, OutOfRange
from joblog.views.metrics import Pattern

MOST_PATTERNS = 10
MOST_CHARACTERS = 500
_ALLOWED = "an RE2 expression with named groups: (?P<loss>...), or (?P<name>...) and (?P<value>...)"

_options = re2.Options()
_options.log_errors = False
_options.max_mem = 1 << 20


def metric_patterns(texts: Sequence[str]) -> list[tuple[str, Pattern]]:
    """Returns expressions for metrics; raises Invalid, OutOfRange."""
    if len(texts) > MOST_PATTERNS or any(len(text) > MOST_CHARACTERS for text in texts):
        raise OutOfRange("pattern", f"at most {MOST_PATTERNS} expressions of at most {MOST_CHARACTERS} characters")
    found = []
    for text in texts:
        try:
            pattern = re2.compile(text, _options)
        except re2.error as error:
            raise Invalid("pattern", _ALLOWED, text) from error
        if not pattern.groupindex:
            raise Invalid("pattern", _ALLOWED, text)
        found.append((text, pattern))
    return found
