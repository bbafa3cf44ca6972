"""The things joblog keeps, as frozen values, and the rules that their names follow.

A value is parsed once, at the edge, by the functions below; inside, a ``Log`` is a ``Log``. Ids are positive and below
2**63 because ModelArts' clients hold them in signed 64-bit integers.
"""

from __future__ import annotations

import re

from msgspec import Struct

from joblog.errors import Invalid, Missing, OutOfRange
from joblog.segment import decode_frame
from joblog.status import Status

MAX_ID = 2**63 - 1
MAX_WORKER = 999_999

_PROJECT_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_JOB_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_RUN_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}", re.ASCII)
_TASK = re.compile(r"worker-(0|[1-9][0-9]{0,5})", re.ASCII)
_LOG_FILE = re.compile(r"job-[a-z0-9-]{1,64}\.(0|[1-9][0-9]{0,5})", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
# Longer than any number joblog knows, so that no digit string costs more than its length to read.
_MAX_DIGITS = 20


class Project(Struct, frozen=True):
    """A tenant. ``retain_days`` and ``retain_bytes`` (of stored objects) bound what is kept; None: for ever."""

    id: str
    name: str
    domain_id: str
    created_ms: int
    retain_days: int | None
    retain_bytes: int | None


class Job(Struct, frozen=True):
    """A named piece of training; its runs are its versions."""

    id: int
    project_id: str
    name: str
    created_ms: int
    description: str = ""
    workspace_id: str = "0"
    labels: dict[str, str] = {}


class Version(Struct, frozen=True):
    """One run of a job. ``number`` counts from 1 within the job; ``uuid`` is its id in ModelArts' v2 calls.

    ``expected_tasks`` is how many workers it has in all, None while nobody has said. ``stop_ms``: when it was asked to stop.
    """

    id: int
    job_id: int
    number: int
    uuid: str
    run_id: str | None
    created_ms: int
    status: Status
    reason: str | None
    expected_tasks: int | None
    started_ms: int | None
    ended_ms: int | None
    stop_ms: int | None

    @property
    def name(self) -> str:
        """``V0001``, ``V0002`` ..."""
        return f"V{self.number:04d}"

    def duration_ms(self, now_ms: int) -> int:
        """How long it has run, until it ended or until now; 0 before it starts."""
        if self.started_ms is None:
            return 0
        return max((now_ms if self.ended_ms is None else self.ended_ms) - self.started_ms, 0)


class Task(Struct, frozen=True):
    """How a worker is, as it said itself: ``exit_code`` and ``signal`` (``SIGKILL``) once it has ended.

    ``seen_ms`` is when it was last heard of, ``starts`` how often it has begun.
    """

    worker: int
    status: Status
    exit_code: int | None
    signal: str | None
    reason: str | None
    host: str | None
    started_ms: int
    seen_ms: int
    ended_ms: int | None
    starts: int

    @property
    def name(self) -> str:
        """``worker-0``, ``worker-1`` ..."""
        return f"worker-{self.worker}"


class Log(Struct, frozen=True):
    """One worker's bytes: where they begin and end, and where they are.

    ``[start_byte, sealed_byte)`` is in segments, ``[sealed_byte, end_byte)`` in chunks. A ``..._line`` is the number of
    newlines before the ``..._byte`` beside it. ``partial_byte`` is where the unfinished last line begins, ``end_byte``
    when there is none. ``crc32`` is of all bytes from 0 to ``end_byte``, those no longer held among them.
    """

    id: int
    project_id: str
    job_id: int
    version_id: int
    worker: int
    log_file: str
    created_ms: int
    appended_ms: int
    start_byte: int
    start_line: int
    sealed_byte: int
    sealed_line: int
    end_byte: int
    end_line: int
    partial_byte: int
    crc32: int
    closed_ms: int | None
    claimed_bytes: int | None
    claimed_crc32: int | None
    lost_bytes: int
    fresh_segments: int

    @property
    def task(self) -> str:
        """``worker-0``, ``worker-1`` ..."""
        return f"worker-{self.worker}"

    @property
    def closed(self) -> bool:
        """Whether nothing more can be added."""
        return self.closed_ms is not None

    @property
    def complete(self) -> bool | None:
        """Whether the writer's count and checksum agree and nothing was dropped; None until the writer has said."""
        if self.claimed_bytes is None or self.claimed_crc32 is None:
            return None
        return (self.claimed_bytes, self.claimed_crc32, self.lost_bytes) == (self.end_byte, self.crc32, 0)

    @property
    def last_line(self) -> int:
        """The number of lines that can be read: an unfinished one counts once the log is closed."""
        unfinished = max(self.partial_byte, self.start_byte) < self.end_byte
        return self.end_line + (1 if self.closed and unfinished else 0)


class Chunk(Struct, frozen=True):
    """A row of a log's tail: bytes from ``start_byte``, after ``start_line`` newlines.

    ``stored`` is a zstd frame when it is shorter than the bytes.
    """

    start_byte: int
    end_byte: int
    start_line: int
    end_line: int
    appended_ms: int
    stored: bytes

    @property
    def is_frame(self) -> bool:
        """Whether the bytes are compressed."""
        return len(self.stored) < self.end_byte - self.start_byte

    def data(self) -> bytes:
        """Returns the bytes; raises Damaged."""
        return decode_frame(self.stored, self.end_byte - self.start_byte) if self.is_frame else self.stored


class Segment(Struct, frozen=True):
    """A sealed object and the index of its frames (see ``joblog.segment``)."""

    log_id: int
    start_byte: int
    end_byte: int
    start_line: int
    end_line: int
    object_key: str
    object_bytes: int
    level: int
    first_ms: int
    last_ms: int
    index: bytes


class Gap(Struct, frozen=True):
    """Bytes that were not kept: ``size_bytes`` of them, before position ``at_byte``, and why."""

    at_byte: int
    size_bytes: int
    reason: str
    recorded_ms: int


class Token(Struct, frozen=True):
    """What a token may do. The secret itself is not kept, only its SHA-256.

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
        held = self.rights.split(",")
        return right in held or "admin" in held


class Domain(Struct, frozen=True):
    """Within it names of projects and of users are unique."""

    id: str
    name: str
    created_ms: int


class User(Struct, frozen=True):
    """Somebody who logs in with a password, and whose programs sign with access keys."""

    id: str
    name: str
    created_ms: int
    domain_id: str
    domain: str


class Member(Struct, frozen=True):
    """A user's rights in a project."""

    user_id: str
    user: str
    domain: str
    project_id: str
    rights: str
    created_ms: int


class AccessKey(Struct, frozen=True):
    """What a user's programs sign with, without its secret."""

    access: str
    user_id: str
    label: str
    created_ms: int


RIGHTS = ("read", "write", "metrics", "admin")
"""``metrics`` is for whoever watches the server, and shows no log."""

DEFAULT_DOMAIN = "default"
"""The domain of whatever names none: its id and its name."""


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


def check_name(parameter: str, value: str) -> str:
    """Returns a legal name of a user, a domain or a project; raises Invalid."""
    return _checked(_NAME, parameter, "1 to 64 letters, digits, _, -, . and @, the first a letter or a digit", value)


def check_password(password: str) -> str:
    """Returns a password that may be set; raises Invalid, which does not show it."""
    if not 8 <= len(password) <= 128:
        raise Invalid("password", "8 to 128 characters")
    if not password.isprintable():
        raise Invalid("password", "of printable characters")
    return password


def check_project_id(value: str) -> str:
    """Returns a legal project id; raises Invalid."""
    return _checked(_PROJECT_ID, "project_id", "1 to 64 letters, digits and hyphens", value)


def check_job_name(value: str) -> str:
    """Returns a legal job name; raises Invalid."""
    return _checked(_JOB_NAME, "job_name", "1 to 64 of A-Z, a-z, 0-9, _ and -", value)


def check_run_id(value: str) -> str:
    """Returns a legal run id; raises Invalid."""
    return _checked(_RUN_ID, "run_id", "1 to 128 printable ASCII characters without blanks", value)


def flag(parameter: str, text: str | None) -> bool:
    """Returns whether ``text`` is ``true``, which none and an empty one are not; raises Invalid unless it is ``false`` then."""
    if text not in (None, "", "true", "false"):
        raise Invalid(parameter, "true or false", text)
    return text == "true"


def integer(parameter: str, text: str, low: int, high: int, allowed: str) -> int:
    """Returns the integer that ``text`` spells, ``low`` to ``high``; raises Invalid, OutOfRange."""
    if not _INTEGER.fullmatch(text):
        raise Invalid(parameter, allowed, text)
    number = int(text[:_MAX_DIGITS])
    if len(text) > _MAX_DIGITS or not low <= number <= high:
        raise OutOfRange(parameter, allowed, text)
    return number


def check_id(parameter: str, text: str) -> int:
    """Returns the job or version id that ``text`` spells: 1 to 2**63 - 1; raises Invalid, OutOfRange."""
    return integer(parameter, text, 1, MAX_ID, f"an integer from 1 to {MAX_ID}")


def worker_of_task(task: str) -> int:
    """Returns N of ``worker-N``; raises Invalid."""
    match = _TASK.fullmatch(task)
    if match is None:
        raise Invalid("task", f"worker-0 to worker-{MAX_WORKER}", task)
    return int(match[1])


def worker_of_log_file(log_file: str) -> int | None:
    """Returns N of ``job-<name>.N``, or None when it cannot be the name of a log file."""
    match = _LOG_FILE.fullmatch(log_file)
    return None if match is None else int(match[1])


def log_file_name(job_name: str, worker: int) -> str:
    """Names a worker's log as ModelArts does: job ``jobtest_TF``, worker 0 is ``job-jobtest-tf.0``."""
    return f"job-{job_name.lower().replace('_', '-')}.{worker}"


def _checked(pattern: re.Pattern[str], parameter: str, allowed: str, value: str) -> str:
    if not value:
        raise Missing(parameter, allowed)
    if not pattern.fullmatch(value):
        raise Invalid(parameter, allowed, value)
    return value
