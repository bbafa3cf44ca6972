"""What collectors send, as joblog keeps it: records with labels become the lines of logs.

The protocols name things by labels, joblog by project, job, run and task. A label that is meant for joblog says so by its name;
without it the others are looked at that collectors set by themselves, in a fixed order: the same labels always lead to the
same log, on every node. OpenTelemetry's names have dots where Loki's have underscores; the latter stand for both.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from joblog.api.refs import legal_job_name, legal_run_id
from joblog.core.names import MAX_WORKER, check_job_name, check_project_id
from joblog.errors import Invalid, TooLarge

MAX_STREAMS = 1000
"""Streams, or resources, in one request: each may be a log that must be made first."""

MAX_RECORDS = 100_000
"""Records in one request: a protocol's smallest take two bytes, and a hundred times that in memory."""

RECORDS_BYTES = 4 * 1024 * 1024
"""A request's body, at most, decompressed too: collectors send one or two, and what it is parsed into takes 70 times that."""

_JOB = (
    *("k8s_job_name", "job_name", "job", "service_name", "compose_service", "k8s_container_name", "container_name"),
    *("container", "app"),
)
_RUN = ("run_id", "k8s_job_uid", "k8s_job_name", "job_name", "k8s_pod_uid", "container_id")
_RANK = ("rank", "job_completion_index")
_POD = ("k8s_pod_name", "pod")

_UNNAMED_JOB, _UNNAMED_RUN = "unnamed", "unnamed"

_TASK = re.compile(r"(?:worker-)?(0|[1-9][0-9]{0,5})", re.ASCII)
_POD_INDEX = re.compile(r".*-(0|[1-9][0-9]{0,5})(?:-[a-z0-9]{5})?", re.ASCII)  # behind it stands what Kubernetes made up

Record = tuple[int, bytes]
"""When it was made, in nanoseconds, 0 where that is not said; and its line."""


class Stream(NamedTuple):
    """Records of one origin, in the order in which they were sent."""

    labels: Mapping[str, str]
    records: Sequence[Record]


class LogName(NamedTuple):
    """Which log is meant. ``project_id`` is None where no label names it; ``named_job``: whether joblog's own label does."""

    project_id: str | None
    job: str
    named_job: bool
    run_id: str
    worker: int


def line(text: bytes) -> bytes:
    """Returns a record's bytes as they are kept: with a newline at their end, its own where it has one."""
    return text if text.endswith(b"\n") else text + b"\n"


def check_counts(streams: int, records: int) -> None:
    """Raises Invalid, TooLarge for more than one request may have."""
    if streams > MAX_STREAMS:
        raise Invalid("streams", f"at most {MAX_STREAMS} in a request", streams)
    if records > MAX_RECORDS:
        raise TooLarge(f"a request of {records} records, where {MAX_RECORDS} are allowed,", RECORDS_BYTES)


def names_of(labels: Mapping[str, str]) -> LogName:
    """Finds which log a stream's labels mean; raises Invalid for one of joblog's own that cannot be what it is to be."""
    project_id, job = labels.get("joblog_project"), labels.get("joblog_job")
    return LogName(
        check_project_id(project_id) if project_id else None,
        check_job_name(job) if job else legal_job_name(_first(labels, _JOB) or _UNNAMED_JOB),
        bool(job),
        legal_run_id(labels.get("joblog_run") or _made_up_run(labels)),
        _worker(labels),
    )


def merged(streams: Iterable[Sequence[Record]]) -> bytes:
    """Returns the lines of streams that are one log, such as a container's two outputs: by time, each in its own order."""
    return b"".join(map(itemgetter(1), heapq.merge(*streams, key=itemgetter(0))))


def _first(labels: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)


def _made_up_run(labels: Mapping[str, str]) -> str:
    """Returns a run that no agent names so: two who write one log by position would be in each other's way."""
    return f"collected-{_first(labels, _RUN) or _UNNAMED_RUN}"


def _worker(labels: Mapping[str, str]) -> int:
    task = labels.get("joblog_task")
    if task:
        match = _TASK.fullmatch(task)
        if match is None:
            raise Invalid("joblog_task", f"worker-0 to worker-{MAX_WORKER}, or the number alone", task)
        return int(match[1])
    match = _TASK.fullmatch(_first(labels, _RANK) or "")
    if match is None and _first(labels, ("k8s_job_name", "job_name", "k8s_statefulset_name")):
        match = _POD_INDEX.fullmatch(_first(labels, _POD) or "")
    return int(match[1]) if match else 0
