"""Positions as ModelArts' two log calls name them, and what a request for a page means in joblog's own numbers.

A line position is a border between two lines, ``created_ms * 10**6 + number of lines before it``, printed in decimal:
above 0 even at the very top, strictly increasing, fixed for the life of the log, below 2**63 for any date to come.
"""

from __future__ import annotations

import re

from joblog.core.logs import Head
from joblog.errors import Invalid

LINES_PER_MS = 10**6

_DIGITS = re.compile(r"[0-9]+", re.ASCII)
# Longer than any position can be, so that no digit string costs more than its length to read.
_MAX_DIGITS = 40


def line_position(log: Head, line: int) -> str:
    """Names the border after ``line`` lines."""
    return str(log.created_ms * LINES_PER_MS + line)


def parse_base_line(text: str) -> int | None:
    """Reads ``base_line``: None when it is absent or blank, blanks around it are stripped; raises Invalid."""
    text = text.strip()
    if not text:
        return None
    if not _DIGITS.fullmatch(text):
        raise Invalid("base_line", "a position from an earlier answer (digits only), or empty", text)
    return int(text[:_MAX_DIGITS])


def line_span(base: int | None, lines: int, order: str, log: Head) -> tuple[int, int]:
    """Returns the line numbers ``(first, past the last)`` that a line request names.

    ``order`` ``desc`` goes towards newer lines from ``base``, ``asc`` towards older; without a base, ``desc`` is the latest
    and ``asc`` the oldest. A base before the first kept line means that line, one past the end means the end.
    """
    first, end = log.start_line, log.last_line
    if base is None:
        base = first if order == "asc" else end
        downwards = order == "asc"
    else:
        base = min(max(base - log.created_ms * LINES_PER_MS, first), end)
        downwards = order == "desc"
    return (base, min(base + lines, end)) if downwards else (max(base - lines, first), base)


def byte_span(start_byte: int, offset: int, log: Head) -> tuple[int, int]:
    """Returns the bytes ``[first, past the last)`` that a byte request names, before whole characters are minded.

    ``offset`` is a length, negative for backwards; ``start_byte`` -1 is the end, going backwards whatever the sign.
    Positions before the first kept byte mean that byte.
    """
    if start_byte == -1:
        start_byte, offset = log.end_byte, -abs(offset)
    start = min(max(start_byte, log.start_byte), log.end_byte)
    if offset < 0:
        return max(log.start_byte, start + offset), start
    return start, min(start + offset, log.end_byte)
