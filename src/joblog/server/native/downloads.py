"""A log, or a part of it, as a file to keep or as text in a browser's tab. Addresses that a browser can go to by itself.

``bytes`` is for programs: they say ``Range`` and ``Accept-Encoding``. A browser that follows a link says neither, so here all
is in the address. Either way the log is streamed: what is in memory does not depend on its size.
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, get
from litestar.params import Parameter
from litestar.response import Response
from msgspec import Struct

from joblog.core.logs import Log
from joblog.core.names import MAX_ID, integer
from joblog.errors import BeyondEnd, Invalid
from joblog.server.http.packed import encoding
from joblog.server.http.streams import Read
from joblog.server.native.logs import LOG, log_of, sent
from joblog.server.state import Call, State

StartByte = Annotated[str | None, Parameter(description="where to begin; the log's start by default")]
EndByte = Annotated[str | None, Parameter(description="where to end, excluded; the log's end by default")]
StartLine = Annotated[str | None, Parameter(description="instead of bytes: the first line's number")]
EndLine = Annotated[str | None, Parameter(description="the number of the line behind the last one")]
Compress = Annotated[str | None, Parameter(description="zstd: a .zst file; none by default")]

# What a log says is text whatever it says: not sniffed for markup, and in a page of its own that may run and load nothing.
_SHOWN = {
    "content-disposition": "inline",
    "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


class _Part(Struct, frozen=True):
    """Bytes ``[low, high)``; ``name`` is what a file of them is called behind the log's name."""

    low: int
    high: int
    name: str = ""


class DownloadController(Controller):
    """A log as a browser takes it by itself."""

    path = LOG + "/{task:str}"
    tags = ("logs",)

    @get("/download", summary="A log, or a part of it, as a file", media_type="application/octet-stream")
    async def download_log(
        self, joblog: State, request: Call, task: str, start_byte: StartByte = None, end_byte: EndByte = None,
        start_line: StartLine = None, end_line: EndLine = None, compress: Compress = None,
    ) -> Response[Any]:  # fmt: skip
        """Streams the bytes with a name to keep them under; ``compress=zstd`` makes it what ``zstd -d`` takes."""
        log = await log_of(joblog, request, "read")
        joblog.downloads.hold()
        part = await joblog.viewing.run(_part, joblog, log, (start_byte, end_byte), (start_line, end_line))
        if compress not in (None, "", "none", "zstd"):
            raise Invalid("compress", "zstd or none", compress)
        name = f"{log.log_file}{part.name}.log"
        if compress != "zstd":
            headers = {"content-disposition": f'attachment; filename="{name}"'}
            return _streamed(joblog, request, log, part, headers, "application/octet-stream")
        headers = {"content-disposition": f'attachment; filename="{name}.zst"', "cache-control": "no-store"}
        headers |= {"x-content-type-options": "nosniff", "content-type": "application/zstd"}
        parts = sent(joblog.engine.query, log, (part.low, part.high), "zstd")
        return Read(parts, headers=headers, media_type="application/zstd")

    @get("/raw", summary="A log, or a part of it, as a page of plain text", media_type="text/plain")
    async def read_raw(
        self, joblog: State, request: Call, task: str, start_byte: StartByte = None, end_byte: EndByte = None,
        start_line: StartLine = None, end_line: EndLine = None,
    ) -> Response[Any]:  # fmt: skip
        """Streams the bytes for a browser to show as they are, and never as anything but text."""
        log = await log_of(joblog, request, "read")
        joblog.downloads.hold()
        part = await joblog.viewing.run(_part, joblog, log, (start_byte, end_byte), (start_line, end_line))
        return _streamed(joblog, request, log, part, dict(_SHOWN), "text/plain")


def _streamed(joblog: State, request: Call, log: Log, part: _Part, headers: dict[str, str], kind: str) -> Response[Any]:
    """Streams, compressed on the way where the browser takes that."""
    packing = encoding(request.headers.get("accept-encoding", ""))
    headers |= {"x-content-type-options": "nosniff", "cache-control": "no-store", "vary": "accept-encoding"}
    headers |= {"content-length": str(part.high - part.low)} if packing is None else {"content-encoding": packing}
    return Read(sent(joblog.engine.query, log, (part.low, part.high), packing), headers=headers, media_type=kind)


def _part(joblog: State, log: Log, by_byte: tuple[str | None, str | None], by_line: tuple[str | None, str | None]) -> _Part:
    """Returns the part that a request names; raises Invalid, OutOfRange, BeyondEnd."""
    if any(by_line):
        if any(by_byte):
            raise Invalid("start_byte, end_byte, start_line and end_line", "of bytes or of lines, not both")
        return _lines(joblog, log, *_span(("start_line", "end_line"), by_line, "a line number"))
    low, high = _span(("start_byte", "end_byte"), by_byte, "a byte position")
    if low > log.end_byte:
        raise BeyondEnd(f"the log ends at {log.end_byte}", log.end_byte)
    low, high = max(low, log.start_byte), min(high, log.end_byte)
    whole = not any(by_byte) or (low, high) == (log.start_byte, log.end_byte)
    return _Part(low, max(low, high), "" if whole else f".B{low}-{high}")


def _lines(joblog: State, log: Log, first: int, end: int) -> _Part:
    """Returns lines ``[first, end)``: those of them that there are."""

    def span(head: Log) -> tuple[int, int]:
        low = min(max(first, head.start_line), head.last_line)
        return low, min(max(end, low), head.last_line)

    page = joblog.engine.query.line_borders(log, span)
    if first > page.start_line and first > page.log.last_line:
        raise BeyondEnd(f"the log has {page.log.last_line} lines", page.log.end_byte)
    return _Part(page.start_byte, page.end_byte, f".L{page.start_line}-{max(page.end_line - 1, page.start_line)}")


def _span(names: tuple[str, str], values: tuple[str | None, str | None], allowed: str) -> tuple[int, int]:
    low = integer(names[0], values[0] or "0", 0, MAX_ID, allowed)
    return low, integer(names[1], values[1] or str(MAX_ID), low, MAX_ID, f"{allowed}, {names[0]} or later")
