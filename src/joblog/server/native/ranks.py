"""The native API's views of a version's ranks: merged, why it died, how far it is, its metrics. See docs/http-api.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

from joblog.core.logs import Head
from joblog.core.status import Status
from joblog.engine.baseline import baseline
from joblog.engine.compute import compute
from joblog.engine.merged_view import latest, merged_page
from joblog.engine.progress_view import READ_BYTES
from joblog.errors import Invalid, NotFound, OutOfRange
from joblog.server.http.parameters import number, text
from joblog.server.http.patterns import metric_patterns, readable_bytes
from joblog.server.http.routes import Call, Calls
from joblog.server.native.downsample import kept
from joblog.server.native.terminal import Encoding
from joblog.server.state import State
from joblog.views.compare.newness import with_new
from joblog.views.compare.values import Difference
from joblog.views.encodings import parse_encoding
from joblog.views.merged import parse_place
from joblog.views.metrics.metrics import Series
from joblog.views.metrics.readings import MetricPattern
from joblog.views.ranks import named_ranks, parse_ranks
from joblog.views.values import Digest, MergedPage, Metrics, RankProgress, SeriesPoints
from joblog.views.why.digest import BYTES_PER_TOKEN, DEFAULT_BYTES, MAX_BYTES, MIN_BYTES

MAX_RANKS = 10_000
"""Logs of a version that one question looks at."""

MAX_SERIES = 1000
"""Series in one answer."""

_NEW_LINES = 60
"""New lines that are looked at for those that why shows."""

calls = Calls("/api/projects/{project_id}/jobs/{job_id}/versions/{version_id}", "views")

Rank = Annotated[str, text("ranks, as 3,7-9; all by default")]
Cursor = Annotated[str, text("the next of an earlier page")]
Start = Annotated[int, number(-10_000, -1, "-N: the last N lines; without it, and without cursor, from the first line on")]
Count = Annotated[int, number(1, 10_000, "about how many lines, 1 to 10000, 100 by default")]
Collapse = Annotated[int, number(0, 3600, "seconds, 0 to 3600, within which a line that several ranks say stands once")]
Size = Annotated[
    int,
    number(MIN_BYTES, MAX_BYTES, f"bytes of the answer, at most: {MIN_BYTES} to {MAX_BYTES}", f"{MIN_BYTES} to {MAX_BYTES}"),
]
Tokens = Annotated[
    int,
    number(
        math.ceil(MIN_BYTES / BYTES_PER_TOKEN),
        MAX_BYTES // BYTES_PER_TOKEN,
        "the same as tokens of a language model, estimated; instead of max_bytes",
    ),
]
Silent = Annotated[int, number(1, 86_400, "seconds after which an open log counts as silent, 1 to 86400, 300 by default")]
Names = Annotated[str, text("names of series, with commas between them; all by default")]
Points = Annotated[int, number(3, 5000, "points of a series, about, 3 to 5000, 500 by default")]
Least = Annotated[int, number(1, 10**6, "series of fewer points are left out; 2 by default")]
PatternTexts = Annotated[list[str], replace(text("own expressions; repeatable"), name="pattern", repeated=True)]


@calls.get("/merged", "read", "All ranks' lines by arrival")
async def read_merged(
    joblog: State,
    call: Call,
    ranks: Rank = "",
    start: Start | None = None,
    cursor: Cursor = "",
    count: Count = 100,
    collapse: Collapse = 0,
) -> MergedPage:
    """Merges the ranks' logs; ``next`` goes on from there, also when the answer was empty."""
    logs = await logs_of_ranks(joblog, _version_of(call), ranks, may_come=True)
    query, now_ms = joblog.engine.reader, joblog.engine.clock_ms()
    if start is None:
        place = parse_place(cursor) if cursor else None
        return await joblog.viewing.run(merged_page, query, logs, place, count, collapse, now_ms)
    if cursor:
        raise Invalid("cursor", "given without start, or start without cursor")
    return await joblog.viewing.run(latest, query, logs, -start, collapse, now_ms)


@calls.get("/why", "read", "Why it died")
async def explain_failure(
    joblog: State,
    call: Call,
    ranks: Rank = "",
    max_bytes: Size | None = None,
    max_tokens: Tokens | None = None,
    silent_s: Silent = 300,
) -> Digest:
    """Tells how each rank ended, what failed first, and what the last words were, with the bytes that say so."""
    if max_bytes is not None and max_tokens is not None:
        raise Invalid("max_tokens", "given without max_bytes, or max_bytes without max_tokens")
    size = BYTES_PER_TOKEN * max_tokens if max_tokens is not None else max_bytes or DEFAULT_BYTES
    logs = await logs_of_ranks(joblog, _version_of(call), ranks)
    reports = await joblog.reading(joblog.engine.states.tasks, logs[0].version_id) if logs else []
    tasks = {task.worker: task for task in reports}
    now_ms = joblog.engine.clock_ms()
    made = await joblog.viewing.run(joblog.causes.why, logs, tasks, now_ms, silent_ms=1000 * silent_s, max_bytes=size)
    if not logs or (tasks and all(task.status is Status.COMPLETED for task in reports)):
        return made
    difference = await _newness(joblog, call, logs)
    return made if difference is None else await joblog.viewing.run(compute, with_new, [made], difference, size)


async def _newness(joblog: State, call: Call, logs: Sequence[Head]) -> Difference | None:
    """Returns what is new against the last good run, else the run before, else in few ranks; None while that is read."""
    project_id, job_id, version_id = (call.path[name] for name in ("project_id", "job_id", "version_id"))
    base = await joblog.reading(baseline, joblog.engine.runs, job_id, version_id)
    if base is None:
        if len(logs) < 2:
            return None
        made, name = await joblog.viewing.run(joblog.templates.odd_ranks, logs, _NEW_LINES), "other ranks"
    else:
        others = await joblog.reading(joblog.engine.runs.logs, project_id, job_id, base.version.id, -1, MAX_RANKS)
        made = await joblog.viewing.run(joblog.templates.difference, others, logs, _NEW_LINES)
        name = f"{(await joblog.reading(joblog.engine.runs.job, project_id, job_id)).name}/{base.version.name}"
    return None if made.unread_bytes else replace(made, before=name)


@calls.get("/progress", "read", "How far it is")
async def read_progress(joblog: State, call: Call, ranks: Rank = "", encoding: Encoding = "") -> list[RankProgress]:
    """Gives every rank's progress bars as numbers."""
    written = parse_encoding(encoding)
    logs = await logs_of_ranks(joblog, _version_of(call), ranks)

    def read() -> list[RankProgress]:
        watch = joblog.watch
        return [RankProgress(log.task, log.appended_ms, log.closed, watch.progress(log, written)) for log in logs]

    return await joblog.viewing.run(read)


@calls.get("/metrics", "read", "What it measures")
async def read_metrics(
    joblog: State,
    call: Call,
    ranks: Rank = "",
    names: Names = "",
    points: Points = 500,
    least: Least = 2,
    pattern: PatternTexts | None = None,
    encoding: Encoding = "",
) -> Metrics:
    """Gives the numbers that ranks print as series over steps and time."""
    written = parse_encoding(encoding)
    patterns = await joblog.viewing.run(metric_patterns, pattern or [])
    wanted = None if not names else {name.strip() for name in names.split(",")}
    logs = await logs_of_ranks(joblog, _version_of(call), ranks)
    return await joblog.viewing.run(_metrics, joblog, logs, patterns, wanted, (points, least), written)


def _metrics(
    joblog: State,
    logs: Sequence[Head],
    patterns: Sequence[tuple[str, MetricPattern]],
    wanted: set[str] | None,
    sizes: tuple[int, int],
    written: str,
) -> Metrics:
    items, read_bytes, unread_bytes, budget = list[SeriesPoints](), 0, 0, readable_bytes(patterns, READ_BYTES)
    for log in logs:
        thinned = partial(_thinned, log.task, wanted, sizes)
        points, reached, budget = joblog.watch.metrics(log, patterns, budget, thinned, written)
        items += points
        read_bytes += reached - log.start_byte
        unread_bytes += log.end_byte - reached
    if len(items) > MAX_SERIES:
        raise OutOfRange("ranks", f"fewer of them, or fewer names: an answer has {MAX_SERIES} series at most", len(items))
    return Metrics(items, read_bytes, unread_bytes)


def _thinned(task: str, wanted: set[str] | None, sizes: tuple[int, int], all_series: Sequence[Series]) -> list[SeriesPoints]:
    most, least = sizes
    views = []
    for series in all_series:
        if series.count < least or (wanted is not None and series.name not in wanted):
            continue
        points = series.all_points
        chosen = [points[at] for at in kept([point.value for point in points], most)]
        views.append(
            SeriesPoints(
                task, series.name, series.count, [_finite(point.step) for point in chosen], [point.at_ms for point in chosen],
                [_finite(point.value) for point in chosen], [point.byte for point in chosen],
                series.unit, series.axis,
            )
        )  # fmt: skip
    return views


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _version_of(call: Call) -> tuple[str, int, int]:
    return call.path["project_id"], call.path["job_id"], call.path["version_id"]


async def logs_of_ranks(joblog: State, ids: tuple[str, int, int], ranks: str, *, may_come: bool = False) -> list[Head]:
    """Returns a version's logs of these ranks.

    Raises OutOfRange when there are too many, NotFound when the version has others alone, unless they ``may_come``.
    """
    chosen = parse_ranks(ranks)
    logs = await joblog.reading(joblog.engine.runs.logs, *ids, -1, MAX_RANKS + 1)
    if len(logs) > MAX_RANKS:
        raise OutOfRange("ranks", f"at most {MAX_RANKS} ranks")
    those = [log for log in logs if log.worker in chosen]
    if logs and not those and not may_come:
        raise NotFound("rank", ranks, f"the run has {named_ranks(log.worker for log in logs)}")
    return those
