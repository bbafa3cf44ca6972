"""ModelArts' v1 calls for reading a training job's log, as its documents and its clients have them.

``GET .../log`` reads by bytes, ``GET .../aom-log`` by lines, ``GET .../log/file-names`` lists the logs. What they answer is a
contract; docs/modelarts.md names each rule and where it comes from. Here they only turn words into spans and pages into words.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from functools import partial

import msgspec

from joblog.core import lines
from joblog.core.logs import Log
from joblog.core.names import MAX_ID, check_id, check_project_id, integer, worker_of_log_file
from joblog.engine.engine import Engine
from joblog.engine.read import LargePage, Page, PageReader
from joblog.errors import Missing, NotFound, OutOfRange
from joblog.objects.frame_store import NotCached
from joblog.server.auth.tokens import Auth
from joblog.server.http.answers import Answer, query_parameters
from joblog.server.http.packed import RAW_BYTES
from joblog.server.http.share import Share
from joblog.server.modelarts import positions

PATH = re.compile(r"/v1/([^/]+)/training-jobs/([^/]+)/versions/([^/]+)/(log|aom-log|log/file-names)/?")

MAX_OFFSET = 2048
MAX_LINES = 500
DEFAULT_LINES = 50

_ORDERS = ("desc", "asc")

_Version = tuple[str, int, int]


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

    def __init__(self, engine: Engine, auth: Auth, downloads: Share) -> None:
        self._engine = engine
        self._auth = auth
        self._downloads = downloads
        self._encode = msgspec.json.Encoder().encode

    async def answer(self, path: re.Match[str], query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Answer:
        """Answers a request for a path that PATH matched; raises the errors of ``joblog.errors``."""
        self._auth.allowed(headers, "read", path[1], path[2])
        ids = check_project_id(path[1]), check_id("job_id", path[2]), check_id("version_id", path[3])
        if path[4] == "log/file-names":
            return await self._ask(partial(self._file_names, ids))
        parameters = query_parameters(query)
        if path[4] == "log":
            return await self._ask(partial(self._bytes, ids, parameters))
        return await self.lines(partial(self._log, ids, parameters), parameters, 0, LineAnswer)

    async def _ask(self, read: Callable[[PageReader], Answer]) -> Answer:
        """Reads at once what is in memory or in the embedded catalog, and in a thread what must be fetched."""
        if self._engine.database.embedded:
            try:
                return read(self._engine.query_now)
            except NotCached:
                pass
        return await asyncio.to_thread(read, self._engine.query)

    def _log(self, ids: _Version, parameters: Mapping[str, str]) -> Log:
        log_file = parameters.get("log_file", "")
        if not log_file:
            raise Missing("log_file", "a name that .../log/file-names gives")
        worker = worker_of_log_file(log_file)
        if worker is None:
            self._engine.names.version(*ids)
            raise NotFound("log file", log_file)
        log = self._engine.log(*ids, worker)
        if log.log_file != log_file:
            raise NotFound("log file", log_file)
        return log

    def _file_names(self, ids: _Version, _: PageReader) -> Answer:
        return Answer(200, self._encode(FileNamesAnswer(True, self._engine.names.log_files(*ids))))

    def _bytes(self, ids: _Version, parameters: Mapping[str, str], query: PageReader) -> Answer:
        log = self._log(ids, parameters)
        start_byte = number(parameters, "start_byte", 0, (-1, MAX_ID))
        offset = number(parameters, "offset", MAX_OFFSET, (-MAX_OFFSET, MAX_OFFSET))
        backwards = offset < 0 or start_byte == -1
        span = partial(positions.byte_span, start_byte, offset)
        page = query.characters(log, span, backwards=backwards)
        answer = ByteAnswer(True, lines.text(page.data), len(page.data), page.end_byte, len(page.data))
        return Answer(200, self._encode(answer))

    async def lines(
        self, find: Callable[[], Log], parameters: Mapping[str, str], least: int, kind: type[TaskLineAnswer]
    ) -> Answer:
        """Answers with lines of the log that ``find`` returns, v1's or v2's way; at least ``least`` must be asked for."""
        try:
            return await self._ask(partial(self._lines, find, parameters, least, kind))
        except LargePage:
            return await self._large(find, _line_span(parameters, least), kind)

    def _lines(
        self, find: Callable[[], Log], parameters: Mapping[str, str], least: int, kind: type[TaskLineAnswer], query: PageReader
    ) -> Answer:
        log = find()
        page = query.lines(log, _line_span(parameters, least))
        return Answer(200, self._encode(_line_answer(kind, page, lines.text(page.data))))

    async def _large(
        self, find: Callable[[], Log], span: Callable[[Log], tuple[int, int]], kind: type[TaskLineAnswer]
    ) -> Answer:
        """Answers with a page that is too large to hold, part by part; raises Busy."""
        self._downloads.hold()
        log = await asyncio.to_thread(find)
        page = await asyncio.to_thread(self._engine.query.line_borders, log, span)
        head, tail = self._encode(_line_answer(kind, page, "")).split(b'"content":""', 1)
        content = text_parts(self._engine.query.stream(page.log, page.start_byte, page.end_byte, RAW_BYTES))
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


def number(parameters: Mapping[str, str], name: str, default: int, bounds: tuple[int, int]) -> int:
    """Returns a parameter's integer, with blanks around it or not; raises Invalid, OutOfRange."""
    text = parameters.get(name, "").strip()
    return integer(name, text, *bounds, f"an integer from {bounds[0]} to {bounds[1]}") if text else default


def _line_span(parameters: Mapping[str, str], least: int) -> Callable[[Log], tuple[int, int]]:
    base = positions.parse_base_line(parameters.get("base_line", ""))
    count = number(parameters, "lines", DEFAULT_LINES, (least, MAX_LINES))
    order = parameters.get("order", "").strip().lower() or "desc"
    if order not in _ORDERS:
        raise OutOfRange("order", "desc or asc", order)
    return partial(positions.line_span, base, count, order)


def _line_answer(kind: type[TaskLineAnswer], page: Page, content: str) -> TaskLineAnswer:
    return kind(
        content=content,
        lines=page.end_line - page.start_line,
        start_line=positions.line_position(page.log, page.start_line),
        end_line=positions.line_position(page.log, page.end_line),
    )
