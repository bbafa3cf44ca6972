"""The SDK's reading calls: a log's status, bytes and lines; what jobs, versions and logs there are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote, urlencode

from joblog.api.answers import value
from joblog.api.connections import Response
from joblog.api.refs import LogRef
from joblog.api.transport import project_path
from joblog.api.values import Job, Log, Version
from joblog.api.values.reading import Lines
from joblog.client.following import Follow
from joblog.client.links import DEFAULT_TASK, Link
from joblog.client.searching import Search
from joblog.client.views import Views
from joblog.errors import Unreachable

READ_BYTES = 256 << 10
"""Piece size of a streamed read: large enough that the loop around it is not what costs, small enough to be live."""


class Reading(Views, Follow, Search):
    """What ``Client`` has for reading; ``follow``, ``search`` and the views among it."""

    def resolve(self, link: Link) -> Log:
        """Returns the status of the log that a link names, with its ids; raises as ``log`` does."""
        names = "/".join(quote(name, safe="") for name in (link.job, link.version, link.task or DEFAULT_TASK))
        return value(Log, self.call("GET", f"{project_path(link.project_id)}/resolve/{names}"))

    def status(self, log: LogRef) -> Log:
        """Returns the log's status."""
        return value(Log, self.call("GET", log.path))

    def read(self, log: LogRef, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yields the bytes ``[start, end)``, as they are, piece by piece; to the log's present end without ``end``.

        What retention has removed (before ``Log.start_byte``) is left out. An answer that is cut off is asked for again from
        where it was, as long as each try brings something.
        """
        while end is None or start < end:
            headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
            answer = self.send("GET", f"{log.path}/bytes", headers=headers)
            begun = start = _first_byte(answer, start)
            end = start + int(answer.headers.get("Content-Length", 0))
            try:
                for piece in answer.stream(READ_BYTES):
                    start += len(piece)
                    yield piece
                return
            except Unreachable:
                if start == begun:
                    raise
            finally:
                answer.close()

    def lines(
        self,
        log: LogRef,
        start: int | None = None,
        count: int = 100,
        *,
        byte: int | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Lines:
        """Returns up to ``count`` lines, and up to 5 MiB, from line ``start`` on; a negative one counts from the end.

        In place of ``start``: the line that holds a ``byte`` position, or what has arrived ``since`` a moment, as ``10m``
        (ago), ``2026-01-31T12:00:00Z`` or milliseconds since 1970. ``until`` leaves out what arrived then or later.
        """
        asked = {"start": start, "count": count, "byte": byte, "since": since, "until": until}
        given = urlencode({name: each for name, each in asked.items() if each is not None})
        return value(Lines, self.call("GET", f"{log.path}/lines?{given}"))

    # What there is

    def jobs(self, project_id: str = "default", *, name: str | None = None, labels: Sequence[str] = ()) -> Iterator[Job]:
        """Yields the project's jobs by id; with ``name`` only the one so named, if there is one.

        With ``labels``, at most 4 such as ``team=vision`` or ``team``, those that have all of them.
        """
        asked: dict[str, str | Sequence[str]] = {} if name is None else {"name": name}
        return self.items(Job, f"{project_path(project_id)}/jobs", asked | ({"label": labels} if labels else {}))

    def job(self, project_id: str, job_id: int) -> Job:
        """Returns one job."""
        return value(Job, self.call("GET", f"{project_path(project_id)}/jobs/{job_id}"))

    def version(self, project_id: str, job_id: int, version_id: int) -> Version:
        """Returns one version."""
        return value(Version, self.call("GET", f"{project_path(project_id)}/jobs/{job_id}/versions/{version_id}"))

    def versions(self, project_id: str, job_id: int) -> Iterator[Version]:
        """Yields the job's versions, oldest first."""
        return self.items(Version, f"{project_path(project_id)}/jobs/{job_id}/versions")

    def logs(self, project_id: str, job_id: int, version_id: int) -> Iterator[Log]:
        """Yields the version's logs in worker order."""
        return self.items(Log, f"{project_path(project_id)}/jobs/{job_id}/versions/{version_id}/logs")


def _first_byte(answer: Response, asked: int) -> int:
    """Returns the position that an answer's bytes begin at: a later one than was asked for where retention removed bytes."""
    part = re.match(r"bytes ([0-9]+)-", answer.headers.get("Content-Range", ""))
    return int(part[1]) if part else int(answer.headers.get("X-Joblog-Start-Byte", asked))
