"""The identity service's bodies, as Huawei's and OpenStack's clients send and read them. What is not known is ignored."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from joblog.api.values.accounts import Project, User
from joblog.core.accounts import Domain, Grant

VERSION = "v3.14"


class Ref(Struct):
    """Something by its id or by its name."""

    id: str | None = None
    name: str | None = None


class ProjectRef(Struct):
    """A project by its id, or by its name in a domain."""

    id: str | None = None
    name: str | None = None
    domain: Ref | None = None


class PasswordUser(Struct):
    """A user by its id, or by its name in a domain, and the password."""

    password: str
    id: str | None = None
    name: str | None = None
    domain: Ref | None = None


class PasswordMethod(Struct):
    """``password``."""

    user: PasswordUser


class KeyPart(Struct):
    """One half of an access key."""

    key: str


class KeyMethod(Struct):
    """``hw_ak_sk``."""

    access: KeyPart
    secret: KeyPart


class TokenMethod(Struct):
    """``token``: a token in exchange for one of another scope."""

    id: str


class Identity(Struct):
    """Who logs in, and how: the method that ``methods`` names."""

    methods: list[str]
    password: PasswordMethod | None = None
    hw_ak_sk: KeyMethod | None = None
    token: TokenMethod | None = None


class Scope(Struct):
    """What the token is for: a project or, when none is named, the user's domain."""

    project: ProjectRef | None = None
    domain: Ref | None = None


class Login(Struct):
    """Who, and for what."""

    identity: Identity
    scope: Scope | None = None


class LoginRequest(Struct):
    """``POST /v3/auth/tokens``."""

    auth: Login


def version_view(base: str) -> dict[str, Any]:
    """Describes the one version there is."""
    return {"id": VERSION, "status": "stable", "links": [{"rel": "self", "href": f"{base}/v3/"}]}


def token_view(
    token: Grant, user: User, scope: Project | Domain, method: str, catalog: Sequence[dict[str, Any]] | None
) -> dict[str, Any]:
    """Describes a token; the catalogue is left out when it is None."""
    domain = {"id": user.domain_id, "name": user.domain}
    view: dict[str, Any] = {
        "methods": [method],
        "issued_at": shown_time(token.created_ms),
        "expires_at": shown_time(token.expires_ms or 0),
        "user": {"id": user.id, "name": user.name, "domain": domain, "password_expires_at": ""},
        "roles": [{"id": right, "name": right} for right in token.rights.split(",") if right],
    }
    if isinstance(scope, Project):
        view["project"] = {"id": scope.id, "name": scope.name, "domain": domain}
    else:
        view["domain"] = {"id": scope.id, "name": scope.name}
    if catalog is not None:
        view["catalog"] = list(catalog)
    return {"token": view}


def catalog(base: str, region: str, project_id: str | None) -> list[dict[str, Any]]:
    """Returns the services: the identity service, and ModelArts at the URLs that are the project's."""
    services = [_service("identity", "iam", f"{base}/v3", region)]
    if project_id is not None:
        services += [_service(f"modelarts{v}", "modelarts", f"{base}/{v}/{project_id}", region) for v in ("v1", "v2")]
    return services


def _service(kind: str, name: str, url: str, region: str) -> dict[str, Any]:
    endpoint = {"interface": "public", "region": region, "region_id": region, "url": url, "id": _id(url)}
    return {"type": kind, "name": name, "id": _id(f"{kind} {region}"), "endpoints": [endpoint]}


def _id(text: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, text).hex


def project_view(project: Project, base: str) -> dict[str, Any]:
    """Describes a project; joblog's stand all beside each other, below their domain."""
    return {
        "id": project.id,
        "name": project.name,
        "domain_id": project.domain_id,
        "parent_id": project.domain_id,
        "is_domain": False,
        "enabled": True,
        "description": "",
        "links": {"self": f"{base}/v3/projects/{project.id}"},
    }


def domain_view(domain: Domain, base: str) -> dict[str, Any]:
    """Describes a domain."""
    links = {"self": f"{base}/v3/domains/{domain.id}"}
    return {"id": domain.id, "name": domain.name, "enabled": True, "description": "", "links": links}


def shown_time(time_ms: int) -> str:
    """Returns a time as the identity service shows it, which clients take apart: ``2019-02-13T06:52:13.855000Z``."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
