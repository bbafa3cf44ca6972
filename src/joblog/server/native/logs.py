"""The native API's logs: append, close, status, bytes, lines. See docs/http-api.md.

Reads of the embedded catalog are done on the event loop, where they cost microseconds; writes, which wait for the disk, and
reads of objects are done in threads.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from functools import partial
from typing import Annotated, Any

import msgspec

from joblog.api.values import Appended, Log, RecordedGap
from joblog.api.values.reading import CutLine, Lines
from joblog.core import lines
from joblog.core.counters import CLOSED, GAP_BYTES, GAPS, Tally
from joblog.core.logs import Head
from joblog.core.names import MAX_ID
from joblog.engine.read import Page
from joblog.engine.times import arrived, second_of
from joblog.errors import BeyondEnd, Conflict, Invalid
from joblog.server.http.answers import Answer
from joblog.server.http.asgi import Headers
from joblog.server.http.packed import GZIP_PART_BYTES, encoding, frames_sent, gzipped
from joblog.server.http.parameters import AfterRank, Limit, number, switch, text
from joblog.server.http.read_ahead import ReadAhead
from joblog.server.http.routes import Call, Calls
from joblog.server.http.streams import OCTETS, begun
from joblog.server.native.append import AppendCall
from joblog.server.native.bodies import CloseRequest, log_value, read_log_value
from joblog.server.native.cut_lines import cut_lines, line_starts
from joblog.server.native.moments import moment_ms
from joblog.server.native.paging import Listing
from joblog.server.state import State

MAX_LINES = 1_000_000

LINES_BYTES = 5 * 1024 * 1024
"""What one answer of lines holds, at most, unless one line is longer."""

MAX_CUT_BYTES = 65536

_RANGE = re.compile(r"bytes=(\d{1,19})?-(\d{1,19})?", re.ASCII | re.IGNORECASE)
_ETAG = re.compile(r'"(\d+)-(\d+)"', re.ASCII)

_REASONS = frozenset(("spool full", "flood control", "lost by the server"))
"""The reasons for gaps that the agent gives in these words; others hold what an operating system said."""

LOG = "/api/projects/{project_id}/jobs/{job_id}/versions/{version_id}/logs"

calls = Calls(LOG, "logs")

At = Annotated[
    int, number(0, MAX_ID, "the byte position of the body's first byte; required", f"a byte position, 0 to {MAX_ID}")
]
Start = Annotated[
    int,
    number(
        -MAX_ID,
        MAX_ID,
        "the first line's number, 0 by default; negative: from the end",
        "a line number, or minus lines from the end",
    ),
]
Count = Annotated[int, number(1, MAX_LINES, "how many lines, 1 to 1000000, 100 by default")]
Byte = Annotated[
    int, number(0, MAX_ID, "instead of start: begin with the line that holds this byte position", "a byte position")
]
Since = Annotated[str, text("instead of start: begin with what arrived then or later, such as 10m (ago), or a time")]
Cut = Annotated[int, number(1, MAX_CUT_BYTES, "only the first so many bytes of each line, 1 to 65536; all by default")]
Until = Annotated[str, text("only what arrived before")]
Times = Annotated[bool, switch("true: also when each line arrived; false by default")]


class LinesQuery(msgspec.Struct, frozen=True):
    """Which lines, and what of them."""

    start: Start | None = None
    count: Count = 100
    byte: Byte | None = None
    since: Since = ""
    until: Until = ""
    cut: Cut | None = None
    times: Times = False


@calls.get("", "read", "List a version's logs in worker order")
async def list_logs(
    joblog: State, project_id: str, job_id: int, version_id: int, after: AfterRank = -1, limit: Limit = 100
) -> Listing[Log]:
    """Lists logs; ``after`` is a worker number."""
    logs = await joblog.reading(joblog.engine.runs.logs, project_id, job_id, version_id, after, limit)
    views = await joblog.reading(lambda: [log_value(log, joblog.engine.logs.gaps(log.id)) for log in logs])
    return Listing(views, logs[-1].worker if len(logs) == limit else None)


@calls.put("/{task}", "write", "Get or create a log")
async def create_log(joblog: State, call: Call) -> Log:
    """Gets or makes the log of a worker."""
    log = await joblog.writing(joblog.engine.runs.put_log, *where(call), joblog.engine.clock_ms())
    return await read_log_value(joblog, log)


@calls.get("/{task}", "read", "A log's status")
async def get_log(joblog: State, call: Call) -> Log:
    """Returns where the log begins and ends, and whether it is complete."""
    return await read_log_value(joblog, await log_of(joblog, call))


@calls.post("/{task}/append", "write", "Append bytes at a position", body=bytes)
async def append_log(append_call: AppendCall, call: Call, at: At) -> Appended:
    """Takes the body as the log's bytes from position ``at`` on; answers when they are durable."""
    return await append_call.take(call, where(call), at)


@calls.post("/{task}/close", "write", "Close a log, with the writer's own count and CRC-32")
async def close_log(joblog: State, call: Call, data: CloseRequest) -> Log:
    """Says that nothing more will come. With ``end_byte`` and ``crc32`` the log is then proved complete, or not."""
    log = await log_of(joblog, call)
    closed = await joblog.writing(_close, joblog, log.id, data)
    return await read_log_value(joblog, closed)


@calls.get("/{task}/bytes", "read", "A log's bytes, any range, streamed", head="head_bytes The headers of a log's bytes")
async def read_bytes(joblog: State, call: Call) -> Answer:
    """Streams the bytes; ``Range`` counts in byte positions."""
    return await download(joblog, call, await log_of(joblog, call), OCTETS)


@calls.get("/{task}/lines", "read", "Lines by number, by byte, or by when they arrived")
async def read_lines(joblog: State, call: Call, query: LinesQuery) -> Lines:
    """Returns ``count`` lines from line ``start`` on; a negative ``start`` counts from the end."""
    log = await log_of(joblog, call)
    if sum((query.start is not None, query.byte is not None, bool(query.since))) > 1:
        raise Invalid("start, byte and since", "one of the three")
    now_ms = joblog.engine.clock_ms()
    since_ms = moment_ms("since", query.since, now_ms) if query.since else None
    until_ms = moment_ms("until", query.until, now_ms) if query.until else None
    return await asyncio.to_thread(_lines, joblog, log, query, since_ms, until_ms)


async def download(joblog: State, call: Call, log: Head, media_type: bytes, *, may_pack: bool = True) -> Answer:
    """Streams a log, or the part that ``Range`` asks for; without ``Range`` compressed, if the client accepts that.

    Without ``may_pack`` never compressed: the answer then has its length. To ``HEAD`` nothing is read. Raises BeyondEnd, Busy.
    """
    status, low, high = _range(call, log)
    headers = _byte_headers(log, status, low, high)
    if call.scope["method"] == "HEAD":
        return Answer(status, b"", headers, media_type=media_type)
    joblog.downloads.hold()
    packing = encoding(call.header(b"accept-encoding") or "") if may_pack and status == 200 else None
    if packing is not None:
        headers = [_packed(header, packing) for header in headers if header[0] != b"content-length"]
        headers.append((b"content-encoding", packing.encode()))
    return await begun(sent(joblog, log, (low, high), packing), headers, media_type, status)


def _packed(header: tuple[bytes, bytes], packing: str) -> tuple[bytes, bytes]:
    """Returns a header of compressed bytes: they are not those that the plain ones' tag names."""
    return (b"etag", header[1][:-1] + f'-{packing}"'.encode()) if header[0] == b"etag" else header


def where(call: Call) -> tuple[str, int, int, int]:
    """Returns which log the path names: project, job, version and worker."""
    path = call.path
    return path["project_id"], path["job_id"], path["version_id"], path["task"]


async def log_of(joblog: State, call: Call) -> Head:
    """Returns the log that the path names; raises NotFound."""
    return await joblog.heads.log(*where(call))


def _close(joblog: State, log_id: int, claims: CloseRequest) -> Head:
    """Records the gaps and closes the log, unless what the writer counts has not arrived."""
    logs, now_ms = joblog.engine.logs, joblog.engine.clock_ms()
    log = logs.head(log_id)
    if claims.end_byte is not None and claims.end_byte > log.end_byte:
        raise BeyondEnd(f"the log ends at {log.end_byte}, the writer counts {claims.end_byte}", log.end_byte)
    if not (_agree(claims.end_byte, log.claimed_bytes) and _agree(claims.crc32, log.claimed_crc32)):
        raise Conflict("the log was closed with other figures", log.end_byte)
    gaps = [RecordedGap(each.at_byte, each.size_bytes, each.reason, now_ms) for each in claims.gaps]
    closed, added = joblog.engine.states.close_log(log, (claims.end_byte, claims.crc32), gaps, now_ms)
    _count_close(joblog.engine.tally, log, closed, added)
    return closed


def _count_close(tally: Tally, before: Head, closed: Head, gaps: list[RecordedGap]) -> None:
    for gap in gaps:
        reason = gap.reason if gap.reason in _REASONS else "other"  # what the writer says is text from outside
        tally.add(GAPS, reason)
        tally.add(GAP_BYTES, reason, count=gap.size_bytes)
    if not before.closed:
        tally.add(CLOSED, {None: "unproved", True: "complete", False: "incomplete"}[closed.complete])


def _agree(claimed: int | None, before: int | None) -> bool:
    return claimed is None or before is None or claimed == before


def _lines(joblog: State, log: Head, query: LinesQuery, since_ms: int | None, until_ms: int | None) -> Lines:
    """Reads lines, as many as one answer holds, but at least one."""
    reader, start, until = joblog.engine.reader, query.start or 0, None
    byte = query.byte if since_ms is None else arrived(joblog.engine.logs, log, since_ms)
    if byte is not None:
        start = reader.line_at(log, byte)
    if until_ms is not None:
        until = reader.line_at(log, arrived(joblog.engine.logs, log, until_ms))

    def span(head: Head) -> tuple[int, int]:
        first = start if start >= 0 else head.last_line + start
        last = head.last_line if until is None else min(until, head.last_line)
        first = min(max(first, head.start_line), last)
        return first, min(first + query.count, last)

    page = reader.line_borders(log, span)
    if query.cut is not None:
        page, cuts, starts = cut_lines(reader, page, query.cut)
        return _lines_value(joblog, page, starts, query, cuts=tuple(cuts))
    first, end = page.start_line, page.end_line
    while page.end_byte - page.start_byte > LINES_BYTES and end > first + 1:
        end = first + max((end - first) // 2, 1)
        page = reader.line_borders(page.log, partial(lambda end, _: (first, end), end))
    data = b"".join(reader.stream(page.log, page.start_byte, page.end_byte))
    page = msgspec.structs.replace(page, data=data)
    return _lines_value(joblog, page, line_starts(page) if query.times else [], query)


def times_ms(joblog: State, log: Head, starts: list[int]) -> list[int]:
    """Returns when the bytes at these positions, in ascending order, arrived.

    To the second, which is what stays of it when a log is sealed.
    """
    return [second * 1000 for second in second_of(joblog.engine.logs, log, starts)]


def _lines_value(joblog: State, page: Page, starts: list[int], query: LinesQuery, **cuts: tuple[CutLine, ...]) -> Lines:
    given: dict[str, Any] = {name: getattr(page, name) for name in ("start_line", "end_line", "start_byte", "end_byte")}
    given |= cuts | ({"times_ms": tuple(times_ms(joblog, page.log, starts))} if query.times else {})
    return Lines(lines=page.end_line - page.start_line, content=lines.text(page.data), **given)


def _range(call: Call, log: Head) -> tuple[int, int, int]:
    """Returns status, first byte and the byte past the last one. What is not a single range of bytes is ignored (RFC 9110)."""
    match = _RANGE.fullmatch((call.header(b"range") or "").replace(" ", ""))
    if match is None or match[1] is match[2] is None or not _same(call.header(b"if-range"), log):
        return 200, log.start_byte, log.end_byte
    if match[1] and match[2] and int(match[1]) > int(match[2]):
        return 200, log.start_byte, log.end_byte
    if match[1] is None:
        low, high = max(log.end_byte - int(match[2]), log.start_byte), log.end_byte
    else:
        low = max(int(match[1]), log.start_byte)
        high = log.end_byte if match[2] is None else min(int(match[2]) + 1, log.end_byte)
    if low >= high:
        raise BeyondEnd(f"bytes {log.start_byte} to {log.end_byte} are held, none of them in the range", log.end_byte)
    return 206, low, high


def _same(if_range: str | None, log: Head) -> bool:
    """Whether a part got earlier, when the log was shorter, is a part of this log: it is, bytes do not change."""
    if if_range is None:
        return True
    match = _ETAG.fullmatch(if_range.strip())
    return match is not None and int(match[1]) == log.id and int(match[2]) <= log.end_byte


def _byte_headers(log: Head, status: int, low: int, high: int) -> Headers:
    headers = [
        (b"accept-ranges", b"bytes"),
        (b"vary", b"accept-encoding"),
        (b"etag", b'"%d-%d"' % (log.id, log.end_byte)),
        (b"content-length", b"%d" % (high - low)),
    ]
    if status == 206:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (low, high - 1, log.end_byte)))
    elif low:
        headers.append((b"x-joblog-start-byte", b"%d" % low))
    return headers


def sent(joblog: State, log: Head, span: tuple[int, int], packing: str | None) -> AsyncGenerator[bytes, None]:
    """Yields bytes of a log as they are sent, compressed where ``packing`` says how."""
    if packing == "zstd":
        return frames_sent(joblog.engine.stored.frames(log, *span))
    read = joblog.engine.bulk_reader.reader(log)
    return ReadAhead(read, *span).parts() if packing is None else gzipped(ReadAhead(read, *span, GZIP_PART_BYTES).parts())
