"""The native API's projects, jobs, versions and tokens. See docs/http-api.md."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET

from joblog.api.values import Job, Run, Version
from joblog.api.values.accounts import Project, Token
from joblog.core.accounts import Grant, check_label, check_rights
from joblog.core.labels import checked_labels
from joblog.core.names import MAX_ID, check_job_name, check_name, check_project_id, check_run_id, worker_of_task
from joblog.errors import Missing, OutOfRange
from joblog.server.http.parameters import After, AfterId, Labels, Limit, text
from joblog.server.http.routes import KNOWN, Call, Calls
from joblog.server.native.bodies import (
    JobRequest,
    LabelsRequest,
    ProjectRequest,
    RunRequest,
    TokenRequest,
    VersionFacts,
    VersionRequest,
    read_log_value,
    version_value,
)
from joblog.server.native.paging import Listing
from joblog.server.state import State

calls = Calls("/api", "jobs")

Name = Annotated[str, text("keeps the job so named")]


@calls.post("/projects", "admin", "Get or create a project", tag="projects")
async def create_project(joblog: State, data: ProjectRequest) -> Project:
    """Gets or makes a project and sets the retention that is given."""
    given = {} if data.retain_days is UNSET else {"retain_days": _at_least("retain_days", data.retain_days, 1)}
    given |= {} if data.retain_bytes is UNSET else {"retain_bytes": _at_least("retain_bytes", data.retain_bytes, 0)}
    return await joblog.writing(
        joblog.engine.runs.put_project,
        check_project_id(data.id),
        joblog.engine.clock_ms(),
        name=None if data.name is None else check_name("name", data.name),
        domain=None if data.domain is None else check_name("domain", data.domain),
        retention=given,
    )


@calls.get("/projects", KNOWN, "List projects", tag="projects")
async def list_projects(joblog: State, call: Call, after: After = "", limit: Limit = 100) -> Listing[Project]:
    """Lists the projects that the token may see; ``after`` is a project id."""
    token = joblog.auth.token(call.headers)
    project_id = token.project_id
    if token.user_id is not None and project_id is None:  # a user who has signed, or whose token is for the domain
        mine = await joblog.reading(joblog.engine.users.projects, token.user_id)
        return Listing([each for each in mine if each.id > after], None)
    joblog.auth.allowed(call.headers, "read", project_id, token.job_id)
    if project_id is not None:
        return Listing([await joblog.reading(joblog.engine.runs.project, project_id)], None)
    projects = await joblog.reading(joblog.engine.runs.projects, after, limit)
    return Listing(projects, projects[-1].id if len(projects) == limit else None)


@calls.post("/projects/{project_id}/runs", KNOWN, "Get or create job, version and log in one call")
async def create_run(joblog: State, call: Call, project_id: str, data: RunRequest) -> Run:
    """All that name the same ``run_id`` of a job meet in one version; without it, the version is new."""
    only = joblog.auth.token(call.headers).job_id
    joblog.auth.allowed(call.headers, "write", project_id, only)
    job_name, worker = check_job_name(data.job_name), worker_of_task(data.task)
    if only is not None:
        named = await joblog.reading(joblog.engine.runs.jobs, project_id, job_name, 0, 1)
        joblog.auth.allowed(call.headers, "write", project_id, named[0].id if named else None)
    run_id = None if data.run_id is None else check_run_id(data.run_id)
    names, now_ms = joblog.engine.runs, joblog.engine.clock_ms()
    labels = None if data.labels is UNSET else checked_labels(data.labels)
    job, version, log = await joblog.writing(names.put_run, project_id, job_name, run_id, worker, now_ms, labels)
    return Run(job, version_value(version), await read_log_value(joblog, log))


@calls.post("/projects/{project_id}/jobs", "write", "Get or create a job")
async def create_job(joblog: State, project_id: str, data: JobRequest) -> Job:
    """Gets or makes the job of that name, and sets the labels that are given."""
    labels = None if data.labels is UNSET else checked_labels(data.labels)
    names, now_ms = joblog.engine.runs, joblog.engine.clock_ms()
    return await joblog.writing(names.put_job, project_id, check_job_name(data.name), now_ms, labels)


@calls.get("/projects/{project_id}/jobs", KNOWN, "List jobs")
async def list_jobs(
    joblog: State,
    call: Call,
    project_id: str,
    name: Name | None = None,
    label: Labels | None = None,
    after: AfterId = 0,
    limit: Limit = 100,
) -> Listing[Job]:
    """Lists jobs by id; ``name`` keeps the one so named, ``label`` those that have it."""
    only = joblog.auth.token(call.headers).job_id
    joblog.auth.allowed(call.headers, "read", project_id, only)
    if only is not None:
        own = await joblog.reading(joblog.engine.runs.job, project_id, only)
        if name not in (None, own.name):
            return Listing([], None)
        name = own.name
    jobs = await joblog.reading(joblog.engine.runs.jobs, project_id, name, after, limit, label or ())
    return Listing(jobs, jobs[-1].id if len(jobs) == limit else None)


@calls.get("/projects/{project_id}/jobs/{job_id}", "read", "A job")
async def get_job(joblog: State, project_id: str, job_id: int) -> Job:
    """Returns the job with its labels."""
    return await joblog.reading(joblog.engine.runs.job, project_id, job_id)


@calls.patch("/projects/{project_id}/jobs/{job_id}", "write", "Change a job's labels")
async def update_job(joblog: State, project_id: str, job_id: int, data: LabelsRequest) -> Job:
    """Sets the labels that are given, removes those that are null; others stay."""
    return await joblog.writing(joblog.engine.runs.label, project_id, job_id, checked_labels(data.labels))


@calls.post("/projects/{project_id}/jobs/{job_id}/versions", "write", "Get or create a version")
async def create_version(joblog: State, project_id: str, job_id: int, data: VersionRequest) -> Version:
    """Gets or makes the version of ``run_id``; without it the version is new."""
    run_id = None if data.run_id is None else check_run_id(data.run_id)
    names, now_ms = joblog.engine.runs, joblog.engine.clock_ms()
    return version_value(await joblog.writing(names.put_version, project_id, job_id, run_id, now_ms))


@calls.get("/projects/{project_id}/jobs/{job_id}/versions", "read", "List a job's versions")
async def list_versions(
    joblog: State, project_id: str, job_id: int, after: AfterId = 0, limit: Limit = 100
) -> Listing[Version]:
    """Lists versions by id, the oldest first; ``after`` is a version id."""
    versions = await joblog.reading(joblog.engine.runs.versions, project_id, job_id, after, limit)
    return Listing([version_value(each) for each in versions], versions[-1].id if len(versions) == limit else None)


@calls.get("/projects/{project_id}/jobs/{job_id}/versions/{version_id}", "read", "A version")
async def get_version(joblog: State, project_id: str, job_id: int, version_id: int) -> Version:
    """Returns the version, and how its run is."""
    return version_value(await joblog.reading(joblog.engine.runs.version, project_id, job_id, version_id))


@calls.patch("/projects/{project_id}/jobs/{job_id}/versions/{version_id}", "write", "Say what a run is called, and began with")
async def update_version(joblog: State, project_id: str, job_id: int, version_id: int, data: VersionFacts) -> Version:
    """Sets what is given of title, command, host, user and commit, removes what is null; others stay."""
    version = await joblog.reading(joblog.engine.runs.version, project_id, job_id, version_id)
    return version_value(await joblog.writing(joblog.engine.states.describe, version, data.given))


@calls.post("/tokens", "admin", "Make a token", tag="tokens")
async def create_token(joblog: State, data: TokenRequest) -> Token:
    """Makes a token; its secret is in this answer only."""
    project_id = None if data.project_id is None else check_project_id(data.project_id)
    if project_id is not None:
        await joblog.reading(joblog.engine.runs.project, project_id)
    now_ms = joblog.engine.clock_ms()
    lasts_s = _at_least("expires_s", data.expires_s, 1)
    expires_ms = None if lasts_s is None else now_ms + lasts_s * 1000
    check_rights(data.rights), check_label(data.label)
    job_id = await _job_of_token(joblog, data, project_id)
    make = joblog.engine.tokens.make
    token, secret = await joblog.writing(make, project_id, data.rights, data.label, now_ms, expires_ms, job_id)
    return _token_value(token, secret)


@calls.get("/tokens", "admin", "List tokens", tag="tokens")
async def list_tokens(joblog: State, after: AfterId = 0, limit: Limit = 100) -> Listing[Token]:
    """Lists tokens by id, without their secrets."""
    tokens = await joblog.reading(joblog.engine.tokens.all, after, limit)
    return Listing([_token_value(each, None) for each in tokens], tokens[-1].id if len(tokens) == limit else None)


@calls.delete("/tokens/{token_id}", "admin", "Revoke a token", tag="tokens", status=204)
async def revoke_token(joblog: State, token_id: int) -> None:
    """Revokes a token: at once on this node, within seconds on others."""
    await joblog.writing(joblog.engine.tokens.revoke, token_id)
    joblog.auth.forget()


async def _job_of_token(joblog: State, data: TokenRequest, project_id: str | None) -> int | None:
    """Gets or makes the job that a token is to be for."""
    if data.job_name is None:
        return None
    if project_id is None:
        raise Missing("project_id", "the project of the job")
    now_ms = joblog.engine.clock_ms()
    return (await joblog.writing(joblog.engine.runs.put_job, project_id, check_job_name(data.job_name), now_ms)).id


def _at_least(parameter: str, value: int | None, least: int) -> int | None:
    # A century of seconds, days or bytes fits below; what is stored must fit 64 bits also in milliseconds.
    most = MAX_ID // 10**6
    if value is not None and not least <= value <= most:
        raise OutOfRange(parameter, f"an integer from {least} to {most}, or null", value)
    return value


def _token_value(token: Grant, secret: str | None) -> Token:
    same = {name: getattr(token, name) for name in Token.FIELDS if name not in ("rights", "token")}
    return Token(**same, rights=tuple(token.rights.split(",")), token=secret)
