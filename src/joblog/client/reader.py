"""One log by its name, as notebooks read it: ``client.log("resnet").lines()``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from joblog.api.refs import LogRef
from joblog.api.values import Log
from joblog.client.following import Piece
from joblog.client.links import Link, LogPart
from joblog.client.reading import Reading
from joblog.client.searching import Hit, Query
from joblog.errors import JoblogError
from joblog.views.values import Digest, Progress, SeriesPoints

_PAGE_LINES = 10_000


class LogReader:
    """Reads one log; made by ``Client.log``. Every method asks the server anew, so a log that grows is seen to grow.

    Raises what the server says (``joblog.errors``), or ``Unreachable``.
    """

    def __init__(self, client: Reading, status: Log) -> None:
        self._client = client
        self.ref: LogRef = status.ref
        """What all other methods of the client take for this log."""
        self._last = status

    def __repr__(self) -> str:
        log = self._last
        state = {None: "closed", True: "complete", False: "incomplete"}[log.complete] if log.closed else "open"
        where = f"job {log.job_id}, version {log.version_id}, {log.task}"
        return f"<joblog log: {where}: {log.end_byte} bytes, {log.end_line} lines, {state}>"

    def status(self) -> Log:
        """Returns where the log begins and ends, and whether it is closed and complete."""
        self._last = self._client.status(self.ref)
        return self._last

    def read(self, start: int = 0, end: int | None = None) -> bytes:
        """Returns the bytes ``[start, end)``, to the log's present end by default; ``pieces`` takes less memory."""
        return b"".join(self.pieces(start, end))

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yields the bytes ``[start, end)`` as they come."""
        return self._client.read(self.ref, start, end)

    def lines(self, start: int = 0, end: int | None = None) -> Iterator[str]:
        """Yields the lines ``[start, end)``, without their newlines; a negative ``start`` counts from the end.

        To the log's present end by default; an unfinished last line is there once the log is closed. Bytes that are not UTF-8
        are U+FFFD.
        """
        at = start
        while end is None or at < 0 or at < end:
            count = _PAGE_LINES if end is None or at < 0 else min(end - at, _PAGE_LINES)
            page = self._client.lines(self.ref, at, count)
            content = page.content.removesuffix("\n").split("\n") if page.start_byte < page.end_byte else []
            if not content:
                return
            yield from content if end is None else content[: max(end - page.start_line, 0)]
            at = page.start_line + len(content)

    def follow(
        self, start: int | None = None, *, patience_s: float | None = None, waiting: Callable[[JoblogError], None] | None = None
    ) -> Iterator[Piece]:
        """Yields the bytes from position ``start`` on, from the log's present end by default, as they come; to its close.

        A server that is away is waited for, for ``patience_s`` at most (None: for ever); ``waiting`` is told why.
        """
        report = waiting or (lambda _: None)
        from_end = start is None
        return self._client.follow(self.ref, start or 0, from_end=from_end, patience_s=patience_s, waiting=report)

    def search(
        self,
        pattern: str,
        *,
        regex: bool = False,
        ignore_case: bool = False,
        backwards: bool = False,
        context: tuple[int, int] = (0, 0),
        limit: int | None = None,
    ) -> Iterator[Hit]:
        """Yields the lines that hold ``pattern``, or with ``regex`` match it, as they are found."""
        query = Query(pattern, regex, ignore_case)
        return self._client.search(self.ref, query, backwards=backwards, context=context, limit=limit)

    def metrics(self, names: Iterable[str] = (), *, points: int = 500, patterns: Iterable[str] = ()) -> list[SeriesPoints]:
        """Returns the numbers that this worker prints, as series; pandas takes ``{"step": s.steps, "value": s.values}``."""
        return self._client.metrics(*self._version, ranks=self._rank, names=names, points=points, patterns=patterns)

    def progress(self) -> list[Progress]:
        """Returns this worker's progress bars as numbers."""
        return [bar for rank in self._client.progress(*self._version, ranks=self._rank) for bar in rank.bars]

    def why(self, *, max_bytes: int | None = None, max_tokens: int | None = None) -> Digest:
        """Returns why the run died that the log is of: all of its workers are looked at."""
        return self._client.why(*self._version, max_bytes=max_bytes, max_tokens=max_tokens)

    def link(self, start: int | None = None, end: int | None = None, *, in_bytes: bool = False) -> str:
        """Returns the permanent link to the log, or to its lines (or bytes) ``[start, end)``; one line without ``end``."""
        log = self.ref
        part = None if start is None else LogPart(start, start + 1 if end is None else end, in_bytes)
        job = self._client.job(log.project_id, log.job_id).name
        version = self._client.version(log.project_id, log.job_id, log.version_id).name
        return self._client.url + Link(log.project_id, job, version, log.task, part).path

    @property
    def _version(self) -> tuple[str, int, int]:
        return self.ref.project_id, self.ref.job_id, self.ref.version_id

    @property
    def _rank(self) -> str:
        return self.ref.task.removeprefix("worker-")
