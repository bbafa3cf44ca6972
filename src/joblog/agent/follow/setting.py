"""What all files that one process follows have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from joblog.agent.filters.redact import Filter, Unchanged
from joblog.agent.follow.notes import Notes

ROTATED_S = 60.0
"""How long a renamed file must be quiet before its successor is read although somebody still has it open for writing: who
prints once a minute has not moved to the new one yet, who never will writes to the old one alone."""


def _quiet(_: str) -> None:
    """Tells nobody."""


UNSEEN_S = 5.0
"""The same where the kernel does not say whether somebody has: its writer has to be told to reopen it."""


@dataclass(frozen=True)
class Setting:
    """What all followed files share; ``say`` gets a line for people."""

    project_id: str
    marks: Notes
    new_filter: Callable[[], Filter] = Unchanged
    rotated_s: float = ROTATED_S
    say: Callable[[str], None] = _quiet
