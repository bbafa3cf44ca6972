"""The native API's users, their access keys, and the members of projects. See docs/http-api.md."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from joblog.api.values.accounts import AccessKey, Member, User
from joblog.core.accounts import DEFAULT_DOMAIN, check_password
from joblog.core.names import check_name, check_project_id
from joblog.errors import Missing
from joblog.server.http.parameters import After, Limit, text
from joblog.server.http.routes import Calls
from joblog.server.native.bodies import LoginName, Password, Right, Rights
from joblog.server.native.paging import Listing
from joblog.server.state import State

calls = Calls("/api", "users")

Name = Annotated[str, text("keeps the user so named")]
DomainName = Annotated[str, text("the domain of the user that name names, 'default' by default")]


class UserRequest(Struct, forbid_unknown_fields=True):
    """A new user; the domain is made if there is none of that name. With ``rights`` it is a member of the project."""

    name: LoginName
    password: Password
    domain: LoginName = DEFAULT_DOMAIN
    project_id: str | None = None
    rights: list[Right] | None = None


class PasswordRequest(Struct, forbid_unknown_fields=True):
    """A new password."""

    password: Password


class KeyRequest(Struct, forbid_unknown_fields=True):
    """A new access key."""

    label: str = ""


class MemberRequest(Struct, forbid_unknown_fields=True):
    """What a user may do in a project; it replaces what was allowed before."""

    rights: Rights


@calls.post("/users", "admin", "Create a user")
async def create_user(joblog: State, data: UserRequest) -> User:
    """Makes a user; 409 when there is one of that name in the domain, 404 when there is no such project."""
    names = check_name("domain", data.domain), check_name("name", data.name)
    if data.rights and data.project_id is None:
        raise Missing("project_id", "the project in which the user is to have the rights")
    return await joblog.logins.hashing(
        joblog.engine.users.create_user,
        *names,
        check_password(data.password),
        joblog.engine.clock_ms(),
        project_id=None if data.project_id is None else check_project_id(data.project_id),
        rights=data.rights or (),
    )


@calls.get("/users", "admin", "List users")
async def list_users(
    joblog: State, name: Name | None = None, domain: DomainName = DEFAULT_DOMAIN, after: After = "", limit: Limit = 100
) -> Listing[User]:
    """Lists users by id; ``name`` keeps the one so named in the domain."""
    iam = joblog.engine.users
    if name is not None:
        user = await joblog.reading(iam.user_by_name, domain, name)
        return Listing([] if user is None or user.id <= after else [user], None)
    users = await joblog.reading(iam.users, after, limit)
    return Listing(users, users[-1].id if len(users) == limit else None)


@calls.put("/users/{user_id}/password", "admin", "Set a password", status=204)
async def set_user_password(joblog: State, user_id: str, data: PasswordRequest) -> None:
    """Sets a password and ends all tokens of the user; access keys stay."""
    await joblog.logins.hashing(joblog.engine.users.set_password, user_id, check_password(data.password))
    joblog.auth.forget()


@calls.delete("/users/{user_id}", "admin", "Delete a user", status=204)
async def delete_user(joblog: State, user_id: str) -> None:
    """Deletes a user, its tokens, its access keys and its memberships: at once on this node, within seconds on others."""
    await joblog.writing(joblog.engine.users.delete_user, user_id)
    joblog.auth.forget()


@calls.post("/users/{user_id}/keys", "admin", "Create an access key")
async def create_access_key(joblog: State, user_id: str, data: KeyRequest) -> AccessKey:
    """Makes an access key; its secret is in this answer only."""
    return await joblog.writing(joblog.engine.users.create_key, user_id, data.label, joblog.engine.clock_ms())


@calls.get("/users/{user_id}/keys", "admin", "List a user's access keys")
async def list_access_keys(joblog: State, user_id: str) -> Listing[AccessKey]:
    """Lists access keys, all of them, without their secrets."""
    keys = await joblog.reading(joblog.engine.users.keys, user_id)
    return Listing(keys, None)


@calls.delete("/users/{user_id}/keys/{access}", "admin", "Delete an access key", status=204)
async def delete_access_key(joblog: State, user_id: str, access: str) -> None:
    """Makes an access key worthless: at once on this node, within seconds on others."""
    await joblog.writing(joblog.engine.users.delete_key, user_id, access)
    joblog.auth.forget()


@calls.get("/projects/{project_id}/members", "admin", "List a project's members")
async def list_members(joblog: State, project_id: str, after: After = "", limit: Limit = 100) -> Listing[Member]:
    """Lists members by user id, each with its rights."""
    await joblog.reading(joblog.engine.runs.project, project_id)
    members = await joblog.reading(joblog.engine.users.members, project_id, after, limit)
    return Listing(members, members[-1].user_id if len(members) == limit else None)


@calls.put("/projects/{project_id}/members/{user_id}", "admin", "Give a user rights in a project", status=204)
async def set_member(joblog: State, project_id: str, user_id: str, data: MemberRequest) -> None:
    """Gives the user these rights, and no others."""
    await joblog.reading(joblog.engine.runs.project, project_id)
    now_ms = joblog.engine.clock_ms()
    await joblog.writing(joblog.engine.users.grant, user_id, project_id, data.rights, now_ms)
    joblog.auth.forget()


@calls.delete("/projects/{project_id}/members/{user_id}", "admin", "Take a user's rights in a project", status=204)
async def remove_member(joblog: State, project_id: str, user_id: str) -> None:
    """Takes the user's rights, and its tokens for the project: at once on this node, within seconds on others."""
    await joblog.reading(joblog.engine.runs.project, project_id)
    await joblog.writing(joblog.engine.users.revoke, user_id, project_id)
    joblog.auth.forget()
