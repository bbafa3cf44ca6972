"""Permanent links, ``/p/PROJECT/JOB/VERSION/TASK``: which log one names, and the way from there to the viewer.

A link holds names and numbers only, none of which ever changes, so it is good for a log that grows, was sealed, was moved to
another backend or rebuilt from its objects. Which lines or bytes are meant stands behind ``#``, which browsers keep through
a redirect and never send.
"""

from __future__ import annotations

import re

from joblog.api.values import Job, Log
from joblog.catalog.runs import Runs
from joblog.core.jobs import VersionRow
from joblog.core.logs import Head
from joblog.core.names import check_id
from joblog.errors import Invalid, NotFound, WrongJob
from joblog.server.http.answers import Answer
from joblog.server.http.routes import KNOWN, Call, Calls
from joblog.server.http.streams import TEXT
from joblog.server.native.bodies import read_log_value
from joblog.server.state import State

calls = Calls("", "logs")

LATEST = "latest"

DEFAULT_WORKER = 0

_VERSION = re.compile(r"[Vv]?[0-9]{1,18}|latest", re.ASCII)


@calls.get("/api/projects/{project_id}/resolve/{job}/{version}/{task}", KNOWN, "The log that a permanent link names")
async def resolve_link(joblog: State, call: Call) -> Log:
    """Returns the log's status, with the ids that all other calls take."""
    return await read_log_value(joblog, await _named(joblog, call))


@calls.get("/p/{project_id}/{job}/{version}", KNOWN, status=307, hidden=True)  # a page's address rather than a call
@calls.get("/p/{project_id}/{job}/{version}/{task}", KNOWN, status=307, hidden=True)
async def follow_permalink(joblog: State, call: Call) -> Answer:
    """Leads to the viewer's page of the log, for who may read it."""
    log = await _named(joblog, call)
    page = f"/projects/{log.project_id}/jobs/{log.job_id}/versions/{log.version_id}/logs/{log.task}"
    # Another run may be the latest one tomorrow.
    return Answer(307, b"", [(b"location", page.encode()), (b"cache-control", b"no-store")], media_type=TEXT)


async def _named(joblog: State, call: Call) -> Head:
    """Checks the caller before anything is looked up: who may read one job is not told whether there are others."""
    project_id, job_name, version_name = (call.path[part] for part in ("project_id", "job", "version"))
    worker = call.path.get("task", DEFAULT_WORKER)
    own_job_id = joblog.auth.token(call.headers).job_id
    joblog.auth.allowed(call.headers, "read", project_id, own_job_id)
    if not _VERSION.fullmatch(version_name):
        raise Invalid("version", "V0002, a version's id, or latest", version_name)
    try:
        job = await joblog.reading(_job, joblog.engine.runs, project_id, job_name)
    except NotFound as error:
        if own_job_id is None:
            raise
        raise WrongJob from error
    if own_job_id not in (None, job.id):
        raise WrongJob
    version = await joblog.reading(_version, joblog.engine.runs, job, version_name)
    return await joblog.reading(joblog.engine.log, project_id, job.id, version.id, worker)


def _job(names: Runs, project_id: str, name: str) -> Job:
    """Returns the job of that name, else the one of that id; raises NotFound."""
    for job in names.jobs(project_id, name, 0, 1):
        return job
    if not (name.isdigit() and name.lstrip("0")):
        raise NotFound("job", name)
    return names.job(project_id, check_id("job", name))


def _version(names: Runs, job: Job, name: str) -> VersionRow:
    if name == LATEST:
        return names.latest_version(job.id)
    if name[0] in "Vv":
        return names.version_by_number(job.id, int(name[1:]))
    return names.version(job.project_id, job.id, check_id("version", name))
