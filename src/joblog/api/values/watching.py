"""Rules, what they have found, and who was told, as values."""

from __future__ import annotations

from joblog.api.values import Value


class WatchRule(Value):
    """A rule of a project. Of its parameters those are there that it was made with; ``notify`` hides what is secret.

    ``muted_ms`` is until when it tells nobody, 0 where it does.
    """

    OPTIONAL = frozenset(
        (
            *("job", "quiet", "pattern", "count", "within_s", "until", "start_s", "every_s", "silent_s", "no_step_s", "metric"),
            *("above", "at_least", "below", "at_most", "equals", "no_better_for", "goal", "points", "longer_than_s"),
        )
    )

    id: int
    project_id: str
    name: str
    kind: str
    created_ms: int
    muted_ms: int
    notify: tuple[str, ...]
    labels: tuple[str, ...] = ()
    stop: bool = False
    regex: bool = False
    ignore_case: bool = False
    not_finite: bool = False
    states: tuple[str, ...] = ()
    job: str | None = None
    quiet: str | None = None
    pattern: str | None = None
    count: int | None = None
    within_s: float | None = None
    until: str | None = None
    start_s: float | None = None
    every_s: float | None = None
    silent_s: float | None = None
    no_step_s: float | None = None
    metric: str | None = None
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    equals: float | None = None
    no_better_for: int | None = None
    goal: str | None = None
    points: int | None = None
    longer_than_s: float | None = None


class Delivery(Value):
    """What became of telling somebody: ``waiting``, ``sent`` or ``failed``; ``problem`` is what the last try met."""

    receiver: str
    state: str
    tries: int
    due_ms: int
    ended_ms: int | None
    problem: str


class Alert(Value):
    """What a rule has found in a run: ``reason`` in words, at ``line`` (from 0) of ``task`` where a line says so.

    ``times`` is how often it came, the last time at ``last_ms``; ``resolved_ms`` is since when it is no longer so. ``key`` is
    the same in every message about it. ``why`` are the first words of why the run failed.
    """

    id: int
    key: str
    rule: str
    rule_id: int
    kind: str
    project_id: str
    job_id: int
    job_name: str
    version_id: int
    run: str
    task: str | None
    fired_ms: int
    last_ms: int
    resolved_ms: int | None
    times: int
    reason: str
    line: int | None
    start_byte: int | None
    end_byte: int | None
    text: str
    step: int | None
    why: str | None
    deliveries: tuple[Delivery, ...] = ()


class Firing(Value):
    """When a rule would have fired, and at which line."""

    at_ms: int
    reason: str
    task: str | None
    line: int | None
    text: str
    step: int | None


class RuleTest(Value):
    """What a rule would have found in a run; ``unread_bytes`` of it were not looked at, as that took too long."""

    firings: tuple[Firing, ...]
    read_bytes: int
    unread_bytes: int


class SigningSecret(Value):
    """What signs a project's webhooks, as Standard Webhooks writes it: ``whsec_`` and base64."""

    secret: str
