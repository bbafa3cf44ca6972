"""The SDK's views of logs: as a terminal shows them, all ranks together, why a run died, progress, metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode

from joblog.api.answers import value
from joblog.api.refs import LogRef
from joblog.api.transport import Transport
from joblog.views.compare.values import Difference, Templates
from joblog.views.values import (
    Digest,
    FramePage,
    FrameText,
    MergedLine,
    MergedPage,
    Metrics,
    RankProgress,
    SeriesPoints,
    ShownLine,
    ShownPage,
)


class Views(Transport):
    """The calls that look at logs rather than read them. ``ranks`` is ``3,7-9`` wherever it stands; all without it."""

    def terminal(  # noqa: PLR0913 - each is a choice of its own
        self,
        log: LogRef,
        start: int | None = None,
        count: int = 100,
        *,
        cursor: str | None = None,
        colours: bool = False,
        times: bool = False,
        encoding: str | None = None,
    ) -> ShownPage:
        """Returns about ``count`` (1 to 10,000) lines as shown, from raw line ``start`` (negative: from the end).

        ``cursor`` is an earlier page's ``next``: page after page they are what one terminal shows. ``times``: with
        ``times_ms``. ``encoding`` is what the log is written in, such as gbk or utf-16; it is guessed without.
        """
        asked = {"start": start, "count": count, "cursor": cursor, "colours": "keep" if colours else None}
        asked["encoding"] = encoding
        asked["times"] = "true" if times else None
        return value(ShownPage, self.call("GET", f"{log.path}/terminal{_query(asked)}"))

    def shown(
        self, log: LogRef, start: int | None = None, *, colours: bool = False, encoding: str | None = None
    ) -> Iterator[ShownLine]:
        """Yields all lines as a terminal shows them, to the log's present end."""
        page = self.terminal(log, start, 10_000, colours=colours, encoding=encoding)
        while True:
            yield from page.lines
            end, following = page.end_byte, page.next
            if page.settled < len(page.lines) or not page.lines:
                return
            page = self.terminal(log, None, 10_000, cursor=following, colours=colours, encoding=encoding)
            if page.end_byte == end:
                return

    def frames(self, log: LogRef, start_byte: int = 0, end_byte: int | None = None) -> Iterator[FrameText]:
        """Yields every redraw in a range of bytes, as that of a ``ShownLine``."""
        while True:
            asked = {"start_byte": start_byte, "end_byte": end_byte, "count": 10_000}
            page = value(FramePage, self.call("GET", f"{log.path}/frames{_query(asked)}"))
            yield from page.frames
            if not page.frames or page.end_byte <= start_byte or page.end_byte == end_byte:
                return
            start_byte = page.end_byte

    def merged(  # noqa: PLR0913 - each is a choice of its own
        self,
        project_id: str,
        job_id: int,
        version_id: int,
        *,
        ranks: str | None = None,
        cursor: str | None = None,
        last: int | None = None,
        count: int = 1000,
        collapse_s: int = 0,
    ) -> MergedPage:
        """Returns about ``count`` lines of all ranks by arrival, behind ``cursor``, or the ``last`` ones (at most 10,000).

        With ``collapse_s`` a line that several ranks said within so many seconds stands once.
        """
        start = None if last is None else -last
        asked = {"ranks": ranks, "cursor": cursor, "start": start, "count": count, "collapse": collapse_s or None}
        return value(MergedPage, self.call("GET", f"{_version(project_id, job_id, version_id)}/merged{_query(asked)}"))

    def merged_lines(
        self, project_id: str, job_id: int, version_id: int, *, ranks: str | None = None, collapse_s: int = 0
    ) -> Iterator[MergedLine]:
        """Yields all lines of all ranks by arrival, as far as they have settled."""
        cursor = None
        while True:
            where = project_id, job_id, version_id
            page = self.merged(*where, ranks=ranks, cursor=cursor, count=10_000, collapse_s=collapse_s)
            yield from page.lines
            if page.at_end:
                return
            cursor = page.next

    def why(  # noqa: PLR0913 - each is a choice of its own
        self,
        project_id: str,
        job_id: int,
        version_id: int,
        *,
        ranks: str | None = None,
        max_bytes: int | None = None,
        max_tokens: int | None = None,
        silent_s: int | None = None,
    ) -> Digest:
        """Returns why a version died, within ``max_bytes`` of JSON or about ``max_tokens`` of a language model."""
        asked = {"ranks": ranks, "max_bytes": max_bytes, "max_tokens": max_tokens, "silent_s": silent_s}
        digest = value(Digest, self.call("GET", f"{_version(project_id, job_id, version_id)}/why{_query(asked)}"))
        job = self.call("GET", f"/api/projects/{quote(project_id, safe='')}/jobs/{job_id}")
        version = self.call("GET", _version(project_id, job_id, version_id))
        return replace(digest, run=f"{job['name']}/{version['name']}")

    def templates(
        self, project_id: str, job_id: int, version_id: int, *, ranks: str | None = None, count: int = 100
    ) -> Templates:
        """Returns the ``count`` (1 to 4000) templates of lines that a version printed most often, of all that is there now."""
        asked = {"ranks": ranks, "count": count}
        path = f"{_version(project_id, job_id, version_id)}/templates{_query(asked)}"
        while True:
            listed = value(Templates, self.call("GET", path))
            if not listed.unread_bytes:
                return listed

    def diff(  # noqa: PLR0913 - each is a choice of its own
        self,
        project_id: str,
        job_id: int,
        version_id: int,
        *,
        ranks: str | None = None,
        against: str = "good",
        against_version: int | None = None,
        against_job: int | None = None,
        against_ranks: str | None = None,
        count: int = 20,
    ) -> Difference:
        """Returns what a version prints that another does not, and the other way round; ``count`` (1 to 200) of each.

        ``against`` is ``good`` (the job's last good run, else the run before), ``earlier`` or ``ranks`` (of this run with each
        other); or ``against_version`` names it, of ``against_job`` where that is another one. Raises NotFound where there is
        nothing to compare with.
        """
        asked: dict[str, object] = {"ranks": ranks, "against": None if against_version else against, "count": count}
        asked |= {"against_version": against_version, "against_job": against_job, "against_ranks": against_ranks}
        path = f"{_version(project_id, job_id, version_id)}/diff{_query(asked)}"
        while True:
            made = value(Difference, self.call("GET", path))
            if not made.unread_bytes:
                return made

    def progress(
        self, project_id: str, job_id: int, version_id: int, *, ranks: str | None = None, encoding: str | None = None
    ) -> list[RankProgress]:
        """Returns every rank's progress bars as numbers; ``encoding`` as in ``terminal``."""
        path = f"{_version(project_id, job_id, version_id)}/progress{_query({'ranks': ranks, 'encoding': encoding})}"
        return value(list[RankProgress], self.call("GET", path))

    def metrics(  # noqa: PLR0913 - each is a choice of its own
        self,
        project_id: str,
        job_id: int,
        version_id: int,
        *,
        ranks: str | None = None,
        names: Iterable[str] = (),
        points: int = 500,
        least: int = 2,
        patterns: Iterable[str] = (),
        encoding: str | None = None,
    ) -> list[SeriesPoints]:
        """Returns the series that ranks print, of all that is there now.

        Series of fewer than ``least`` points are left out. ``encoding`` is as in ``terminal``. pandas takes one as
        ``DataFrame({"step": s.steps, "value": s.values})``.
        """
        asked: dict[str, object] = {"ranks": ranks, "names": ",".join(names) or None, "points": points, "least": least}
        asked["encoding"] = encoding
        path = f"{_version(project_id, job_id, version_id)}/metrics{_query(asked, list(patterns))}"
        while True:
            page = value(Metrics, self.call("GET", path))
            if page.unread_bytes <= 0:
                return page.items


def _version(project_id: str, job_id: int, version_id: int) -> str:
    return f"/api/projects/{quote(project_id, safe='')}/jobs/{job_id}/versions/{version_id}"


def _query(asked: Mapping[str, object], patterns: Iterable[str] = ()) -> str:
    given = [(name, str(each)) for name, each in asked.items() if each is not None]
    given += [("pattern", pattern) for pattern in patterns]
    return f"?{urlencode(given)}" if given else ""
