"""The calls by which a log is written, and no others: all that an agent loads, beside a job that is starting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from joblog.api.answers import value
from joblog.api.compression import encoded
from joblog.api.refs import Gap, LogRef
from joblog.api.transport import Transport, project_path
from joblog.api.values import Appended, Job, Log, Reported, Run, Version
from joblog.errors import Invalid, OutOfRange, Unreachable


class Writer(Transport):
    """The part of ``Client`` that writes. Every method raises what the server said, or Unreachable."""

    def run(
        self,
        project_id: str,
        job_name: str,
        *,
        run_id: str | None = None,
        task: str = "worker-0",
        labels: Mapping[str, str] | None = None,
    ) -> Run:
        """Gets or creates job, version and log; all that name the same ``run_id`` meet in one version.

        ``labels`` are set on the job; others that it has stay.
        """
        body: dict[str, object] = {"job_name": job_name, "task": task}
        body |= {} if run_id is None else {"run_id": run_id}
        body |= {"labels": dict(labels)} if labels else {}
        return value(Run, self.call("POST", f"{project_path(project_id)}/runs", body, repeatable=run_id is not None))

    def label_job(self, project_id: str, job_id: int, labels: Mapping[str, str | None]) -> Job:
        """Sets the job's labels that are given, removes those given as None; others stay.

        Raises:
            Invalid: a name or a value is not legal, or the job would have more than 32.
        """
        path = f"{project_path(project_id)}/jobs/{job_id}"
        return value(Job, self.call("PATCH", path, {"labels": dict(labels)}, repeatable=True))

    def describe_version(self, project_id: str, job_id: int, version_id: int, facts: Mapping[str, str | None]) -> Version:
        """Sets what a run is: ``title``, ``command``, ``host``, ``user``, ``commit``; None removes one, others stay.

        Raises:
            Invalid: a text is longer than allowed, or does not print.
        """
        path = f"{project_path(project_id)}/jobs/{job_id}/versions/{version_id}"
        return value(Version, self.call("PATCH", path, dict(facts), repeatable=True))

    def append(self, log: LogRef, at: int, data: bytes, *, encoding: str | None = None) -> Appended:
        """Appends ``data``, whose first byte belongs at position ``at``; returning means committed to disk.

        ``encoding`` says how ``data`` is compressed: ``gzip``, ``zstd`` or not at all. May be repeated at will.

        Raises:
            Different: other bytes are held at these positions; ``expected`` is the log's end.
            BeyondEnd: ``at`` is after the log's end, ``expected``.
            Closed: the log was closed at ``expected``.
            Unreachable: no server answered; or, of bytes that are not compressed, the answer is not that of all of them.
        """
        headers = {"Content-Type": "application/octet-stream"} | ({"Content-Encoding": encoding} if encoding else {})
        answer = value(Appended, self.call("POST", f"{log.path}/append?at={at}", data, headers=headers, repeatable=True))
        return answer if encoding else _whole(answer, at, len(data))

    def send_bytes(self, log: LogRef, at: int, data: bytes) -> Appended:
        """Appends as ``append`` does, compressed on the way where that makes less of it.

        Raises Unreachable, too, when the answer is not that of all these bytes.
        """
        body, encoding = encoded(data)
        return _whole(self.append(log, at, body, encoding=encoding), at, len(data))

    def close_log(self, log: LogRef, *, end_byte: int | None = None, crc32: int | None = None, gaps: Iterable[Gap] = ()) -> Log:
        """Closes the log; with the writer's own count and CRC-32 the answer's ``complete`` says whether they agree."""
        body: dict[str, object] = {"gaps": [gap._asdict() for gap in gaps]}
        body |= {} if end_byte is None else {"end_byte": end_byte}
        body |= {} if crc32 is None else {"crc32": crc32}
        return value(Log, self.call("POST", f"{log.path}/close", body, repeatable=True))

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
        terminal_rows: int | None = None,
    ) -> Reported:
        """Says how the worker that writes ``log`` is.

        ``status`` is ``RUNNING``, again every few seconds, and then ``COMPLETED``, ``FAILED`` or ``KILLED``.
        ``tasks`` is how many workers the run has in all, ``terminal_rows`` how high the terminal is that the program writes
        to. The answer says whether the worker is asked to stop.
        """
        outcome = {"exit_code": exit_code, "signal": signal, "reason": reason, "host": host, "tasks": tasks}
        outcome["terminal_rows"] = terminal_rows
        body = {"status": status} | {name: each for name, each in outcome.items() if each is not None}
        path = f"{log.version_path}/tasks/{log.task}/report"
        try:
            return value(Reported, self.call("POST", path, body, repeatable=True))
        except OutOfRange:
            raise
        except Invalid as error:
            if error.parameter != "terminal_rows":
                raise
            del body["terminal_rows"]  # a server that is older than this does not know it
            return value(Reported, self.call("POST", path, body, repeatable=True))


def _whole(answer: Appended, at: int, size: int) -> Appended:
    """Returns the answer to an append; raises Unreachable when whatever gave it has not kept all of the bytes."""
    if answer.end_byte < at + size:
        raise Unreachable(f"the answer to bytes {at} to {at + size} says that the log ends at {answer.end_byte}")
    return answer
