"""Sets of ranks as people write them: ``3,7-9``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from joblog.errors import Invalid

_PART = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?", re.ASCII)
_MAX_PARTS = 1000


class Ranks:
    """A set of ranks, kept as ranges: ``0-999999`` costs no more than ``3``."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        self._ranges = ranges

    def __contains__(self, rank: int) -> bool:
        return any(low <= rank <= high for low, high in self._ranges)


def parse_ranks(text: str | None, parameter: str = "ranks") -> Ranks:
    """Reads ``3,7-9``; nothing means all ranks. Raises Invalid."""
    if not text:
        return Ranks([(0, 10**6)])
    ranges = []
    parts = text.split(",")
    for part in parts:
        match = _PART.fullmatch(part.strip())
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if low > high or len(parts) > _MAX_PARTS:
            raise Invalid(parameter, "ranks and ranges of them, such as 3,7-9", text)
        ranges.append((low, high))
    return Ranks(ranges)


def format_ranks(ranks: Iterable[int]) -> str:
    """Returns ranks as ``0-511,600``."""
    parts: list[list[int]] = []
    for rank in sorted(set(ranks)):
        if parts and rank == parts[-1][1] + 1:
            parts[-1][1] = rank
        else:
            parts.append([rank, rank])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def named_ranks(ranks: Iterable[int]) -> str:
    """Returns ranks for a sentence: ``rank 3``, ``ranks 0-511``."""
    text = format_ranks(ranks)
    return f"rank {text}" if text.isdigit() else f"ranks {text}"
