"""A log, or a part of it, as a file to keep or as text in a browser's tab. Addresses that a browser can go to by itself.

``bytes`` is for programs: they say ``Range`` and ``Accept-Encoding``. A browser that follows a link says neither, so here all
is in the address. Either way the log is streamed: what is in memory does not depend on its size.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from joblog.core.logs import Head
from joblog.core.names import MAX_ID
from joblog.errors import BeyondEnd, Invalid, OutOfRange
from joblog.server.http.answers import Answer
from joblog.server.http.asgi import Headers
from joblog.server.http.packed import encoding
from joblog.server.http.parameters import choice, number
from joblog.server.http.routes import Call, Calls
from joblog.server.http.streams import OCTETS, TEXT, begun
from joblog.server.native.logs import LOG, log_of, sent
from joblog.server.state import State

calls = Calls(LOG + "/{task}", "logs")

StartByte = Annotated[int, number(0, MAX_ID, "where to begin; the log's start by default", "a byte position")]
EndByte = Annotated[
    int,
    number(0, MAX_ID, "where to end, excluded; the log's end by default", "a byte position, start_byte or later"),
]
StartLine = Annotated[int, number(0, MAX_ID, "instead of bytes: the first line's number", "a line number")]
EndLine = Annotated[int, number(0, MAX_ID, "the number of the line behind the last one", "a line number, start_line or later")]
Compress = Annotated[str, choice("zstd", "none", description="zstd: a .zst file; none by default")]

# What a log says is text whatever it says: not sniffed for markup, and in a page of its own that may run and load nothing.
_SHOWN: Headers = [
    (b"content-disposition", b"inline"),
    (b"content-security-policy", b"sandbox; default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
]


class PartQuery(Struct, frozen=True):
    """Which part of a log; all of it by default."""

    start_byte: StartByte | None = None
    end_byte: EndByte | None = None
    start_line: StartLine | None = None
    end_line: EndLine | None = None


class _Part(Struct, frozen=True):
    """Bytes ``[low, high)``; ``name`` is what a file of them is called behind the log's name."""

    low: int
    high: int
    name: str = ""


@calls.get("/download", "read", "A log, or a part of it, as a file")
async def download_log(joblog: State, call: Call, query: PartQuery, compress: Compress = "none") -> Answer:
    """Streams the bytes with a name to keep them under; ``compress=zstd`` makes it what ``zstd -d`` takes."""
    log = await log_of(joblog, call)
    joblog.downloads.hold()
    part = await joblog.viewing.run(_part, joblog, log, query)
    name = f"{log.log_file}{part.name}.log"
    if compress == "none":
        return await _streamed(joblog, call, log, part, [_attached(name)], OCTETS)
    parts = sent(joblog, log, (part.low, part.high), "zstd")
    return await begun(parts, [_attached(name + ".zst"), (b"cache-control", b"no-store")], b"application/zstd")


@calls.get("/raw", "read", "A log, or a part of it, as a page of plain text")
async def read_raw(joblog: State, call: Call, query: PartQuery) -> Answer:
    """Streams the bytes for a browser to show as they are, and never as anything but text."""
    log = await log_of(joblog, call)
    joblog.downloads.hold()
    part = await joblog.viewing.run(_part, joblog, log, query)
    return await _streamed(joblog, call, log, part, _SHOWN, TEXT)


def _attached(name: str) -> tuple[bytes, bytes]:
    return b"content-disposition", f'attachment; filename="{name}"'.encode()


async def _streamed(joblog: State, call: Call, log: Head, part: _Part, headers: Headers, kind: bytes) -> Answer:
    """Streams, compressed on the way where the browser takes that."""
    packing = encoding(call.header(b"accept-encoding") or "")
    size = (b"content-length", b"%d" % (part.high - part.low)) if packing is None else (b"content-encoding", packing.encode())
    headers = [*headers, (b"cache-control", b"no-store"), (b"vary", b"accept-encoding"), size]
    return await begun(sent(joblog, log, (part.low, part.high), packing), headers, kind)


def _part(joblog: State, log: Head, query: PartQuery) -> _Part:
    """Returns the part that a request names; raises Invalid, OutOfRange, BeyondEnd."""
    by_byte, by_line = (query.start_byte, query.end_byte), (query.start_line, query.end_line)
    if by_line != (None, None):
        if by_byte != (None, None):
            raise Invalid("start_byte, end_byte, start_line and end_line", "of bytes or of lines, not both")
        return _lines(joblog, log, *_span("line", by_line, "a line number"))
    low, high = _span("byte", by_byte, "a byte position")
    if low > log.end_byte:
        raise BeyondEnd(f"the log ends at {log.end_byte}", log.end_byte)
    low, high = max(low, log.start_byte), min(high, log.end_byte)
    whole = by_byte == (None, None) or (low, high) == (log.start_byte, log.end_byte)
    return _Part(low, max(low, high), "" if whole else f".B{low}-{high}")


def _lines(joblog: State, log: Head, first: int, end: int) -> _Part:
    """Returns lines ``[first, end)``: those of them that there are."""

    def span(head: Head) -> tuple[int, int]:
        low = min(max(first, head.start_line), head.last_line)
        return low, min(max(end, low), head.last_line)

    page = joblog.engine.reader.line_borders(log, span)
    if first > page.start_line and first > page.log.last_line:
        raise BeyondEnd(f"the log has {page.log.last_line} lines", page.log.end_byte)
    return _Part(page.start_byte, page.end_byte, f".L{page.start_line}-{max(page.end_line - 1, page.start_line)}")


def _span(unit: str, span: tuple[int | None, int | None], allowed: str) -> tuple[int, int]:
    low, high = span[0] or 0, MAX_ID if span[1] is None else span[1]
    if high < low:
        raise OutOfRange(f"end_{unit}", f"{allowed}, start_{unit} or later", str(high))
    return low, high
