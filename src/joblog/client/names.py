"""Finding runs and logs by the names that people give them: ``resnet``, ``resnet#2``, ``resnet/V0002/worker-3``, a link."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import NamedTuple

from joblog.api.refs import LogRef
from joblog.api.values import Job, Log, Version
from joblog.client import Client
from joblog.client.links import is_link, parsed_link, split_part
from joblog.client.searching import VersionRef
from joblog.errors import Invalid, NotFound

_RUN = r"(?:[Vv]?0*[0-9]+|latest)?"

_NEWEST_JOBS = 200
"""Jobs among whose names one that was mistyped is looked for."""


class _Name(NamedTuple):
    """What stands in ``JOB/RUN/RANK``, or in a link; ``by_id``: the run is named by its id."""

    job: str
    run: str
    task: str | None
    by_id: bool = False


def _named(client: Client, name: str) -> _Name:
    """Returns what a name says; raises Invalid."""
    if is_link(name):
        link = parsed_link(name, client.url)
        return _Name(link.job, link.version, link.task, link.version.isdigit())
    job, run, rank, *more = [*split_part(name)[0].rstrip("/").split("/"), "", ""]
    if (rank and not re.fullmatch("(worker-)?[0-9]{1,6}", rank)) or any(more) or not re.fullmatch(_RUN, run):
        raise Invalid("LOG", "JOB, JOB/V0002, JOB/V0002/worker-3 (or JOB#2, JOB/2/3) or a link", name)
    return _Name(job, run, f"worker-{int(rank.removeprefix('worker-'))}" if rank else None)


def find_log(client: Client, project_id: str, name: str | None) -> Log:
    """Returns the log that ``JOB``, ``JOB/RUN``, ``JOB/RUN/RANK`` or a link names; without it the latest run's.

    Where no rank is named, and the run has no ``worker-0``, it is the first one that there is.

    Raises:
        NotFound: there is no such job, run or log.
    """
    if name and is_link(name):
        return client.resolve(parsed_link(name, client.url))
    task = _named(client, name).task if name else None
    version = latest_version(client, project_id, name)
    try:
        return client.status(LogRef(project_id, version.job_id, version.id, task or "worker-0"))
    except NotFound:
        first = None if task else next(client.logs(project_id, version.job_id, version.id), None)
        if first is None:
            raise
        return first


def find_version(client: Client, project_id: str, name: str) -> Version:
    """Returns the run that ``JOB`` (its latest one) or ``JOB/RUN`` names: ``V0002``, ``V2``, ``2`` or ``latest``."""
    named = _named(client, name)
    number = re.fullmatch(r"[Vv]?0*([0-9]+)", named.run)
    job, latest, newest = find_job(client, project_id, named.job), None, None
    for version in client.versions(project_id, job.id):
        if number is None or int(number[1]) == (version.id if named.by_id else version.number):
            latest = version
        newest = version
    if latest is None:
        raise NotFound("run", name, f"the latest of {job.name} is {newest.name}" if newest else f"{job.name} has none")
    return latest


def names_rank(client: Client, name: str) -> bool:
    """Whether a name is that of one rank's log."""
    return _named(client, name).task is not None


def rank_of(client: Client, name: str | None) -> str | None:
    """Returns the rank that a name says, as the views take it; None where it names a run."""
    task = _named(client, name).task if name else None
    return None if task is None else task.removeprefix("worker-")


def names_run(client: Client, name: str) -> bool:
    """Whether a name is that of a run, or of a log of it, rather than a job's."""
    return bool(_named(client, name).run)


def place(client: Client, log: LogRef) -> str:
    """Returns a log's name, which every command takes: ``resnet/V0002/worker-3``."""
    return f"{run_name(client, log.project_id, client.version(log.project_id, log.job_id, log.version_id))}/{log.task}"


class LogNames:
    """Names logs as every command takes them, asking for each job and its runs once."""

    def __init__(self, client: Client, project_id: str) -> None:
        self._client = client
        self._project_id = project_id
        self._runs: dict[tuple[int, int], str] = {}

    def name(self, log: LogRef) -> str:
        """Returns ``resnet/V0001/worker-0``."""
        key = log.job_id, log.version_id
        if key not in self._runs:
            job = self._client.job(self._project_id, log.job_id).name
            for version in self._client.versions(self._project_id, log.job_id):
                self._runs[log.job_id, version.id] = f"{job}/{version.name}"
        return f"{self._runs[key]}/{log.task}"


def search_place(client: Client, project_id: str, name: str | None) -> LogRef | VersionRef | str:
    """Returns where to search: nothing is the project, JOB or JOB/RUN all ranks of a run, JOB/RUN/RANK one log."""
    if name is None:
        return project_id
    if names_rank(client, name):
        return find_log(client, project_id, name).ref
    version = find_version(client, project_id, name)
    return VersionRef(project_id, version.job_id, version.id)


def run_name(client: Client, project_id: str, version: Version) -> str:
    """Returns a run's name, which every command takes: ``resnet/V0002``."""
    return f"{client.job(project_id, version.job_id).name}/{version.name}"


def latest_version(client: Client, project_id: str, name: str | None) -> Version:
    """Returns the run that ``name`` names; without it the project's latest one."""
    if name:
        return find_version(client, project_id, name)
    for run in client.runs(project_id, limit=1):
        return client.version(project_id, run.job_id, run.id)
    raise NotFound("run in project", project_id)


def find_job(client: Client, project_id: str, name: str) -> Job:
    """Returns the job of that name or id; raises NotFound."""
    for job in client.jobs(project_id, name=name):
        return job
    if name.isascii() and name.isdigit():
        return client.job(project_id, int(name))
    close = get_close_matches(name, (job.name for job in client.overview(project_id, limit=_NEWEST_JOBS)), n=1, cutoff=0.6)
    raise NotFound("job", name, f"did you mean {close[0]}?" if close else "")
