"""The catalog's small tables, carried over to another catalog row by row: what there is, who may do what, how runs are.

A row that differs is dropped and put again, and all drops come before all puts, so that names and numbers that have changed
hands do not meet. Rows of logs are not here: their bytes must be carried with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from joblog.catalog.database import Database, Row, Transaction, Value
from joblog.catalog.handover import OWN

_WINDOW = 200
"""Numbers of jobs, versions or tokens looked at in one step; a version may have thousands of tasks."""


class _Table(NamedTuple):
    name: str
    keys: int
    """How many of the columns, the first ones, are the key."""
    columns: tuple[str, ...]
    counter: str = ""
    """What numbers the first column; without one the table is small and looked at as a whole."""

    def values(self, row: Row) -> dict[str, Value]:
        return dict(zip(self.columns, row, strict=True))

    def key(self, row: Row) -> dict[str, Value]:
        return dict(zip(self.columns[: self.keys], row[: self.keys], strict=True))


_TABLES = (
    _Table("domain", 1, ("id", "name", "created_ms")),
    _Table("project", 1, ("id", "name", "domain_id", "created_ms", "retain_days", "retain_bytes")),
    _Table("account", 1, ("id", "domain_id", "name", "password_hash", "created_ms")),
    _Table("member", 2, ("user_id", "project_id", "rights", "created_ms")),
    _Table("access_key", 1, ("access", "user_id", "sealed_secret", "label", "created_ms")),
    _Table(
        "token",
        1,
        ("id", "sha256", "project_id", "job_id", "user_id", "rights", "label", "created_ms", "expires_ms", "parent_id"),
        "token",
    ),
    _Table(
        "job",
        1,
        (
            *("id", "project_id", "name", "created_ms", "description", "workspace_id", "labels", "latest_id", "latest_status"),
            *("latest_started_ms", "latest_ended_ms", "runs"),
        ),
        "job",
    ),
    _Table(
        "version",
        1,
        (
            *("id", "job_id", "number", "uuid", "run_id", "created_ms", "status", "reason", "expected_tasks", "started_ms"),
            *("ended_ms", "stop_ms", "title", "command", "host", "user_name", "commit_id"),
            *("project_id", "workspace_id"),
        ),
        "version",
    ),
    _Table("request", 1, ("version_id", "body"), "version"),
    _Table(
        "task",
        2,
        (
            *("version_id", "worker", "status", "exit_code", "signal", "reason", "host", "started_ms", "seen_ms", "ended_ms"),
            *("starts", "terminal_rows"),
        ),
        "version",
    ),
    _Table("watch_rule", 1, ("id", "project_id", "name", "body", "sealed_notify", "created_ms", "muted_ms")),
    _Table("watch_run", 1, ("version_id", "state", "settled"), "version"),
    _Table(
        "alert",
        1,
        (
            *("id", "rule_id", "rule_name", "kind", "project_id", "job_id", "version_id", "worker", "alert_key", "fired_ms"),
            *("last_ms", "resolved_ms", "times", "reason", "line", "start_byte", "end_byte", "line_text", "step", "why"),
        ),
        "alert",
    ),
    _Table(
        "delivery",
        2,
        (
            *("alert_id", "number", "project_id", "receiver", "sealed_url", "state", "tries", "due_ms", "ended_ms"),
            "problem",
        ),
        "alert",
    ),
)


class Mirror:
    """Makes the tables of one catalog those of another. ``hold`` begins each transaction, and may refuse it."""

    def __init__(self, source: Database, target: Database, hold: Callable[[Transaction], None]) -> None:
        self._source = source
        self._target = target
        self._hold = hold

    def run(self) -> int:
        """Carries over what differs; returns how many rows did. Raises Unavailable, Invalid."""
        source, target = _counters(self._source), _counters(self._target)
        windows = {name: list(self._windows(name)) for name in {table.counter for table in _TABLES}}
        changed = 0
        for step in (self._drop, self._put):
            for table in _TABLES:
                for window in windows[table.counter]:
                    changed += step(table, window)
        behind = {name: value for name, value in source.items() if target.get(name, 0) < value}
        if behind:
            with self._target.transaction() as tx:
                self._hold(tx)
                for name, value in sorted(behind.items()):
                    tx.rows("set_counter", name=name, value=value)
        return changed + len(behind)

    def _windows(self, counter: str) -> Iterator[dict[str, Value]]:
        """Yields where there are rows, at either place: of the numbers between there may be a thousand million left out."""
        if not counter:
            yield {}
            return
        after = 0
        while any(following := [db.rows(f"{counter}_next", after=after)[0][0] for db in (self._source, self._target)]):
            first = min(number for number in following if number) - 1
            after = first + _WINDOW
            yield {"after": first, "until": after}

    def _drop(self, table: _Table, window: dict[str, Value]) -> int:
        wanted, present = self._both(table, window)
        query = f"{table.name}_row_drop"
        return self._write(query, [table.key(row) for key, row in present.items() if wanted.get(key) != row])

    def _put(self, table: _Table, window: dict[str, Value]) -> int:
        wanted, present = self._both(table, window)
        return self._write(f"{table.name}_row_put", [table.values(row) for key, row in wanted.items() if key not in present])

    def _both(self, table: _Table, window: dict[str, Value]) -> tuple[dict[Row, Row], dict[Row, Row]]:
        query = f"{table.name}_rows"
        wanted, present = ({row[: table.keys]: row for row in db.rows(query, **window)} for db in (self._source, self._target))
        return wanted, present

    def _write(self, query: str, rows: list[dict[str, Value]]) -> int:
        if rows:
            with self._target.transaction() as tx:
                self._hold(tx)
                tx.many(query, rows)
        return len(rows)


def _counters(database: Database) -> dict[str, int]:
    return {str(name): int(value) for name, value in database.rows("counters") if name not in OWN}
