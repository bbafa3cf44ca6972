"""The calls of ModelArts' identity service that clients make before they come to ModelArts: /v3, and the versions at /."""

from __future__ import annotations

import re
from typing import Annotated, Any

from litestar import Router, get, post
from litestar.params import Parameter
from litestar.response import Response
from litestar.types import HTTPScope

from joblog.core.accounts import DEFAULT_DOMAIN, Domain
from joblog.core.jobs import Project
from joblog.core.settings import Settings
from joblog.server.auth.bodies import LoginRequest, catalog, domain_view, project_view, token_view, version_view
from joblog.server.http.limits import address_of
from joblog.server.state import Call, State

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}", re.ASCII)

_WHERE = frozenset((b"host", b"x-forwarded-host", b"x-forwarded-proto"))

_MAX_PROJECTS = 1000

Body = dict[str, Any]
DomainId = Annotated[str | None, Parameter(description="keeps what is of this domain")]
Name = Annotated[str | None, Parameter(description="keeps what is so named")]


@get("/", summary="The versions of the identity service", tags=["identity"], security=[{}])
async def list_identity_versions(joblog: State, request: Call) -> Body:
    """Answers with the one version that there is. A browser gets the viewer in its place."""
    return {"versions": {"values": [version_view(_base(joblog, request))]}}


@get("/", summary="The version of the identity service", security=[{}])
async def get_identity_version(joblog: State, request: Call) -> Body:
    """Says which version of the identity service's calls are here, and where."""
    return {"version": version_view(_base(joblog, request))}


@post("/auth/tokens", summary="Get a token for a password, an access key or a token", security=[{}])
async def log_in(joblog: State, request: Call, data: LoginRequest) -> Response[Body]:
    """Answers with a token in the header ``X-Subject-Token``, and describes it in the body."""
    made = await joblog.logins.log_in(data, address_of(request.scope, joblog.engine.settings))
    project_id = made.scope.id if isinstance(made.scope, Project) else None
    region, base = joblog.engine.settings.region, _base(joblog, request)
    services = None if "nocatalog" in request.query_params else catalog(base, region, project_id)
    body = token_view(made.token, made.user, made.scope, made.method, services)
    return Response(body, status_code=201, headers={"X-Subject-Token": made.secret}, media_type="application/json")


@get("/projects", summary="List the projects that the caller may see")
async def list_identity_projects(joblog: State, request: Call, name: Name = None, domain_id: DomainId = None) -> Body:
    """Lists all that the user is a member of, whatever project the token is for."""
    return await _listed(joblog, request, name, domain_id)


@get("/auth/projects", summary="List the projects that the caller may log in to")
async def list_login_projects(joblog: State, request: Call, name: Name = None, domain_id: DomainId = None) -> Body:
    """Answers as `GET /v3/projects` does."""
    return await _listed(joblog, request, name, domain_id)


async def _listed(joblog: State, request: Call, name: str | None, domain_id: str | None) -> Body:
    base = _base(joblog, request)
    found = [
        project_view(each, base)
        for each in await _projects(joblog, request)
        if name in (None, each.name) and domain_id in (None, each.domain_id)
    ]
    return {"projects": found, "links": _links(request, base)}


@get("/auth/domains", summary="The caller's domain")
async def list_domains(joblog: State, request: Call, name: Name = None) -> Body:
    """Lists the one domain that the user is in."""
    base = _base(joblog, request)
    domain = await _domain(joblog, request)
    found = [domain_view(domain, base)] if name in (None, domain.name) else []
    return {"domains": found, "links": _links(request, base)}


def base_url(scope: HTTPScope, settings: Settings) -> str:
    """Returns where the client reached joblog, or what the setting says: the URLs in an answer must lead back here."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    sent = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _WHERE}
    schemes, hosts = [scope["scheme"]], [sent.get(b"host", ""), f"{settings.host}:{settings.port}"]
    client = scope.get("client")
    trusted = [each.strip() for each in settings.trusted_proxies.split(",") if each.strip()]
    if "*" in trusted or (client is not None and client[0] in trusted):
        schemes.insert(0, _first(sent.get(b"x-forwarded-proto", "")))
        hosts.insert(0, _first(sent.get(b"x-forwarded-host", "")))
    scheme = next((each for each in schemes if each in ("http", "https")), "http")
    return f"{scheme}://{next(each for each in hosts if _HOST.fullmatch(each))}"


async def _projects(joblog: State, request: Call) -> list[Project]:
    token, engine = joblog.auth.token(request.scope["headers"]), joblog.engine
    if token.user_id is not None:
        return await joblog.reading(engine.iam.projects, token.user_id)
    if not (token.may("read") or token.may("write")):
        return []  # a token that reads metrics is good for nothing else
    if token.project_id is not None:
        return [await joblog.reading(engine.names.project, token.project_id)]
    return await joblog.reading(engine.names.projects, "", _MAX_PROJECTS)


async def _domain(joblog: State, request: Call) -> Domain:
    token, iam = joblog.auth.token(request.scope["headers"]), joblog.engine.iam
    if token.user_id is None:
        return await joblog.reading(iam.domain, DEFAULT_DOMAIN)
    user = await joblog.reading(iam.user, token.user_id)
    return await joblog.reading(iam.domain, user.domain_id)


def _first(value: str) -> str:
    return value.partition(",")[0].strip()


def _base(joblog: State, request: Call) -> str:
    return base_url(request.scope, joblog.engine.settings)


def _links(request: Call, base: str) -> dict[str, str | None]:
    return {"self": base + request.scope["path"], "previous": None, "next": None}


_CALLS = [get_identity_version, log_in, list_identity_projects, list_login_projects, list_domains]
router = Router(path="/v3", route_handlers=_CALLS, tags=["identity"])
