"""Projects, tokens, users and what they may do, as values."""

from __future__ import annotations

from joblog.api.values import Value


class Project(Value):
    """A project; ``retain_days`` and ``retain_bytes`` (of stored objects) bound what is kept; null: for ever."""

    id: str
    name: str
    domain_id: str
    created_ms: int
    retain_days: int | None = None
    retain_bytes: int | None = None


class Token(Value):
    """A token as listed; ``token``, the secret itself, is null but in the answer that created it."""

    id: int
    rights: tuple[str, ...]
    project_id: str | None = None
    label: str = ""
    created_ms: int = 0
    expires_ms: int | None = None
    job_id: int | None = None
    token: str | None = None


class User(Value):
    """Somebody who logs in with a password, and whose programs sign; names are unique within a domain."""

    id: str
    name: str
    created_ms: int
    domain_id: str
    domain: str


class AccessKey(Value):
    """An access key as listed; ``secret`` is null but in the answer that created it."""

    access: str
    user_id: str
    label: str
    created_ms: int
    secret: str | None = None


class Member(Value):
    """A user's rights in a project."""

    user_id: str
    user: str
    domain: str
    project_id: str
    rights: tuple[str, ...]
    created_ms: int
