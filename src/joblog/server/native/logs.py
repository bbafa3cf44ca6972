"""The native API's logs: append, close, status, bytes, lines. See docs/http-api.md.

Reads of the embedded catalog are done on the event loop, where they cost microseconds; writes, which wait for the disk, and
reads of objects are done in threads.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Controller, get, head, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import Parameter
from litestar.response import Response
from msgspec import UNSET, UnsetType

from joblog.core import lines
from joblog.core.counters import CLOSED, GAP_BYTES, GAPS, Tally
from joblog.core.logs import Gap, Log
from joblog.core.names import MAX_ID, check_id, check_project_id, flag, integer, worker_of_task
from joblog.engine.read import Page, PageReader
from joblog.engine.times import arrived, second_of
from joblog.errors import BeyondEnd, Conflict, Invalid
from joblog.server.http.ahead import Ahead
from joblog.server.http.packed import RAW_BYTES, compressed, encoding
from joblog.server.http.streams import Read
from joblog.server.native.append import PATH, AppendCall, AppendView
from joblog.server.native.bodies import CloseRequest, LinesView, LogView, log_view, read_log_view
from joblog.server.native.cut_lines import CutLine, cut_lines, line_starts
from joblog.server.native.moments import moment_ms
from joblog.server.native.paging import After, Limit, Listing, page_of
from joblog.server.state import Call, State

MAX_LINES = 1_000_000

LINES_BYTES = 5 * 1024 * 1024
"""What one answer of lines holds, at most, unless one line is longer."""

MAX_CUT_BYTES = 65536

_RANGE = re.compile(r"bytes=(\d{1,19})?-(\d{1,19})?", re.ASCII | re.IGNORECASE)
_ETAG = re.compile(r'"(\d+)-(\d+)"', re.ASCII)

_OCTETS = "application/octet-stream"

_REASONS = frozenset(("spool full", "flood control", "lost by the server"))
"""The reasons for gaps that the agent gives in these words; others hold what an operating system said."""

LOG = "/projects/{project_id:str}/jobs/{job_id:str}/versions/{version_id:str}/logs"


At = Annotated[str | None, Parameter(description="the byte position of the body's first byte; mandatory")]


Start = Annotated[str | None, Parameter(description="the first line's number, 0 by default; negative: from the end")]
Count = Annotated[str | None, Parameter(description="how many lines, 1 to 1000000, 100 by default")]
Byte = Annotated[str | None, Parameter(description="in place of start: the line that holds this byte position")]
Since = Annotated[str | None, Parameter(description="in place of start: what arrived then or later, as 10m (ago), or a time")]
Cut = Annotated[str | None, Parameter(description="each line's first so many bytes, 1 to 65536; all of it by default")]
Until = Annotated[str | None, Parameter(description="only what arrived before")]
Times = Annotated[str | None, Parameter(description="true: also when each line arrived; false by default")]


@dataclass
class AppendOperation(Operation):
    """Describes the body of an append, which the handler reads as it comes."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(content={_OCTETS: OpenAPIMediaType(Schema(type=OpenAPIType.STRING))}, required=True)


class LogController(Controller):
    """A version's logs."""

    path = LOG
    tags = ("logs",)

    @get("/", summary="List a version's logs in worker order")
    async def list_logs(
        self,
        joblog: State,
        request: Call,
        project_id: str,
        job_id: str,
        version_id: str,
        after: After = None,
        limit: Limit = None,
    ) -> Listing[LogView]:
        """Lists logs; ``after`` is a worker number."""
        joblog.auth.allowed(request.scope["headers"], "read", project_id, job_id)
        start, size = page_of(after, limit, -1)
        names = joblog.engine.names
        ids = check_project_id(project_id), check_id("job_id", job_id), check_id("version_id", version_id)
        found = await joblog.reading(names.logs, *ids, start, size)
        views = await joblog.reading(lambda: [log_view(log, joblog.engine.logs.gaps(log.id)) for log in found])
        return Listing(views, found[-1].worker if len(found) == size else None)

    @put("/{task:str}", summary="Get or create a log", status_code=200)
    async def create_log(self, joblog: State, request: Call, task: str) -> LogView:
        """Gets or makes the log of a worker."""
        where = _where(joblog, request, "write")
        return await read_log_view(joblog, await joblog.writing(joblog.engine.names.put_log, *where, joblog.engine.clock_ms()))

    @get("/{task:str}", summary="A log's status")
    async def get_log(self, joblog: State, request: Call, task: str) -> LogView:
        """Returns where the log begins and ends, and whether it is complete."""
        return await read_log_view(joblog, await log_of(joblog, request, "read"))

    @post(
        "/{task:str}/append",
        summary="Append bytes at a position",
        status_code=200,
        request_max_body_size=None,
        operation_class=AppendOperation,
        responses={200: ResponseSpec(AppendView)},
    )
    async def append_log(self, append_call: AppendCall, request: Call, task: str, at: At) -> Response[bytes]:
        """Takes the body as the log's bytes from position ``at`` on; answers when they are durable."""
        match = PATH.fullmatch(request.scope["path"])
        assert match is not None, "the route and PATH are the same path"
        scope = request.scope
        answer = await append_call.answer(match, scope["query_string"], scope["headers"], request.receive)
        return Response(answer.body, status_code=answer.status, media_type="application/json")

    @post("/{task:str}/close", summary="Close a log, with the writer's own count and CRC-32", status_code=200)
    async def close_log(self, joblog: State, request: Call, task: str, data: CloseRequest) -> LogView:
        """Says that nothing more will come. With ``end_byte`` and ``crc32`` the log is then proved complete, or not."""
        log = await log_of(joblog, request, "write")
        closed = await joblog.writing(_close, joblog, log.id, data)
        joblog.engine.janitor.hint()
        return await read_log_view(joblog, closed)

    @get(
        "/{task:str}/bytes",
        summary="A log's bytes, any range, streamed",
        media_type=_OCTETS,
        responses={206: ResponseSpec(bytes, media_type=_OCTETS, description="The range")},
    )
    async def read_bytes(self, joblog: State, request: Call, task: str) -> Response[Any]:
        """Streams the bytes; ``Range`` counts in byte positions."""
        return download(joblog, request, await log_of(joblog, request, "read"), _OCTETS)

    @head(
        "/{task:str}/bytes",
        summary="The headers of a log's bytes",
        media_type=_OCTETS,
        responses={206: ResponseSpec(None, media_type=_OCTETS, description="The range's")},
    )
    async def head_bytes(self, joblog: State, request: Call, task: str) -> Response[None]:
        """Answers as ``GET`` does, without the bytes."""
        log = await log_of(joblog, request, "read")
        status, low, high = _range(request, log)
        headers = {**_byte_headers(log, status, low, high), "content-type": _OCTETS}
        return Response(None, status_code=status, headers=headers, media_type="text/plain")  # Litestar's way to no body

    @get("/{task:str}/lines", summary="Lines by number, by byte, or by when they arrived")
    async def read_lines(
        self, joblog: State, request: Call, task: str, start: Start = None, count: Count = None, byte: Byte = None,
        since: Since = None, until: Until = None, cut: Cut = None, times: Times = None,
    ) -> LinesView:  # fmt: skip
        """Returns ``count`` lines from line ``start`` on; a negative ``start`` counts from the end."""
        log = await log_of(joblog, request, "read")
        if sum(value is not None for value in (start, byte, since)) > 1:
            raise Invalid("start, byte and since", "one of the three")
        timed = flag("times", times)
        since_ms, until_ms = (
            None if text is None else moment_ms(name, text, joblog.engine.clock_ms())
            for name, text in (("since", since), ("until", until))
        )
        wanted = _Wanted(
            integer("start", start or "0", -MAX_ID, MAX_ID, "a line number, or minus lines from the end"),
            integer("count", count or "100", 1, MAX_LINES, f"an integer from 1 to {MAX_LINES}"),
            None if byte is None else integer("byte", byte, 0, MAX_ID, "a byte position"),
            None if cut is None else integer("cut", cut, 1, MAX_CUT_BYTES, f"an integer from 1 to {MAX_CUT_BYTES}"),
            since_ms,
            until_ms,
            timed,
        )
        return await asyncio.to_thread(_lines, joblog, log, wanted)


class _Wanted(msgspec.Struct, frozen=True):
    """Lines as a request names them."""

    start: int
    count: int
    byte: int | None
    cut: int | None
    since_ms: int | None
    until_ms: int | None
    times: bool


def download(joblog: State, request: Call, log: Log, media_type: str, *, may_pack: bool = True) -> Response[Any]:
    """Streams a log, or the part that ``Range`` asks for; without ``Range`` compressed, if the client accepts that.

    Without ``may_pack`` never compressed: the answer then has its length. Raises BeyondEnd, Busy.
    """
    status, low, high = _range(request, log)
    joblog.downloads.hold()
    headers = _byte_headers(log, status, low, high)
    packing = encoding(request.headers.get("accept-encoding", "")) if may_pack and status == 200 else None
    if packing is not None:
        del headers["content-length"]
        headers |= {"content-encoding": packing, "etag": headers["etag"][:-1] + f'-{packing}"'}
    return Read(
        sent(joblog.engine.query, log, (low, high), packing), status_code=status, headers=headers, media_type=media_type
    )


def _where(joblog: State, request: Call, right: str) -> tuple[str, int, int, int]:
    """Checks the caller and the path; the caller first, so that strangers learn nothing."""
    path = request.path_params
    joblog.auth.allowed(request.scope["headers"], right, path["project_id"], path["job_id"])
    return (
        check_project_id(path["project_id"]),
        check_id("job_id", path["job_id"]),
        check_id("version_id", path["version_id"]),
        worker_of_task(path["task"]),
    )


async def log_of(joblog: State, request: Call, right: str) -> Log:
    """Returns the log that the path names, if the caller has the right to it."""
    return await joblog.reading(joblog.engine.log, *_where(joblog, request, right))


def _close(joblog: State, log_id: int, claims: CloseRequest) -> Log:
    """Records the gaps and closes the log, unless what the writer counts has not arrived."""
    logs, now_ms = joblog.engine.logs, joblog.engine.clock_ms()
    log = logs.head(log_id)
    if claims.end_byte is not None and claims.end_byte > log.end_byte:
        raise BeyondEnd(f"the log ends at {log.end_byte}, the writer counts {claims.end_byte}", log.end_byte)
    if not (_agree(claims.end_byte, log.claimed_bytes) and _agree(claims.crc32, log.claimed_crc32)):
        raise Conflict("the log was closed with other figures", log.end_byte)
    added = logs.add_gaps(log_id, [Gap(each.at_byte, each.size_bytes, each.reason, now_ms) for each in claims.gaps])
    closed = logs.close(log, claims.end_byte, claims.crc32, now_ms)
    _count_close(joblog.engine.tally, log, closed, added)
    joblog.engine.states.log_closed(log.version_id, now_ms)
    return closed


def _count_close(tally: Tally, before: Log, closed: Log, gaps: list[Gap]) -> None:
    for gap in gaps:
        reason = gap.reason if gap.reason in _REASONS else "other"  # what the writer says is text from outside
        tally.add(GAPS, reason)
        tally.add(GAP_BYTES, reason, count=gap.size_bytes)
    if not before.closed:
        tally.add(CLOSED, {None: "unproved", True: "complete", False: "incomplete"}[closed.complete])


def _agree(claimed: int | None, before: int | None) -> bool:
    return claimed is None or before is None or claimed == before


def _lines(joblog: State, log: Log, wanted: _Wanted) -> LinesView:
    """Reads lines, as many as one answer holds, but at least one."""
    query, start, until = joblog.engine.query, wanted.start, None
    byte = wanted.byte if wanted.since_ms is None else arrived(joblog.engine.logs, log, wanted.since_ms)
    if byte is not None:
        start = query.line_at(log, byte)
    if wanted.until_ms is not None:
        until = query.line_at(log, arrived(joblog.engine.logs, log, wanted.until_ms))

    def span(head: Log) -> tuple[int, int]:
        first = start if start >= 0 else head.last_line + start
        last = head.last_line if until is None else min(until, head.last_line)
        first = min(max(first, head.start_line), last)
        return first, min(first + wanted.count, last)

    page = query.line_borders(log, span)
    if wanted.cut is not None:
        cut, cuts, starts = cut_lines(query, page, wanted.cut)
        return _lines_view(cut, cuts, times_ms(joblog, cut.log, starts) if wanted.times else UNSET)
    first, end = page.start_line, page.end_line
    while page.end_byte - page.start_byte > LINES_BYTES and end > first + 1:
        end = first + max((end - first) // 2, 1)
        page = query.line_borders(page.log, partial(lambda end, _: (first, end), end))
    data = b"".join(query.stream(page.log, page.start_byte, page.end_byte))
    page = msgspec.structs.replace(page, data=data)
    return _lines_view(page, UNSET, times_ms(joblog, page.log, line_starts(page)) if wanted.times else UNSET)


def times_ms(joblog: State, log: Log, starts: list[int]) -> list[int]:
    """Returns when the bytes at these positions, in ascending order, arrived.

    To the second, which is what stays of it when a log is sealed.
    """
    return [second * 1000 for second in second_of(joblog.engine.logs, log, starts)]


def _lines_view(page: Page, cuts: list[CutLine] | UnsetType, times_ms: list[int] | UnsetType) -> LinesView:
    borders = page.start_line, page.end_line, page.start_byte, page.end_byte
    return LinesView(*borders, page.end_line - page.start_line, lines.text(page.data), cuts, times_ms)


def _range(request: Call, log: Log) -> tuple[int, int, int]:
    """Returns status, first byte and the byte past the last one. What is not a single range of bytes is ignored (RFC 9110)."""
    match = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or match[1] is match[2] is None or not _same(request.headers.get("if-range"), log):
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


def _same(if_range: str | None, log: Log) -> bool:
    """Whether a part got earlier, when the log was shorter, is a part of this log: it is, bytes do not change."""
    if if_range is None:
        return True
    match = _ETAG.fullmatch(if_range.strip())
    return match is not None and int(match[1]) == log.id and int(match[2]) <= log.end_byte


def _byte_headers(log: Log, status: int, low: int, high: int) -> dict[str, str]:
    headers = {
        "accept-ranges": "bytes",
        "vary": "accept-encoding",
        "etag": f'"{log.id}-{log.end_byte}"',
        "content-length": str(high - low),
    }
    if status == 206:
        headers["content-range"] = f"bytes {low}-{high - 1}/{log.end_byte}"
    elif low:
        headers["x-joblog-start-byte"] = str(low)
    return headers


def sent(query: PageReader, log: Log, span: tuple[int, int], packing: str | None) -> AsyncGenerator[bytes, None]:
    """Yields bytes of a log as they are sent, compressed where ``packing`` says how."""
    if packing is None:
        return Ahead(query.reader(log), *span).parts()
    return _in_threads(compressed(query.stream(log, *span, RAW_BYTES), packing))


async def _in_threads(parts: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    following = partial(next, parts, None)
    while (part := await asyncio.to_thread(following)) is not None:
        yield part
