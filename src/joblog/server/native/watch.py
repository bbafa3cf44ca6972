"""The native API's rules, alerts and tests of rules. See docs/watch.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Struct, UnsetType, field

from joblog.api.values.watching import Alert, Delivery, Firing, RuleTest, SigningSecret, WatchRule
from joblog.catalog.watching import FOREVER_MS, AlertRow, DeliveryRow, DueRun, RuleRow
from joblog.core.names import MAX_ID
from joblog.errors import Missing, NotFound, OutOfRange
from joblog.server.http.parameters import AfterId, Limit, number
from joblog.server.http.routes import Calls
from joblog.server.native.paging import Listing
from joblog.server.state import State
from joblog.watch.body import MAX_SECONDS, RuleBody, decoded, encoded
from joblog.watch.replay import MAX_LOGS, Replay
from joblog.watch.rule_files import rules_in
from joblog.watch.rules import rule_of, usual_rules

calls = Calls("/api/projects/{project_id}/watch", "watch")

MAX_AT_ONCE = 50

JobId = Annotated[int, number(1, MAX_ID, "keeps the alerts of the job of this id")]
VersionId = Annotated[int, number(1, MAX_ID, "keeps the alerts of the run of this id")]


class RulesRequest(Struct, forbid_unknown_fields=True):
    """Rules to make: given one by one, or as a file's ``text``; those that most want, where neither is given.

    ``notify``, ``job``, ``labels``, ``quiet`` and ``stop`` are of all that do not say it themselves.
    """

    rules: list[RuleBody] = field(default_factory=list)
    text: str = ""
    notify: list[str] = field(default_factory=list)
    job: str | None = None
    labels: list[str] = field(default_factory=list)
    quiet: str | None = None
    stop: bool = False

    def bodies(self) -> list[RuleBody]:
        """Returns all of them, each with what is said for all; raises Invalid, Missing, OutOfRange."""
        bodies = [*self.rules, *(rules_in(self.text) if self.text else [])]
        if not bodies:
            bodies = usual_rules()
        if len(bodies) > MAX_AT_ONCE:
            raise OutOfRange("rules", f"at most {MAX_AT_ONCE} at once", len(bodies))
        for body in bodies:
            body.notify, body.labels = body.notify or self.notify, body.labels or self.labels
            body.job, body.quiet = body.job or self.job, body.quiet or self.quiet
            body.stop = body.stop or self.stop
        return bodies


class MuteRequest(Struct, forbid_unknown_fields=True):
    """For how many seconds a rule is to tell nobody: null for ever, 0 to have it tell again."""

    for_s: int | None = None

    def __post_init__(self) -> None:
        if self.for_s is not None and not 0 <= self.for_s <= MAX_SECONDS:
            raise OutOfRange("for_s", f"0 to {MAX_SECONDS} seconds", self.for_s)


class RuleTestRequest(Struct, forbid_unknown_fields=True):
    """A rule, or the name of one that there is, and a run."""

    job_id: int
    version_id: int
    name: str | UnsetType = msgspec.UNSET
    rule: RuleBody | UnsetType = msgspec.UNSET


@calls.post("/rules", "write", "Watch the project's runs")
async def add_rules(joblog: State, project_id: str, data: RulesRequest) -> Listing[WatchRule]:
    """Makes rules, all or none, in place of those of the same names; without any, those that most want."""
    await joblog.reading(joblog.engine.runs.project, project_id)
    rules = await joblog.searches.run(_checked, joblog, project_id, data)
    rows = await joblog.writing(joblog.engine.watching.put_rules, project_id, rules, joblog.engine.clock_ms())
    return Listing([_rule(joblog, row) for row in rows], None)


@calls.get("/rules", "read", "List what is watched")
async def list_rules(joblog: State, project_id: str) -> Listing[WatchRule]:
    """Lists rules by name, all of them, without what is secret in the addresses."""
    await joblog.reading(joblog.engine.runs.project, project_id)
    rows = await joblog.reading(joblog.engine.watching.rules, project_id)
    return Listing([_rule(joblog, row) for row in rows], None)


@calls.post("/rules/{rule_id}/mute", "write", "Have a rule tell nobody for a while")
async def mute_rule(joblog: State, project_id: str, rule_id: int, data: MuteRequest) -> WatchRule:
    """Mutes a rule; what it finds is listed all the same."""
    until_ms = FOREVER_MS if data.for_s is None else joblog.engine.clock_ms() + 1000 * data.for_s if data.for_s else 0
    return _rule(joblog, await joblog.writing(joblog.engine.watching.mute_rule, project_id, rule_id, until_ms))


@calls.delete("/rules/{rule_id}", "write", "Delete a rule", status=204)
async def delete_rule(joblog: State, project_id: str, rule_id: int) -> None:
    """Deletes a rule; what it found stays."""
    await joblog.writing(joblog.engine.watching.drop_rule, project_id, rule_id)


@calls.post("/test", "read", "When a rule would have fired")
async def test_rule(joblog: State, project_id: str, data: RuleTestRequest) -> RuleTest:
    """Runs a rule over a run's logs as they are, and tells nobody."""
    engine = joblog.engine
    body = await joblog.reading(_named_rule, joblog, project_id, data)
    job = await joblog.reading(engine.runs.job, project_id, data.job_id)
    version = await joblog.reading(engine.runs.version, project_id, job.id, data.version_id)
    logs = await joblog.reading(engine.runs.logs, project_id, job.id, version.id, -1, MAX_LOGS + 1)
    if len(logs) > MAX_LOGS:
        raise OutOfRange("version_id", f"a run of at most {MAX_LOGS} logs")
    run = DueRun(
        version.id, version.uuid, version.number, version.created_ms, version.status, version.reason, version.started_ms,
        version.ended_ms, job.id, job.name, project_id, dict(job.labels),
    )  # fmt: skip
    replay = Replay(engine.reader, engine.logs)
    replayed = await joblog.searches.run(replay.run, body, run, logs, engine.clock_ms())
    return RuleTest(tuple(map(_firing, replayed.alerts)), replayed.read_bytes, replayed.unread_bytes)


@calls.get("/alerts", "read", "List what fired")
async def list_alerts(
    joblog: State,
    project_id: str,
    job: JobId = 0,
    version: VersionId = 0,
    after: AfterId = 0,
    limit: Limit = 100,
) -> Listing[Alert]:
    """Lists alerts, the newest first, with whom each was sent to; ``next`` is the ``after`` of the page behind it."""
    await joblog.reading(joblog.engine.runs.project, project_id)
    given = {"job_id": job, "version_id": version, "before": after or FOREVER_MS, "limit": limit}
    alerts = await joblog.reading(_alerts, joblog, project_id, given)
    return Listing(alerts, alerts[-1].id if len(alerts) == limit else None)


@calls.get("/secret", "admin", "What signs the project's webhooks")
async def read_signing_secret(joblog: State, project_id: str) -> SigningSecret:
    """Returns the secret with which a receiver checks ``webhook-signature``, as Standard Webhooks has it."""
    await joblog.reading(joblog.engine.runs.project, project_id)
    return SigningSecret(joblog.receivers.secret(project_id))


def _checked(joblog: State, project_id: str, data: RulesRequest) -> list[tuple[str, str, bytes]]:
    """Returns rules as the catalog takes them; raises Invalid, Missing, OutOfRange, each with the parameter."""
    rules, names = [], set[str]()
    for body in data.bodies():
        rule_of(body)
        joblog.receivers.check(body.notify)
        if body.name in names:
            raise OutOfRange("name", "a name of its own for each rule", body.name)
        names.add(body.name)
        rules.append((body.name, encoded(body), joblog.receivers.sealed(project_id, body.notify)))
    return rules


def _named_rule(joblog: State, project_id: str, data: RuleTestRequest) -> RuleBody:
    if not isinstance(data.rule, UnsetType):
        return data.rule
    if isinstance(data.name, UnsetType):
        raise Missing("rule", "a rule, or name, that of one that there is")
    for row in joblog.engine.watching.rules(project_id):
        if row.name == data.name:
            return decoded(row.body)
    raise NotFound("rule", data.name)


def _rule(joblog: State, row: RuleRow) -> WatchRule:
    """Returns a rule as it is answered."""
    body = decoded(row.body)
    given: dict[str, Any] = {name: getattr(body, name) for name in body.given}
    for name in ("labels", "states"):
        given[name] = tuple(getattr(body, name))
    same = {"id": row.id, "project_id": row.project_id, "created_ms": row.created_ms, "muted_ms": row.muted_ms}
    switches = {name: getattr(body, name) for name in ("stop", "regex", "ignore_case", "not_finite")}
    return WatchRule(**{**given, **switches, **same, "notify": tuple(joblog.receivers.shown_of(row))})


def _alerts(joblog: State, project_id: str, given: dict[str, int]) -> list[Alert]:
    watching = joblog.engine.watching
    rows = watching.alerts(project_id, **given)
    deliveries = watching.deliveries([row.id for row in rows])
    return [_alert(row, deliveries[row.id]) for row in rows]


def _alert(row: AlertRow, deliveries: Sequence[DeliveryRow]) -> Alert:
    """Returns an alert as it is answered."""
    same = {name: getattr(row, name) for name in Alert.FIELDS if name in AlertRow._fields}
    return Alert(
        **same,
        rule=row.rule_name,
        run=f"V{row.version_number:04d}",
        task=_task(row.worker),
        text=row.line_text,
        deliveries=tuple(Delivery(*each[1:]) for each in deliveries),
    )


def _firing(values: dict[str, Any]) -> Firing:
    return Firing(
        at_ms=values["fired_ms"],
        reason=values["reason"],
        task=_task(values["worker"]),
        line=values["line"],
        text=values["line_text"],
        step=values["step"],
    )


def _task(worker: int | None) -> str | None:
    return None if worker is None else f"worker-{worker}"
