"""The native API's users, their access keys, and the members of projects. See docs/http-api.md."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, delete, get, post, put
from litestar.params import Parameter
from msgspec import Struct

from joblog.core.accounts import DEFAULT_DOMAIN, AccessKey, Member, User, check_password
from joblog.core.names import check_name, check_project_id
from joblog.errors import Missing
from joblog.server.native.paging import After, Limit, Listing, limit_of
from joblog.server.state import Call, State

Name = Annotated[str | None, Parameter(description="keeps the user so named")]
DomainName = Annotated[str | None, Parameter(description="the domain of the user that name names, 'default' by default")]


class UserRequest(Struct, forbid_unknown_fields=True):
    """A new user; the domain is made if there is none of that name. With ``rights`` it is a member of the project."""

    name: str
    password: str
    domain: str = DEFAULT_DOMAIN
    project_id: str | None = None
    rights: list[str] | None = None


class PasswordRequest(Struct, forbid_unknown_fields=True):
    """A new password."""

    password: str


class KeyRequest(Struct, forbid_unknown_fields=True):
    """A new access key."""

    label: str = ""


class MemberRequest(Struct, forbid_unknown_fields=True):
    """What a user may do in a project; it replaces what was allowed before."""

    rights: list[str]


class MemberView(Struct):
    """What a user may do in a project."""

    user_id: str
    user: str
    domain: str
    project_id: str
    rights: list[str]
    created_ms: int


class KeyView(Struct):
    """An access key; the secret is there in the answer that made it, and never again."""

    access: str
    user_id: str
    label: str
    created_ms: int
    secret: str | None = None


class UserController(Controller):
    """Users and their access keys: for those who have the right to everything."""

    path = "/users"
    tags = ("users",)

    @post("/", summary="Create a user", status_code=200)
    async def create_user(self, joblog: State, request: Call, data: UserRequest) -> User:
        """Makes a user; 409 when there is one of that name in the domain, 404 when there is no such project."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        names = check_name("domain", data.domain), check_name("name", data.name)
        if data.rights and data.project_id is None:
            raise Missing("project_id", "the project in which the user is to have the rights")
        return await joblog.logins.hashing(
            joblog.engine.iam.create_user,
            *names,
            check_password(data.password),
            joblog.engine.clock_ms(),
            project_id=None if data.project_id is None else check_project_id(data.project_id),
            rights=data.rights or (),
        )

    @get("/", summary="List users")
    async def list_users(
        self,
        joblog: State,
        request: Call,
        name: Name = None,
        domain: DomainName = None,
        after: After = None,
        limit: Limit = None,
    ) -> Listing[User]:
        """Lists users by id; ``name`` keeps the one so named in the domain."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        size, iam = limit_of(limit), joblog.engine.iam
        if name is not None:
            user = await joblog.reading(iam.user_by_name, domain or DEFAULT_DOMAIN, name)
            return Listing([] if user is None or user.id <= (after or "") else [user], None)
        found = await joblog.reading(iam.users, after or "", size)
        return Listing(found, found[-1].id if len(found) == size else None)

    @put("/{user_id:str}/password", summary="Set a password", status_code=204)
    async def set_user_password(self, joblog: State, request: Call, user_id: str, data: PasswordRequest) -> None:
        """Sets a password and ends all tokens of the user; access keys stay."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        await joblog.logins.hashing(joblog.engine.iam.set_password, user_id, check_password(data.password))
        joblog.auth.forget()

    @delete("/{user_id:str}", summary="Delete a user", status_code=204)
    async def delete_user(self, joblog: State, request: Call, user_id: str) -> None:
        """Deletes a user, its tokens, its access keys and its memberships: at once on this node, within seconds on others."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        await joblog.writing(joblog.engine.iam.delete_user, user_id)
        joblog.auth.forget()

    @post("/{user_id:str}/keys", summary="Create an access key", status_code=200)
    async def create_access_key(self, joblog: State, request: Call, user_id: str, data: KeyRequest) -> KeyView:
        """Makes an access key; its secret is in this answer only."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        create = joblog.engine.iam.create_key
        key, secret = await joblog.writing(create, user_id, data.label, joblog.engine.clock_ms())
        return _key_view(key, secret)

    @get("/{user_id:str}/keys", summary="List a user's access keys")
    async def list_access_keys(self, joblog: State, request: Call, user_id: str) -> Listing[KeyView]:
        """Lists access keys, all of them, without their secrets."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        found = await joblog.reading(joblog.engine.iam.keys, user_id)
        return Listing([_key_view(each, None) for each in found], None)

    @delete("/{user_id:str}/keys/{access:str}", summary="Delete an access key", status_code=204)
    async def delete_access_key(self, joblog: State, request: Call, user_id: str, access: str) -> None:
        """Makes an access key worthless: at once on this node, within seconds on others."""
        joblog.auth.allowed(request.scope["headers"], "admin", None)
        await joblog.writing(joblog.engine.iam.delete_key, user_id, access)
        joblog.auth.forget()


class MemberController(Controller):
    """Who may do what in a project: for those who have the right to everything in it."""

    path = "/projects/{project_id:str}/members"
    tags = ("users",)

    @get("/", summary="List a project's members")
    async def list_members(
        self, joblog: State, request: Call, project_id: str, after: After = None, limit: Limit = None
    ) -> Listing[MemberView]:
        """Lists members by user id, each with its rights."""
        project_id = await _project(joblog, request, project_id)
        size = limit_of(limit)
        found = await joblog.reading(joblog.engine.iam.members, project_id, after or "", size)
        return Listing([_member_view(each) for each in found], found[-1].user_id if len(found) == size else None)

    @put("/{user_id:str}", summary="Give a user rights in a project", status_code=204)
    async def set_member(self, joblog: State, request: Call, project_id: str, user_id: str, data: MemberRequest) -> None:
        """Gives the user these rights, and no others."""
        project_id = await _project(joblog, request, project_id)
        now_ms = joblog.engine.clock_ms()
        await joblog.writing(joblog.engine.iam.grant, user_id, project_id, data.rights, now_ms)
        joblog.auth.forget()

    @delete("/{user_id:str}", summary="Take a user's rights in a project", status_code=204)
    async def remove_member(self, joblog: State, request: Call, project_id: str, user_id: str) -> None:
        """Takes the user's rights, and its tokens for the project: at once on this node, within seconds on others."""
        project_id = await _project(joblog, request, project_id)
        await joblog.writing(joblog.engine.iam.revoke, user_id, project_id)
        joblog.auth.forget()


async def _project(joblog: State, request: Call, project_id: str) -> str:
    """Checks the caller, then the project."""
    joblog.auth.allowed(request.scope["headers"], "admin", project_id)
    return (await joblog.reading(joblog.engine.names.project, check_project_id(project_id))).id


def _member_view(member: Member) -> MemberView:
    rights = member.rights.split(",")
    return MemberView(member.user_id, member.user, member.domain, member.project_id, rights, member.created_ms)


def _key_view(key: AccessKey, secret: str | None) -> KeyView:
    return KeyView(key.access, key.user_id, key.label, key.created_ms, secret)
