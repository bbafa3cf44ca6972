"""What runs in a project, as rows of the catalog: the runs of jobs (versions), the runs' workers (tasks).

They have statuses and numbers to decide by; ``api/values`` has what is answered of them, in words.
"""

from __future__ import annotations

from msgspec import Struct

from joblog.core.status import Status


class VersionRow(Struct, frozen=True):
    """A row of one run of a job. ``number`` counts from 1 within the job; ``uuid`` is its id in ModelArts' v2 calls.

    ``expected_tasks`` is how many workers it has in all, None while nobody has said. ``stop_ms``: when it was asked to stop.
    ``title`` is what somebody calls it; ``command``, ``host``, ``user`` and ``commit`` are what it began with.
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
    title: str | None = None
    command: str | None = None
    host: str | None = None
    user: str | None = None
    commit: str | None = None

    @property
    def name(self) -> str:
        """``V0001``, ``V0002`` ..."""
        return f"V{self.number:04d}"

    def duration_ms(self, now_ms: int) -> int:
        """How long it has run, until it ended or until now; 0 before it starts."""
        if self.started_ms is None:
            return 0
        return max((now_ms if self.ended_ms is None else self.ended_ms) - self.started_ms, 0)


class TaskRow(Struct, frozen=True):
    """A row of how a worker is, as it said itself: ``exit_code`` and ``signal`` (``SIGKILL``) once it has ended.

    ``seen_ms`` is when it was last heard of, ``starts`` how often it has begun, ``terminal_rows`` how high the terminal is
    that its program writes to, None where that is none.
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
    terminal_rows: int | None = None

    @property
    def name(self) -> str:
        """``worker-0``, ``worker-1`` ..."""
        return f"worker-{self.worker}"
