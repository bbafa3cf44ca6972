"""The native API's terminal view of a log: lines as they were shown, and every redraw by itself. See docs/http-api.md."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get
from litestar.params import Parameter
from msgspec import Struct

from joblog.core.logs import Log
from joblog.core.names import MAX_ID, flag, integer
from joblog.engine.terminal_view import frames_between, terminal_page
from joblog.errors import Invalid
from joblog.server.native.logs import LOG, Start, log_of, times_ms
from joblog.server.state import Call, State
from joblog.views.pages import parse_cursor, plain_page, shown_page
from joblog.views.values import ShownPage

Cursor = Annotated[str | None, Parameter(description="the next of an earlier page; instead of start")]
Count = Annotated[str | None, Parameter(description="about how many lines, 1 to 10000, 100 by default")]
Colours = Annotated[
    str | None, Parameter(description="keep: with the spans of text that is not plain; strip, the default: without")
]
Times = Annotated[str | None, Parameter(description="true: with the time at which each line's first byte arrived")]
StartByte = Annotated[str | None, Parameter(description="the first byte; the log's first by default")]
EndByte = Annotated[str | None, Parameter(description="the byte past the last; the log's end by default")]


class FrameView(Struct):
    """A redraw: its text, its bytes, the raw line it is in."""

    text: str
    line: int
    start_byte: int
    end_byte: int


class FramesView(Struct):
    """Redraws in order; ``end_byte`` is where the following ones begin."""

    frames: list[FrameView]
    end_byte: int


class TerminalController(Controller):
    """A log as a terminal shows it."""

    path = LOG
    tags = ("views",)

    @get("/{task:str}/terminal", summary="Lines as a terminal shows them")
    async def read_terminal(
        self,
        joblog: State,
        request: Call,
        task: str,
        start: Start = None,
        cursor: Cursor = None,
        count: Count = None,
        colours: Colours = None,
        times: Times = None,
    ) -> ShownPage:
        """Folds what was redrawn; every line carries the raw bytes that it came from."""
        log = await log_of(joblog, request, "read")
        if start is not None and cursor is not None:
            raise Invalid("cursor", "given without start, or start without cursor")
        at = parse_cursor(cursor) if cursor is not None else integer("start", start or "0", -MAX_ID, MAX_ID, "a line number")
        number = integer("count", count or "100", 1, 10_000, "an integer from 1 to 10000")
        if colours not in (None, "keep", "strip"):
            raise Invalid("colours", "keep or strip", colours)
        timed = flag("times", times)
        render = shown_page if colours == "keep" else plain_page
        page = await joblog.viewing.run(terminal_page, joblog.engine.query, log, at, number, render)
        if timed:
            page.times_ms.extend(await joblog.viewing.run(_times_ms, joblog, log, page))
        return page

    @get("/{task:str}/frames", summary="Every redraw by itself")
    async def read_frames(
        self,
        joblog: State,
        request: Call,
        task: str,
        start_byte: StartByte = None,
        end_byte: EndByte = None,
        count: Count = None,
    ) -> FramesView:
        """Unfolds a range of bytes: what stands between newlines and carriage returns, without escapes."""
        log = await log_of(joblog, request, "read")
        low = integer("start_byte", start_byte or "0", 0, MAX_ID, "a byte position")
        high = integer("end_byte", end_byte or str(MAX_ID), low, MAX_ID, "a byte position, start_byte or later")
        number = integer("count", count or "100", 1, 10_000, "an integer from 1 to 10000")
        found = await joblog.viewing.run(frames_between, joblog.engine.query, log, low, high, number)
        views = [FrameView(*each) for each in found]
        return FramesView(views, views[-1].end_byte if views else min(high, log.end_byte))


def _times_ms(joblog: State, log: Log, page: ShownPage) -> list[int]:
    """Returns when each line's first byte arrived; on a screen a line may stand above one that began before it."""
    starts = sorted({line.start_byte for line in page.lines})
    found = dict(zip(starts, times_ms(joblog, log, starts), strict=True))
    return [found[line.start_byte] for line in page.lines]
