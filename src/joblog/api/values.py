"""What the native API answers, as values: the words of ``docs/http-api.md`` in Python.

Pure: no I/O and nothing but the standard library, so that agent and SDK share it. Named tuples: ``joblog run`` loads these, and
a frozen dataclass takes ten times as long to make. A server may be newer than its clients, so fields that are not known here
are ignored; a field that is needed and absent means that it was not joblog that answered.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, TypeVar

from joblog import errors
from joblog.api.refs import Gap, LogRef, printable

MESSAGE_CHARACTERS = 1000
"""Most that is shown of a server's message."""

Value = TypeVar("Value")


class Job(NamedTuple):
    """A job of a project, which has one version per run; ``labels`` are values by their names."""

    id: int
    project_id: str
    name: str
    created_ms: int
    labels: dict[str, str] = {}  # noqa: RUF012 - of an older server; nobody changes it


class Version(NamedTuple):
    """One run of a job; ``name`` is ``V0001`` and so on, ``status`` as ModelArts names it: ``RUNNING``, ``FAILED`` ..."""

    id: int
    job_id: int
    name: str
    number: int
    uuid: str
    created_ms: int
    run_id: str | None = None
    status: str = "UNKNOWN"
    reason: str | None = None
    expected_tasks: int | None = None
    started_ms: int | None = None
    ended_ms: int | None = None
    stop_ms: int | None = None


class Reported(NamedTuple):
    """How the version is after a worker's report, and whether the worker is asked to stop."""

    status: str
    stop: bool


class Log(NamedTuple):
    """The status of a log: ``[start_byte, end_byte)`` is held, ``crc32`` is of all bytes from 0 to ``end_byte``."""

    project_id: str
    job_id: int
    version_id: int
    task: str
    log_file: str
    created_ms: int
    start_byte: int
    start_line: int
    end_byte: int
    end_line: int
    partial_byte: int
    crc32: int
    closed: bool
    complete: bool | None = None
    appended_ms: int | None = None
    closed_ms: int | None = None
    sealed_byte: int = 0
    gaps: tuple[Gap, ...] = ()

    @property
    def ref(self) -> LogRef:
        """Returns the log's name."""
        return LogRef(self.project_id, self.job_id, self.version_id, self.task)


class Run(NamedTuple):
    """What a writer gets for its run id: job, version and its own log."""

    job: Job
    version: Version
    log: Log


class Appended(NamedTuple):
    """The log's end after an append, which is committed to disk."""

    end_byte: int
    end_line: int


def value(kind: type[Value], answer: object) -> Value:
    """Returns ``answer``, a decoded JSON object, as a ``kind``.

    Raises:
        Unreachable: it does not have the shape of a ``kind``, so something else than joblog answered.
    """
    if not isinstance(answer, dict):
        raise errors.Unreachable(f"the answer is not a joblog {kind.__name__}")
    known = kind.__annotations__.keys() & answer.keys()
    try:
        return kind(**{name: _nested(name, answer[name]) for name in known})
    except TypeError as error:
        raise errors.Unreachable(f"the answer is not a joblog {kind.__name__}: {error}") from error


def _nested(name: str, found: Any) -> Any:
    inner = _NESTED.get(name)
    if inner is not None:
        return value(inner, found)
    if isinstance(found, list):
        return tuple(value(Gap, one) if name == "gaps" else one for one in found)
    return found


_NESTED: dict[str, type[Job] | type[Version] | type[Log]] = {"job": Job, "version": Version, "log": Log}


def decoded(body: bytes) -> Any:
    """Returns the JSON in ``body``.

    Raises:
        Unreachable: there is none, so something else than joblog answered (a proxy's page, say).
    """
    try:
        return json.loads(body)
    except ValueError as error:
        raise errors.Unreachable("the answer is not joblog's: no JSON") from error


def failure(status: int, body: bytes) -> errors.JoblogError:
    """Returns the exception for an answer of HTTP ``status`` outside 200-299.

    A native error body gives the class with its ``code``. Without one it was not joblog that answered but something in
    between: 413, 429 and 503 keep their meaning, any other 5xx means that the server is away (``Unreachable``: the
    call may or may not have been taken), the rest is a plain ``JoblogError``.
    """
    try:
        told = json.loads(body)["error"]
        code, message = str(told["code"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        told, code, message = {}, "", f"HTTP {status}, without a reason that joblog understands"
    message = printable(message[:MESSAGE_CHARACTERS])  # people read it on a terminal
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status) or (errors.Unreachable if status >= 500 else errors.JoblogError)
    # The words are the server's, so the class's own __init__, which makes them, is passed over.
    error = kind.__new__(kind, message)
    for owner, name, default in _DETAILS:
        if isinstance(error, owner):
            setattr(error, name, told.get(name, default))
    return error


def _tree(kind: type[errors.JoblogError]) -> list[type[errors.JoblogError]]:
    return [kind] + [one for child in kind.__subclasses__() for one in _tree(child)]


_BY_CODE = {kind.code: kind for kind in _tree(errors.JoblogError)}
_BY_STATUS: dict[int, type[errors.JoblogError]] = {413: errors.TooLarge, 429: errors.Busy, 503: errors.Busy}
_DETAILS: tuple[tuple[type[errors.JoblogError], str, object], ...] = (
    (errors.Invalid, "parameter", ""),
    (errors.Conflict, "expected", None),
    (errors.NotFound, "kind", ""),
    (errors.TooLarge, "limit_bytes", 0),
)
