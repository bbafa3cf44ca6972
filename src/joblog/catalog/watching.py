"""What the catalog knows of watching: rules, how far each run was watched, alerts, and where these are sent.

An alert is a row before anybody is told. What it is sent to is a row of its own beside it, made in the same transaction, and
is tried by whoever moves its time on, so of several nodes one; a node that dies meanwhile leaves it to be tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from joblog.catalog.database import Database, Row, Transaction, Value
from joblog.catalog.runs import next_id
from joblog.core import labels
from joblog.core.status import Status
from joblog.errors import NotFound, OutOfRange

MAX_RULES = 200
"""Rules of a project: each costs a look at every line of each run that it is for."""

FOREVER_MS = 2**62
"""Until when a rule is muted that is muted for ever."""

_GROUP = 16
"""Ids in one statement."""


class RuleRow(NamedTuple):
    """A rule as it is stored: ``body`` is JSON without the addresses, ``sealed_notify`` these, encrypted, as a list in JSON."""

    id: int
    project_id: str
    name: str
    body: str
    sealed_notify: bytes
    created_ms: int
    muted_ms: int


class DueRun(Struct, frozen=True):
    """A run that is to be looked at."""

    id: int
    uuid: str
    number: int
    created_ms: int
    status: Status
    reason: str | None
    started_ms: int | None
    ended_ms: int | None
    job_id: int
    job_name: str
    project_id: str
    labels: dict[str, str]


class WatchedLog(NamedTuple):
    """As much of a log's head as watching needs."""

    version_id: int
    id: int
    worker: int
    created_ms: int
    appended_ms: int
    start_byte: int
    sealed_byte: int
    end_byte: int
    end_line: int
    partial_byte: int
    closed_ms: int | None


class AlertRow(NamedTuple):
    """An alert, with the names of its job and run. ``times`` is how often it came, folded into this one."""

    id: int
    rule_id: int
    rule_name: str
    kind: str
    project_id: str
    job_id: int
    job_name: str
    version_id: int
    version_number: int
    worker: int | None
    key: str
    fired_ms: int
    last_ms: int
    resolved_ms: int | None
    times: int
    reason: str
    line: int | None
    start_byte: int | None
    end_byte: int | None
    line_text: str
    step: int | None
    why: str | None


class DeliveryRow(NamedTuple):
    """What became of sending an alert to one receiver, whose address is not shown whole."""

    number: int
    receiver: str
    state: str
    tries: int
    due_ms: int
    ended_ms: int | None
    problem: str


class DueDelivery(NamedTuple):
    """A delivery that is to be tried."""

    alert_id: int
    number: int
    project_id: str
    receiver: str
    sealed_url: bytes
    tries: int
    due_ms: int


class Watching:
    """The catalog's rules, alerts and deliveries. All methods block and raise Unavailable."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.transaction = database.transaction

    # Rules

    def rules(self, project_id: str | None = None) -> list[RuleRow]:
        """Lists a project's rules by name, or all."""
        rows = self._db.rows("watch_rules") if project_id is None else self._db.rows("watch_rules_of", project_id=project_id)
        return [_rule(row) for row in rows]

    def put_rules(self, project_id: str, rules: Sequence[tuple[str, str, bytes]], now_ms: int) -> list[RuleRow]:
        """Makes rules of ``(name, body, sealed_notify)``, all or none, in place of those that have these names.

        A rule that is replaced gets another id, so that it begins anew. Raises OutOfRange when they would be too many.
        """
        names = [name for name, _, _ in rules]
        with self._db.transaction() as tx:
            numbers = [next_id(tx, "watch_rule") for _ in rules]  # first: it makes others wait
            for name in names:
                tx.rows("watch_rule_drop_named", project_id=project_id, name=name)
            present = len(tx.rows("watch_rules_of", project_id=project_id))
            if present + len(rules) > MAX_RULES:
                raise OutOfRange("rules", f"at most {MAX_RULES} in a project", present + len(rules))
            for number, (name, body, sealed) in zip(numbers, rules, strict=True):
                given: dict[str, Value] = {"id": number, "project_id": project_id, "name": name, "body": body}
                tx.rows("watch_rule_put", **given, sealed_notify=sealed, now_ms=now_ms)
        return [
            RuleRow(number, project_id, name, body, sealed, now_ms, 0)
            for number, (name, body, sealed) in zip(numbers, rules, strict=True)
        ]

    def mute_rule(self, project_id: str, rule_id: int, until_ms: int) -> RuleRow:
        """Has a rule tell nobody before a moment; 0: at once again. Raises NotFound."""
        with self._db.transaction() as tx:
            rows = tx.rows("watch_rule_mute", project_id=project_id, id=rule_id, until_ms=until_ms)
        if not rows:
            raise NotFound("rule", rule_id)
        return _rule(rows[0])

    def drop_rule(self, project_id: str, rule_id: int) -> None:
        """Deletes a rule; its alerts stay. Raises NotFound."""
        with self._db.transaction() as tx:
            if not tx.rows("watch_rule_drop", project_id=project_id, id=rule_id):
                raise NotFound("rule", rule_id)

    # Runs

    def due(self, since_ms: int) -> tuple[list[DueRun], dict[int, list[WatchedLog]]]:
        """Returns the runs that go on, or ended after a moment and were not watched to that end; and their logs by run."""
        heads: dict[int, list[WatchedLog]] = {}
        for row in self._db.rows("watch_heads", since_ms=since_ms):
            heads.setdefault(row[0], []).append(WatchedLog(*row))
        runs = [_due(row) for row in self._db.rows("watch_due", since_ms=since_ms)]
        return runs, heads

    def run_state(self, version_id: int) -> str | None:
        """Returns what was kept of watching a run."""
        rows = self._db.rows("watch_run", version_id=version_id)
        return str(rows[0][0]) if rows else None

    # Alerts

    def alert(self, alert_id: int) -> AlertRow | None:
        """Returns an alert, None when its run was deleted."""
        rows = self._db.rows("alert", id=alert_id)
        return AlertRow(*rows[0]) if rows else None

    def alerts(
        self, project_id: str, *, job_id: int = 0, version_id: int = 0, before: int = FOREVER_MS, limit: int = 100
    ) -> list[AlertRow]:
        """Lists a project's alerts, or those of a job or a run, the newest first."""
        given = {"job_id": job_id, "version_id": version_id, "before": before, "limit": limit}
        return [AlertRow(*row) for row in self._db.rows("alerts", project_id=project_id, **given)]

    def alerts_of_runs(self, version_ids: Sequence[int]) -> dict[int, tuple[int, AlertRow]]:
        """Returns how many alerts runs have, and the newest, of those that have any."""
        rows = [row for some in _batches(version_ids) for row in self._db.rows("alerts_of_runs", **some)]
        alerts = [(int(row[0]), AlertRow(*row[1:])) for row in rows]
        return {alert.version_id: (count, alert) for count, alert in alerts}

    def explain(self, alert_id: int, why: str) -> None:
        """Keeps the first words of why a run failed."""
        with self._db.transaction() as tx:
            tx.rows("alert_explain", id=alert_id, why=why)

    # Deliveries

    def deliveries(self, alert_ids: Sequence[int]) -> dict[int, list[DeliveryRow]]:
        """Returns to whom each of some alerts is sent, and what became of it."""
        rows: dict[int, list[DeliveryRow]] = {alert_id: [] for alert_id in alert_ids}
        for some in _batches(alert_ids):
            for row in self._db.rows("deliveries", **some):
                rows[row[0]].append(DeliveryRow(*row[1:]))
        return rows

    def due_deliveries(self, now_ms: int, limit: int) -> list[DueDelivery]:
        """Lists what is to be sent, that which waits for longest first."""
        rows = self._db.rows("deliveries_due", now_ms=now_ms, limit=limit)
        return [DueDelivery(*row)._replace(sealed_url=bytes(row[4])) for row in rows]

    def claim(self, due: DueDelivery, until_ms: int) -> int | None:
        """Takes a delivery until a moment, and counts the try; None where another node has it."""
        key: Mapping[str, Value] = {"alert_id": due.alert_id, "number": due.number}
        with self._db.transaction() as tx:
            rows = tx.rows("delivery_claim", **key, was_ms=due.due_ms, until_ms=until_ms)
        return int(rows[0][0]) if rows else None

    def release(self, now_ms: int, until_ms: int) -> None:
        """Has what was claimed until then tried at once, where nobody else can be trying it."""
        with self._db.transaction() as tx:
            tx.rows("deliveries_release", now_ms=now_ms, until_ms=until_ms)

    def delivered(self, due: DueDelivery, state: str, now_ms: int, problem: str = "") -> bool:
        """Ends a delivery, ``sent`` or ``failed``; False when it had ended before."""
        key: Mapping[str, Value] = {"alert_id": due.alert_id, "number": due.number}
        with self._db.transaction() as tx:
            return bool(tx.rows("delivery_end", **key, state=state, now_ms=now_ms, problem=problem))

    def postpone(self, due: DueDelivery, due_ms: int, problem: str) -> None:
        """Has a delivery tried again at a moment."""
        with self._db.transaction() as tx:
            tx.rows("delivery_later", alert_id=due.alert_id, number=due.number, due_ms=due_ms, problem=problem)


class NewAlert(NamedTuple):
    """An alert that is to become a row: its columns, and ``(receiver, sealed_url)`` for each that is told, at ``due_ms``."""

    values: dict[str, Value]
    receivers: Sequence[tuple[str, bytes]]
    due_ms: int


def keep(
    tx: Transaction, run: DueRun, state: str, settled: int | None, changes: Iterable[NewAlert | dict[str, Value]]
) -> list[int] | None:
    """Keeps how far a run was watched, with the alerts that came of it, in order: new ones, and those that came again.

    Returns the ids of the new ones; None, and keeps nothing, when the run was deleted.
    """
    if not tx.rows("version_locked", id=run.id):
        return None
    tx.rows("watch_run_put", version_id=run.id, state=state, settled=settled)
    numbers = []
    for change in changes:
        if not isinstance(change, NewAlert):
            tx.rows("alert_again", **change)
            continue
        number = next_id(tx, "alert")
        if not tx.rows("alert_put", id=number, **change.values):
            continue
        numbers.append(number)
        for at, (receiver, sealed) in enumerate(change.receivers):
            key: dict[str, Value] = {"alert_id": number, "number": at, "project_id": run.project_id}
            tx.rows("delivery_put", **key, receiver=receiver, sealed_url=sealed, due_ms=change.due_ms)
    return numbers


def drop(tx: Transaction, version_id: int) -> None:
    """Deletes what there is of watching a run that is deleted."""
    for query in ("deliveries_drop", "alerts_drop", "watch_run_drop"):
        tx.rows(query, version_id=version_id)


def _batches(ids: Sequence[int]) -> Iterator[dict[str, Value]]:
    """Yields ids as the statements take several of them; 0 is none."""
    for start in range(0, len(ids), _GROUP):
        some = [*ids[start : start + _GROUP], *[0] * _GROUP][:_GROUP]
        yield {f"id_{number}": each for number, each in enumerate(some, 1)}


def _due(row: Row) -> DueRun:
    run = DueRun(*row)
    return structs.replace(run, status=Status(row[4]), labels=labels.unpacked(row[11]))


def _rule(row: Row) -> RuleRow:
    return RuleRow(*row)._replace(sealed_notify=bytes(row[4]))
