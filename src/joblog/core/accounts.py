"""Who may do what: users, their keys and tokens, as frozen values, and the rules for what they say."""

from __future__ import annotations

from msgspec import Struct

from joblog.errors import Invalid


class Grant(Struct, frozen=True):
    """What a token may do, which ``api/values`` lists as a ``Token``. The secret itself is not kept, only its SHA-256.

    ``project_id`` None: every project, or, for a user's token, none at all: it is good for the user's domain.
    ``job_id`` None: every job.
    """

    id: int
    project_id: str | None
    rights: str
    label: str
    created_ms: int
    expires_ms: int | None
    job_id: int | None = None
    user_id: str | None = None

    def may(self, right: str) -> bool:
        """Whether the token has ``right``: one of RIGHTS; ``admin`` has them all."""
        rights = self.rights.split(",")
        return right in rights or "admin" in rights


class Domain(Struct, frozen=True):
    """Within it names of projects and of users are unique."""

    id: str
    name: str
    created_ms: int


RIGHTS = ("read", "write", "metrics", "admin")
"""``metrics`` is for whoever watches the server, and shows no log."""


DEFAULT_DOMAIN = "default"
"""The domain of whatever names none: its id and its name."""

MIN_PASSWORD, MAX_PASSWORD = 8, 128
"""Characters."""


def check_rights(rights: list[str]) -> str:
    """Returns the rights as they are kept, in one order, a comma between; raises Invalid."""
    if not rights or not set(rights) <= set(RIGHTS):
        raise Invalid("rights", f"a list of some of {', '.join(RIGHTS)}", rights)
    return ",".join(right for right in RIGHTS if right in rights)


def check_label(label: str) -> str:
    """Returns what somebody says a thing is for, 200 characters at most; raises Invalid."""
    if len(label) > 200:
        raise Invalid("label", "at most 200 characters")
    if not label.isprintable():
        raise Invalid("label", "of printable characters")
    return label


def check_password(password: str) -> str:
    """Returns a password that may be set; raises Invalid, which does not show it."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise Invalid("password", f"{MIN_PASSWORD} to {MAX_PASSWORD} characters")
    if not password.isprintable():
        raise Invalid("password", "of printable characters")
    return password
