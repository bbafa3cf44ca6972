"""The native API's terminal view of a log: lines as they were shown, and every redraw by itself. See docs/http-api.md."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from joblog.core.logs import Head
from joblog.core.names import MAX_ID
from joblog.engine.terminal_view import frames_between, terminal_page
from joblog.errors import Invalid, OutOfRange
from joblog.server.http.parameters import choice, number, switch, text
from joblog.server.http.routes import Call, Calls
from joblog.server.native.logs import LOG, Start, log_of, times_ms
from joblog.server.state import State
from joblog.views.encodings import parse_encoding
from joblog.views.terminal.pages import parse_cursor, plain_page, shown_page
from joblog.views.values import FramePage, FrameText, ShownPage

calls = Calls(LOG, "views")

Cursor = Annotated[str, text("the next of an earlier page; instead of start")]
Count = Annotated[int, number(1, 10_000, "about how many lines, 1 to 10000, 100 by default")]
Colours = Annotated[
    str, choice("keep", "strip", description="keep: with the spans of text that is not plain; strip, the default: without")
]
Encoding = Annotated[str, text("what the log is written in, such as gbk or utf-16; guessed by default")]
Times = Annotated[bool, switch("true: with the time at which each line's first byte arrived")]
StartByte = Annotated[int, number(0, MAX_ID, "the first byte; the log's first by default", "a byte position")]
EndByte = Annotated[
    int, number(0, MAX_ID, "the byte past the last; the log's end by default", "a byte position, start_byte or later")
]


@calls.get("/{task}/terminal", "read", "Lines as a terminal shows them")
async def read_terminal(
    joblog: State,
    call: Call,
    start: Start | None = None,
    cursor: Cursor = "",
    count: Count = 100,
    colours: Colours = "strip",
    times: Times = False,
    encoding: Encoding = "",
) -> ShownPage:
    """Folds what was redrawn; every line carries the raw bytes that it came from."""
    log = await log_of(joblog, call)
    if start is not None and cursor:
        raise Invalid("cursor", "given without start, or start without cursor")
    at = parse_cursor(cursor) if cursor else start or 0
    written = parse_encoding(encoding)
    task = await joblog.reading(joblog.engine.states.task, log.version_id, log.worker)
    height = (task.terminal_rows or 0) if task is not None else 0
    render = partial(shown_page if colours == "keep" else plain_page, encoding=written, height=height)
    page = await joblog.viewing.run(terminal_page, joblog.engine.reader, log, at, count, render)
    if times:
        page.times_ms.extend(await joblog.viewing.run(_times_ms, joblog, log, page))
    return page


@calls.get("/{task}/frames", "read", "Every redraw by itself")
async def read_frames(
    joblog: State, call: Call, start_byte: StartByte = 0, end_byte: EndByte = MAX_ID, count: Count = 100
) -> FramePage:
    """Unfolds a range of bytes: what stands between newlines and carriage returns, without escapes."""
    log = await log_of(joblog, call)
    if end_byte < start_byte:
        raise OutOfRange("end_byte", "a byte position, start_byte or later", str(end_byte))
    frames = await joblog.viewing.run(frames_between, joblog.engine.reader, log, start_byte, end_byte, count)
    views = [FrameText(*each) for each in frames]
    return FramePage(views, views[-1].end_byte if views else min(end_byte, log.end_byte))


def _times_ms(joblog: State, log: Head, page: ShownPage) -> list[int]:
    """Returns when each line's first byte arrived; on a screen a line may stand above one that began before it."""
    starts = sorted({line.start_byte for line in page.lines})
    moments = dict(zip(starts, times_ms(joblog, log, starts), strict=True))
    return [moments[line.start_byte] for line in page.lines]
