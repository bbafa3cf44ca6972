"""Lines that are a rule, or an alert, rather than what either is about: these fire nothing.

A script that is traced prints ``joblog watch add --match 'loss is nan'``, a job prints its configuration with the rule in it, a
receiver that is watched too prints the alert. None of that is the event, and the last would fire for ever.
"""

from __future__ import annotations

import re

ALERT_MARK = "joblog alert"
"""What every message of ours says."""

_OURS = (b"joblog watch", ALERT_MARK.encode(), b"Joblog-Alert", b'"alert_key"')

_NAMED = re.compile(rb"(?i)(?:pattern|match|regex|until)[\"']?\s*[:=]\s*[\"'rb.*^(]*$")

_SPECIAL = frozenset("\\.^$*+?{}[]|()")


class OwnText:
    """Knows lines that show a pattern."""

    def __init__(self, pattern: str, *, regex: bool) -> None:
        self._source = pattern.encode()
        self._escaped = {self._source.replace(b"\\", b"\\\\"), self._source}
        self._is_itself = regex and any(character in _SPECIAL for character in pattern)

    def is_in(self, line: bytes) -> bool:
        """Whether a line that matches is about the rule: names the command, or shows the pattern as one writes it."""
        if any(mark in line for mark in _OURS):
            return True
        for source in self._escaped:
            at = line.find(source)
            if at >= 0 and (self._is_written(source) or _NAMED.search(line, 0, at) is not None):
                return True
        return False

    def _is_written(self, source: bytes) -> bool:
        """Whether the text can only be the expression: an expression rarely matches itself, and where it does, it is one."""
        return self._is_itself and len(source) > 3
