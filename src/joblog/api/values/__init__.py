"""What the native API answers, as values: the words of ``docs/http-api.md`` in Python, each of them declared once.

The server makes JSON and the API's description of them, agent, SDK and command line read JSON into them. Here are those that
an agent needs; ``accounts`` and ``reading`` have what only people and their scripts ask for.

Pure: no I/O and nothing but the standard library, and of that not ``dataclasses``, which takes 10 ms to load and a millisecond
for each value: ``joblog run`` loads these.
"""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform

from joblog.api.refs import LogRef, state_of

HIDDEN = {"token", "secret"}
"""Fields that nobody is shown by the way."""


@dataclass_transform(frozen_default=True)
class Value:
    """What a frozen dataclass is: its annotations are its fields, equal fields make equal values.

    The server sends all fields but those of ``OPTIONAL``, which it leaves out rather than say null. What has a default may be
    absent for its reader, as a server that is older does not send it. ``vars`` gives the fields that were given.
    """

    FIELDS: ClassVar[tuple[str, ...]]
    OPTIONAL: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        cls.FIELDS = tuple(cls.__annotations__)

    def __init__(self, *args: Any, **given: Any) -> None:
        if not given and len(args) == len(self.FIELDS):  # as the server makes all of them
            self.__dict__.update(zip(self.FIELDS, args, strict=True))
            return
        given.update(zip(self.FIELDS, args, strict=False))
        fields = {name: given.pop(name) for name in self.FIELDS if name in given}
        missing = [name for name in self.FIELDS if name not in fields and not hasattr(type(self), name)]
        if given or missing or len(args) > len(self.FIELDS):
            raise TypeError(f"{type(self).__name__}: {missing} missing, {[*given]} not known, {len(args)} given by place")
        self.__dict__.update(fields)

    def __setattr__(self, name: str, new: object) -> None:
        raise AttributeError(f"{type(self).__name__} is not to be changed")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _all(other) == _all(self)

    def __hash__(self) -> int:
        return hash(_all(self))

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.FIELDS if name not in HIDDEN)
        return f"{type(self).__name__}({', '.join(shown)})"


def _all(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, name) for name in value.FIELDS)


class Job(Value):
    """A job of a project: a named piece of training, whose runs are its versions; ``labels`` are values by their names."""

    id: int
    project_id: str
    name: str
    created_ms: int
    description: str = ""
    workspace_id: str = "0"
    labels: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


class Version(Value):
    """One run of a job; ``name`` is ``V0001`` and so on, ``status`` as ModelArts names it: ``RUNNING``, ``FAILED`` ...

    ``title`` is what somebody calls it; ``command``, ``host``, ``user`` and ``commit`` are what it began with.
    """

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
    title: str | None = None
    command: str | None = None
    host: str | None = None
    user: str | None = None
    commit: str | None = None

    @property
    def state(self) -> str:
        """How the run is, as people say it: ``running``, ``completed``, ``failed``, ``killed``, ``lost``, ``ended`` ..."""
        return state_of(self.status)


class Reported(Value):
    """How the version is after a worker's report, and whether the worker is asked to stop."""

    status: str
    stop: bool


class RecordedGap(Value):
    """Bytes that were not kept: ``size_bytes`` of them, before position ``at_byte``, and why."""

    at_byte: int
    size_bytes: int
    reason: str
    recorded_ms: int


class Log(Value):
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
    appended_ms: int = 0
    closed_ms: int | None = None
    sealed_byte: int = 0
    gaps: tuple[RecordedGap, ...] = ()

    @property
    def ref(self) -> LogRef:
        """Returns the log's name."""
        return LogRef(self.project_id, self.job_id, self.version_id, self.task)


class Run(Value):
    """A worker of a run, as a writer gets it for its run id: job, version and its own log."""

    job: Job
    version: Version
    log: Log


class Appended(Value):
    """The log's end after an append, which is committed to disk."""

    end_byte: int
    end_line: int
