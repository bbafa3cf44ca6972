"""What the native API takes, as docs/http-api.md shows it; and what it answers, of the engine's records."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from joblog.api.values import Log, RecordedGap, Version
from joblog.core import labels
from joblog.core.accounts import MAX_PASSWORD, MIN_PASSWORD, RIGHTS
from joblog.core.jobs import VersionRow
from joblog.core.labels import MAX_LABELS, MAX_VALUE
from joblog.core.logs import Head
from joblog.core.names import MAX_ID, NAME, RUN_ID
from joblog.errors import Invalid
from joblog.server.http.parameters import JOB_NAME_SCHEMA, PROJECT_SCHEMA, TASK_SCHEMA, matching
from joblog.server.state import State

MAX_GAP_BYTES = 2**48
"""256 TiB: more than any disk, and so little that a body full of gaps does not add up to more than 63 bits hold."""

_FACT_CHARACTERS = {"title": 100, "command": 1000, "host": 200, "user": 100}
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)

_REASON = re.compile(r"[ -~]{1,200}", re.ASCII)

# What fields are, for the API's description; the functions of ``core`` check that they are, and word the refusals.
ProjectId = Annotated[str, Meta(extra_json_schema=PROJECT_SCHEMA)]
JobName = Annotated[str, Meta(extra_json_schema=JOB_NAME_SCHEMA)]
RunId = Annotated[str, Meta(extra_json_schema=matching(RUN_ID))]
TaskName = Annotated[str, Meta(extra_json_schema=TASK_SCHEMA)]
LoginName = Annotated[str, Meta(extra_json_schema=matching(NAME))]
Password = Annotated[str, Meta(extra_json_schema={"minLength": MIN_PASSWORD, "maxLength": MAX_PASSWORD})]
Right = Annotated[str, Meta(extra_json_schema={"enum": list(RIGHTS)})]
Rights = Annotated[list[Right], Meta(extra_json_schema={"minItems": 1})]
LabelValue = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_VALUE})]
LabelChanges = Annotated[
    dict[str, LabelValue | None],
    Meta(extra_json_schema={"maxProperties": MAX_LABELS, "propertyNames": {"pattern": matching(labels.NAME)["pattern"]}}),
]


class ProjectRequest(Struct, forbid_unknown_fields=True):
    """Gets or creates a project; a retention that is given is set, null means for ever; a name that is given is set."""

    id: ProjectId
    name: str | None = None
    domain: str | None = None
    retain_days: int | UnsetType | None = UNSET
    retain_bytes: int | UnsetType | None = UNSET


class RunRequest(Struct, forbid_unknown_fields=True):
    """Names one worker of one run of a job."""

    job_name: JobName
    run_id: RunId | None = None
    task: TaskName = "worker-0"
    labels: LabelChanges | UnsetType = UNSET


class JobRequest(Struct, forbid_unknown_fields=True):
    """Names a job, and says which labels it is to have besides those that it has."""

    name: JobName
    labels: LabelChanges | UnsetType = UNSET


class LabelsRequest(Struct, forbid_unknown_fields=True):
    """Labels by their names; null removes one, and what is not named stays."""

    labels: LabelChanges


class VersionRequest(Struct, forbid_unknown_fields=True):
    """Names a run; without ``run_id`` it is a new one."""

    run_id: RunId | None = None


class VersionFacts(Struct, forbid_unknown_fields=True):
    """What a run is called and began with; null removes one, and what is not given stays."""

    title: str | UnsetType | None = UNSET
    command: str | UnsetType | None = UNSET
    host: str | UnsetType | None = UNSET
    user: str | UnsetType | None = UNSET
    commit: str | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        for name, most in _FACT_CHARACTERS.items():
            text = getattr(self, name)
            if isinstance(text, str) and not (0 < len(text) <= most and text.isprintable()):
                raise Invalid(name, f"1 to {most} printable characters")
        if isinstance(self.commit, str) and not _COMMIT.fullmatch(self.commit):
            raise Invalid("commit", "a commit's id in hexadecimal, 40 or 64 digits")

    @property
    def given(self) -> dict[str, str | None]:
        """What was given."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if getattr(self, name) is not UNSET}


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

    rights: Rights
    project_id: str | None = None
    job_name: str | None = None
    label: str = ""
    expires_s: int | None = None


def version_value(version: VersionRow) -> Version:
    """Returns a version as it is answered."""
    same = {name: getattr(version, name) for name in Version.FIELDS if name != "status"}
    return Version(status=version.status.name, **same)


def log_value(log: Head, gaps: Sequence[RecordedGap]) -> Log:
    """Returns a log as it is answered."""
    same = {name: getattr(log, name) for name in Log.FIELDS if name != "gaps"}
    return Log(gaps=tuple(gaps), **same)


async def read_log_value(joblog: State, log: Head) -> Log:
    """Returns a log as it is answered, with the gaps that the catalog has of it."""
    return log_value(log, await joblog.reading(joblog.engine.logs.gaps, log.id))
