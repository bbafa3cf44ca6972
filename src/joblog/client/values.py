"""What only people and their scripts ask for, as values; ``joblog.api.values`` has what agents need as well."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Project:
    """A project; ``retain_days`` and ``retain_bytes`` are None where logs are kept for ever."""

    id: str
    created_ms: int
    retain_days: int | None = None
    retain_bytes: int | None = None
    name: str = ""
    domain_id: str = ""


@dataclass(frozen=True)
class Task:
    """How a worker is, as it said: ``exit_code`` and ``signal`` (``SIGKILL``) once it has ended."""

    task: str
    status: str
    started_ms: int
    seen_ms: int
    exit_code: int | None = None
    signal: str | None = None
    reason: str | None = None
    host: str | None = None
    ended_ms: int | None = None
    starts: int = 1


@dataclass(frozen=True)
class Lines:
    """The lines ``[start_line, end_line)``, which are the bytes ``[start_byte, end_byte)``, decoded for reading."""

    start_line: int
    end_line: int
    start_byte: int
    end_byte: int
    content: str


@dataclass(frozen=True)
class Token:
    """A token as listed; ``token``, the secret itself, is None except in the answer that created it."""

    id: int
    rights: tuple[str, ...]
    project_id: str | None = None
    label: str | None = None
    created_ms: int | None = None
    expires_ms: int | None = None
    job_id: int | None = None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class User:
    """Somebody who logs in with a password; names are unique within a domain."""

    id: str
    name: str
    domain_id: str
    domain: str
    created_ms: int


@dataclass(frozen=True)
class AccessKey:
    """An access key as listed; ``secret`` is None except in the answer that created it."""

    access: str
    user_id: str
    label: str
    created_ms: int
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Member:
    """A user's rights in a project."""

    user_id: str
    user: str
    domain: str
    project_id: str
    rights: tuple[str, ...]
    created_ms: int
