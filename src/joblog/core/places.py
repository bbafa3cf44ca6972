"""How a part of a log is written wherever people read it, type it or send it: ``#L120-L140``.

Lines, and bytes, count from 0, and the first and the last one are both meant.
"""

from __future__ import annotations


def part(start: int, end: int, unit: str = "L") -> str:
    """Returns ``[start, end)`` as people write it; of an empty part, what would stand at ``start``."""
    return f"#{unit}{start}" + (f"-{unit}{end - 1}" if end - start > 1 else "")
