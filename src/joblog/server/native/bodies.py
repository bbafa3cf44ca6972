"""The native API's bodies, as docs/http-api.md shows them."""

from __future__ import annotations

import re

from msgspec import UNSET, Struct, UnsetType, field

from joblog.core.jobs import Version
from joblog.core.logs import Gap, Log
from joblog.core.names import MAX_ID
from joblog.errors import Invalid
from joblog.server.native.cut_lines import CutLine
from joblog.server.state import State

MAX_GAP_BYTES = 2**48
"""256 TiB: more than any disk, and so little that a body full of gaps does not add up to more than 63 bits hold."""

_REASON = re.compile(r"[ -~]{1,200}", re.ASCII)


class ProjectRequest(Struct, forbid_unknown_fields=True):
    """Gets or creates a project; a retention that is given is set, null means for ever; a name that is given is set."""

    id: str
    name: str | None = None
    domain: str | None = None
    retain_days: int | UnsetType | None = UNSET
    retain_bytes: int | UnsetType | None = UNSET


class RunRequest(Struct, forbid_unknown_fields=True):
    """Names one worker of one run of a job."""

    job_name: str
    run_id: str | None = None
    task: str = "worker-0"
    labels: dict[str, str | None] | UnsetType = UNSET


class JobRequest(Struct, forbid_unknown_fields=True):
    """Names a job, and says which labels it is to have besides those that it has."""

    name: str
    labels: dict[str, str | None] | UnsetType = UNSET


class LabelsRequest(Struct, forbid_unknown_fields=True):
    """Labels by their names; null removes one, and what is not named stays."""

    labels: dict[str, str | None]


class VersionRequest(Struct, forbid_unknown_fields=True):
    """Names a run; without ``run_id`` it is a new one."""

    run_id: str | None = None


class GapRequest(Struct, forbid_unknown_fields=True):
    """Bytes that the writer did not keep, before position ``at_byte``."""

    at_byte: int
    size_bytes: int
    reason: str

    def __post_init__(self) -> None:
        if not 0 <= self.at_byte <= MAX_ID:
            raise Invalid("gaps.at_byte", "a byte position")
        if not 0 < self.size_bytes <= MAX_GAP_BYTES:
            raise Invalid("gaps.size_bytes", f"an integer from 1 to {MAX_GAP_BYTES}")
        if not _REASON.fullmatch(self.reason):
            raise Invalid("gaps.reason", "1 to 200 printable ASCII characters")


class CloseRequest(Struct, forbid_unknown_fields=True):
    """The writer's own account: how many bytes it wrote, their CRC-32, what it did not keep."""

    end_byte: int | None = None
    crc32: int | None = None
    gaps: list[GapRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.end_byte is not None and not 0 <= self.end_byte <= MAX_ID:
            raise Invalid("end_byte", "a byte position")
        if self.crc32 is not None and not 0 <= self.crc32 < 2**32:
            raise Invalid("crc32", "an integer from 0 to 4294967295")


class TokenRequest(Struct, forbid_unknown_fields=True):
    """What a new token may do; without a project, in all; without a job, to all in it; without ``expires_s``, for ever."""

    rights: list[str]
    project_id: str | None = None
    job_name: str | None = None
    label: str = ""
    expires_s: int | None = None


class VersionView(Struct):
    """A version, its name, and how it is."""

    id: int
    job_id: int
    name: str
    number: int
    uuid: str
    run_id: str | None
    created_ms: int
    status: str
    reason: str | None
    expected_tasks: int | None
    started_ms: int | None
    ended_ms: int | None
    stop_ms: int | None


class LogView(Struct):
    """A log's status."""

    project_id: str
    job_id: int
    version_id: int
    task: str
    log_file: str
    created_ms: int
    appended_ms: int
    start_byte: int
    start_line: int
    sealed_byte: int
    end_byte: int
    end_line: int
    partial_byte: int
    crc32: int
    closed: bool
    closed_ms: int | None
    complete: bool | None
    gaps: list[Gap]


class LinesView(Struct):
    """The lines ``[start_line, end_line)``, which are the bytes ``[start_byte, end_byte)``; cuts and times if asked for."""

    start_line: int
    end_line: int
    start_byte: int
    end_byte: int
    lines: int
    content: str
    cuts: list[CutLine] | UnsetType = UNSET
    times_ms: list[int] | UnsetType = UNSET


class TokenView(Struct):
    """A token; the secret is there in the answer that made it, and never again."""

    id: int
    project_id: str | None
    rights: list[str]
    label: str
    created_ms: int
    expires_ms: int | None
    job_id: int | None = None
    token: str | None = None


def version_view(version: Version) -> VersionView:
    """Renders a version."""
    same = {name: getattr(version, name) for name in VersionView.__struct_fields__ if name != "status"}
    return VersionView(status=version.status.name, **same)


def log_view(log: Log, gaps: list[Gap]) -> LogView:
    """Renders a log."""
    same = {name: getattr(log, name) for name in LogView.__struct_fields__ if name != "gaps"}
    return LogView(**same, gaps=gaps)


async def read_log_view(joblog: State, log: Log) -> LogView:
    """Renders a log with the gaps that the catalog has of it."""
    return log_view(log, await joblog.reading(joblog.engine.logs.gaps, log.id))
