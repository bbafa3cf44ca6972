"""ModelArts' v1 calls for reading a training job's log, as its documents and its clients have them.

``GET .../log`` reads by bytes, ``GET .../aom-log`` by lines, ``GET .../log/file-names`` lists the logs. What they answer is a
contract; docs/modelarts.md names each rule and where it comes from. Here they only turn words into spans and pages into words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from typing import Annotated

import msgspec

from joblog.core import lines
from joblog.core.logs import Head
from joblog.core.names import MAX_ID, worker_of_log_file
from joblog.engine.engine import Engine
from joblog.engine.read import LargePage, Page, PageReader
from joblog.errors import NotFound
from joblog.objects.frame_store import NotCached
from joblog.server.http.answers import Answer
from joblog.server.http.heads import Heads
from joblog.server.http.packed import RAW_BYTES
from joblog.server.http.parameters import choice, number, text
from joblog.server.http.routes import Calls
from joblog.server.http.share import Share
from joblog.server.modelarts import positions

MAX_OFFSET = 2048
MAX_LINES = 500
DEFAULT_LINES = 50

calls = Calls("/v1/{project_id}/training-jobs/{job_id}/versions/{version_id}", "ModelArts v1")

_Version = tuple[str, int, int]

LineSpan = Callable[[Head], tuple[int, int]]


LogFile = Annotated[str, text("a name that .../log/file-names gives; required", allowed="a name that .../log/file-names gives")]
StartByte = Annotated[int, number(-1, MAX_ID, "first byte, 0 by default; -1: the newest abs(offset) bytes").in_blanks()]
Offset = Annotated[
    int, number(-MAX_OFFSET, MAX_OFFSET, f"length, -{MAX_OFFSET} to {MAX_OFFSET}; negative: backwards").in_blanks()
]
BaseLine = Annotated[str, text("a position from an earlier answer; empty: the latest lines")]
Lines = Annotated[int, number(0, MAX_LINES, f"0 to {MAX_LINES}, {DEFAULT_LINES} by default").in_blanks()]
Order = Annotated[
    str,
    choice(
        "desc", "asc", description="desc (default): towards newer lines; asc: older", any_case=True, out_of_range=True
    ).in_blanks(),
]


class ByteAnswer(msgspec.Struct):
    """``.../log``: ``log`` is the text of ``log_byte_count`` bytes that end before byte ``end_byte``; ``count`` is the same."""

    is_success: bool
    log: str
    log_byte_count: int
    end_byte: int
    count: int


class TaskLineAnswer(msgspec.Struct):
    """v2's ``.../logs/{task_id}``: ``lines`` lines, oldest first, between the positions ``start_line`` and ``end_line``."""

    content: str
    lines: int
    start_line: str
    end_line: str


class LineAnswer(TaskLineAnswer):
    """``.../aom-log``: the same."""

    is_success: bool = True


class FileNamesAnswer(msgspec.Struct):
    """``.../log/file-names``: one name for each worker, in order."""

    is_success: bool
    log_file_list: list[str]


class LogCalls:
    """Answers the three calls. Used from the event loop; what must block is done in a thread."""

    def __init__(self, engine: Engine, heads: Heads, downloads: Share) -> None:
        self._engine = engine
        self._heads = heads
        self._downloads = downloads
        self._encode = msgspec.json.Encoder().encode

    async def file_names(self, ids: _Version) -> Answer:
        """Answers with the names of a version's logs."""
        if self._engine.database.embedded:
            return self._file_names(ids)
        return await asyncio.to_thread(self._file_names, ids)

    async def bytes(self, ids: _Version, log_file: str, start_byte: int, offset: int) -> Answer:
        """Answers with bytes of a log."""
        return await self._ask(partial(self._bytes, await self.log(ids, log_file), start_byte, offset))

    async def _ask(self, read: Callable[[PageReader], Answer]) -> Answer:
        """Reads at once what is in memory or in the embedded catalog, and in a thread what must be fetched."""
        try:
            return read(self._engine.reader_now)
        except NotCached:
            return await asyncio.to_thread(read, self._engine.reader)

    async def log(self, ids: _Version, log_file: str) -> Head:
        """Returns the log of that name; raises NotFound."""
        worker = worker_of_log_file(log_file)
        if worker is None:
            await asyncio.to_thread(self._engine.runs.version, *ids)
            raise NotFound("log file", log_file)
        log = await self._heads.log(*ids, worker)
        if log.log_file != log_file:
            raise NotFound("log file", log_file)
        return log

    def _file_names(self, ids: _Version) -> Answer:
        return Answer(200, self._encode(FileNamesAnswer(True, self._engine.runs.log_files(*ids))))

    def _bytes(self, log: Head, start_byte: int, offset: int, reader: PageReader) -> Answer:
        span = partial(positions.byte_span, start_byte, offset)
        page = reader.characters(log, span, backwards=offset < 0 or start_byte == -1)
        answer = ByteAnswer(True, lines.text(page.data), len(page.data), page.end_byte, len(page.data))
        return Answer(200, self._encode(answer))

    async def lines(self, log: Head, span: LineSpan, kind: type[TaskLineAnswer]) -> Answer:
        """Answers with lines of a log, v1's or v2's way."""
        try:
            return await self._ask(partial(self._lines, log, span, kind))
        except LargePage:
            return await self._large(log, span, kind)

    def _lines(self, log: Head, span: LineSpan, kind: type[TaskLineAnswer], reader: PageReader) -> Answer:
        page = reader.lines(log, span)
        return Answer(200, self._encode(_line_answer(kind, page, lines.text(page.data))))

    async def _large(self, log: Head, span: LineSpan, kind: type[TaskLineAnswer]) -> Answer:
        """Answers with a page that is too large to hold, part by part; raises Busy."""
        self._downloads.hold()
        page = await asyncio.to_thread(self._engine.reader.line_borders, log, span)
        head, tail = self._encode(_line_answer(kind, page, "")).split(b'"content":""', 1)
        content = text_parts(self._engine.reader.stream(page.log, page.start_byte, page.end_byte, RAW_BYTES))
        first = await asyncio.to_thread(next, content)  # what is wrong with it is the answer
        return Answer(200, head + b'"content":"' + first, rest=_in_threads(content, b'"' + tail))


def text_parts(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Turns parts of a log into parts of the inside of a JSON string, never cutting a character."""
    kept = b""
    for part in parts:
        data = kept + part
        end = lines.whole_characters(data, 0, len(data), backwards=False, growing=True)[1]
        kept = data[end:]
        yield msgspec.json.encode(lines.text(data[:end]))[1:-1]
    yield msgspec.json.encode(lines.text(kept))[1:-1]


async def _in_threads(parts: Iterator[bytes], last: bytes) -> AsyncGenerator[bytes, None]:
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        yield part
    yield last


def line_span(base_line: str, count: int, order: str) -> LineSpan:
    """Returns which lines of a log a request names; raises Invalid."""
    return partial(positions.line_span, positions.parse_base_line(base_line), count, order)


def _line_answer(kind: type[TaskLineAnswer], page: Page, content: str) -> TaskLineAnswer:
    return kind(
        content=content,
        lines=page.end_line - page.start_line,
        start_line=positions.line_position(page.log, page.start_line),
        end_line=positions.line_position(page.log, page.end_line),
    )


@calls.get("/log", "read", "Read a log by bytes", answer=ByteAnswer)
async def v1_read_log_bytes(
    log_calls: LogCalls,
    project_id: str,
    job_id: int,
    version_id: int,
    log_file: LogFile,
    start_byte: StartByte = 0,
    offset: Offset = MAX_OFFSET,
) -> Answer:
    """Returns bytes from ``start_byte`` on, or the ``abs(offset)`` bytes before it."""
    return await log_calls.bytes((project_id, job_id, version_id), log_file, start_byte, offset)


@calls.get("/aom-log", "read", "Read a log by lines", answer=LineAnswer)
async def v1_read_log_lines(
    log_calls: LogCalls,
    project_id: str,
    job_id: int,
    version_id: int,
    log_file: LogFile,
    base_line: BaseLine = "",
    lines: Lines = DEFAULT_LINES,
    order: Order = "desc",
) -> Answer:
    """Returns the lines behind ``base_line``, or with ``order=asc`` those before it; its ends are the next call's."""
    span = line_span(base_line, lines, order)
    return await log_calls.lines(await log_calls.log((project_id, job_id, version_id), log_file), span, LineAnswer)


@calls.get("/log/file-names", "read", "List a version's logs", answer=FileNamesAnswer)
async def v1_list_log_files(log_calls: LogCalls, project_id: str, job_id: int, version_id: int) -> Answer:
    """Returns the names of all workers' logs, by which the other calls take them."""
    return await log_calls.file_names((project_id, job_id, version_id))
