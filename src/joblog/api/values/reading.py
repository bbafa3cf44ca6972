"""What is read of logs, and how their writers are, as values; views have theirs in ``joblog.views.values``."""

from __future__ import annotations

from joblog.api.values import Value


class Task(Value):
    """How a worker is, as it said: ``exit_code`` and ``signal`` (``SIGKILL``) once it has ended.

    ``seen_ms`` is when it was last heard of, ``starts`` how often it has begun.
    """

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


class CutLine(Value):
    """A line that was cut, and which bytes it is, its newline not among them."""

    line: int
    start_byte: int
    end_byte: int


class Lines(Value):
    """The lines ``[start_line, end_line)``, which are the bytes ``[start_byte, end_byte)``, decoded for reading.

    ``cuts`` and ``times_ms`` (when each line arrived) are there where they were asked for.
    """

    OPTIONAL = frozenset(("cuts", "times_ms"))

    start_line: int
    end_line: int
    start_byte: int
    end_byte: int
    lines: int
    content: str
    cuts: tuple[CutLine, ...] | None = None
    times_ms: tuple[int, ...] | None = None


class Proof(Value):
    """What a log's completeness is judged by; ``claimed_...`` is what the writer counted, null where it has not said.

    ``segments`` objects, ``object_bytes`` in all, hold the bytes before ``sealed_byte``, the catalog those behind it.
    """

    start_byte: int
    end_byte: int
    sealed_byte: int
    crc32: int
    claimed_bytes: int | None
    claimed_crc32: int | None
    segments: int
    object_bytes: int
