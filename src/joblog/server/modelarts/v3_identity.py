"""The calls of ModelArts' identity service that clients make before they come to ModelArts: /v3, and the versions at /."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from joblog.api.values.accounts import Project
from joblog.core.accounts import DEFAULT_DOMAIN, Domain
from joblog.server.auth.bodies import LoginRequest, catalog, domain_view, project_view, token_view, version_view
from joblog.server.http.answers import Answer
from joblog.server.http.base_url import base_url
from joblog.server.http.limits import address_of
from joblog.server.http.parameters import text
from joblog.server.http.routes import KNOWN, OPEN, Call, Calls
from joblog.server.state import State

_MAX_PROJECTS = 1000

Body = dict[str, Any]
DomainId = Annotated[str, text("keeps what is of this domain")]
Name = Annotated[str, text("keeps what is so named")]

calls = Calls("", "identity")


@calls.get("/", OPEN, "The versions of the identity service")
async def list_identity_versions(joblog: State, call: Call) -> Body:
    """Answers with the one version that there is. A browser gets the viewer in its place."""
    return {"versions": {"values": [version_view(_base(joblog, call))]}}


@calls.get("/v3", OPEN, "The version of the identity service")
async def get_identity_version(joblog: State, call: Call) -> Body:
    """Says which version of the identity service's calls are here, and where."""
    return {"version": version_view(_base(joblog, call))}


@calls.post("/v3/auth/tokens", OPEN, "Get a token for a password, an access key or a token", status=201, answer=Body)
async def log_in(joblog: State, call: Call, data: LoginRequest) -> Answer:
    """Answers with a token in the header ``X-Subject-Token``, and describes it in the body."""
    made = await joblog.logins.log_in(data, address_of(call.scope, joblog.engine.settings))
    project_id = made.scope.id if isinstance(made.scope, Project) else None
    region, base = joblog.engine.settings.region, _base(joblog, call)
    services = None if "nocatalog" in call.query else catalog(base, region, project_id)
    body = token_view(made.token, made.user, made.scope, made.method, services)
    return Answer(201, msgspec.json.encode(body), [(b"x-subject-token", made.secret.encode())])


@calls.get("/v3/projects", KNOWN, "List the projects that the caller may see")
async def list_identity_projects(joblog: State, call: Call, name: Name = "", domain_id: DomainId = "") -> Body:
    """Lists all that the user is a member of, whatever project the token is for."""
    return await _listed(joblog, call, name, domain_id)


@calls.get("/v3/auth/projects", KNOWN, "List the projects that the caller may log in to")
async def list_login_projects(joblog: State, call: Call, name: Name = "", domain_id: DomainId = "") -> Body:
    """Answers as `GET /v3/projects` does."""
    return await _listed(joblog, call, name, domain_id)


async def _listed(joblog: State, call: Call, name: str, domain_id: str) -> Body:
    base = _base(joblog, call)
    rows = [
        project_view(each, base)
        for each in await _projects(joblog, call)
        if name in ("", each.name) and domain_id in ("", each.domain_id)
    ]
    return {"projects": rows, "links": _links(call, base)}


@calls.get("/v3/auth/domains", KNOWN, "The caller's domain")
async def list_domains(joblog: State, call: Call, name: Name = "") -> Body:
    """Lists the one domain that the user is in."""
    base = _base(joblog, call)
    domain = await _domain(joblog, call)
    domains = [domain_view(domain, base)] if name in ("", domain.name) else []
    return {"domains": domains, "links": _links(call, base)}


async def _projects(joblog: State, call: Call) -> list[Project]:
    token, engine = joblog.auth.token(call.headers), joblog.engine
    if token.user_id is not None:
        return await joblog.reading(engine.users.projects, token.user_id)
    if not (token.may("read") or token.may("write")):
        return []  # a token that reads metrics is good for nothing else
    if token.project_id is not None:
        return [await joblog.reading(engine.runs.project, token.project_id)]
    return await joblog.reading(engine.runs.projects, "", _MAX_PROJECTS)


async def _domain(joblog: State, call: Call) -> Domain:
    token, iam = joblog.auth.token(call.headers), joblog.engine.users
    if token.user_id is None:
        return await joblog.reading(iam.domain, DEFAULT_DOMAIN)
    user = await joblog.reading(iam.user, token.user_id)
    return await joblog.reading(iam.domain, user.domain_id)


def _base(joblog: State, call: Call) -> str:
    return base_url(call.scope, joblog.engine.settings)


def _links(call: Call, base: str) -> dict[str, str | None]:
    return {"self": base + call.scope["path"], "previous": None, "next": None}
