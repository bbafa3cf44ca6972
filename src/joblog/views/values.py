"""What the views give, as values, with few imports: a client must start at once, also where it never asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from joblog.core.places import part


@dataclass(frozen=True)
class ShownLine:
    """A line as shown, from the raw bytes ``[start_byte, end_byte)``, which are in the raw lines ``[start_line, end_line)``.

    ``frames`` is how often it was drawn. ``spans`` are ``(start, end, pen)`` of the text that is not plain. ``cut`` says that
    the line was longer than is shown.
    """

    text: str
    start_byte: int
    end_byte: int
    start_line: int
    end_line: int
    frames: int = 1
    cut: bool = False
    spans: list[tuple[int, int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class ShownPage:
    """Shown lines from the raw bytes ``[start_byte, end_byte)``.

    The first ``settled`` of them can change no more; the others stand on the screen at the log's present end, and ``next``,
    which begins at the first of them, shows them again. ``cut`` says that the page ended where a line may go on.
    ``times_ms``, where they were asked for, are when each line's first byte arrived, to the second.
    """

    lines: list[ShownLine]
    settled: int
    start_byte: int
    end_byte: int
    next: str
    cut: bool = False
    times_ms: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class FrameText:
    """A redraw: its text, its bytes ``[start_byte, end_byte)``, the raw line it is in."""

    text: str
    line: int
    start_byte: int
    end_byte: int


@dataclass(frozen=True)
class FramePage:
    """Redraws in order; ``end_byte`` is where the following ones begin."""

    frames: list[FrameText]
    end_byte: int


@dataclass(frozen=True)
class MergedLine:
    """A line of ``count`` ranks; where it stands in the log of the first of them, and when it arrived there, to the second."""

    text: str
    ranks: str
    count: int
    at_ms: int
    task: str
    start_byte: int
    end_byte: int


@dataclass(frozen=True)
class MergedPage:
    """Merged lines, and the place behind them; ``at_end``: nothing more stands there now; ``closed``: nor ever will."""

    lines: list[MergedLine]
    next: str
    at_end: bool
    closed: bool


@dataclass(frozen=True)
class Progress:
    """A bar as it was last drawn, by the bytes ``[start_byte, end_byte)`` in raw line ``line``.

    ``done`` of ``total`` (None: not known) in its own units; ``fraction`` 0 to 1; ``rate`` per second; times in seconds, what
    remains being the bar's, and the run's where that can be told: by the program, or by the epochs that are still to come.
    """

    label: str
    done: float | None
    total: float | None
    fraction: float | None
    rate: float | None
    elapsed_s: float | None
    remaining_s: float | None
    line: int
    start_byte: int
    end_byte: int
    run_remaining_s: float | None = None


@dataclass(frozen=True)
class RankProgress:
    """A rank's bars, the one that moved last at the end; ``at_ms`` is when its log last grew."""

    task: str
    at_ms: int
    closed: bool
    bars: list[Progress]


@dataclass(frozen=True)
class SeriesPoints:
    """A rank's series for a plot: entry ``i`` of each list is one point, of ``count`` that there were.

    A value that is no finite number is None; ``bytes`` are where the lines begin that the points are from. ``unit`` is that of
    all values, as it was first written, nothing where none was; ``axis`` what the steps count: ``step``, ``epoch``, or nothing.
    """

    task: str
    name: str
    count: int
    steps: list[float | None]
    times_ms: list[int]
    values: list[float | None]
    bytes: list[int]
    unit: str = ""
    axis: str = ""


@dataclass(frozen=True)
class Metrics:
    """Series, and how much of the logs they are from: when ``unread_bytes`` is not 0, the same question again reads on."""

    items: list[SeriesPoints]
    read_bytes: int
    unread_bytes: int


@dataclass(frozen=True)
class Where:
    """A part of a log: raw lines ``[start_line, end_line)``, bytes ``[start_byte, end_byte)``."""

    task: str
    start_line: int
    end_line: int
    start_byte: int
    end_byte: int


@dataclass(frozen=True)
class Failed:
    """A failure, the same on ``count`` ranks. ``at_ms``: when its bytes arrived, on the first of them; ``where``: there.

    ``final``: it is one of those that the run may have ended by. ``cause`` is the message of what it follows from. Whether a
    restart helps, where that can be told, and why.
    """

    kind: str
    summary: str
    ranks: str
    count: int
    at_ms: int
    final: bool
    where: Where
    text: list[str] = field(default_factory=list)
    cause: str | None = None
    restart_helps: bool | None = None
    restart_reason: str = ""


@dataclass(frozen=True)
class Ended:
    """Ranks that ended alike, and the last lines of one of them."""

    how: str
    ranks: str
    count: int
    where: Where
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Again:
    """An earlier run of the job that ended by the same failure, and where that stands."""

    version_id: int
    version: str
    where: Where


@dataclass(frozen=True)
class NewLine:
    """A line, the first of ``count`` that are alike, which nobody printed in what the run is compared with."""

    line: str
    count: int
    ranks: str
    where: Where


@dataclass(frozen=True)
class Digest:
    """Why a run died. ``unread_bytes`` were not looked at yet. ``cut``: there was more to say.

    ``again`` are the earlier runs of the job that ended by the same first failure, the first of them first.
    ``new`` are lines that were not printed in ``new_against``, another run (``resnet/V0001``) or this one's ``other ranks``;
    ``new_total`` is how many kinds of them there are. ``run`` is the run's name, ``resnet/V0002``, where it was asked for by a
    client. Printed, it is as ``joblog why`` prints it.
    """

    verdict: str
    first: Failed | None
    failures: list[Failed]
    endings: list[Ended]
    read_bytes: int
    unread_bytes: int
    cut: bool = False
    again: list[Again] = field(default_factory=list)
    run: str = ""
    new: list[NewLine] = field(default_factory=list)
    new_against: str = ""
    new_total: int = 0

    def __str__(self) -> str:
        return "\n".join(self._lines())

    @property
    def _alone(self) -> bool:
        """Whether it is of one process: then there are no ranks, and its last lines are the traceback's."""
        return sum(end.count for end in self.endings) == 1

    def _lines(self) -> Iterator[str]:
        yield self.verdict
        if self.first is not None:
            yield from ("", f"{self._who(self.first, ', ')}{_local(self.first.at_ms)}  [{self._place(self.first.where)}]")
            yield from (f"  | {line}" for line in self.first.text)
        yield from self._others()
        for each in self.again:
            yield f"The same failure: {each.version} [{self._place(each.where, each.version)}]"
        yield from self._new()
        if not self._alone or self.first is None:
            yield from self._ends()
        if self.unread_bytes:
            whole = self.read_bytes + self.unread_bytes
            yield from ("", f"{self.unread_bytes} of {whole} bytes were not read yet; ask again.")

    def _new(self) -> Iterator[str]:
        if self.new:
            more = f", {len(self.new)} of {self.new_total}" if self.new_total > len(self.new) else ""
            yield from ("", f"New here, not in {self.new_against}{more}:")
            for each in self.new:
                yield f"  {'' if self._alone else f'rank {each.ranks}: '}{each.line}  [{self._place(each.where)}]"

    def _others(self) -> Iterator[str]:
        others = [each for each in self.failures if each != self.first]
        if others:
            yield from ("", "Other failures:" if self.first is not None else "Failures that came before more output:")
            for each in others:
                yield f"  {self._who(each, ': ')}{each.kind}: {each.summary}  [{self._place(each.where)}]"

    def _ends(self) -> Iterator[str]:
        yield from ("", "Its last lines:" if self._alone else "How the ranks ended:")
        for end in self.endings:
            if not self._alone:
                yield f"  {_ranks(end)}: {end.how}  [{self._place(end.where)}]"
            yield from (f"    | {line}" for line in self._last(end))

    def _last(self, end: Ended) -> list[str]:
        """Returns last lines, but for those that were shown as the failure."""
        if self.first is None or end.where.task != self.first.where.task:
            return end.lines
        new = end.where.end_line - self.first.where.end_line
        return end.lines[-new:] if new > 0 else []

    def _who(self, failed: Failed, mark: str) -> str:
        named = self._alone and failed.ranks == failed.where.task.rpartition("-")[2]
        return "" if named else f"{_ranks(failed)}{mark}"

    def _place(self, where: Where, version: str = "") -> str:
        """Returns where lines stand, as ``joblog cat`` takes it."""
        run = f"{self.run.partition('/')[0]}/{version}" if version else self.run
        log = f"{run}/{where.task}" if self.run else where.task
        return log + part(where.start_line, where.end_line)


def _ranks(each: Failed | Ended) -> str:
    return f"rank {each.ranks}" if each.count == 1 else f"{each.count} ranks ({each.ranks})"


def _local(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000).isoformat(sep=" ", timespec="seconds")
