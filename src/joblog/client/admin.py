"""The SDK's calls that say who may do what: projects, tokens, users, access keys, members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from joblog.api.answers import value
from joblog.api.transport import Transport, project_path
from joblog.api.values.accounts import AccessKey, Member, Project, Token, User


class AdminCalls(Transport):
    """The part of ``Client`` for administrators. Every method raises what the server said, or Unreachable."""

    def projects(self) -> Iterator[Project]:
        """Yields the projects that the token may see."""
        return self.items(Project, "/api/projects")

    def create_project(
        self,
        project_id: str,
        *,
        name: str | None = None,
        domain: str | None = None,
        retain_days: int | None = None,
        retain_bytes: int | None = None,
    ) -> Project:
        """Gets or creates a project and sets the name and the retention that are given.

        Raises:
            Conflict: another project has the name, or the project is in another domain.
        """
        given = {"name": name, "domain": domain, "retain_days": retain_days, "retain_bytes": retain_bytes}
        body = {"id": project_id} | {key: one for key, one in given.items() if one is not None}
        return value(Project, self.call("POST", "/api/projects", body))

    # Tokens

    def create_token(
        self,
        rights: Iterable[str],
        *,
        project_id: str | None = None,
        job_name: str | None = None,
        label: str | None = None,
        expires_s: int | None = None,
    ) -> Token:
        """Creates a token; its secret is in this answer and nowhere else.

        Without ``project_id`` it is for all projects, without ``job_name`` (which is made if there is none) for all jobs.
        """
        given = {"project_id": project_id, "job_name": job_name, "label": label, "expires_s": expires_s}
        body = {"rights": list(rights)} | {key: one for key, one in given.items() if one is not None}
        return value(Token, self.call("POST", "/api/tokens", body))

    def tokens(self) -> Iterator[Token]:
        """Yields the tokens, without their secrets; those that users got by logging in are not among them."""
        return self.items(Token, "/api/tokens")

    def create_login_code(self) -> str:
        """Returns a code for ``/login#CODE`` of the viewer: it logs a browser in, once, to read what this token may read."""
        return str(self.call("POST", "/api/session/code", {})["code"])

    def revoke_token(self, token_id: int) -> None:
        """Makes a token worthless."""
        self.ask("DELETE", f"/api/tokens/{token_id}")

    # Users

    def users(self, *, name: str | None = None, domain: str | None = None) -> Iterator[User]:
        """Yields the users by id; with ``name`` the one so named, if there is one, in the domain, ``default`` by default."""
        given = {"name": name, "domain": domain}
        return self.items(User, "/api/users", {key: one for key, one in given.items() if one is not None})

    def create_user(
        self,
        name: str,
        password: str,
        *,
        domain: str = "default",
        project_id: str | None = None,
        rights: Sequence[str] = (),
    ) -> User:
        """Creates a user, and the domain if it is new; with ``rights`` it is a member of the project at once.

        Raises:
            Conflict: there is such a user.
            NotFound: there is no such project; no user is made.
        """
        body: dict[str, object] = {"name": name, "password": password, "domain": domain}
        if project_id is not None:
            body |= {"project_id": project_id, "rights": list(rights)}
        return value(User, self.call("POST", "/api/users", body))

    def set_password(self, user_id: str, password: str) -> None:
        """Sets a user's password, which ends the user's tokens."""
        self.ask("PUT", f"{_user(user_id)}/password", {"password": password})

    def delete_user(self, user_id: str) -> None:
        """Deletes a user with its tokens, access keys and memberships."""
        self.ask("DELETE", _user(user_id))

    # Access keys

    def create_key(self, user_id: str, *, label: str = "") -> AccessKey:
        """Creates an access key; its secret is in this answer and nowhere else."""
        return value(AccessKey, self.call("POST", f"{_user(user_id)}/keys", {"label": label}))

    def keys(self, user_id: str) -> Iterator[AccessKey]:
        """Yields a user's access keys, without their secrets."""
        return self.items(AccessKey, f"{_user(user_id)}/keys")

    def delete_key(self, user_id: str, access: str) -> None:
        """Makes an access key worthless."""
        self.ask("DELETE", f"{_user(user_id)}/keys/{quote(access, safe='')}")

    # Members

    def members(self, project_id: str) -> Iterator[Member]:
        """Yields a project's members."""
        return self.items(Member, _members(project_id))

    def grant(self, project_id: str, user_id: str, rights: Iterable[str]) -> None:
        """Gives a user these rights, and no others, in a project: ``read``, ``write``, ``admin``."""
        self.ask("PUT", f"{_members(project_id)}/{quote(user_id, safe='')}", {"rights": list(rights)})

    def revoke(self, project_id: str, user_id: str) -> None:
        """Takes a user's rights in a project, and its tokens for it."""
        self.ask("DELETE", f"{_members(project_id)}/{quote(user_id, safe='')}")


def _user(user_id: str) -> str:
    return f"/api/users/{quote(user_id, safe='')}"


def _members(project_id: str) -> str:
    return f"{project_path(project_id)}/members"
