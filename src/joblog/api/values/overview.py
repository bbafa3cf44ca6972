"""Jobs and runs at a glance, as values: what a list of them shows."""

from __future__ import annotations

from joblog.api.refs import state_of
from joblog.api.values import Value


class Bar(Value):
    """How far a run is, as its own progress bar or counter says: ``fraction`` 0 to 1, null what it does not say.

    ``remaining_s`` is left of what the bar counts, ``run_remaining_s`` of the run.
    """

    label: str
    done: float | None
    total: float | None
    fraction: float | None
    remaining_s: float | None
    run_remaining_s: float | None


class RunSummary(Value):
    """A run and its logs together; last line and progress are of the log that has the newest bytes.

    ``progress`` is null where that draws no bar, and for a run that has ended. ``title`` is what somebody calls it; command,
    host, user and git commit are what it began with. ``alerts`` counts what rules have found in it, ``alert`` is the newest in
    words. ``note`` is there in a list of runs.
    """

    OPTIONAL = frozenset(("note",))

    id: int
    name: str
    job_id: int
    job_name: str
    created_ms: int
    run_id: str | None
    status: str
    reason: str | None
    expected_tasks: int | None
    started_ms: int | None
    ended_ms: int | None
    logs: int
    open_logs: int
    size_bytes: int
    appended_ms: int
    first_task: str | None
    last_task: str | None
    last_line: str
    progress: Bar | None
    title: str | None = None
    command: str | None = None
    host: str | None = None
    user: str | None = None
    commit: str | None = None
    alerts: int = 0
    alert: str | None = None
    note: str | None = None

    @property
    def state(self) -> str:
        """How the run is, as people say it: ``running``, ``completed``, ``failed``, ``killed``, ``lost``, ``ended`` ..."""
        return state_of(self.status)

    def duration_ms(self, now_ms: int) -> int | None:
        """How long it has run, until it ended or until ``now_ms``; None before it starts."""
        if self.started_ms is None:
            return None
        return max((now_ms if self.ended_ms is None else self.ended_ms) - self.started_ms, 0)


class RunPage(Value):
    """A page of runs, and how many there are in all pages; ``now_ms`` is the server's clock.

    ``next`` is what ``after`` takes for the page that follows, null where the list ends.
    """

    items: list[RunSummary]
    total: int
    now_ms: int
    next: str | None = None


class JobSummary(Value):
    """A job at a glance; ``runs`` is how many runs it has, ``last`` the latest of them."""

    id: int
    name: str
    created_ms: int
    labels: dict[str, str]
    note: str
    runs: int
    last: RunSummary | None


class JobPage(Value):
    """A page of jobs, and how many there are in all pages; ``now_ms`` is the server's clock.

    ``states`` counts the jobs by the state of their latest run, of whatever state the page's are. ``next`` is what ``after``
    takes for the page that follows: null where the list ends, and in the order of durations, which change.
    """

    items: list[JobSummary]
    total: int
    now_ms: int
    states: dict[str, int] = {}  # noqa: RUF012  # nobody writes to it
    next: str | None = None


class WrittenNote(Value):
    """What somebody wrote on a job or a run; empty where nobody has."""

    note: str
