"""What may stand where somebody types a name: jobs, runs, ranks, series of metrics. The shells' scripts ask for it.

It is quick or nothing: a server that is away, slow or says no leaves the shell without suggestions, and without a message.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from joblog.api import settings
from joblog.client import Client, Version
from joblog.client.links import is_link
from joblog.errors import JoblogError

WAIT_S = 1.0
"""Longest wait for the server: a person is typing."""

MAX_NAMES = 200


def offer(words: Sequence[str]) -> int:
    """Prints what completes the last of ``KIND PREFIX`` or ``KIND PREFIX NAME``, a line each; prints nothing on any error."""
    kind, prefix, *named = [*words, "", ""][: max(len(words), 2)]
    try:
        connection = settings.load(os.environ)
        with Client(connection.url, connection.token, timeout_s=WAIT_S, retry_s=0) as client:
            names = [each for each in _OFFERS[kind](client, connection.project_id, prefix, named) if each.startswith(prefix)]
        sys.stdout.write("".join(f"{name}\n" for name in names[:MAX_NAMES]))
    except (JoblogError, OSError, KeyError, ValueError):
        pass
    return 0


def _jobs(client: Client, project_id: str, prefix: str, _: Sequence[str]) -> Iterable[str]:
    page = client.call("GET", f"/api/projects/{project_id}/overview?sort=-recent&limit={MAX_NAMES}&search={quote(prefix[:64])}")
    return (job["name"] for job in page["items"])


def _logs(client: Client, project_id: str, prefix: str, _: Sequence[str]) -> Iterator[str]:
    """Yields names as far as they are typed: jobs, then a job's runs, then a run's ranks."""
    if is_link(prefix):
        return
    job, *rest = prefix.split("/")
    if not rest:
        yield from _jobs(client, project_id, prefix, ())
        return
    run, *ranks = rest
    if not ranks:
        yield from (f"{job}/{version.name}" for version in _versions(client, project_id, job)[::-1])
        return
    for version in _versions(client, project_id, job):
        if run in (version.name, str(version.number)):
            yield from (f"{job}/{run}/{log.task}" for log in client.logs(project_id, version.job_id, version.id))


def _ranks(client: Client, project_id: str, _: str, named: Sequence[str]) -> Iterable[str]:
    version = _version(client, project_id, named)
    return (log.task.removeprefix("worker-") for log in client.logs(project_id, version.job_id, version.id))


def _metrics(client: Client, project_id: str, _: str, named: Sequence[str]) -> Iterable[str]:
    version = _version(client, project_id, named)
    path = f"/api/projects/{project_id}/jobs/{version.job_id}/versions/{version.id}/metrics?points=3&ranks=0"
    return (str(series["name"]) for series in client.call("GET", path)["items"])


def _version(client: Client, project_id: str, named: Sequence[str]) -> Version:
    """Returns the run that the words typed so far name; the project's latest where they name none."""
    for word in named:
        job, _, run = word.partition("/")
        for version in _versions(client, project_id, job)[::-1]:
            if run.partition("/")[0] in ("", version.name, str(version.number)):
                return version
    latest = client.runs(project_id, limit=1)[0]
    return client.version(project_id, latest.job_id, latest.id)


def _versions(client: Client, project_id: str, job: str) -> list[Version]:
    return [version for each in client.jobs(project_id, name=job) for version in client.versions(project_id, each.id)]


_OFFERS = {"job": _jobs, "log": _logs, "rank": _ranks, "metric": _metrics}
