"""The native API's projects, jobs, versions and tokens. See docs/http-api.md."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, delete, get, patch, post
from litestar.params import Parameter
from msgspec import UNSET, Struct

from joblog.core.accounts import Token, check_label, check_rights
from joblog.core.jobs import Job, Project
from joblog.core.labels import checked_labels
from joblog.core.names import MAX_ID, check_id, check_job_name, check_name, check_project_id, check_run_id, worker_of_task
from joblog.errors import Missing, OutOfRange
from joblog.server.native.bodies import (
    JobRequest,
    LabelsRequest,
    LogView,
    ProjectRequest,
    RunRequest,
    TokenRequest,
    TokenView,
    VersionRequest,
    VersionView,
    read_log_view,
    version_view,
)
from joblog.server.native.paging import After, Labels, Limit, Listing, limit_of, page_of
from joblog.server.state import Call, State

Name = Annotated[str | None, Parameter(description="keeps the job so named")]


class RunView(Struct):
    """A worker of a run: its job, its version, its log."""

    job: Job
    version: VersionView
    log: LogView


class ProjectController(Controller):
    """Projects."""

    path = "/projects"
    tags = ("projects",)

    @post("/", summary="Get or create a project", status_code=200)
    async def create_project(self, joblog: State, request: Call, data: ProjectRequest) -> Project:
        """Gets or makes a project and sets the retention that is given."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        given = {} if data.retain_days is UNSET else {"retain_days": _at_least("retain_days", data.retain_days, 1)}
        given |= {} if data.retain_bytes is UNSET else {"retain_bytes": _at_least("retain_bytes", data.retain_bytes, 0)}
        return await joblog.writing(
            joblog.engine.names.put_project,
            check_project_id(data.id),
            joblog.engine.clock_ms(),
            name=None if data.name is None else check_name("name", data.name),
            domain=None if data.domain is None else check_name("domain", data.domain),
            retention=given,
        )

    @get("/", summary="List projects")
    async def list_projects(self, joblog: State, request: Call, after: After = None, limit: Limit = None) -> Listing[Project]:
        """Lists the projects that the token may see; ``after`` is a project id."""
        token = joblog.auth.token(request.scope["headers"])
        size, project_id = limit_of(limit), token.project_id
        if token.user_id is not None and project_id is None:  # a user who has signed, or whose token is for the domain
            mine = await joblog.reading(joblog.engine.iam.projects, token.user_id)
            return Listing([each for each in mine if each.id > (after or "")], None)
        joblog.auth.allowed(request.scope["headers"], "read", project_id, token.job_id)
        if project_id is not None:
            return Listing([await joblog.reading(joblog.engine.names.project, project_id)], None)
        found = await joblog.reading(joblog.engine.names.projects, after or "", size)
        return Listing(found, found[-1].id if len(found) == size else None)


class JobController(Controller):
    """A project's runs, jobs and versions."""

    path = "/projects/{project_id:str}"
    tags = ("jobs",)

    @post("/runs", summary="Get or create job, version and log in one call", status_code=200)
    async def create_run(self, joblog: State, request: Call, project_id: str, data: RunRequest) -> RunView:
        """All that name the same ``run_id`` of a job meet in one version; without it, the version is new."""
        headers = request.scope["headers"]
        only = joblog.auth.token(headers).job_id
        _project(joblog, request, project_id, "write", only)
        job_name, worker = check_job_name(data.job_name), worker_of_task(data.task)
        if only is not None:
            named = await joblog.reading(joblog.engine.names.jobs, project_id, job_name, 0, 1)
            joblog.auth.allowed(headers, "write", project_id, named[0].id if named else None)
        run_id = None if data.run_id is None else check_run_id(data.run_id)
        names, now_ms = joblog.engine.names, joblog.engine.clock_ms()
        labels = None if data.labels is UNSET else checked_labels(data.labels)
        job, version, log = await joblog.writing(names.put_run, project_id, job_name, run_id, worker, now_ms, labels)
        return RunView(job, version_view(version), await read_log_view(joblog, log))

    @post("/jobs", summary="Get or create a job", status_code=200)
    async def create_job(self, joblog: State, request: Call, project_id: str, data: JobRequest) -> Job:
        """Gets or makes the job of that name, and sets the labels that are given."""
        project_id = _project(joblog, request, project_id, "write")
        labels = None if data.labels is UNSET else checked_labels(data.labels)
        names, now_ms = joblog.engine.names, joblog.engine.clock_ms()
        return await joblog.writing(names.put_job, project_id, check_job_name(data.name), now_ms, labels)

    @get("/jobs", summary="List jobs")
    async def list_jobs(
        self,
        joblog: State,
        request: Call,
        project_id: str,
        name: Name = None,
        label: Labels = None,
        after: After = None,
        limit: Limit = None,
    ) -> Listing[Job]:
        """Lists jobs by id; ``name`` keeps the one so named, ``label`` those that have it."""
        only = joblog.auth.token(request.scope["headers"]).job_id
        project_id = _project(joblog, request, project_id, "read", only)
        start, size = page_of(after, limit)
        if only is None:
            found = await joblog.reading(joblog.engine.names.jobs, project_id, name, start, size, label or ())
        else:
            job = await joblog.reading(joblog.engine.names.job, project_id, only)
            named = await joblog.reading(joblog.engine.names.jobs, project_id, job.name, start, size, label or ())
            found = named if name in (None, job.name) else []
        return Listing(found, found[-1].id if len(found) == size else None)

    @get("/jobs/{job_id:str}", summary="A job")
    async def get_job(self, joblog: State, request: Call, project_id: str, job_id: str) -> Job:
        """Returns the job with its labels."""
        project_id = _project(joblog, request, project_id, "read", job_id)
        return await joblog.reading(joblog.engine.names.job, project_id, check_id("job_id", job_id))

    @patch("/jobs/{job_id:str}", summary="Change a job's labels")
    async def update_job(self, joblog: State, request: Call, project_id: str, job_id: str, data: LabelsRequest) -> Job:
        """Sets the labels that are given, removes those that are null; others stay."""
        project_id = _project(joblog, request, project_id, "write", job_id)
        labels = checked_labels(data.labels)
        return await joblog.writing(joblog.engine.names.label, project_id, check_id("job_id", job_id), labels)

    @post("/jobs/{job_id:str}/versions", summary="Get or create a version", status_code=200)
    async def create_version(
        self, joblog: State, request: Call, project_id: str, job_id: str, data: VersionRequest
    ) -> VersionView:
        """Gets or makes the version of ``run_id``; without it the version is new."""
        project_id = _project(joblog, request, project_id, "write", job_id)
        run_id = None if data.run_id is None else check_run_id(data.run_id)
        names, now_ms = joblog.engine.names, joblog.engine.clock_ms()
        number = check_id("job_id", job_id)
        return version_view(await joblog.writing(names.put_version, project_id, number, run_id, now_ms))

    @get("/jobs/{job_id:str}/versions", summary="List a job's versions")
    async def list_versions(
        self, joblog: State, request: Call, project_id: str, job_id: str, after: After = None, limit: Limit = None
    ) -> Listing[VersionView]:
        """Lists versions by id, the oldest first; ``after`` is a version id."""
        project_id = _project(joblog, request, project_id, "read", job_id)
        start, size = page_of(after, limit)
        names = joblog.engine.names
        found = await joblog.reading(names.versions, project_id, check_id("job_id", job_id), start, size)
        return Listing([version_view(each) for each in found], found[-1].id if len(found) == size else None)

    @get("/jobs/{job_id:str}/versions/{version_id:str}", summary="A version")
    async def get_version(self, joblog: State, request: Call, project_id: str, job_id: str, version_id: str) -> VersionView:
        """Returns the version, and how its run is."""
        project_id = _project(joblog, request, project_id, "read", job_id)
        ids = check_id("job_id", job_id), check_id("version_id", version_id)
        return version_view(await joblog.reading(joblog.engine.names.version, project_id, *ids))


class TokenController(Controller):
    """Tokens: for those who have the right to everything."""

    path = "/tokens"
    tags = ("tokens",)

    @post("/", summary="Make a token", status_code=200)
    async def create_token(self, joblog: State, request: Call, data: TokenRequest) -> TokenView:
        """Makes a token; its secret is in this answer only."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        project_id = None if data.project_id is None else check_project_id(data.project_id)
        if project_id is not None:
            await joblog.reading(joblog.engine.names.project, project_id)
        now_ms = joblog.engine.clock_ms()
        lasts_s = _at_least("expires_s", data.expires_s, 1)
        expires_ms = None if lasts_s is None else now_ms + lasts_s * 1000
        check_rights(data.rights), check_label(data.label)
        job_id = await _job_of_token(joblog, data, project_id)
        make = joblog.engine.tokens.make
        token, secret = await joblog.writing(make, project_id, data.rights, data.label, now_ms, expires_ms, job_id)
        return _token_view(token, secret)

    @get("/", summary="List tokens")
    async def list_tokens(self, joblog: State, request: Call, after: After = None, limit: Limit = None) -> Listing[TokenView]:
        """Lists tokens by id, without their secrets."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        start, size = page_of(after, limit)
        found = await joblog.reading(joblog.engine.tokens.all, start, size)
        return Listing([_token_view(each, None) for each in found], found[-1].id if len(found) == size else None)

    @delete("/{token_id:str}", summary="Revoke a token", status_code=204)
    async def revoke_token(self, joblog: State, request: Call, token_id: str) -> None:
        """Revokes a token: at once on this node, within seconds on others."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        await joblog.writing(joblog.engine.tokens.revoke, check_id("token_id", token_id))
        joblog.auth.forget()


def _project(joblog: State, request: Call, project_id: str, right: str, job_id: str | int | None = None) -> str:
    """Checks the caller, then the id, so that strangers learn nothing."""
    joblog.auth.allowed(request.scope["headers"], right, project_id, job_id)
    return check_project_id(project_id)


async def _job_of_token(joblog: State, data: TokenRequest, project_id: str | None) -> int | None:
    """Gets or makes the job that a token is to be for."""
    if data.job_name is None:
        return None
    if project_id is None:
        raise Missing("project_id", "the project of the job")
    now_ms = joblog.engine.clock_ms()
    return (await joblog.writing(joblog.engine.names.put_job, project_id, check_job_name(data.job_name), now_ms)).id


def _at_least(parameter: str, value: int | None, least: int) -> int | None:
    # A century of seconds, days or bytes fits below; what is stored must fit 64 bits also in milliseconds.
    most = MAX_ID // 10**6
    if value is not None and not least <= value <= most:
        raise OutOfRange(parameter, f"an integer from {least} to {most}, or null", value)
    return value


def _token_view(token: Token, secret: str | None) -> TokenView:
    return TokenView(
        token.id,
        token.project_id,
        token.rights.split(","),
        token.label,
        token.created_ms,
        token.expires_ms,
        token.job_id,
        secret,
    )
