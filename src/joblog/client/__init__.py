"""The SDK: a synchronous, typed client of joblog's native API.

    with Client("http://127.0.0.1:8470", token) as client:
        run = client.run("lab", "resnet")
        at = client.append(run.log.ref, 0, b"epoch 1\n").end_byte
        client.append(run.log.ref, at, b"epoch 2\n")
        client.close_log(run.log.ref)
        for piece in client.read(run.log.ref):
            ...

    for line in client.log("resnet", project_id="lab").lines():
        ...

One method per call of the API, and ``log`` for one log by its name. Nothing is retried here, as only the caller knows what a
second try costs, but for ``follow``, which goes on where it was; ``append`` may be repeated at will. Every method raises
``errors.py``: what the server said, or ``Unreachable`` when no joblog answered. The token appears in no message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from urllib.parse import quote

from joblog.answers import (
    AccessKey,
    Appended,
    Job,
    Lines,
    Log,
    Member,
    Project,
    Reported,
    Run,
    Task,
    Token,
    User,
    Version,
    decoded,
    value,
)
from joblog.client.admin import AdminCalls
from joblog.client.bodies import encoded
from joblog.client.following import Piece
from joblog.client.links import LATEST, Link, is_link, parsed_link
from joblog.client.reader import LogReader
from joblog.client.reading import Reading
from joblog.client.searching import Hit, Query, VersionRef
from joblog.client.verifying import Proof, Verified, verified
from joblog.refs import Gap, LogRef

__all__ = [
    "AccessKey",
    "Appended",
    "Client",
    "Gap",
    "Hit",
    "Job",
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
    "Task",
    "Token",
    "User",
    "Verified",
    "Version",
    "VersionRef",
]


class Client(Reading, AdminCalls):
    """Talks to one joblog server; may be shared by threads; closed by ``close`` or as a context manager.

    ``timeout_s`` bounds the wait for a connection (at most ``CONNECT_S``) and each wait for bytes, not a whole call.
    """

    def verify(self, log: LogRef) -> Verified:
        """Reads a log back from where it is kept, and says whether it is complete; takes as long as reading it."""
        return verified(self, log)

    # Writing a log

    def run(self, project_id: str, job_name: str, *, run_id: str | None = None, task: str = "worker-0") -> Run:
        """Gets or creates job, version and log; all that name the same ``run_id`` meet in one version."""
        body = {"job_name": job_name, "task": task} | ({} if run_id is None else {"run_id": run_id})
        return value(Run, self.call("POST", f"{_project(project_id)}/runs", body))

    def append(self, log: LogRef, at: int, data: bytes, *, encoding: str | None = None) -> Appended:
        """Appends ``data``, whose first byte belongs at position ``at``; returning means committed to disk.

        ``encoding`` says how ``data`` is compressed: ``gzip``, ``zstd`` or not at all. May be repeated at will.

        Raises:
            Different: other bytes are held at these positions; ``expected`` is the log's end.
            BeyondEnd: ``at`` is after the log's end, ``expected``.
            Closed: the log was closed at ``expected``.
        """
        headers = {"Content-Type": "application/octet-stream"} | ({"Content-Encoding": encoding} if encoding else {})
        answer = self.send("POST", f"{log.path}/append?at={at}", data, headers)
        return value(Appended, decoded(answer.data))

    def send_bytes(self, log: LogRef, at: int, data: bytes) -> Appended:
        """Appends as ``append`` does, compressed on the way where that makes less of it."""
        body, encoding = encoded(data)
        return self.append(log, at, body, encoding=encoding)

    def close_log(self, log: LogRef, *, end_byte: int | None = None, crc32: int | None = None, gaps: Iterable[Gap] = ()) -> Log:
        """Closes the log; with the writer's own count and CRC-32 the answer's ``complete`` says whether they agree."""
        body: dict[str, object] = {"gaps": [asdict(gap) for gap in gaps]}
        body |= {} if end_byte is None else {"end_byte": end_byte}
        body |= {} if crc32 is None else {"crc32": crc32}
        return value(Log, self.call("POST", f"{log.path}/close", body))

    # How a run is

    def report(  # noqa: PLR0913 - each is a fact of its own
        self,
        log: LogRef,
        status: str,
        *,
        exit_code: int | None = None,
        signal: str | None = None,
        reason: str | None = None,
        host: str | None = None,
        tasks: int | None = None,
    ) -> Reported:
        """Says how the worker that writes ``log`` is.

        ``status`` is ``RUNNING``, again every few seconds, and then ``COMPLETED``, ``FAILED`` or ``KILLED``.
        ``tasks`` is how many workers the run has in all. The answer says whether the worker is asked to stop.
        """
        said = {"exit_code": exit_code, "signal": signal, "reason": reason, "host": host, "tasks": tasks}
        body = {"status": status} | {name: each for name, each in said.items() if each is not None}
        return value(Reported, self.call("POST", f"{log.version_path}/tasks/{log.task}/report", body))

    def tasks(self, project_id: str, job_id: int, version_id: int) -> Iterator[Task]:
        """Yields how the version's workers are, those that have said it, in their order."""
        return self.items(Task, f"{_project(project_id)}/jobs/{job_id}/versions/{version_id}/tasks")

    def set_status(self, project_id: str, job_id: int, version_id: int, status: str, reason: str | None = None) -> Version:
        """Says how a version is, for whoever runs it: any of ModelArts' statuses by name. Raises Over."""
        path = f"{_project(project_id)}/jobs/{job_id}/versions/{version_id}/status"
        return value(Version, self.call("POST", path, {"status": status, "reason": reason}))

    def stop(self, project_id: str, job_id: int, version_id: int) -> Version:
        """Asks a run to stop; raises Over when it has ended."""
        return value(Version, self.call("POST", f"{_project(project_id)}/jobs/{job_id}/versions/{version_id}/stop"))

    def delete_version(self, project_id: str, job_id: int, version_id: int) -> None:
        """Deletes a version with its logs, for ever."""
        self.send("DELETE", f"{_project(project_id)}/jobs/{job_id}/versions/{version_id}")

    def delete_job(self, project_id: str, job_id: int) -> None:
        """Deletes a job with all its versions, for ever."""
        self.send("DELETE", f"{_project(project_id)}/jobs/{job_id}")

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


def _project(project_id: str) -> str:
    return f"/api/projects/{quote(project_id, safe='')}"
