"""A joblog with one of everything, to be moved; and what must be the same where it was moved to."""

from __future__ import annotations

import random
import zlib
from itertools import count
from pathlib import Path
from typing import Any

from joblog.api.values import RecordedGap
from joblog.catalog.database import Value
from joblog.catalog.handover import OWN
from joblog.catalog.states import Report
from joblog.catalog.watching import NewAlert, keep
from joblog.core.accounts import Grant
from joblog.core.settings import Settings
from joblog.core.status import Status
from joblog.engine.engine import Engine
from joblog.engine.opening import open_database
from joblog.upkeep.move_tables import _TABLES
from tests.engines import BUCKET, ObjectServer, PostgresServer

NOW_MS = 1_700_000_000_000

_numbers = count(1)


def shared_place(postgres: PostgresServer, s3: ObjectServer, data: Path) -> Settings:
    """Returns settings of a new database and a new prefix."""
    name = f"moved_{next(_numbers)}"
    postgres.run(f"CREATE DATABASE {name}")
    return Settings(
        data=data,
        catalog=postgres.address(name),
        objects=f"s3://{BUCKET}/{name}",
        objects_endpoint=s3.endpoint,
        objects_region="us-east-1",
    )


class Filled:
    """Puts one of everything into a place: ``secrets`` are of tokens, ``texts`` what each log holds, by its id."""

    def __init__(self, place: Settings) -> None:
        self.engine = Engine(place, clock_ms=lambda: NOW_MS)
        self.texts: dict[int, bytes] = {}
        try:
            self._people()
            self._logs()
            self._watched()
        finally:
            self.engine.close()

    def _people(self) -> None:
        engine = self.engine
        engine.runs.put_project("lab", NOW_MS, name="the-lab")
        engine.runs.put_project("other", NOW_MS, domain="elsewhere")
        engine.runs.put_project("lab", NOW_MS, retention={"retain_days": 365, "retain_bytes": None})
        self.user = engine.users.create_user("default", "ada", "correct horse", NOW_MS)
        engine.users.grant(self.user.id, "lab", ["read", "write"], NOW_MS)
        self.key = engine.users.create_key(self.user.id, "laptop", NOW_MS)
        token, self.token_secret = engine.tokens.make("lab", ["read"], "for \u8bad\u7ec3", NOW_MS, NOW_MS + 10**9)
        self.token: Grant | None = token
        gone, _ = engine.tokens.make(None, ["admin"], "revoked", NOW_MS, None)
        engine.tokens.revoke(gone.id)

    def _logs(self) -> None:
        engine, chance = self.engine, random.Random(0)
        _, version = engine.jobs.create("lab", "asked-for", NOW_MS, description="d\u00e9crit", request='{"kind": "job"}')
        assert version is not None
        self.uuid = version.uuid
        engine.runs.put_job("lab", "asked-for", NOW_MS, {"team": "vision", "note": "\u8bad\u7ec3 = 1"})
        engine.states.describe(
            version, {"title": "d\u00e9but", "command": "train", "host": "n", "user": "u", "commit": "c" * 40}
        )
        engine.states.report(version, 3, Report(Status.FAILED, 137, "SIGKILL", "out of memory", "node-3", 4), NOW_MS)
        for worker in range(6):
            made = engine.runs.put_run("lab", "Train_1", "run-7", worker, NOW_MS)[2]
            self.append(made.id, self._text(worker, chance), chance, seal=worker != 4)
        open_id, closed, shortened, gaps, tail, empty = sorted(self.texts)
        assert empty
        self.append(open_id, b"an unfinished line", chance, seal=False)
        self.close(closed)
        first = engine.logs.segments_by_byte(shortened, 0, 1)[0]
        assert engine.retention._remove(
            (shortened, 0, first.end_byte, first.end_line, first.object_key, first.object_bytes, first.last_ms), NOW_MS
        )
        self.texts[shortened] = self.texts[shortened][first.end_byte :]
        engine.logs.add_gaps(gaps, [RecordedGap(5000, 12_288, "spool full", NOW_MS), RecordedGap(0, 7, "flood", NOW_MS)])
        assert engine.logs.head(tail).sealed_byte == 0
        deleted = engine.runs.put_run("lab", "Train_1", "run-8", 0, NOW_MS)[1]
        engine.jobs.delete_version(deleted, NOW_MS)

    def _watched(self) -> None:
        """A rule with an address, what it has found, and whom that is sent to."""
        watching = self.engine.watching
        sealed = self.engine.vault.seal('["https://hooks.example.com/secret"]', "watch lab")
        rule = watching.put_rules("lab", [("boom", '{"kind":"match","pattern":"boom"}', sealed)], NOW_MS)[0]
        (run, *_), _ = watching.due(0)
        alert: dict[str, Value] = {
            **{"rule_id": rule.id, "rule_name": "boom", "kind": "match", "project_id": "lab", "job_id": run.job_id},
            **{
                "version_id": run.id,
                "worker": 3,
                "alert_key": "a-1",
                "fired_ms": NOW_MS,
                "last_ms": NOW_MS,
                "resolved_ms": None,
            },
            **{
                "times": 1,
                "reason": "it matches",
                "line": 7,
                "start_byte": 9,
                "end_byte": 12,
                "line_text": "b\u00f6\u00f6m",
                "step": 4,
            },
        }
        with watching.transaction() as tx:
            assert keep(tx, run, '{"places":{}}', None, [NewAlert(alert, [("hook", sealed)], NOW_MS)]) == [1]
        watching.explain(1, "it went boom")

    def _text(self, worker: int, chance: random.Random) -> bytes:
        return b"" if worker == 5 else b"rank %d \x00\xff\x1b[0m\r\n" % worker + chance.randbytes(40_000 + worker)

    def append(self, log_id: int, data: bytes, chance: random.Random, *, seal: bool) -> None:
        """Appends in pieces, sealing and merging now and then; the engine must be open."""
        at = len(self.texts.setdefault(log_id, b""))
        self.texts[log_id] += data
        text = self.texts[log_id]
        while at < len(text):
            at = self.engine.appender.append(log_id, at, text[at : at + chance.randrange(1, 20_000)]).end_byte
            if seal and chance.random() < 0.7:
                self.engine.sealer.seal(log_id)
            if seal and chance.random() < 0.2:
                self.engine.sealer.merge(log_id, NOW_MS)

    def close(self, log_id: int) -> None:
        """Closes a log that is whole."""
        text = self.texts[log_id]
        self.engine.logs.close(self.engine.logs.head(log_id), len(text), zlib.crc32(text), NOW_MS)


def rows(place: Settings) -> dict[str, Any]:
    """Returns every row that a move carries, but for the logs' bytes."""
    database = open_database(place)
    try:
        tables: dict[str, Any] = {}
        for table in _TABLES:
            window = {"after": 0, "until": 2**62} if table.counter else {}
            tables[table.name] = sorted(database.rows(f"{table.name}_rows", **window), key=repr)
        tables["log"] = database.rows("logs_between", after=0, until=2**62)
        tables["segment"] = {row[0]: database.rows("segment_keys", log_id=row[0]) for row in tables["log"]}
        tables["gap"] = {row[0]: database.rows("gaps", log_id=row[0]) for row in tables["log"]}
        tables["counter"] = [row for row in sorted(database.rows("counters")) if row[0] not in OWN or row[0] == "schema"]
        return tables
    finally:
        database.close()


def bytes_of(engine: Engine, log_id: int) -> bytes:
    """Reads all that a log holds."""
    head = engine.logs.head(log_id)
    return b"".join(engine.reader.stream(head, head.start_byte, head.end_byte))
