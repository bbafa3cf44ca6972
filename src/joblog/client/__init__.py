"""The SDK: a synchronous, typed client of joblog's native API.

    with Client() as client:  # what JOBLOG_URL and JOBLOG_TOKEN say, or this machine's server
        run = client.run("lab", "resnet")
        at = client.append(run.log.ref, 0, b"epoch 1\n").end_byte
        client.append(run.log.ref, at, b"epoch 2\n")
        client.close_log(run.log.ref)
        for piece in client.read(run.log.ref):
            ...

    for line in client.log("resnet", project_id="lab").lines():
        ...

One method per call of the API, and ``log`` for one log by its name. What reads is tried again while no joblog answers;
``follow`` and ``read`` go on where they were. What writes is not, as only the caller knows what a second try costs; ``append``
may be repeated at will. Every method raises
``errors.py``: what the server said, or ``Unreachable`` when no joblog answered. The token appears in no message.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from joblog.api import settings
from joblog.api.answers import value
from joblog.api.refs import Gap, LogRef
from joblog.api.transport import project_path
from joblog.api.values import Appended, Job, Log, Reported, Run, Version
from joblog.api.values.accounts import AccessKey, Member, Project, Token, User
from joblog.api.values.overview import JobSummary, RunSummary
from joblog.api.values.reading import Lines, Proof, Task
from joblog.api.values.watching import Alert, WatchRule
from joblog.api.writer import Writer
from joblog.client.admin import AdminCalls
from joblog.client.following import Piece
from joblog.client.links import LATEST, Link, is_link, parsed_link
from joblog.client.overview import Lists
from joblog.client.reader import LogReader
from joblog.client.reading import Reading
from joblog.client.searching import Hit, Query, VersionRef, Within
from joblog.client.verifying import Verified, verified
from joblog.client.watching import WatchCalls

__all__ = [
    "AccessKey",
    "Alert",
    "Appended",
    "Client",
    "Gap",
    "Hit",
    "Job",
    "JobSummary",
    "Lines",
    "Link",
    "Log",
    "LogReader",
    "LogRef",
    "Member",
    "Piece",
    "Project",
    "Proof",
    "Query",
    "Reported",
    "Run",
    "RunSummary",
    "Task",
    "Token",
    "User",
    "Verified",
    "Version",
    "VersionRef",
    "Within",
    "WatchRule",
]

RETRY_S = 5.0
"""How long a notebook waits, by default, for a server that is being started again."""


class Client(Writer, Reading, Lists, WatchCalls, AdminCalls):
    """Talks to one joblog server; may be shared by threads; closed by ``close`` or as a context manager.

    Without ``url``, or without ``token``, it is what the command line takes: ``JOBLOG_URL``, ``JOBLOG_TOKEN`` or
    ``JOBLOG_TOKEN_FILE``, else the address and the token that a server on this machine has left for its user.
    ``timeout_s`` bounds the wait for a connection (at most ``CONNECT_S``) and each wait for bytes, not a whole call. What only
    reads is tried again for ``retry_s`` while no joblog answers, or it is busy.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, timeout_s: float = 30.0, retry_s: float = RETRY_S
    ) -> None:
        if url is None or token is None:
            known = settings.load(os.environ, url=url)
            url, token = known.url, known.token if token is None else token
        super().__init__(url, token, timeout_s=timeout_s, retry_s=retry_s)

    def verify(self, log: LogRef) -> Verified:
        """Reads a log back from where it is kept, and says whether it is complete; takes as long as reading it."""
        return verified(self, log)

    # How a run is

    def tasks(self, project_id: str, job_id: int, version_id: int) -> Iterator[Task]:
        """Yields how the version's workers are, those that have said it, in their order."""
        return self.items(Task, f"{project_path(project_id)}/jobs/{job_id}/versions/{version_id}/tasks")

    def set_status(self, project_id: str, job_id: int, version_id: int, status: str, reason: str | None = None) -> Version:
        """Says how a version is, for whoever runs it: any of ModelArts' statuses by name. Raises Over."""
        path = f"{project_path(project_id)}/jobs/{job_id}/versions/{version_id}/status"
        return value(Version, self.call("POST", path, {"status": status, "reason": reason}))

    def stop(self, project_id: str, job_id: int, version_id: int) -> Version:
        """Asks a run to stop; raises Over when it has ended."""
        return value(Version, self.call("POST", f"{project_path(project_id)}/jobs/{job_id}/versions/{version_id}/stop"))

    def delete_version(self, project_id: str, job_id: int, version_id: int) -> None:
        """Deletes a version with its logs, for ever."""
        self.ask("DELETE", f"{project_path(project_id)}/jobs/{job_id}/versions/{version_id}")

    def delete_job(self, project_id: str, job_id: int) -> None:
        """Deletes a job with all its versions, for ever."""
        self.ask("DELETE", f"{project_path(project_id)}/jobs/{job_id}")

    # Reading one by its name

    def log(self, name: str, *, version: str = LATEST, task: str = "worker-0", project_id: str = "default") -> LogReader:
        """Returns what reads the log of a job (by its name or id), a version (``V0002``, an id, ``latest``) and a task.

        ``name`` may also be a permanent link, which says all of that.

        Raises:
            NotFound: there is no such job, version or log.
            Invalid: it is no name, or a link to another server.
        """
        named = parsed_link(name, self.url) if is_link(name) else Link(project_id, name, version, task)
        return LogReader(self, self.resolve(named))
