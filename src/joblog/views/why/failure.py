"""A failure as it is read, and as it is found."""

from __future__ import annotations

from dataclasses import dataclass, field

from joblog.views.prefix import Cut, HeadFacts, facts
from joblog.views.why.forms import LINE_CHARACTERS, Unfinished
from joblog.views.why.messages import message_of
from joblog.views.why.parts import adopt
from joblog.views.why.pieces import PieceLine


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure, in the bytes ``[start_byte, end_byte)`` and raw lines ``[start_line, end_line)``.

    ``cause`` is the message of what it follows from, where there is one. ``after`` is how many ordinary lines came behind it,
    ``went_on`` how many of those were as lines before it; ``weak``: 0 it ends a program, 1 it may, 2 something is said to be
    wrong, 3 it is said to matter not. ``settled``: the log had repeated itself before it, as one of a loop does.
    ``prefix`` is what its lines begin with, ``rank`` the rank that this says, which is one
    of the whole run's where it says so (``everywhere``).
    """

    kind: str
    summary: str
    start_byte: int
    end_byte: int
    start_line: int
    end_line: int
    text: list[str]
    cause: str | None = None
    after: int = 0
    prefix: str = ""
    went_on: int = 0
    weak: int = 0
    rank: int | None = None
    everywhere: bool = False
    settled: bool = False


@dataclass(slots=True)
class OpenFailure:
    """A failure that is being read: what its lines begin with is known, or one of several."""

    reading: Unfinished
    starts: list[Cut]
    facts: HeadFacts
    start: PieceLine
    end: PieceLine
    taken: int
    blanks: list[PieceLine] = field(default_factory=list)
    ordinary: int = 0
    recurring: int = 0
    shape: bytes = b""
    again: int = 0
    settled: bool = False

    def add(self, line: PieceLine, rest: str, head: Cut) -> None:
        """Takes a line that belongs to it, what it begins with taken off; of several beginnings this is the one."""
        if len(self.starts) > 1 and rest.strip():
            self.starts = [head]
            self.reading.strip(head.after)
            self.facts = facts(head.text) if head.text else self.facts
        for blank in self.blanks:
            adopt(self.reading, blank.text[head.after(blank.text) or 0 :])
        self.blanks.clear()
        self.reading.add(rest)
        self.end = line

    @property
    def pending(self) -> int:
        """How many lines behind it were not known to be no part of it."""
        return sum(bool(line.text.strip()) for line in self.blanks)

    @property
    def failure(self) -> Failure | None:
        """What it comes to so far; None where there were the words alone: nobody's traceback."""
        reading = self.reading
        if reading.state == "header" or (reading.state == "ipython" and not reading.raised and len(reading.text) < 3):
            return None
        message, start, end, marked = message_of(reading), self.start, self.end, self.facts
        return Failure(
            message.kind, message.summary[:LINE_CHARACTERS], start.start, end.end, start.line, end.line + 1, reading.text,
            message.cause, prefix=self.starts[0].text, weak=reading.weak, rank=marked.rank, everywhere=marked.everywhere,
            settled=self.settled,
        )  # fmt: skip
