"""The native API's views of a version's ranks: merged, why it died, how far it is, its metrics. See docs/http-api.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from litestar import Controller, get
from litestar.params import Parameter, QueryParameter

from joblog.core.logs import Log
from joblog.core.names import check_id, check_project_id, integer
from joblog.engine.merged_view import latest, merged_page
from joblog.engine.progress_view import READ_BYTES
from joblog.engine.why_view import why
from joblog.errors import Invalid, OutOfRange
from joblog.server.http.patterns import metric_patterns, readable_bytes
from joblog.server.native.downsample import kept
from joblog.server.state import Call, State
from joblog.views.digest import BYTES_PER_TOKEN, DEFAULT_BYTES, MAX_BYTES, MIN_BYTES
from joblog.views.merged import parse_place
from joblog.views.metrics import MetricPattern, Series
from joblog.views.ranks import parse_ranks
from joblog.views.values import Digest, MergedPage, Metrics, RankProgress, SeriesPoints

MAX_RANKS = 10_000
"""Logs of a version that one question looks at."""

MAX_SERIES = 1000
"""Series in one answer."""

Rank = Annotated[str | None, QueryParameter(name="ranks", description="ranks, as 3,7-9; all by default")]
Cursor = Annotated[str | None, Parameter(description="the next of an earlier page")]
Start = Annotated[
    str | None, Parameter(description="-N: the last N lines; without it, and without cursor, from the first line on")
]
Count = Annotated[str | None, Parameter(description="about how many lines, 1 to 10000, 100 by default")]
Collapse = Annotated[
    str | None, Parameter(description="seconds, 0 to 3600, within which a line that several ranks say stands once")
]
Size = Annotated[str | None, Parameter(description=f"bytes of the answer, at most: {MIN_BYTES} to {MAX_BYTES}")]
Tokens = Annotated[str | None, Parameter(description="the same as tokens of a language model, estimated; instead of max_bytes")]
Silent = Annotated[
    str | None, Parameter(description="seconds after which an open log counts as silent, 1 to 86400, 300 by default")
]
Names = Annotated[str | None, Parameter(description="names of series, with commas between them; all by default")]
Points = Annotated[str | None, Parameter(description="points of a series, about, 3 to 5000, 500 by default")]
Least = Annotated[str | None, Parameter(description="series of fewer points are left out; 2 by default")]
PatternTexts = Annotated[list[str] | None, QueryParameter(name="pattern", description="own expressions; repeatable")]


class RankController(Controller):
    """A version's ranks together."""

    path = "/projects/{project_id:str}/jobs/{job_id:str}/versions/{version_id:str}"
    tags = ("views",)

    @get("/merged", summary="All ranks' lines by arrival")
    async def read_merged(
        self,
        joblog: State,
        request: Call,
        ranks: Rank = None,
        start: Start = None,
        cursor: Cursor = None,
        count: Count = None,
        collapse: Collapse = None,
    ) -> MergedPage:
        """Merges the ranks' logs; ``next`` goes on from there, also when the answer was empty."""
        logs = await _logs(joblog, request, ranks)
        number = integer("count", count or "100", 1, 10_000, "an integer from 1 to 10000")
        seconds = integer("collapse", collapse or "0", 0, 3600, "an integer from 0 to 3600")
        query, now_ms = joblog.engine.query, joblog.engine.clock_ms()
        if start is None:
            place = parse_place(cursor) if cursor else None
            return await joblog.viewing.run(merged_page, query, logs, place, number, seconds, now_ms)
        if cursor is not None:
            raise Invalid("cursor", "given without start, or start without cursor")
        last = -integer("start", start, -10_000, -1, "an integer from -10000 to -1")
        return await joblog.viewing.run(latest, query, logs, last, seconds, now_ms)

    @get("/why", summary="Why it died")
    async def explain_failure(
        self,
        joblog: State,
        request: Call,
        ranks: Rank = None,
        max_bytes: Size = None,
        max_tokens: Tokens = None,
        silent_s: Silent = None,
    ) -> Digest:
        """Tells how each rank ended, what failed first, and what the last words were, with the bytes that say so."""
        if max_bytes is not None and max_tokens is not None:
            raise Invalid("max_tokens", "given without max_bytes, or max_bytes without max_tokens")
        size = integer("max_bytes", max_bytes or str(DEFAULT_BYTES), MIN_BYTES, MAX_BYTES, f"{MIN_BYTES} to {MAX_BYTES}")
        if max_tokens is not None:
            low, high = math.ceil(MIN_BYTES / BYTES_PER_TOKEN), MAX_BYTES // BYTES_PER_TOKEN
            size = BYTES_PER_TOKEN * integer("max_tokens", max_tokens, low, high, f"an integer from {low} to {high}")
        silent_ms = 1000 * integer("silent_s", silent_s or "300", 1, 86_400, "an integer from 1 to 86400")
        logs = await _logs(joblog, request, ranks)
        said = await joblog.reading(joblog.engine.states.tasks, logs[0].version_id) if logs else []
        tasks = {task.worker: task for task in said}
        engine = joblog.engine
        return await joblog.viewing.run(
            why, engine.query, logs, tasks, engine.clock_ms(), silent_ms=silent_ms, max_bytes=size
        )  # fmt: skip

    @get("/progress", summary="How far it is")
    async def read_progress(self, joblog: State, request: Call, ranks: Rank = None) -> list[RankProgress]:
        """Gives every rank's progress bars as numbers."""
        logs = await _logs(joblog, request, ranks)

        def read() -> list[RankProgress]:
            watch = joblog.watch
            return [RankProgress(log.task, log.appended_ms, log.closed, watch.progress(log)) for log in logs]

        return await joblog.viewing.run(read)

    @get("/metrics", summary="What it measures")
    async def read_metrics(
        self,
        joblog: State,
        request: Call,
        ranks: Rank = None,
        names: Names = None,
        points: Points = None,
        least: Least = None,
        pattern: PatternTexts = None,
    ) -> Metrics:
        """Gives the numbers that ranks print as series over steps and time."""
        patterns = await joblog.viewing.run(metric_patterns, pattern or [])
        most = integer("points", points or "500", 3, 5000, "an integer from 3 to 5000")
        at_least = integer("least", least or "2", 1, 10**6, "an integer from 1 to 1000000")
        wanted = None if not names else {name.strip() for name in names.split(",")}
        logs = await _logs(joblog, request, ranks)
        return await joblog.viewing.run(_metrics, joblog, logs, patterns, wanted, (most, at_least))


def _metrics(
    joblog: State,
    logs: Sequence[Log],
    patterns: Sequence[tuple[str, MetricPattern]],
    wanted: set[str] | None,
    sizes: tuple[int, int],
) -> Metrics:
    items, read_bytes, unread_bytes, budget = list[SeriesPoints](), 0, 0, readable_bytes(patterns, READ_BYTES)
    for log in logs:
        thinned = partial(_thinned, log.task, wanted, sizes)
        found, reached, budget = joblog.watch.metrics(log, patterns, budget, thinned)
        items += found
        read_bytes += reached - log.start_byte
        unread_bytes += log.end_byte - reached
    if len(items) > MAX_SERIES:
        raise OutOfRange("ranks", f"fewer of them, or fewer names: an answer has {MAX_SERIES} series at most", len(items))
    return Metrics(items, read_bytes, unread_bytes)


def _thinned(task: str, wanted: set[str] | None, sizes: tuple[int, int], found: Sequence[Series]) -> list[SeriesPoints]:
    most, least = sizes
    views = []
    for series in found:
        if series.count < least or (wanted is not None and series.name not in wanted):
            continue
        points = series.all_points
        chosen = [points[at] for at in kept([point.value for point in points], most)]
        views.append(
            SeriesPoints(
                task, series.name, series.count, [_finite(point.step) for point in chosen], [point.at_ms for point in chosen],
                [_finite(point.value) for point in chosen], [point.byte for point in chosen],
            )
        )  # fmt: skip
    return views


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


async def _logs(joblog: State, request: Call, ranks: str | None) -> list[Log]:
    """Returns the version's logs of these ranks; raises OutOfRange when there are too many."""
    path = request.path_params
    joblog.auth.allowed(request.scope["headers"], "read", path["project_id"], path["job_id"])
    chosen = parse_ranks(ranks)
    ids = check_project_id(path["project_id"]), check_id("job_id", path["job_id"]), check_id("version_id", path["version_id"])
    found = await joblog.reading(joblog.engine.names.logs, *ids, -1, MAX_RANKS + 1)
    if len(found) > MAX_RANKS:
        raise OutOfRange("ranks", f"at most {MAX_RANKS} ranks")
    return [log for log in found if log.worker in chosen]
