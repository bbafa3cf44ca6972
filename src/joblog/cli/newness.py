"""``joblog cat --new`` and ``joblog tail --new``: what the last good run did not print stands out, what is usual is dim.

On a terminal all lines are shown; elsewhere those alone that are new.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from joblog.cli.common import note
from joblog.cli.screen import coloured
from joblog.cli.tail import saying
from joblog.client import Client, Log
from joblog.core.template import template
from joblog.errors import NotFound
from joblog.views.redraws import plain_text

MAX_TEMPLATES = 200
"""Of more new templates the lines of those alone stand out that come first in ``joblog diff``."""

_MIN_END = 12
"""The server takes off what most lines begin with, so the end of a line is looked at, where it is long enough to tell."""

_DIM, _PLAIN = "\x1b[2m", "\x1b[m"


class Newness:
    """Knows what is new in a log's run."""

    def __init__(self, client: Client, log: Log) -> None:
        """Asks the server, which compares the run with the last good one, the run before, or its ranks with each other."""
        where = log.project_id, log.job_id, log.version_id
        try:
            made = client.diff(*where, count=MAX_TEMPLATES)
        except NotFound:
            made = client.diff(*where, against="ranks", count=MAX_TEMPLATES)
        self._texts = {each.text for each in made.new}
        self._ends = tuple(text for text in self._texts if len(text) >= _MIN_END)
        self._dims = coloured()
        note(f"new are lines that {made.before} did not print: {made.new_total} kinds of them")

    def has(self, line: str) -> bool:
        """Whether a line is new."""
        text = template(line.encode())
        return text in self._texts or text.endswith(self._ends)

    def show(self, lines: Iterable[str]) -> None:
        """Writes lines as they come."""
        for line in lines:
            is_new = self.has(line)
            if is_new or self._dims:
                sys.stdout.write(f"{line}\n" if is_new or not self._dims else f"{_DIM}{line}{_PLAIN}\n")
                sys.stdout.flush()


def show(client: Client, log: Log, lines: Iterable[str]) -> None:
    """Writes lines of a log as they come."""
    Newness(client, log).show(lines)


def followed(client: Client, log: Log, at: int) -> Iterator[str]:
    """Yields a log's lines from a position on, as they come, until it is closed."""
    rest = b""
    for piece in client.follow(log.ref, at, waiting=saying()):
        *whole, rest = (rest + piece.data).split(b"\n")
        yield from (plain_text(line.rstrip(b"\r").rpartition(b"\r")[2]) for line in whole)
    if rest:
        yield plain_text(rest.rpartition(b"\r")[2])
