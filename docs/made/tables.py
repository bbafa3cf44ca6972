"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterator


def table(*rows: tuple[str, ...]) -> Iterator[str]:
    """Yields the lines of a table; the first row is its head."""
    for number, row in enumerate(rows):
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
        if number == 0:
            yield "|" + "---|" * len(row)
