"""``GET .../search``: lines that match, of one log, of all of a version's, or of all of a project's, as they are found.

The answer is lines of JSON. A search runs in steps, each in a thread of its own small pool, so that neither the event loop nor
appends wait for it, and the next step begins when the client has taken what the last one found.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Controller, get
from litestar.params import Parameter, QueryParameter
from litestar.response import Response
from msgspec import Struct, structs

from joblog.core import lines
from joblog.core.logs import Log
from joblog.core.names import MAX_ID, MAX_WORKER, check_id, check_project_id, integer, worker_of_task
from joblog.engine.engine import Engine
from joblog.engine.patterns import Pattern
from joblog.engine.search import Ask, LogSearch, Match, Text
from joblog.errors import Invalid
from joblog.server.http.streams import Streamed
from joblog.server.state import Call, State

MAX_CONTEXT_LINES = 100
DEFAULT_LIMIT, MAX_LIMIT = 1000, 100_000
DEFAULT_SECONDS, MAX_SECONDS = 10.0, 60.0

_STEP_S = 0.1
"""After so long a step ends, though nothing was found: the client may have gone, and others want the thread."""

_STEP_BYTES = 64 * 1024
_TOLD_S = 1.0
"""A client hears so often how far the search has got."""

_PAGE = 1000

_CURSOR = re.compile(r"([0-9]{1,19})\.([0-9]{1,19})\.([0-9]{1,6})\.([0-9]{1,19})", re.ASCII)

T = TypeVar("T")

PatternText = Annotated[str | None, Parameter(description="what is looked for, within one line; mandatory")]
Kind = Annotated[str | None, Parameter(description="literal (the default), or regex: RE2's regular expressions")]
Flag = Annotated[str | None, Parameter(description="true or false, the default")]
Direction = Annotated[str | None, Parameter(description="forward (the default), or backward: the newest first")]
From = Annotated[
    str | None,
    QueryParameter(name="from", description="a byte position: forward from the line that holds it, or the lines before it"),
]
Around = Annotated[str | None, Parameter(description=f"lines of context, 0 (the default) to {MAX_CONTEXT_LINES}")]
Limit = Annotated[str | None, Parameter(description=f"lines to find, 1 to {MAX_LIMIT}, {DEFAULT_LIMIT} by default")]
Seconds = Annotated[str | None, Parameter(description="how long it may take, 1 to 60, 10 by default")]
CursorText = Annotated[str | None, Parameter(description="the cursor of an earlier answer, to go on where it ended")]


class TextView(Struct, omit_defaults=True):
    """A line, or a part of it that begins at ``start_byte``; ``base64`` has the bytes where they are not UTF-8."""

    line: int
    start_byte: int
    text: str
    base64: str | None = None


class MatchView(Struct, tag_field="type", tag="match"):
    """A line that matches."""

    job_id: int
    version_id: int
    task: str
    line: int
    start_byte: int
    end_byte: int
    spans: list[tuple[int, int]]
    text: TextView
    before: list[TextView]
    after: list[TextView]


class CountView(Struct, tag_field="type", tag="count"):
    """How many lines of a log match, of those that this answer has looked at."""

    job_id: int
    version_id: int
    task: str
    lines: int


class ProgressView(Struct, tag_field="type", tag="progress"):
    """How far the search has got."""

    cursor: str
    searched_bytes: int
    matches: int


class EndView(Struct, tag_field="type", tag="end"):
    """Why the answer ends: ``done``, ``limit`` or ``deadline``; with ``cursor`` the next one goes on there."""

    reason: str
    cursor: str | None
    searched_bytes: int
    matches: int


class Asked(Struct, frozen=True):
    """A request for a search, as it was checked."""

    ask: Ask
    start: int | None
    limit: int
    seconds: float
    counts: bool
    cursor: tuple[int, int, int, int] | None


class SearchController(Controller):
    """Searches."""

    path = "/projects/{project_id:str}"
    tags = ("search",)

    @get("/jobs/{job_id:str}/versions/{version_id:str}/logs/{task:str}/search", summary="Search a log")
    async def search_log(
        self, joblog: State, request: Call, pattern: PatternText, kind: Kind = None, ignore_case: Flag = None,
        direction: Direction = None, start: From = None, before: Around = None, after: Around = None, limit: Limit = None,
        count: Flag = None, timeout_s: Seconds = None, cursor: CursorText = None,
    ) -> Response[Any]:  # fmt: skip
        """Finds the lines of one log."""
        return await _answer(joblog, request)

    @get("/jobs/{job_id:str}/versions/{version_id:str}/search", summary="Search all logs of a version")
    async def search_version(
        self, joblog: State, request: Call, pattern: PatternText, kind: Kind = None, ignore_case: Flag = None,
        direction: Direction = None, before: Around = None, after: Around = None, limit: Limit = None,
        count: Flag = None, timeout_s: Seconds = None, cursor: CursorText = None,
    ) -> Response[Any]:  # fmt: skip
        """Finds the lines of all workers' logs, one log after the other."""
        return await _answer(joblog, request)

    @get("/search", summary="Search all logs of a project")
    async def search_project(
        self, joblog: State, request: Call, pattern: PatternText, kind: Kind = None, ignore_case: Flag = None,
        direction: Direction = None, before: Around = None, after: Around = None, limit: Limit = None,
        count: Flag = None, timeout_s: Seconds = None, cursor: CursorText = None,
    ) -> Response[Any]:  # fmt: skip
        """Finds the lines of all jobs' logs: the oldest job first, or, backward, the newest."""
        return await _answer(joblog, request)


async def _answer(joblog: State, request: Call) -> Response[Any]:
    path = request.path_params
    joblog.auth.allowed(request.scope["headers"], "read", path["project_id"])
    searches = joblog.searches
    asked = await searches.run(_asked, dict(request.query_params), single="task" in path)
    logs = _Logs(joblog.engine, path, asked)
    await joblog.reading(logs.check)
    searches.admit()
    steps = _Run(joblog.engine.search, asked, searches.stopping).steps(logs)
    return Streamed(searches.answer(steps), headers={"cache-control": "no-cache"}, media_type="application/x-ndjson")


class _Logs:
    """The logs that are searched, in their order: by job, version and worker, or the other way round."""

    def __init__(self, engine: Engine, path: dict[str, str], asked: Asked) -> None:
        self._names = engine.names
        self._project = check_project_id(path["project_id"])
        self._job = check_id("job_id", path["job_id"]) if "job_id" in path else None
        self._version = check_id("version_id", path["version_id"]) if "version_id" in path else None
        self._worker = worker_of_task(path["task"]) if "task" in path else None
        self._backwards = asked.ask.backwards
        self._after = asked.cursor[:3] if asked.cursor else None

    def check(self) -> None:
        """Raises NotFound."""
        if self._job is None or self._version is None:
            self._names.project(self._project)
        elif self._worker is None:
            self._names.version(self._project, self._job, self._version)
        else:
            self._names.log(self._project, self._job, self._version, self._worker)

    def __iter__(self) -> Iterator[Log]:
        for job_id in self._ordered([self._job] if self._job else self._jobs(), 0, ()):
            for version_id in self._ordered([self._version] if self._version else self._versions(job_id), 1, (job_id,)):
                found = {log.worker: log for log in self._workers(job_id, version_id)}
                for worker in self._ordered(list(found), 2, (job_id, version_id)):
                    yield found[worker]

    def _ordered(self, ids: list[int], level: int, above: tuple[int, ...]) -> list[int]:
        """Puts ids in order, without those that stand before the cursor's."""
        cursor = self._after
        if cursor is not None and cursor[:level] == above:
            ids = [one for one in ids if (one <= cursor[level] if self._backwards else one >= cursor[level])]
        return sorted(ids, reverse=self._backwards)

    def _jobs(self) -> list[int]:
        return [job.id for job in _paged(lambda after: self._names.jobs(self._project, None, after, _PAGE), lambda job: job.id)]

    def _versions(self, job_id: int) -> list[int]:
        names = self._names
        return [
            each.id for each in _paged(lambda after: names.versions(self._project, job_id, after, _PAGE), lambda one: one.id)
        ]

    def _workers(self, job_id: int, version_id: int) -> list[Log]:
        ids = self._project, job_id, version_id
        if self._worker is not None:
            return [self._names.log(*ids, self._worker)]
        return _paged(lambda after: self._names.logs(*ids, after, _PAGE), lambda log: log.worker, -1)


def _paged(page: Callable[[int], list[T]], number: Callable[[T], int], after: int = 0) -> list[T]:
    found: list[T] = []
    while some := page(after):
        found += some
        after = number(some[-1])
    return found


class _Run:
    """One search on its way."""

    def __init__(self, search: LogSearch, asked: Asked, stopping: threading.Event) -> None:
        self._search = search
        self._stopping = stopping
        self._asked = asked
        self._matches = self._searched = 0
        self._cursor: str | None = None
        self._encode = msgspec.json.Encoder().encode
        self._deadline = time.monotonic() + asked.seconds
        self._ask = structs.replace(asked.ask, over=self._over)

    def steps(self, logs: _Logs) -> Iterator[bytes]:
        """Yields lines of the answer, at the end of each step; nothing, where a step has found nothing."""
        told, size, step_until, say_at = list[bytes](), 0, time.monotonic() + _STEP_S, time.monotonic() + _TOLD_S
        for view in self._views(logs):
            now = time.monotonic()
            if view is not None:
                told.append(self._encode(view) + b"\n")
                size += len(told[-1])
            if now >= say_at and self._cursor is not None and view is None:
                told.append(self._encode(ProgressView(self._cursor, self._searched, self._matches)) + b"\n")
                say_at = now + _TOLD_S
            if size >= _STEP_BYTES or now >= step_until:
                yield b"".join(told)
                told, size, step_until = [], 0, time.monotonic() + _STEP_S
        yield b"".join(told)

    def _views(self, logs: _Logs) -> Iterator[MatchView | CountView | EndView | None]:
        reason, start = "done", self._asked.cursor
        for log in logs:
            at = start[3] if start and start[:3] == (log.job_id, log.version_id, log.worker) else None
            before, line = self._matches, -1
            for each in self._search.run(log, self._ask, *self._span(log, at)):
                if isinstance(each, Match):
                    if self._asked.counts and each.line == line:
                        continue  # a further part of a very long line
                    self._matches, line = self._matches + 1, each.line
                    self._cursor = _cursor(log, each.start_byte if self._asked.ask.backwards else each.end_byte + 1)
                    yield None if self._asked.counts else _match(each)
                    if self._matches >= self._asked.limit and not self._asked.counts:
                        reason = "limit"
                        break
                else:
                    self._searched += each.searched_bytes
                    self._cursor = _cursor(log, each.at)
                    yield None
                if self._over():
                    reason = "deadline"
                    break
            if self._asked.counts and self._matches > before:
                yield CountView(log.job_id, log.version_id, log.task, self._matches - before)
            if reason != "done":
                break
        yield EndView(reason, None if reason == "done" else self._cursor, self._searched, self._matches)

    def _over(self) -> bool:
        return time.monotonic() >= self._deadline or self._stopping.is_set()

    def _span(self, log: Log, at: int | None) -> tuple[int, int]:
        """Returns what is searched of a log: from the cursor's ``at`` on, or from where the request says."""
        low, high, backwards = log.start_byte, log.end_byte, self._asked.ask.backwards
        if at is None and self._asked.start is not None:
            at = self._search.line_start(log, self._asked.start)
        if at is None:
            return low, high
        return (low, min(at, high)) if backwards else (max(at, low), high)


def _cursor(log: Log, at: int) -> str:
    return f"{log.job_id}.{log.version_id}.{log.worker}.{at}"


def _match(found: Match) -> MatchView:
    log = found.log
    return MatchView(
        log.job_id, log.version_id, log.task, found.line, found.start_byte, found.end_byte, found.spans,
        _text(found.text), [_text(each) for each in found.before], [_text(each) for each in found.after],
    )  # fmt: skip


def _text(text: Text) -> TextView:
    shown = lines.text(text.data)
    exact = "\ufffd" not in shown
    return TextView(text.line, text.start_byte, shown, None if exact else base64.b64encode(text.data).decode())


def _asked(query: dict[str, str], *, single: bool) -> Asked:
    """Checks what is asked; raises Missing, Invalid, OutOfRange."""
    kind = _one_of(query, "kind", ("literal", "regex"))
    backwards = _one_of(query, "direction", ("forward", "backward")) == "backward"
    counts = _flag(query, "count")
    pattern = Pattern(query.get("pattern", ""), regex=kind == "regex", ignore_case=_flag(query, "ignore_case"))
    before, after = (_number(query, name, 0, MAX_CONTEXT_LINES, 0) for name in ("before", "after"))
    start = _number(query, "from", 0, MAX_ID, -1) if single else -1
    return Asked(
        Ask(pattern, backwards, before, after, counts),
        start if start >= 0 else None,
        _number(query, "limit", 1, MAX_LIMIT, DEFAULT_LIMIT),
        _number(query, "timeout_s", 1, int(MAX_SECONDS), int(DEFAULT_SECONDS)),
        counts,
        _parsed_cursor(query.get("cursor")),
    )


def _number(query: dict[str, str], name: str, low: int, high: int, default: int) -> int:
    text = query.get(name)
    return default if not text else integer(name, text, low, high, f"an integer from {low} to {high}")


def _one_of(query: dict[str, str], name: str, allowed: tuple[str, str]) -> str:
    value = query.get(name) or allowed[0]
    if value not in allowed:
        raise Invalid(name, " or ".join(allowed), value)
    return value


def _flag(query: dict[str, str], name: str) -> bool:
    return _one_of(query, name, ("false", "true")) == "true"


def _parsed_cursor(text: str | None) -> tuple[int, int, int, int] | None:
    if not text:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None or int(match[3]) > MAX_WORKER:
        raise Invalid("cursor", "one from an earlier answer", text)
    return int(match[1]), int(match[2]), int(match[3]), int(match[4])
