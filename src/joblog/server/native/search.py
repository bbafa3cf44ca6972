"""``GET .../search``: lines that match, of one log, of all of a version's, or of all of a project's, as they are found.

The answer is lines of JSON. A search runs in steps, each in a thread of its own small pool, so that neither the event loop nor
appends wait for it, and the next step begins when the client has taken what the last one found.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct, structs

from joblog.core import lines
from joblog.core.logs import Head
from joblog.core.names import MAX_ID, MAX_WORKER
from joblog.core.status import Status
from joblog.engine.engine import Engine
from joblog.engine.patterns import MAX_PATTERN, Pattern
from joblog.engine.search import Ask, Match, Text
from joblog.engine.times import arrived
from joblog.errors import Invalid
from joblog.server.http.answers import Answer
from joblog.server.http.parameters import Labels, Parameter, choice, number, switch, text
from joblog.server.http.routes import Call, Calls
from joblog.server.native.logs import Until
from joblog.server.native.moments import moment_ms
from joblog.server.native.overview import RunStatuses, statuses_named
from joblog.server.native.ranks import Rank
from joblog.server.state import State
from joblog.views.ranks import Ranks, parse_ranks

calls = Calls("/api/projects/{project_id}", "search")

MAX_CONTEXT_LINES = 100
DEFAULT_LIMIT, MAX_LIMIT = 1000, 100_000
DEFAULT_SECONDS, MAX_SECONDS = 10, 60

_STEP_S = 0.1
"""After so long a step ends, though nothing was found: the client may have gone, and others want the thread."""

_STEP_BYTES = 64 * 1024
_PROGRESS_S = 1.0
"""A client hears so often how far the search has got."""

_PAGE = 1000

_CURSOR = re.compile(r"([0-9]{1,19})\.([0-9]{1,19})\.([0-9]{1,6})\.([0-9]{1,19})", re.ASCII)

T = TypeVar("T")

Cursor = tuple[int, int, int, int]
"""Job, version, worker and byte position."""


def _read_cursor(name: str, value: str) -> Cursor:
    match = _CURSOR.fullmatch(value)
    if match is None or int(match[3]) > MAX_WORKER:
        raise Invalid(name, "one from an earlier answer", value)
    return int(match[1]), int(match[2]), int(match[3]), int(match[4])


PatternText = Annotated[
    str,
    text(
        "what to look for, within one line; required",
        f"1 to {MAX_PATTERN} characters",
        schema={"minLength": 1, "maxLength": MAX_PATTERN},
    ),
]
Kind = Annotated[str, choice("literal", "regex", description="literal (the default), or regex: RE2's regular expressions")]
Flag = Annotated[bool, switch("true or false, the default")]
Direction = Annotated[str, choice("forward", "backward", description="forward (the default), or backward: the newest first")]
From = Annotated[
    int,
    number(0, MAX_ID, "a byte position: forward from the line that holds it, or the lines before it").named("from"),
]
Around = Annotated[int, number(0, MAX_CONTEXT_LINES, f"lines of context, 0 (the default) to {MAX_CONTEXT_LINES}")]
Since = Annotated[str, text("only what arrived then or later, such as 10m (ago), or a time")]
Limit = Annotated[int, number(1, MAX_LIMIT, f"lines to find, 1 to {MAX_LIMIT}, {DEFAULT_LIMIT} by default")]
Seconds = Annotated[int, number(1, MAX_SECONDS, "how long it may take, 1 to 60, 10 by default")]
CursorText = Annotated[
    Cursor,
    Parameter(
        "the cursor of an earlier answer, to go on where it ended",
        "one from an earlier answer",
        _read_cursor,
        {"type": "string"},
    ),
]


class TextView(Struct, omit_defaults=True):
    """A line, or a part of it that begins at ``start_byte``; ``base64`` has the bytes where they are not UTF-8."""

    line: int
    start_byte: int
    text: str
    base64: str | None = None


Pair = Annotated[tuple[int, ...], Meta(min_length=2, max_length=2)]
"""Two positions: as a list of that length, since few programs that make clients take ``prefixItems``."""


class MatchView(Struct, tag_field="type", tag="match"):
    """A line that matches."""

    job_id: int
    version_id: int
    task: str
    line: int
    start_byte: int
    end_byte: int
    spans: Sequence[Pair]
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


class SearchQuery(Struct, frozen=True):
    """What the three searches take."""

    pattern: PatternText
    kind: Kind = "literal"
    ignore_case: Flag = False
    direction: Direction = "forward"
    before: Around = 0
    after: Around = 0
    limit: Limit = DEFAULT_LIMIT
    count: Flag = False
    timeout_s: Seconds = DEFAULT_SECONDS
    cursor: CursorText | None = None
    since: Since = ""
    until: Until = ""

    @property
    def backwards(self) -> bool:
        """Whether the newest lines come first."""
        return self.direction == "backward"

    def ask(self) -> Ask:
        """Compiles the pattern, which takes a while; raises Invalid."""
        pattern = Pattern(self.pattern, regex=self.kind == "regex", ignore_case=self.ignore_case)
        return Ask(pattern, self.backwards, self.before, self.after, self.count)


class Chosen(NamedTuple):
    """Which of the logs are searched."""

    ranks: Ranks = parse_ranks("")
    statuses: Sequence[Status] = ()
    labels: Sequence[str] = ()
    since_ms: int | None = None
    until_ms: int | None = None


@calls.get("/jobs/{job_id}/versions/{version_id}/logs/{task}/search", "read", "Search a log")
async def search_log(joblog: State, call: Call, query: SearchQuery, start: From | None = None) -> Answer:
    """Finds the lines of one log."""
    return await _answer(joblog, call, query, start)


@calls.get("/jobs/{job_id}/versions/{version_id}/search", "read", "Search all logs of a version")
async def search_version(joblog: State, call: Call, query: SearchQuery, ranks: Rank = "") -> Answer:
    """Finds the lines of all workers' logs, one log after the other."""
    return await _answer(joblog, call, query, chosen=Chosen(parse_ranks(ranks)))


@calls.get("/search", "read", "Search all logs of a project")
async def search_project(
    joblog: State, call: Call, query: SearchQuery, ranks: Rank = "", status: RunStatuses = "", label: Labels | None = None
) -> Answer:
    """Finds the lines of all jobs' logs: the oldest job first, or, backward, the newest."""
    return await _answer(joblog, call, query, chosen=Chosen(parse_ranks(ranks), statuses_named(status), label or ()))


_ALL = Chosen()


async def _answer(joblog: State, call: Call, query: SearchQuery, start: int | None = None, chosen: Chosen = _ALL) -> Answer:
    searches, now_ms = joblog.searches, joblog.engine.clock_ms()
    since_ms, until_ms = (
        moment_ms(name, text, now_ms) if text else None for name, text in (("since", query.since), ("until", query.until))
    )
    chosen = chosen._replace(since_ms=since_ms, until_ms=until_ms)
    ask = await searches.run(query.ask)
    logs = _Logs(joblog.engine, call.path, query, chosen)
    await joblog.reading(logs.check)
    searches.admit()
    run = _Run(joblog.engine, ask, query, start, searches.stopping)
    lines_of_json = searches.answer(run.steps(logs))
    headers = [(b"cache-control", b"no-cache")]
    return Answer(200, b"", headers, rest=lines_of_json, media_type=b"application/x-ndjson")


class _Logs:
    """The logs that are searched, in their order: by job, version and worker, or the other way round."""

    def __init__(self, engine: Engine, path: Mapping[str, Any], query: SearchQuery, chosen: Chosen) -> None:
        self._names = engine.runs
        self.chosen = chosen
        self._project: str = path["project_id"]
        self._job: int | None = path.get("job_id")
        self._version: int | None = path.get("version_id")
        self._worker: int | None = path.get("task")
        self._backwards = query.backwards
        self._after = query.cursor[:3] if query.cursor else None

    def check(self) -> None:
        """Raises NotFound, and what is wrong with the labels."""
        if self._job is None or self._version is None:
            self._names.project(self._project)
            self._names.jobs(self._project, None, 0, 1, self.chosen.labels)
        elif self._worker is None:
            self._names.version(self._project, self._job, self._version)
        else:
            self._names.log(self._project, self._job, self._version, self._worker)

    def __iter__(self) -> Iterator[Head]:
        for job_id in self._ordered([self._job] if self._job else self._jobs(), 0, ()):
            for version_id in self._ordered([self._version] if self._version else self._versions(job_id), 1, (job_id,)):
                logs = {log.worker: log for log in self._workers(job_id, version_id)}
                for worker in self._ordered(list(logs), 2, (job_id, version_id)):
                    yield logs[worker]

    def _ordered(self, ids: list[int], level: int, above: tuple[int, ...]) -> list[int]:
        """Puts ids in order, without those that stand before the cursor's."""
        cursor = self._after
        if cursor is not None and cursor[:level] == above:
            ids = [one for one in ids if (one <= cursor[level] if self._backwards else one >= cursor[level])]
        return sorted(ids, reverse=self._backwards)

    def _jobs(self) -> list[int]:
        names, labels = self._names, self.chosen.labels
        jobs = _paged(lambda after: names.jobs(self._project, None, after, _PAGE, labels), lambda job: job.id)
        return [job.id for job in jobs]

    def _versions(self, job_id: int) -> list[int]:
        names, statuses = self._names, self.chosen.statuses
        versions = _paged(lambda after: names.versions(self._project, job_id, after, _PAGE), lambda one: one.id)
        return [each.id for each in versions if not statuses or each.status in statuses]

    def _workers(self, job_id: int, version_id: int) -> list[Head]:
        ids = self._project, job_id, version_id
        if self._worker is not None:
            return [self._names.log(*ids, self._worker)]
        logs = _paged(lambda after: self._names.logs(*ids, after, _PAGE), lambda log: log.worker, -1)
        return [log for log in logs if log.worker in self.chosen.ranks]


def _paged(page: Callable[[int], list[T]], number: Callable[[T], int], after: int = 0) -> list[T]:
    rows: list[T] = []
    while some := page(after):
        rows += some
        after = number(some[-1])
    return rows


class _Run:
    """One search on its way."""

    def __init__(self, engine: Engine, ask: Ask, query: SearchQuery, start: int | None, stopping: threading.Event) -> None:
        self._search, self._logs = engine.search, engine.logs
        self._stopping = stopping
        self._query, self._start = query, start
        self._matches = self._searched = 0
        self._cursor: str | None = None
        self._encode = msgspec.json.Encoder().encode
        self._deadline = time.monotonic() + query.timeout_s
        self._ask = structs.replace(ask, over=self._over)

    def steps(self, logs: _Logs) -> Iterator[bytes]:
        """Yields lines of the answer, at the end of each step; nothing, where a step has found nothing."""
        lines, size, step_until, say_at = list[bytes](), 0, time.monotonic() + _STEP_S, time.monotonic() + _PROGRESS_S
        for view in self._views(logs):
            now = time.monotonic()
            if view is not None:
                lines.append(self._encode(view) + b"\n")
                size += len(lines[-1])
            if now >= say_at and self._cursor is not None and view is None:
                lines.append(self._encode(ProgressView(self._cursor, self._searched, self._matches)) + b"\n")
                say_at = now + _PROGRESS_S
            if size >= _STEP_BYTES or now >= step_until:
                yield b"".join(lines)
                lines, size, step_until = [], 0, time.monotonic() + _STEP_S
        yield b"".join(lines)

    def _views(self, logs: _Logs) -> Iterator[MatchView | CountView | EndView | None]:
        reason, start = "done", self._query.cursor
        for log in logs:
            at = start[3] if start and start[:3] == (log.job_id, log.version_id, log.worker) else None
            before, line = self._matches, -1
            for each in self._search.run(log, self._ask, *self._span(log, at, logs.chosen)):
                if isinstance(each, Match):
                    if self._query.count and each.line == line:
                        continue  # a further part of a very long line
                    self._matches, line = self._matches + 1, each.line
                    self._cursor = _cursor(log, each.start_byte if self._query.backwards else each.end_byte + 1)
                    yield None if self._query.count else _match(each)
                    if self._matches >= self._query.limit and not self._query.count:
                        reason = "limit"
                        break
                else:
                    self._searched += each.searched_bytes
                    self._cursor = _cursor(log, each.at)
                    yield None
                if self._over():
                    reason = "deadline"
                    break
            if self._query.count and self._matches > before:
                yield CountView(log.job_id, log.version_id, log.task, self._matches - before)
            if reason != "done":
                break
        yield EndView(reason, None if reason == "done" else self._cursor, self._searched, self._matches)

    def _over(self) -> bool:
        return time.monotonic() >= self._deadline or self._stopping.is_set()

    def _span(self, log: Head, at: int | None, chosen: Chosen) -> tuple[int, int]:
        """Returns what is searched of a log: from the cursor's ``at`` on, or from where the request says."""
        low, high, backwards = log.start_byte, log.end_byte, self._query.backwards
        if chosen.since_ms is not None:
            low = self._search.line_start(log, arrived(self._logs, log, chosen.since_ms))
        if chosen.until_ms is not None:
            high = max(self._search.line_start(log, arrived(self._logs, log, chosen.until_ms)), low)
        if at is None and self._start is not None:
            at = self._search.line_start(log, self._start)
        if at is None:
            return low, high
        return (low, min(at, high)) if backwards else (max(at, low), high)


def _cursor(log: Head, at: int) -> str:
    return f"{log.job_id}.{log.version_id}.{log.worker}.{at}"


def _match(match: Match) -> MatchView:
    log = match.log
    return MatchView(
        log.job_id, log.version_id, log.task, match.line, match.start_byte, match.end_byte, match.spans,
        _text(match.text), [_text(each) for each in match.before], [_text(each) for each in match.after],
    )  # fmt: skip


def _text(text: Text) -> TextView:
    shown = lines.text(text.data)
    exact = "\ufffd" not in shown
    return TextView(text.line, text.start_byte, shown, None if exact else base64.b64encode(text.data).decode())
